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
		return error_set(e, STATUS_CALLER, "unable to make the directory '%s': something else has that name", path);
	return true;
}

static bool remove_entries(int fd, dev_t dev, const char *path, struct error *e);

/* Remove one entry of an open directory. */
static bool remove_entry(int parent, const char *name, dev_t dev, const char *path, struct error *e)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to remove '%s/%s'", path, name);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
			return error_sys(e, "unable to remove '%s/%s'", path, name);
		return true;
	}
	if (st.st_dev == dev) {
		AUTO_FREE char *below = alloc_format("%s/%s", path, name);
		int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || faccessat(parent, name, R_OK | W_OK | X_OK, 0) < 0) {
			fd_close(&fd);
			if (fchmodat(parent, name, 0700, 0) < 0)
				return error_sys(e, "unable to remove '%s'", below);
			fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (fd < 0)
			return error_sys(e, "unable to remove '%s'", below);
		if (!remove_entries(fd, dev, below, e))
			return false;
	}
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(e, "unable to remove '%s/%s'", path, name);
	return true;
}

/* Remove everything in an open directory, which is closed. */
static bool remove_entries(int fd, dev_t dev, const char *path, struct error *e)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	bool ok = true;

	if (!dir) {
		fd_close(&fd);
		return error_sys(e, "unable to remove '%s'", path);
	}
	while (ok && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = remove_entry(dirfd(dir), entry->d_name, dev, path, e);
	closedir(dir);
	return ok;
}

bool file_remove_tree(const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = slash ? alloc_copy(path, (size_t)(slash - path) + 1) : alloc_copy(".", 1);
	const char *name = slash ? slash + 1 : path;
	AUTO_FD fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to remove '%s'", path);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to remove '%s'", path);
	return remove_entry(fd, name, st.st_dev, parent, e);
}
