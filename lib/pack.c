#include "pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"

#define LINK_MAX_BYTES 4096 /* of the text of a symbolic link: PATH_MAX */
#define DEPTH_MAX 256       /* directories in each other */

struct pack {
	struct archive *archive;
	off_t bytes;      /* of the trees */
	unsigned entries;
};

/* What libarchive says. */
static bool fail(const struct pack *p, struct error *e)
{
	const char *text = archive_error_string(p->archive);

	return error_set(e, STATUS_WORLD, "unable to write an archive: %s", text ? text : "out of memory");
}

struct pack *pack_open(int fd, struct error *e)
{
	struct pack *p = alloc_zero(1, sizeof(*p));

	p->archive = archive_write_new();
	if (!p->archive || archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
	    archive_write_set_format_option(p->archive, "pax", "hdrcharset", "BINARY") !=
		    ARCHIVE_OK || /* names are bytes */
	    archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(p->archive, fd) != ARCHIVE_OK) {
		if (p->archive)
			fail(p, e);
		else
			error_set(e, STATUS_WORLD, "unable to write an archive");
		pack_drop(p);
		return NULL;
	}
	return p;
}

void pack_drop(struct pack *p)
{
	if (p && p->archive)
		archive_write_free(p->archive);
	free(p);
}

bool pack_close(struct pack *p, struct error *e)
{
	bool ok = archive_write_close(p->archive) == ARCHIVE_OK || fail(p, e);

	pack_drop(p);
	return ok;
}

/* Write the head of an entry; what it is made of follows for a file. */
static bool put(struct pack *p, const char *name, mode_t mode, const struct stat *st, const char *link,
		struct pack_owner owner, struct error *e)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok = entry != NULL;

	while (*name == '/')
		name++;
	if (ok) {
		archive_entry_set_pathname(entry, name);
		archive_entry_set_mode(entry, (mode_t)(mode & ~(mode_t)07000));
		archive_entry_set_uid(entry, owner.uid);
		archive_entry_set_gid(entry, owner.gid);
		archive_entry_set_size(entry, st ? st->st_size : 0);
		archive_entry_set_mtime(entry, st ? st->st_mtime : 0, 0);
		if (link)
			archive_entry_set_symlink(entry, link);
		ok = archive_write_header(p->archive, entry) == ARCHIVE_OK;
		archive_entry_free(entry);
	}
	return ok || fail(p, e);
}

bool pack_directory(struct pack *p, const char *name, mode_t mode, struct pack_owner owner, struct error *e)
{
	return put(p, name, S_IFDIR | mode, NULL, NULL, owner, e);
}

bool pack_link(struct pack *p, const char *name, const char *text, struct pack_owner owner, struct error *e)
{
	return put(p, name, S_IFLNK | 0777, NULL, text, owner, e);
}

/* Append bytes to the entry. */
static bool add(struct pack *p, const void *bytes, size_t len, struct error *e)
{
	return archive_write_data(p->archive, bytes, len) == (la_ssize_t)len || fail(p, e);
}

bool pack_file(struct pack *p, const char *name, mode_t mode, struct pack_owner owner, struct slice bytes,
	       struct error *e)
{
	struct stat st = { .st_size = (off_t)bytes.len };

	return put(p, name, S_IFREG | mode, &st, NULL, owner, e) && (!bytes.len || add(p, bytes.ptr, bytes.len, e));
}

/*
 * The bytes of an open file, exactly as many as its head says: one that shrinks meanwhile is filled up, one that grows
 * cut.
 */
