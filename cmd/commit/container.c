#include "container.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/launch-docker/container.h"
#include "digest.h"
#include "fd.h"
#include "pack.h"
#include "program.h"
#include "unpack.h"

#define SPARE 10 /* per cent of the free disk that a copy leaves free: the layer, and others */

bool container_find(struct container *c, const char *identity, const char *home, struct error *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *image = NULL;
	AUTO_DOC *d = NULL;
	const struct doc *labels;

	c->name = part_name(PART_AGENT, identity);
	path = alloc_format("/containers/%s/json", c->name);
	if (!engine_open(&c->engine, e) || !engine_call(&c->engine, "GET", path, NULL, &d, e))
		return false;
	labels = doc_get(doc_get(d, "Config"), "Labels");
	if (!slice_eq(doc_get_str(labels, LABEL_HOME), slice_str(home)))
		return error_set(e, STATUS_CALLER, "the container '%s' is of another home", c->name);
	image = alloc_format("/images/%s/json", doc_get_cstr(d, "Image") ? doc_get_cstr(d, "Image") : "");
	return engine_call(&c->engine, "GET", image, NULL, &c->base, e);
}

/* Tell the engine something about the container. */
static bool tell(struct container *c, const char *what, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/%s/%s", c->name, what);

	return engine_call(&c->engine, "POST", path, NULL, NULL, e);
}

/* Bound what is written to a file by what the disk has; the old bound comes back in *old. */
static bool bound_file(int fd, struct rlimit *old, struct error *e)
{
	struct rlimit bound;
	struct statvfs disk;

	if (fstatvfs(fd, &disk) < 0 || getrlimit(RLIMIT_FSIZE, old) < 0)
		return error_sys(e, "unable to ask for the free space of the disk");
	bound = *old;
	bound.rlim_cur = (rlim_t)disk.f_bavail * disk.f_frsize / 100 * (100 - SPARE);
	if (bound.rlim_cur > UNPACK_BYTES_MAX)
		bound.rlim_cur = UNPACK_BYTES_MAX;
	if (bound.rlim_cur > old->rlim_cur)
		bound.rlim_cur = old->rlim_cur;
	signal(SIGXFSZ, SIG_IGN); /* the write fails instead */
	return setrlimit(RLIMIT_FSIZE, &bound) == 0 || error_sys(e, "unable to bound a file");
}

/* Where a copy is under way. */
struct copying {
	struct container *container;
	int to;
};

/* Append the archive of one directory, or file, below the root. */
static bool copy_root(void *ctx, const char *root, struct error *e)
{
	const struct copying *copying = ctx;
	AUTO_BUF path = BUF_INIT;

	buf_add_format(&path, "/containers/%s/archive?path=/", copying->container->name);
	engine_quote(&path, slice_str(root));
	return engine_download(&copying->container->engine, buf_str(&path), copying->to, e) ||
	       error_wrap(e, "unable to copy '/%s' of '%s' to the disk of the snapshots", root,
			  copying->container->name);
}

/* The list and the files of one moment. */
static bool copy_still(struct container *c, const char *const *left_out, int to, struct error *e)
{
	AUTO_FREE char *changes = alloc_format("/containers/%s/changes", c->name);
	struct copying copying = { c, to };
	struct rlimit old;
	bool ok;

	if (!engine_call(&c->engine, "GET", changes, NULL, &c->changes, e) ||
	    !changeset_init(&c->set, c->changes, left_out, e) || !bound_file(to, &old, e))
		return false;
	ok = changeset_each_root(&c->set, copy_root, &copying, e);
	return (setrlimit(RLIMIT_FSIZE, &old) == 0 || error_sys(e, "unable to unbound a file")) && ok;
}

bool container_copy(struct container *c, const char *const *left_out, int to, struct error *e)
{
	struct error late = ERROR_INIT;
	sigset_t held, before;
	bool ok = false;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &before);
	if (tell(c, "pause", e)) {
		ok = copy_still(c, left_out, to, e);
		if (!tell(c, "unpause", &late) && ok) {
			*e = late;
			ok = false;
		}
	}
	if (!ok && c->engine.status == 409)
		error_wrap(e, "the bottle may stand still; 'docker unpause %s' lets it go on", c->name);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ok;
}

/* --- the image --- */

/* The image's description: that of the base with one more layer. Nothing in it depends on the time. */
static struct doc *describe(const struct container *c, const char *home, const char *name, const char *diff)
{
	static const char *const copied[] = { "Architecture", "Variant", "Os" };
	static const char *const named[] = { "architecture", "variant", "os" };
	struct doc *d = doc_new_object(), *config, *labels, *rootfs, *layers;
	AUTO_FREE char *digest = alloc_format("sha256:%s", diff);
	const struct doc *below = doc_get(doc_get(c->base, "RootFS"), "Layers");

