#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "digest.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "pack.h"
#include "program.h"
#include "provision.h"
#include "snapshot.h"

#define TAG_DIGITS 24        /* of the digest: 96 bits */
#define SIDECAR_RECIPE "sidecar/Dockerfile"

/* What the sidecar is built from, below the directory of the sources. */
static const char *const sidecar_sources[] = { "Makefile", "lib", "cmd", "sidecar", "rules" };

/* What recipes are based on. */
static const char *base(void)
{
	const char *own = getenv("BOT_BOTTLE_DOCKER_BASE");

	return own && *own ? own : IMAGE_BASE;
}

/* NAME:DIGEST of the context and the base. NULL with an error; the caller frees it. */
static char *tag_of(const char *name, int context, struct error *e)
{
	struct slice parts[2] = { slice_str(base()), { NULL, 0 } };
	uint8_t digest[DIGEST_SIZE];
	AUTO_BUF tag = BUF_INIT;
	struct stat st;
	void *bytes;

	if (fstat(context, &st) < 0 || st.st_size == 0 ||
	    (bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, context, 0)) == MAP_FAILED) {
		error_sys(e, "unable to read an archive");
		return NULL;
	}
	parts[1] = slice_of(bytes, (size_t)st.st_size);
	digest_sha256(parts, COUNT_OF(parts), digest);
	munmap(bytes, (size_t)st.st_size);
	buf_add_format(&tag, "%s:", name);
	for (size_t i = 0; i < TAG_DIGITS / 2; i++)
		buf_add_format(&tag, "%02x", digest[i]);
	return buf_steal(&tag);
}

/* Is there an image of this name? */
static bool exists(struct engine *en, const char *tag, bool *there, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/images/%s/json", tag);
	struct error refused = ERROR_INIT;

	*there = engine_call(en, "GET", path, NULL, NULL, &refused);
	if (*there || en->status == 404)
		return true;
	*e = refused;
	return false;
}

/* One line of a build's progress. */
static bool show_progress(void *ctx, const struct doc *line, struct error *e)
{
	struct slice text = doc_type_of(line) == DOC_OBJECT ? doc_get_str(line, "stream") : SLICE("");
	struct slice failure = doc_type_of(line) == DOC_OBJECT ? doc_get_str(line, "error") : SLICE("");

	if (failure.len)
		return error_set(e, STATUS_WORLD, "the engine is unable to build the image '%s': %.*s",
				 (const char *)ctx, SLICE_ARG(slice_sub(failure, 0, ERROR_TEXT_MAX / 2)));
	while (text.len) {
		struct slice one = slice_trim(slice_cut(&text, '\n'), " \r");
		AUTO_BUF safe = BUF_INIT;

		if (!one.len)
			continue;
		escape_cut(&safe, one, 400);
		fprintf(stderr, "  %s\n", buf_str(&safe));
	}
	return true;
}

/* Have it built. */
static bool build(struct engine *en, const char *tag, const char *recipe, int context, struct error *e)
{
	AUTO_DOC *args = doc_new_object();
	AUTO_DOC *labels = doc_new_object();
	AUTO_BUF path = BUF_INIT;
	AUTO_BUF text = BUF_INIT;

	doc_put_str(args, "BASE", base());
	doc_put_str(labels, "bot-bottle.image", tag);
	buf_add_str(&path, "/build?rm=1&forcerm=1&t=");
	engine_quote(&path, slice_str(tag));
	buf_add_str(&path, "&dockerfile=");
	engine_quote(&path, slice_str(recipe));
	buf_add_str(&path, "&buildargs=");
	doc_format(args, false, &text);
	engine_quote(&path, buf_slice(&text));
	buf_truncate(&text, 0);
	buf_add_str(&path, "&labels=");
	doc_format(labels, false, &text);
	engine_quote(&path, buf_slice(&text));
	program_warn("there is no image '%s' yet: it is built now, from '%s'", tag, base());
	return engine_upload(en, "POST", buf_str(&path), context, show_progress, (void *)(uintptr_t)tag, e) ||
	       error_wrap(e, "while building '%s'", recipe);
}

