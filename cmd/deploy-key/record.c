#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

#define RECORD_MAX 65536 /* bytes; one has 500 */

static const struct doc_field fields[] = {
	{ "provider", DOC_STR, true }, { "keys", DOC_STR, true },     { "title", DOC_STR, true },
	{ "key", DOC_STR, true },      { "variable", DOC_STR, true }, { "id", DOC_STR, false },
	{ .name = NULL },
};

int record_lock(const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *directory = slash ? alloc_copy(path, (size_t)(slash - path)) : alloc_copy(".", 1);
	AUTO_FD fd = -1;

	if (!file_make_dirs(directory, 0700, e))
		return -1;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_sys(e, "unable to open '%s'", directory);
		return -1;
	}
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			error_sys(e, "unable to lock '%s'", directory);
			return -1;
		}
	return fd_steal(&fd);
}

bool record_read(struct record *r, const char *path, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	*r = (struct record){ .doc = NULL };
	if (!file_read(path, RECORD_MAX, &text, e))
		return false;
	r->doc = doc_parse(buf_slice(&text), e);
	if (!r->doc || !doc_is(r->doc, "deploy-key", 1, e) || !doc_check(r->doc, "deploy-key", fields, e))
		return error_wrap(e, "while reading '%s'", path);
	r->keys = doc_get_cstr(r->doc, "keys");
	r->title = doc_get_cstr(r->doc, "title");
	r->public = doc_get_cstr(r->doc, "key");
	r->variable = doc_get_cstr(r->doc, "variable");
	r->id = doc_get_cstr(r->doc, "id");
	if (!forge_kind_parse(doc_get_cstr(r->doc, "provider"), &r->kind) || !remote_is_forge(slice_str(r->keys)))
		return error_set(e, STATUS_CALLER, "'%s' is no record of a deploy key", path);
	return true;
}

void record_release(struct record *r)
{
	doc_release(r->doc);
	r->doc = NULL;
}

bool record_write(const struct record *r, const char *path, struct error *e)
{
	AUTO_DOC *d = doc_new("deploy-key", 1);
	AUTO_BUF text = BUF_INIT;

	doc_put_str(d, "provider", forge_kind_name(r->kind));
	doc_put_str(d, "keys", r->keys);
	doc_put_str(d, "title", r->title);
	doc_put_str(d, "key", r->public);
	doc_put_str(d, "variable", r->variable);
	if (r->id)
		doc_put_str(d, "id", r->id);
	doc_format(d, true, &text);
	buf_add_char(&text, '\n');
	return file_replace(path, buf_slice(&text), 0600, e);
}

bool record_remove(const char *path, struct error *e)
{
	return unlink(path) == 0 || errno == ENOENT || error_sys(e, "unable to remove '%s'", path);
}
