#include "rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "digest.h"
#include "fd.h"
#include "file.h"
#include "unpack.h"

#define NAME_HEX 16u /* digits of NAME and of STAMP */

static const struct unpack_limits limits = { UNPACK_BYTES_MAX, UNPACK_FILES_MAX };

/* NAME-STAMP for an archive; the caller frees it. */
static char *name_of(const char *path, const struct stat *st)
{
	AUTO_FREE char *stamp =
		alloc_format("%llu %lld.%09ld %lld.%09ld %llu", (unsigned long long)st->st_size,
			     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
			     st->st_ctim.tv_nsec, (unsigned long long)st->st_ino);
	char name[DIGEST_HEX];
	char number[DIGEST_HEX];

	digest_init();
	digest_text(slice_str(path), name);
	digest_text(slice_str(stamp), number);
	return alloc_format("%.*s-%.*s", NAME_HEX, name, NAME_HEX, number);
}

/* Take the lock of an unpacked root, with LOCK_NB at once or not at all. -1 with errno. */
static int take_lock(const char *parent, const char *name, int how)
{
	AUTO_FREE char *path = alloc_format("%s/%s.lock", parent, name);

	for (;;) {
		AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat mine, there;

		if (fd < 0 || flock(fd, how) < 0 || fstat(fd, &mine) < 0)
			return -1;
		/* Whoever removed it meanwhile has removed the lock as well. */
		if (lstat(path, &there) == 0 && there.st_ino == mine.st_ino)
			return fd_steal(&fd);
	}
}

/* Remove one that is not in use. */
static bool remove_one(const char *parent, const char *name, struct error *e)
{
	AUTO_FREE char *dir = alloc_format("%s/%s", parent, name);
	AUTO_FREE char *unfinished = alloc_format("%s/%s.new", parent, name);
	AUTO_FREE char *lock = alloc_format("%s/%s.lock", parent, name);

	if (!file_remove_tree(dir, e) || !file_remove_tree(unfinished, e))
		return false;
	unlink(lock); /* last, as it is what the next sweep finds */
	return true;
}

/* Look at each name that has a lock and is not in use. */
typedef bool unused_fn(void *ctx, const char *parent, const char *name, struct error *e);
static bool each_unused(const char *parent, unused_fn *fn, void *ctx, struct error *e)
{
	DIR *d = opendir(parent);
	const struct dirent *entry;
	bool ok = true;

	if (!d)
		return errno == ENOENT || error_sys(e, "unable to read '%s'", parent);
	while (ok && (entry = readdir(d))) {
		const char *end = strstr(entry->d_name, ".lock");
		AUTO_FREE char *name = end ? alloc_copy(entry->d_name, (size_t)(end - entry->d_name)) : NULL;
		AUTO_FD lock = name ? take_lock(parent, name, LOCK_EX | LOCK_NB) : -1;

		if (lock >= 0)
			ok = fn(ctx, parent, name, e);
	}
	closedir(d);
	return ok;
}

/* Remove what the archive was before it changed. */
static bool remove_older(void *ctx, const char *parent, const char *name, struct error *e)
{
	const char *current = ctx;

	if (strncmp(name, current, NAME_HEX + 1) != 0 || strcmp(name, current) == 0)
		return true;
	return remove_one(parent, name, e);
}

/* Unpack into a directory of another name first, so that what has the name is whole. */
static bool make_root(int archive, const char *dir, struct error *e)
{
	AUTO_FREE char *unfinished = alloc_format("%s.new", dir);

	if (!file_remove_tree(unfinished, e))
		return false;
	if (mkdir(unfinished, 0755) < 0)
		return error_sys(e, "unable to make '%s'", unfinished);
	if (!unpack(archive, unfinished, &limits, e)) {
		struct error ignored = ERROR_INIT;

		file_remove_tree(unfinished, &ignored);
		return false;
	}
	return rename(unfinished, dir) == 0 || error_sys(e, "unable to rename '%s'", unfinished);
}

/* The archive, unpacked. */
static bool find_unpacked(const char *home, const char *path, struct rootfs *r, struct error *e)
{
	AUTO_FREE char *parent = alloc_format("%s/rootfs", home);
	AUTO_FD archive = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *dir = NULL;
	struct stat st;

	if (archive < 0 || fstat(archive, &st) < 0)
		return error_sys(e, "unable to read the archive");
	if (!file_make_dirs(parent, 0700, e))
		return false;
	name = name_of(path, &st);
	dir = alloc_format("%s/%s", parent, name);
	r->lock = take_lock(parent, name, LOCK_EX);
	if (r->lock < 0)
		return error_sys(e, "unable to lock '%s'", dir);
	if (access(dir, F_OK) < 0 && (!make_root(archive, dir, e) || !each_unused(parent, remove_older, name, e)))
		return false;
	if (flock(r->lock, LOCK_SH) < 0)
		return error_sys(e, "unable to lock '%s'", dir);
	r->dir = alloc_copy(dir, strlen(dir));
	return true;
}

bool rootfs_find(const char *home, struct rootfs *r, struct error *e)
{
	const char *name = getenv("BOT_BOTTLE_ROOTFS");
	char real[PATH_MAX];
	struct stat st;

	if (!name || !*name)
		return true;
	if (!realpath(name, real) || stat(real, &st) < 0)
		return error_sys(e, "unable to find the root file system '%s' of BOT_BOTTLE_ROOTFS", name);
	if (S_ISREG(st.st_mode))
		return find_unpacked(home, real, r, e) ||
		       error_wrap(e, "the root file system '%s' of BOT_BOTTLE_ROOTFS", name);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, STATUS_CALLER,
				 "the root file system '%s' of BOT_BOTTLE_ROOTFS is neither a directory nor an archive",
				 name);
	if (file_is_within(home, real))
		return error_set(e, STATUS_CALLER,
				 "the root file system '%s' of BOT_BOTTLE_ROOTFS holds '%s' and perhaps more of yours; "
				 "leave the variable unset to use the host's programs",
				 name, home);
	r->dir = alloc_copy(real, strlen(real));
	return true;
}

void rootfs_release(struct rootfs *r)
{
	free(r->dir);
	fd_close(&r->lock);
	*r = (struct rootfs)ROOTFS_INIT;
}

/* What rootfs_sweep was called with. */
struct sweep {
	bool dry_run;
	rootfs_each_fn *fn;
	void *ctx;
};

static bool sweep_one(void *ctx, const char *parent, const char *name, struct error *e)
{
	const struct sweep *s = ctx;
	AUTO_FREE char *dir = alloc_format("%s/%s", parent, name);

	s->fn(s->ctx, name, dir);
	return s->dry_run || remove_one(parent, name, e);
}

bool rootfs_sweep(const char *home, bool dry_run, rootfs_each_fn *fn, void *ctx, struct error *e)
{
	AUTO_FREE char *parent = alloc_format("%s/rootfs", home);
	struct sweep s = { dry_run, fn, ctx };

	return each_unused(parent, sweep_one, &s, e);
}
