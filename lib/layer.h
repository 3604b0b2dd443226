/*
 * The upper directories of overlays as one archive: what an agent wrote, while it writes.
 *
 * The archive is pax tar in zstd, in the order of names, with fixed owners and no time but that files were
 * changed: the same state gives the same bytes. A whiteout is what overlayfs makes of it, a character device 0:0;
 * an opaque directory has the attribute user.overlay.opaque. Hard links, holes (64 KiB of zeros), user.* attributes
 * and names of any bytes are kept; set-id bits, sockets, FIFOs and other devices are not.
 *
 * The tree is hostile and changes meanwhile: nothing is followed, nothing but directories and regular files is
 * opened, and a file is first copied to where the agent cannot reach it. One that changes each time it is read is
 * taken as it was read last, and told.
 *
 * Meant to be called after confinement, with layer_calls. Blocks. Sources: tar(5),
 * Documentation/filesystems/overlayfs.rst.
 */
#ifndef BB_LAYER_H
#define BB_LAYER_H

#include <stdint.h>

#include "confine.h"
#include "error.h"
#include "slice.h"

#define LAYER_DEPTH_MAX 256 /* directories in each other, each of which costs a descriptor */
#define LAYER_READS_MAX 3   /* times that a changing file is read */

/* Bytes of a file, in order; bytes.ptr NULL begins a file. Return false, with an error, to stop. */
typedef bool layer_look_fn(void *ctx, const char *path, struct slice bytes, struct error *e);
/* Something is not as it was in the bottle, and why. */
typedef void layer_tell_fn(void *ctx, const char *path, const char *why);

struct layer_job {
	int dir;                     /* holds the upper directories */
	const char *const *names;    /* of those, ends with NULL; one that is missing is skipped */
	const char *const *left_out; /* paths that begin with one of the names, ends with NULL */
	unsigned uid, gid;           /* owner in the archive */
	int to;                      /* the archive */
	int staging;                 /* an empty file for copies */
	layer_look_fn *look;
	layer_tell_fn *tell;
	void *ctx;
};

struct layer_count {
	uint64_t files, bytes; /* entries, and what is in the files */
	uint64_t unread, unstable;
};

extern const struct confine_call layer_calls[];

/* Write the archive. */
bool layer_pack(const struct layer_job *job, struct layer_count *count, struct error *e);

#endif