/* The image of a context: its name, built if need be. */
static char *find_or_build(struct engine *en, const char *name, const char *recipe, int context, struct error *e)
{
	AUTO_FREE char *tag = tag_of(name, context, e);
	bool there = false;

	if (!tag || !exists(en, tag, &there, e) || (!there && !build(en, tag, recipe, context, e)))
		return NULL;
	return STEAL(tag);
}

/* Put the sources in, which are NAMES below dir; no names: all of it. Returns the archive's descriptor, or -1. */
static int make_context(const char *dir, const char *const *names, size_t n, struct error *e)
{
	AUTO_FD file = provision_file(e);
	struct pack_owner owner = { 0, 0 };
	struct pack *pack = file < 0 ? NULL : pack_open(file, e);
	bool ok = pack != NULL;

	if (ok && !n)
		ok = pack_tree(pack, ".", dir, owner, e);
	for (size_t i = 0; ok && i < n; i++) {
		AUTO_FREE char *source = alloc_format("%s/%s", dir, names[i]);
		struct stat st;

		if (stat(source, &st) < 0)
			ok = error_sys(e, "unable to read '%s'", source);
		else
			ok = S_ISDIR(st.st_mode) ? pack_tree(pack, names[i], source, owner, e) :
						   pack_copy(pack, names[i], source, 0644, owner, e);
	}
	if (!ok) {
		pack_drop(pack);
		return -1;
	}
	return pack_close(pack, e) ? fd_steal(&file) : -1;
}

char *image_agent(struct engine *en, const struct plan *p, struct error *e)
{
	const char *recipe = doc_get_cstr(doc_get(p->bottle, "image"), "dockerfile");
	const char *slash = recipe ? strrchr(recipe, '/') : NULL;
	AUTO_FREE char *dir = slash ? alloc_copy(recipe, (size_t)(slash - recipe)) : NULL;
	AUTO_FD context = -1;

	if (!slash) {
		error_set(e, STATUS_CALLER,
			  "the provider has no Dockerfile; name one in the bottle's agent_provider.dockerfile, or use "
			  "the native "
			  "backend");
		return NULL;
	}
	context = make_context(dir, NULL, 0, e);
	return context < 0 ? NULL : find_or_build(en, "bot-bottle-agent", slash + 1, context, e);
}

/* "sha256:" and the digits: an id, not a name that can come to mean something else. */
static bool is_id(const char *text)
{
	static const size_t head = sizeof("sha256:") - 1;

	return strncmp(text, "sha256:", head) == 0 && strlen(text) == head + DIGEST_HEX - 1 &&
	       strspn(text + head, "0123456789abcdef") == DIGEST_HEX - 1;
}

char *image_snapshot(struct engine *en, const char *home, const char *snapshot, struct error *e)
{
	AUTO_DOC *d = snapshot_read(home, snapshot, e);
	const char *id = doc_get_cstr(d, "image");
	bool there = false;

	if (!d)
		return NULL;
	if (!id || !is_id(id)) {
		error_set(e, STATUS_CALLER, "the snapshot '%s' has no image: it is not of this backend", snapshot);
		return NULL;
	}
	if (!exists(en, id, &there, e))
		return NULL;
	if (!there) {
		error_set(e, STATUS_CALLER,
			  "the engine does not have the image of the snapshot '%s'; take it there with 'docker save' "
			  "and 'docker load'",
			  snapshot);
		return NULL;
	}
	return alloc_copy(id, strlen(id));
}

char *image_sidecar(struct engine *en, const char *programs, struct error *e)
{
	const char *own = getenv("BOT_BOTTLE_SIDECAR_IMAGE");
	AUTO_FREE char *sources = alloc_format("%s/../share/bot-bottle/source", programs);
	AUTO_FD context = -1;

	if (own && *own)
		return alloc_copy(own, strlen(own));
	context = make_context(sources, sidecar_sources, COUNT_OF(sidecar_sources), e);
	return context < 0 ? NULL : find_or_build(en, "bot-bottle-sidecar", SIDECAR_RECIPE, context, e);
}