static bool add_contents(struct pack *p, int fd, off_t size, const char *name, struct error *e)
{
	char chunk[65536];

	while (size > 0) {
		size_t want = size < (off_t)sizeof(chunk) ? (size_t)size : sizeof(chunk);
		ssize_t n = read(fd, chunk, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read '%s'", name);
		if (n == 0) {
			memset(chunk, 0, want);
			n = (ssize_t)want;
		}
		if (!add(p, chunk, (size_t)n, e))
			return false;
		size -= n;
	}
	return true;
}

bool pack_copy(struct pack *p, const char *name, const char *source, mode_t mode, struct pack_owner owner,
	       struct error *e)
{
	AUTO_FD fd = open(source, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(e, "unable to read '%s'", source);
	if (!S_ISREG(st.st_mode))
		return error_set(e, STATUS_WORLD, "'%s' is not a file", source);
	st.st_mtime = 0;
	return put(p, name, S_IFREG | mode, &st, NULL, owner, e) && add_contents(p, fd, st.st_size, source, e);
}

/* The limits of one archive's trees. */
static bool count(struct pack *p, off_t size, const char *name, struct error *e)
{
	p->bytes += size;
	if (++p->entries > PACK_FILES_MAX)
		return error_set(e, STATUS_CALLER, "'%s': more than %u files", name, PACK_FILES_MAX);
	if (p->bytes > PACK_BYTES_MAX)
		return error_set(e, STATUS_CALLER, "'%s': more than %lld bytes", name, (long long)PACK_BYTES_MAX);
	return true;
}

static bool pack_entries(struct pack *p, int dir, const char *name, struct pack_owner owner, int depth,
			 struct error *e);

/* One entry of a directory. */
static bool pack_entry(struct pack *p, int dir, const char *leaf, const char *name, struct pack_owner owner, int depth,
		       struct error *e)
{
	char text[LINK_MAX_BYTES];
	AUTO_FD fd = -1;
	struct stat st;
	ssize_t n;

	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(e, "unable to look at '%s'", name);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dir, leaf, text, sizeof(text) - 1);
		if (n < 0)
			return error_sys(e, "unable to read the link '%s'", name);
		text[n] = '\0';
		return count(p, 0, name, e) && pack_link(p, name, text, owner, e);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return true;
	fd = openat(dir, leaf,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(e, "unable to read '%s'", name);
	if (S_ISDIR(st.st_mode)) {
		st.st_size = 0;
		return count(p, 0, name, e) && put(p, name, st.st_mode, &st, NULL, owner, e) &&
		       pack_entries(p, fd, name, owner, depth + 1, e);
	}
	if (!S_ISREG(st.st_mode))
		return true;
	return count(p, st.st_size, name, e) && put(p, name, st.st_mode, &st, NULL, owner, e) &&
	       add_contents(p, fd, st.st_size, name, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a directory, sorted; both the array and the names are the caller's. False with an error. */
static bool list_names(int dir, const char *name, char ***names, size_t *n, struct error *e)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!list) {
		fd_close(&again);
		return error_sys(e, "unable to read '%s'", name);
	}
	while ((entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((*n & (*n - 1)) == 0)
			*names = alloc_resize(*names, *n ? *n * 2 : 1, sizeof(**names));
		(*names)[(*n)++] = alloc_copy(entry->d_name, strlen(entry->d_name));
	}
	closedir(list);
	if (*n)
		qsort(*names, *n, sizeof(**names), by_name);
	return true;
}

/* All entries of an open directory. */
static bool pack_entries(struct pack *p, int dir, const char *name, struct pack_owner owner, int depth, struct error *e)
{
	char **names = NULL;
	size_t n = 0;
	bool ok = depth < DEPTH_MAX || error_set(e, STATUS_CALLER, "'%s': directories deeper than %d", name, DEPTH_MAX);

	ok = ok && list_names(dir, name, &names, &n, e);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *path = alloc_format("%s/%s", name, names[i]);

		ok = ok && pack_entry(p, dir, names[i], path, owner, depth, e);
		free(names[i]);
	}
	free(names);
	return ok;
}

bool pack_tree(struct pack *p, const char *name, const char *source, struct pack_owner owner, struct error *e)
{
	AUTO_FD dir = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return error_sys(e, "unable to read '%s'", source);
	st.st_size = 0;
	return put(p, name, st.st_mode | 0700, &st, NULL, owner, e) && pack_entries(p, dir, name, owner, 0, e);
}
