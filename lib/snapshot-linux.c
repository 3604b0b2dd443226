#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "state.h"

#define SNAPSHOT_MAX (1u << 20) /* bytes of a document */
#define DRAFT ".draft-"

static const struct doc_field fields[] = {
	{ "name", DOC_STR, true },        { "identity", DOC_STR, true }, { "agent", DOC_STR, true },
	{ "bottles", DOC_ARRAY, true },   { "backend", DOC_STR, true },  { "cwd", DOC_STR, false },
	{ "label", DOC_STR, false },      { "color", DOC_STR, false },   { "created_at", DOC_STR, true },
	{ "sha256", DOC_STR, true },      { "size", DOC_INT, true },     { "files", DOC_INT, true },
	{ "bytes", DOC_INT, true },       { "unread", DOC_INT, true },   { "unstable", DOC_INT, true },
	{ "findings", DOC_INT, true },    { "image", DOC_STR, false },    { .name = NULL },
};

/* Sixty-four lower-case hexadecimal digits: what may name an archive. */
static bool is_digest(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_hex(text.ptr[i]) < 0 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'F'))
			return false;
	return text.len == DIGEST_HEX - 1;
}

struct doc *snapshot_read(const char *home, const char *name, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/snapshots/%s/snapshot.json", home, name);
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *d = NULL;

	if (!state_is_identity(slice_str(name))) {
		error_set(e, STATUS_CALLER, "'%s' cannot name a snapshot: use a-z, 0-9 and single dashes", name);
		return NULL;
	}
	if (!file_read_at(AT_FDCWD, path, SNAPSHOT_MAX, &text, e))
		return NULL;
	d = doc_parse(buf_slice(&text), e);
	if (!d || !doc_is(d, "snapshot", 1, e) || !doc_check(d, "snapshot", fields, e)) {
		error_wrap(e, "'%s'", path);
		return NULL;
	}
	if (!is_digest(doc_get_str(d, "sha256"))) {
		error_set(e, STATUS_CALLER, "'%s': 'sha256' is no digest", path);
		return NULL;
	}
	return STEAL(d);
}

int snapshot_open(const char *home, const char *name, const struct doc *snapshot, struct error *e)
{
	const char *digest = doc_get_cstr(snapshot, "sha256");
	AUTO_FREE char *path = alloc_format("%s/snapshots/%s/%s.tar.zst", home, name, digest);
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char hex[DIGEST_HEX];

	if (fd < 0) {
		error_sys(e, "unable to read '%s'", path);
		return -1;
	}
	if (!digest_file(fd, path, hex, e))
		return -1;
	if (strcmp(hex, digest) != 0) {
		error_set(e, STATUS_CALLER, "'%s' is not what was committed: its digest is %s; copy the snapshot again",
			  path, hex);
		return -1;
	}
	return fd_steal(&fd);
}

/* Open and lock a directory, waiting or not. -1 with errno. */
static int lock_directory(const char *dir, int how)
{
	AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, how) == 0 ? fd_steal(&fd) : -1;
}

bool draft_sweep(const char *home, bool dry_run, draft_each_fn *fn, void *ctx, struct error *e)
{
	AUTO_FREE char *all = alloc_format("%s/snapshots", home);
	AUTO_FD lock = lock_directory(all, LOCK_EX);
	const struct dirent *entry;
	bool ok = true;
	DIR *d;

	if (lock < 0)
		return errno == ENOENT || error_sys(e, "unable to lock '%s'", all);
	d = opendir(all);
	if (!d)
		return error_sys(e, "unable to read '%s'", all);
	while (ok && (entry = readdir(d))) {
		AUTO_FREE char *dir = alloc_format("%s/%s", all, entry->d_name);
		AUTO_FD mine = strncmp(entry->d_name, DRAFT, sizeof(DRAFT) - 1) == 0
				       ? lock_directory(dir, LOCK_EX | LOCK_NB)
				       : -1;

		if (mine < 0)
			continue;
		if (fn)
			fn(ctx, entry->d_name, dir);
		ok = dry_run || file_remove_tree(dir, e);
	}
	closedir(d);
	return ok;
}

