#include "cmd/parse/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "yaml.h"

#ifndef BB_PREFIX
#define BB_PREFIX "/usr/local"
#endif

#define LINKS_MAX 8 /* links from name to name in one directory */

char *home_absolute(const char *path, struct error *e)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return alloc_copy(path, strlen(path));
	if (!getcwd(cwd, sizeof(cwd))) {
		error_sys(e, "unable to tell the current directory");
		return NULL;
	}
	return alloc_format("%s/%s", cwd, path);
}

bool home_is_same(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The value of a variable that is set and not empty, or NULL. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The built-in providers: beside the program, as built and as installed, or where PREFIX says. */
static char *find_providers(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash) {
			AUTO_FREE char *beside = NULL;
			char *found;

			*slash = '\0';
			beside = alloc_format("%s/../share/bot-bottle/providers", exe);
			found = realpath(beside, NULL);
			if (found)
				return found;
		}
	}
	return alloc_copy(BB_PREFIX "/share/bot-bottle/providers", strlen(BB_PREFIX "/share/bot-bottle/providers"));
}

/* Documents hold paths, and hold nothing but UTF-8. */
static bool is_text(const char *path, struct error *e)
{
	return !path || slice_is_utf8(slice_str(path)) ||
	       error_set(e, STATUS_CALLER, "the path '%s' is not UTF-8; use another directory", path);
}

bool home_init(struct home *h, const char *providers, struct error *e)
{
	const char *user = variable("HOME"), *own = variable("BOT_BOTTLE_HOME"),
		   *skills = variable("BOT_BOTTLE_SKILLS_DIR");

	if (!user && !own)
		return error_set(e, STATUS_CALLER, "HOME is not set; set it, or BOT_BOTTLE_HOME");
	if (user && !(h->user = home_absolute(user, e)))
		return false;
	h->path = own ? home_absolute(own, e) : alloc_format("%s/.bot-bottle", h->user);
	h->repository = home_absolute(".bot-bottle", e);
	h->skills = skills ? home_absolute(skills, e) : h->user ? alloc_format("%s/.claude/skills", h->user) : NULL;
	h->providers = providers ? home_absolute(providers, e) : find_providers();
	if (!h->path || !h->repository || (skills && !h->skills) || !h->providers)
		return false;
	if (!is_text(h->path, e) || !is_text(h->repository, e) || !is_text(h->skills, e) || !is_text(h->providers, e))
		return false;
	if (home_is_same(h->path, h->repository)) {
		free(h->repository);
		h->repository = NULL;
	}
	return true;
}

void home_release(struct home *h)
{
	free(h->user);
	free(h->path);
	free(h->repository);
	free(h->skills);
	free(h->providers);
	*h = (struct home){ .user = NULL };
}

bool home_is_name(struct slice s)
{
	if (!s.len || s.len > HOME_NAME_MAX || s.ptr[0] < 'a' || s.ptr[0] > 'z')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && !ascii_is_digit(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return true;
}

char *home_directory(const struct home *h, enum home_kind kind)
{
	if (kind == HOME_REPOSITORY_AGENTS)
		return h->repository ? alloc_format("%s/agents", h->repository) : NULL;
	return alloc_format("%s/%s", h->path, kind == HOME_BOTTLES ? "bottles" : "agents");
}

char *home_file(const struct home *h, enum home_kind kind, const char *name)
{
	AUTO_FREE char *directory = home_directory(h, kind);

	return directory ? alloc_format("%s/%s.md", directory, name) : NULL;
}

bool home_has(const struct home *h, enum home_kind kind, const char *name)
{
	AUTO_FREE char *file = home_file(h, kind, name);
	struct stat st;

	return file && lstat(file, &st) == 0;
}

/*
 * Open the directory of a kind. The operator's home may be a link, what is below
 * it and all of the repository's may not. -1 with errno.
 */
static int open_directory(const struct home *h, enum home_kind kind)
{
	bool repository = kind == HOME_REPOSITORY_AGENTS;
	const char *above = repository ? h->repository : h->path;
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	AUTO_FD base = -1;

	if (!above) {
		errno = ENOENT;
		return -1;
	}
	base = open(above, flags | (repository ? O_NOFOLLOW : 0));
	if (base < 0)
		return -1;
	return openat(base, kind == HOME_BOTTLES ? "bottles" : "agents", flags | O_NOFOLLOW);
}

/* qsort's order of strings. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Add the stem of one directory entry to names, if it is one. */
static void take_entry(const char *entry, const char *directory, char ***names, size_t *count,
		       struct problems *warnings)
{
	struct slice stem = slice_str(entry);
	AUTO_FREE char *file = NULL;

	if (entry[0] == '.' || !slice_ends(stem, SLICE(".md")))
		return;
	stem = slice_sub(stem, 0, stem.len - 3);
	if (home_is_name(stem)) {
		*names = alloc_resize(*names, *count + 1, sizeof(**names));
		(*names)[(*count)++] = alloc_copy(stem.ptr, stem.len);
		return;
	}
	file = alloc_format("%s/%s", directory, entry);
	if (warnings)
		problems_add(warnings, file, 0, 0,
			     "skipped: the name before '.md' must be lower-case letters, digits and '-', a letter "
			     "first, at most %d",
			     HOME_NAME_MAX);
}

struct doc *home_names(const struct home *h, enum home_kind kind, struct problems *warnings, struct error *e)
{
	AUTO_FREE char *directory = home_directory(h, kind);
	AUTO_FD fd = open_directory(h, kind);
	struct doc *list = doc_new_array();
	AUTO_FREE char **names = NULL;
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if (fd < 0 && errno == ENOENT)
		return list;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		error_sys(e, "unable to read '%s'", directory);
		doc_release(list);
		return NULL;
	}
	fd_steal(&fd);
	while ((entry = readdir(dir)))
		take_entry(entry->d_name, directory, &names, &count, warnings);
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		doc_append_str(list, names[i]);
		free(names[i]);
	}
	return list;
}