	for (size_t i = 0; i < COUNT_OF(copied); i++)
		if (doc_get_str(c->base, copied[i]).len)
			doc_put_slice(d, named[i], doc_get_str(c->base, copied[i]));
	config = doc_get(c->base, "Config") ? doc_put(d, "config", doc_copy(doc_get(c->base, "Config"))) :
					      doc_put(d, "config", doc_new_object());
	labels = doc_get(config, "Labels") ? doc_copy(doc_get(config, "Labels")) : doc_new_object();
	doc_put_str(labels, LABEL_SNAPSHOT, name);
	doc_put_str(labels, LABEL_SNAPSHOT_HOME, home);
	doc_put(config, "Labels", labels);
	rootfs = doc_put(d, "rootfs", doc_new_object());
	doc_put_str(rootfs, "type", "layers");
	layers = doc_put(rootfs, "diff_ids", doc_new_array());
	for (size_t i = 0; i < doc_count(below); i++)
		doc_append(layers, doc_copy(doc_at(below, i)));
	doc_append_str(layers, digest);
	return d;
}

/* Write what "docker load" reads. The layers of the base are named only: the engine has them. */
static bool pack_image(int to, const char *tag, const struct doc *config, int layer, struct error *e)
{
	static const struct pack_owner owner = { 0, 0 };
	AUTO_FREE char *source = alloc_format("/proc/self/fd/%d", layer);
	size_t n = doc_count(doc_get(doc_get(config, "rootfs"), "diff_ids"));
	AUTO_DOC *manifest = doc_new_array();
	struct doc *image = doc_append(manifest, doc_new_object()), *layers;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF list = BUF_INIT;
	struct pack *pack;

	doc_put_str(image, "Config", "config.json");
	doc_append_str(doc_put(image, "RepoTags", doc_new_array()), tag);
	layers = doc_put(image, "Layers", doc_new_array());
	for (size_t i = 0; i + 1 < n; i++)
		doc_append_str(layers, "below.tar");
	doc_append_str(layers, "layer.tar");
	doc_format(manifest, false, &list);
	doc_format(config, false, &text);
	pack = pack_open(to, e);
	if (!pack)
		return false;
	if (!pack_file(pack, "manifest.json", 0644, owner, buf_slice(&list), e) ||
	    !pack_file(pack, "config.json", 0644, owner, buf_slice(&text), e) ||
	    !pack_copy(pack, "layer.tar", source, 0644, owner, e)) {
		pack_drop(pack);
		return false;
	}
	return pack_close(pack, e);
}

/* One line of what the engine says of it. */
static bool take_line(void *ctx, const struct doc *line, struct error *e)
{
	struct slice failure = doc_type_of(line) == DOC_OBJECT ? doc_get_str(line, "error") : SLICE("");

	(void)ctx;
	return !failure.len || error_set(e, STATUS_WORLD, "the engine does not take the image: %.*s",
					 SLICE_ARG(slice_sub(failure, 0, ERROR_TEXT_MAX / 2)));
}

char *container_publish(struct container *c, const char *home, const char *name, int layer, const char *diff,
			const char *dir, struct error *e)
{
	AUTO_FREE char *tag = alloc_format(IMAGE_COMMITTED "%s:latest", name);
	AUTO_FREE char *path = alloc_format("/images/%s/json", tag);
	AUTO_DOC *config = describe(c, home, name, diff);
	AUTO_FD file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	AUTO_DOC *image = NULL;
	const char *id;

	if (file < 0) {
		error_sys(e, "unable to make a file in '%s'", dir);
		return NULL;
	}
	if (!pack_image(file, tag, config, layer, e) ||
	    !engine_upload(&c->engine, "POST", "/images/load?quiet=1", file, take_line, NULL, e) ||
	    !engine_call(&c->engine, "GET", path, NULL, &image, e))
		return NULL;
	id = doc_get_cstr(image, "Id");
	if (!id ||
	    !slice_eq(doc_get_str(doc_get(doc_get(image, "Config"), "Labels"), LABEL_SNAPSHOT_HOME), slice_str(home))) {
		error_set(e, STATUS_WORLD, "the engine's image '%s' is not the one that it was given", tag);
		return NULL;
	}
	return alloc_copy(id, strlen(id));
}

void container_forget(struct container *c, const char *image)
{
	AUTO_FREE char *path = alloc_format("/images/%s", image);
	struct error e = ERROR_INIT;

	if (!engine_call_unless(&c->engine, 404, "DELETE", path, &e) && c->engine.status != 409)
		program_warn("unable to remove the image that is replaced: %s", e.text);
}

void container_release(struct container *c)
{
	engine_close(&c->engine);
	changeset_release(&c->set);
	doc_release(c->base);
	doc_release(c->changes);
	free(STEAL(c->name));
	c->base = c->changes = NULL;
}