bool draft_active(const char *home)
{
	AUTO_FREE char *all = alloc_format("%s/snapshots", home);
	AUTO_FD lock = lock_directory(all, LOCK_EX); /* so that none is seen that is not locked yet */
	DIR *d = lock < 0 ? NULL : opendir(all);
	const struct dirent *entry;
	bool active = false;

	while (d && !active && (entry = readdir(d))) {
		AUTO_FREE char *dir = alloc_format("%s/%s", all, entry->d_name);
		AUTO_FD mine = -1;

		if (strncmp(entry->d_name, DRAFT, sizeof(DRAFT) - 1) != 0)
			continue;
		mine = lock_directory(dir, LOCK_EX | LOCK_NB);
		active = mine < 0 && errno == EWOULDBLOCK;
	}
	if (d)
		closedir(d);
	return active;
}

bool draft_begin(struct draft *d, const char *home, struct error *e)
{
	AUTO_FREE char *all = alloc_format("%s/snapshots", home);
	AUTO_FREE char *dir = alloc_format("%s/" DRAFT "XXXXXX", all);
	AUTO_FD lock = -1;

	if (!file_make_dirs(all, 0700, e) || !draft_sweep(home, false, NULL, NULL, e))
		return false;
	lock = lock_directory(all, LOCK_EX); /* so that no sweep sees a draft that is not locked yet */
	if (lock < 0 || !mkdtemp(dir))
		return error_sys(e, "unable to make a directory in '%s'", all);
	d->dir = STEAL(dir);
	d->home = alloc_copy(home, strlen(home));
	d->lock = lock_directory(d->dir, LOCK_EX | LOCK_NB);
	return d->lock >= 0 || error_sys(e, "unable to lock '%s'", d->dir);
}

int draft_file(const struct draft *d, struct error *e)
{
	int fd = openat(d->lock, "archive", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		error_sys(e, "unable to make a file in '%s'", d->dir);
	return fd;
}

bool draft_seal(const struct draft *d, int archive, char hex[DIGEST_HEX], struct error *e)
{
	AUTO_FREE char *name = NULL;

	if (fsync(archive) < 0)
		return error_sys(e, "unable to write '%s/archive'", d->dir);
	if (!digest_file(archive, "archive", hex, e))
		return false;
	name = alloc_format("%s.tar.zst", hex);
	return renameat(d->lock, "archive", d->lock, name) == 0 ||
	       error_sys(e, "unable to rename '%s/archive'", d->dir);
}

/* Give the directory its name; one that has it is left under the name of the draft. */
static bool take_name(const char *from, const char *to, bool *exchanged, struct error *e)
{
	*exchanged = false;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	*exchanged = errno == EEXIST;
	return (*exchanged && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) ||
	       error_sys(e, "unable to rename '%s'", from);
}

bool draft_publish(struct draft *d, const char *name, const struct doc *snapshot, struct error *e)
{
	AUTO_FREE char *document = alloc_format("%s/snapshot.json", d->dir);
	AUTO_FREE char *all = alloc_format("%s/snapshots", d->home);
	AUTO_FREE char *path = alloc_format("%s/%s", all, name);
	AUTO_FD lock = -1;
	AUTO_BUF text = BUF_INIT;
	bool exchanged;

	doc_format(snapshot, true, &text);
	buf_add_char(&text, '\n');
	if (!file_replace(document, buf_slice(&text), 0600, e))
		return false;
	lock = lock_directory(all, LOCK_EX);
	if (lock < 0)
		return error_sys(e, "unable to lock '%s'", all);
	if (!take_name(d->dir, path, &exchanged, e))
		return false;
	if (fsync(lock) < 0)
		return error_sys(e, "unable to write '%s'", all);
	if (!exchanged)
		free(STEAL(d->dir)); /* nothing is left to remove */
	return true;
}

void draft_release(struct draft *d)
{
	struct error ignored = ERROR_INIT;

	if (d->dir)
		file_remove_tree(d->dir, &ignored);
	free(STEAL(d->dir));
	free(STEAL(d->home));
	fd_close(&d->lock);
}