/* Refuse an owner who is neither the user nor root, and, where guarded, writers other than the owner. */
static bool check_owner(const struct stat *st, const char *path, bool guarded, struct problems *problems)
{
	bool directory = S_ISDIR(st->st_mode);

	if (st->st_uid != geteuid() && st->st_uid != 0)
		return problems_add(problems, path, 0, 0,
				    "owned by user %ld, wanted you (%ld) or root; run: chown %ld '%s'",
				    (long)st->st_uid, (long)geteuid(), (long)geteuid(), path);
	if (guarded && (st->st_mode & (S_IWGRP | S_IWOTH)))
		return problems_add(problems, path, 0, 0,
				    "%s by others, who could redirect credentials; run: chmod go-w '%s'",
				    directory ? "the directory is writable" : "writable", path);
	return true;
}

/* Open a name in a directory; a link is followed to another name in it only. -1 with errno, ELOOP for a link out. */
static int open_inside(int dir, const char *name)
{
	AUTO_FREE char *current = alloc_copy(name, strlen(name));

	for (int i = 0; i < LINKS_MAX; i++) {
		int fd = openat(dir, current, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		char target[NAME_MAX + 1];
		const char *next = target;
		ssize_t n;

		if (fd >= 0 || errno != ELOOP)
			return fd;
		n = readlinkat(dir, current, target, sizeof(target) - 1);
		if (n < 0)
			return -1;
		target[n] = '\0';
		if (strncmp(next, "./", 2) == 0)
			next += 2;
		if (strchr(next, '/') || (size_t)n == sizeof(target) - 1)
			break;
		free(current);
		current = alloc_copy(next, strlen(next));
	}
	errno = ELOOP;
	return -1;
}

/* Read a name in an open directory. */
static enum home_read read_inside(int dir, const char *directory, const char *name, bool guarded, bool owned,
				  struct buf *out, struct problems *problems)
{
	AUTO_FREE char *path = alloc_format("%s/%s", directory, name);
	AUTO_FD fd = open_inside(dir, name);
	struct error e = ERROR_INIT;
	struct stat at, st;

	if (fd < 0 && errno == ENOENT)
		return HOME_ABSENT;
	if (fd < 0 && errno == ELOOP)
		problems_add(problems, path, 0, 0,
			     "a symbolic link that leaves its directory, which is not followed; copy the file");
	else if (fd < 0 || fstat(fd, &st) < 0 || fstat(dir, &at) < 0)
		problems_add(problems, path, 0, 0, "unable to read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		problems_add(problems, path, 0, 0, "not a regular file");
	else if (owned && (!check_owner(&st, path, guarded, problems) ||
			   (guarded && !check_owner(&at, directory, true, problems))))
		return HOME_REFUSED;
	else if (st.st_size > (off_t)YAML_BYTES_MAX)
		problems_add(problems, path, 0, 0, "larger than %u bytes", YAML_BYTES_MAX);
	else if (!fd_read_all(fd, YAML_BYTES_MAX, "the file", out, &e))
		problems_add(problems, path, 0, 0, "%s", e.text);
	else
		return HOME_READ;
	return HOME_REFUSED;
}

/* Say why a directory could not be opened, from errno; one that does not exist is no mistake. */
static enum home_read refuse_directory(const char *directory, struct problems *problems)
{
	bool link = errno == ELOOP || errno == ENOTDIR;

	if (errno == ENOENT)
		return HOME_ABSENT;
	problems_add(problems, directory, 0, 0, "unable to read: %s",
		     link ? "not a directory, or a symbolic link, which is not followed here" : strerror(errno));
	return HOME_REFUSED;
}

enum home_read home_read(const struct home *h, enum home_kind kind, const char *name, struct buf *out,
			 struct problems *problems)
{
	AUTO_FREE char *directory = home_directory(h, kind);
	AUTO_FREE char *file = alloc_format("%s.md", name);
	AUTO_FD dir = open_directory(h, kind);

	if (dir < 0)
		return refuse_directory(directory, problems);
	return read_inside(dir, directory, file, kind == HOME_BOTTLES, true, out, problems);
}

enum home_read home_read_file(const char *directory, const char *file, bool guarded, struct buf *out,
			      struct problems *problems)
{
	AUTO_FD dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (guarded ? O_NOFOLLOW : 0));

	if (dir < 0)
		return refuse_directory(directory, problems);
	return read_inside(dir, directory, file, guarded, guarded, out, problems);
}

char *home_expand(const struct home *h, const char *path)
{
	if (strncmp(path, "~/", 2) != 0)
		return alloc_copy(path, strlen(path));
	return h->user ? alloc_format("%s%s", h->user, path + 1) : NULL;
}
