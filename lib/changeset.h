/*
 * The changes of a container to its image, as one more layer of an image: a tar archive of what was added and
 * changed, and a whiteout for what was removed.
 *
 * It is made from two answers of an engine: the list of changed paths, and archives of what holds them, which are to be
 * of one moment. In the order of those archives, with no time but that files were changed: the same state gives the
 * same bytes. Hard links, owners and names of any bytes are kept; set-id bits,
 * attributes, devices, sockets and FIFOs are not.
 *
 * What is in the archive is hostile. Nothing of it is unpacked or made here. A name that would be a command in a
 * layer (".wh." before it) is left out and told, and so is a further name of something that is left out.
 *
 * changeset_pack is meant to be called after confinement, with layer_calls of layer.h. Blocks. Sources: tar(5), OCI
 * image specification 1.1, "Image Layer Filesystem Changeset"; Docker Engine API v1.41, "Get changes" and "Get an
 * archive of a filesystem resource".
 */
#ifndef BB_CHANGESET_H
#define BB_CHANGESET_H

#include "document.h"
#include "layer.h"

struct changeset {
	const char **changed, **removed; /* paths without a leading slash, sorted: views of the list */
	size_t n_changed, n_removed;
	const char *const *left_out;     /* paths like these, ends with NULL; with all below them */
};

#define CHANGESET_INIT { NULL, NULL, 0, 0, NULL }

struct changeset_job {
	const struct changeset *set;
	int from; /* tar archives of what changeset_each_root names, one behind the other from the start; read twice */
	int to;   /* the layer */
	layer_look_fn *look;
	layer_tell_fn *tell;
	void *ctx;
};

/* Take the engine's list, [{"Path","Kind"}], of which it keeps views, as of left_out. */
bool changeset_init(struct changeset *s, const struct doc *changes, const char *const *left_out, struct error *e);
void changeset_release(struct changeset *s);

/*
 * Call fn for what is to be in the archives: the first parts of paths, "home", below which something has changed that
 * goes into the layer. Until it returns false, with an error.
 */
typedef bool changeset_root_fn(void *ctx, const char *root, struct error *e);
bool changeset_each_root(const struct changeset *s, changeset_root_fn *fn, void *ctx, struct error *e);

/* Write the layer. unread counts the names that are left out. */
bool changeset_pack(const struct changeset_job *job, struct layer_count *count, struct error *e);

#endif
