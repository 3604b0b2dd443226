#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"

/* The path below the directory. */
static const char *below(const char *path)
{
	while (*path == '/')
		path++;
	return path;
}

bool place_dirs(int at, const char *path, mode_t mode, struct error *e)
{
	AUTO_FREE char *p = alloc_copy(below(path), strlen(below(path)));

	for (char *s = p; *p; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (mkdirat(at, p, mode) < 0 && errno != EEXIST)
			return error_sys(e, "unable to make '%s' in the bottle", path);
		*s = c;
		if (c == '\0')
			break;
	}
	return true;
}

/* Make the directories above path. */
static bool place_parents(int at, const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = alloc_copy(path, slash ? (size_t)(slash - path) : 0);

	return place_dirs(at, parent, 0755, e);
}

/* Make way for a file or a link. */
static bool make_way(int at, const char *path, struct error *e)
{
	if (!place_parents(at, path, e))
		return false;
	if (unlinkat(at, below(path), 0) < 0 && errno != ENOENT)
		return error_sys(e, "unable to replace '%s' in the bottle", path);
	return true;
}

bool place_file(int at, const char *path, struct slice bytes, mode_t mode, struct error *e)
{
	AUTO_FREE char *what = alloc_format("'%s' in the bottle", path);
	AUTO_FD fd = -1;

	if (!make_way(at, path, e))
		return false;
	fd = openat(at, below(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return error_sys(e, "unable to write %s", what);
	return fd_write_all(fd, bytes, what, e);
}

bool place_link(int at, const char *path, const char *text, struct error *e)
{
	if (!make_way(at, path, e))
		return false;
	if (symlinkat(text, at, below(path)) < 0)
		return error_sys(e, "unable to make the link '%s' in the bottle", path);
	return true;
}

/* What is left of the bounds of one copy. */
struct allowance {
	uint64_t bytes, files;
};

static bool copy_tree(int from, int at, const char *path, struct allowance *left, struct error *e);

/* Copy the bytes of a file. */
static bool copy_bytes(int from, int at, const char *path, const struct stat *st, struct allowance *left,
		       struct error *e)
{
	mode_t mode = st->st_mode & 0755; /* no set-id bits, no writing for others */
	AUTO_FD out = openat(at, below(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (out < 0)
		return error_sys(e, "unable to write '%s' in the bottle", path);
	while ((n = sendfile(out, from, NULL, 1u << 20)) > 0) {
		if ((uint64_t)n > left->bytes)
			return error_set(e, STATUS_CALLER, "larger than %u bytes", PLACE_COPY_BYTES_MAX);
		left->bytes -= (uint64_t)n;
	}
	if (n < 0 || fchmod(out, mode) < 0)
		return error_sys(e, "unable to copy '%s' into the bottle", path);
	return true;
}

/* Copy one entry of the directory from. */
static bool copy_entry(int from, const char *name, int at, const char *path, struct allowance *left, struct error *e)
{
	AUTO_FREE char *to = alloc_format("%s/%s", path, name);
	AUTO_FD fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (left->files-- == 0)
		return error_set(e, STATUS_CALLER, "more than %u files", PLACE_COPY_FILES_MAX);
	if (fd < 0 && errno == ELOOP) {
		n = readlinkat(from, name, text, sizeof(text) - 1);
		if (n < 0)
			return error_sys(e, "unable to read the link '%s'", name);
		text[n] = '\0';
		return place_link(at, to, text, e);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(e, "unable to read '%s'", name);
	if (S_ISDIR(st.st_mode))
		return copy_tree(fd, at, to, left, e);
	if (!S_ISREG(st.st_mode))
		return error_set(e, STATUS_CALLER, "'%s' is neither a file nor a directory", name);
	return make_way(at, to, e) && copy_bytes(fd, at, to, &st, left, e);
}

/* Copy all entries of the directory from. */
static bool copy_tree(int from, int at, const char *path, struct allowance *left, struct error *e)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	bool ok = place_dirs(at, path, 0755, e);
	struct dirent *entry;

	if (!dir) {
		fd_close(&again);
		return error_sys(e, "unable to read a directory");
	}
	while (ok && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = copy_entry(from, entry->d_name, at, path, left, e);
	closedir(dir);
	return ok;
}

bool place_copy_file(int from, int at, const char *path, mode_t mode, struct error *e)
{
	struct allowance left = { PLACE_COPY_BYTES_MAX, 1 };
	struct stat st = { .st_mode = mode };

	return make_way(at, path, e) && copy_bytes(from, at, path, &st, &left, e);
}

bool place_copy(int from, int at, const char *path, struct error *e)
{
	struct allowance left = { PLACE_COPY_BYTES_MAX, PLACE_COPY_FILES_MAX };

	return copy_tree(from, at, path, &left, e) ? true : error_wrap(e, "while copying to '%s'", path);
}
