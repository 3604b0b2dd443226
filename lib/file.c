#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"

/* Read an opened file after making sure that it is regular and not too large. */
static bool read_regular(int fd, const char *path, size_t max, struct buf *out, struct error *e)
{
	AUTO_FREE char *what = alloc_format("'%s'", path);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(e, "unable to read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, STATUS_CALLER, "unable to read '%s': not a regular file", path);
	return fd_read_all(fd, max, what, out, e);
}

bool file_read_at(int dirfd, const char *path, size_t max, struct buf *out, struct error *e)
{
	AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ELOOP)
		return error_set(e, STATUS_CALLER, "unable to read '%s': a symbolic link is not followed here", path);
	if (fd < 0)
		return error_sys(e, "unable to read '%s'", path);
	return read_regular(fd, path, max, out, e);
}

bool file_read(const char *path, size_t max, struct buf *out, struct error *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_sys(e, "unable to read '%s'", path);
	return read_regular(fd, path, max, out, e);
}

/* Make a rename in path's directory durable; file systems that cannot sync one are let be. */
static void sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? alloc_copy(path, (size_t)(slash - path) + 1) : alloc_copy(".", 1);
	AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && fsync(fd) < 0)
		return;
}

bool file_replace(const char *path, struct slice bytes, mode_t mode, struct error *e)
{
	AUTO_FREE char *temporary = alloc_format("%s.XXXXXX", path);
	AUTO_FREE char *what = alloc_format("'%s'", path);
	AUTO_FD fd = mkstemp(temporary);

	if (fd < 0)
		return error_sys(e, "unable to write '%s'", path);
	if (!fd_set_cloexec(fd, true, e) || !fd_write_all(fd, bytes, what, e)) {
		unlink(temporary);
		return false;
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0) {
		error_sys(e, "unable to write '%s'", path);
		unlink(temporary);
		return false;
	}
	sync_directory_of(path);
	return true;
}

bool file_make_dirs(const char *path, mode_t mode, struct error *e)
{
	AUTO_FREE char *p = alloc_copy(path, strlen(path));
	struct stat st;

	for (char *s = p + 1; *p; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return error_sys(e, "unable to make the directory '%s'", p);
		*s = c;
		if (c == '\0')
			break;
	}
	if (stat(path, &st) < 0)
		return error_sys(e, "unable to make the directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, STATUS_CALLER, "unable to make the directory '%s': something else has that name",
				 path);
	return true;
}

/*
 * A tree that is being removed: the one directory that is open, and the way back from it. Whoever made the tree may
 * have made it deeper than there are descriptors, than a path is long, or than the stack is.
 */
struct removal {
	DIR *dir;
	dev_t dev;
	ino_t *above; /* the directories above the open one */
	size_t depth;
	ino_t emptied; /* the one that was left last */
};

static void removal_release(struct removal *r)
{
	if (r->dir)
		closedir(r->dir);
	free(r->above);
}

/* Take an open directory, which is now the removal's, in place of the one before. */
static bool go_to(struct removal *r, int fd)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		fd_close(&fd);
		return false;
	}
	if (r->dir)
		closedir(r->dir);
	r->dir = dir;
	return true;
}

/* Open a directory to empty it, whatever its mode is. Returns -1 with errno. */
static int open_to_empty(int parent, const char *name)
{
	AUTO_FD fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && faccessat(parent, name, R_OK | W_OK | X_OK, 0) == 0)
		return fd_steal(&fd);
	/* It may have become a link meanwhile: what that leads to keeps its mode. */
	if (fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return fd >= 0 ? fd_steal(&fd) : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Go into a directory that is not empty. */
static bool descend(struct removal *r, int parent, const char *name, const struct stat *st, struct error *e)
{
	struct stat here;

	if (st->st_dev != r->dev)
		return error_set(e, STATUS_WORLD, "unable to remove '%s': it is another file system", name);
	if (st->st_ino == r->emptied)
		return error_set(e, STATUS_WORLD, "unable to remove '%s': it does not stay empty", name);
	if (fstat(parent, &here) < 0 || !go_to(r, open_to_empty(parent, name)))
		return error_sys(e, "unable to remove '%s'", name);
	r->above = alloc_resize(r->above, r->depth + 1, sizeof(*r->above));
	r->above[r->depth++] = here.st_ino;
	return true;
}

/* Go back up, to the directory that we came from and no other. */
static bool ascend(struct removal *r, struct error *e)
{
	AUTO_FD up = openat(dirfd(r->dir), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (up < 0 || fstat(dirfd(r->dir), &st) < 0)
		return error_sys(e, "unable to go back up");
	r->emptied = st.st_ino;
	if (fstat(up, &st) < 0)
		return error_sys(e, "unable to go back up");
	r->depth--;
	if (st.st_ino != r->above[r->depth] || st.st_dev != r->dev)
		return error_set(e, STATUS_WORLD, "a directory was moved away meanwhile");
	return go_to(r, fd_steal(&up)) || error_sys(e, "unable to go back up");
}

/* Remove one entry of a directory, or go into it. */
static bool remove_entry(struct removal *r, int parent, const char *name, struct error *e)
{
	struct stat st;
	int flags;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to remove '%s'", name);
	flags = S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0;
	if (unlinkat(parent, name, flags) == 0 || errno == ENOENT)
		return true;
	if (flags && (errno == ENOTEMPTY || errno == EEXIST))
		return descend(r, parent, name, &st, e);
	return error_sys(e, "unable to remove '%s'", name);
}

/* Empty the open directory and those below; one that was emptied is found again, as empty, from above. */
static bool remove_entries(struct removal *r, struct error *e)
{
	bool ok = true;

	while (ok) {
		const struct dirent *entry = readdir(r->dir);

		if (!entry && r->depth == 0)
			return true;
		if (!entry)
			ok = ascend(r, e);
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = remove_entry(r, dirfd(r->dir), entry->d_name, e);
	}
	return false;
}

bool file_remove_tree(const char *path, struct error *e)
{
	__attribute__((cleanup(removal_release))) struct removal r = { .dir = NULL };
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to remove '%s'", path);
	r.dev = st.st_dev;
	if (S_ISDIR(st.st_mode)) {
		if (!go_to(&r, open_to_empty(AT_FDCWD, path)))
			return error_sys(e, "unable to remove '%s'", path);
		if (!remove_entries(&r, e))
			return error_wrap(e, "while removing '%s'", path);
	}
	if ((S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path)) < 0 && errno != ENOENT)
		return error_sys(e, "unable to remove '%s'", path);
	return true;
}

bool file_is_within(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(dir, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}
