#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "fd.h"
#include "spawn.h"

/* One unpacking, in the child. */
struct unpacking {
	struct archive *archive;
	int dir;
	const struct unpack_limits *limits;
	bool layer; /* see unpack_layer */
	uint64_t bytes, files;
	char *path; /* of the entry: checked, without a leading "./" or a trailing slash */
};

static const struct confine_call unpack_calls[] = {
	CONFINE_ALLOW(__NR_read), CONFINE_ALLOW(__NR_write), CONFINE_ALLOW(__NR_lseek), CONFINE_ALLOW(__NR_pwrite64),
	CONFINE_ALLOW(__NR_ftruncate), CONFINE_ALLOW(__NR_fchmod), CONFINE_ALLOW(__NR_openat),
	CONFINE_ALLOW(__NR_openat2), CONFINE_ALLOW(__NR_mkdirat), CONFINE_ALLOW(__NR_symlinkat),
	CONFINE_ALLOW(__NR_linkat), CONFINE_ALLOW(__NR_unlinkat), CONFINE_ALLOW(__NR_fstat),
	CONFINE_ALLOW(__NR_newfstatat), CONFINE_END,
};

/* What a layer needs beyond that; of devices it can make nothing but whiteouts. */
static const struct confine_call layer_unpack_calls[] = {
	CONFINE_ALLOW(__NR_fsetxattr),
	CONFINE_ALLOW(__NR_utimensat),
	{ __NR_mknodat, 3, ~(uint64_t)0, 0 },
	CONFINE_END,
};

/* Report what went wrong with an entry. */
static bool fail_entry(const struct unpacking *u, struct error *e)
{
	return error_sys(e, "unable to unpack '%s'", u->path);
}

/* Check a name of the archive: below the directory by its text alone. Returns a copy that can be looked up, or NULL. */
static char *check_name(const char *name, struct error *e)
{
	AUTO_FREE char *path = NULL;
	size_t n;

	if (!name)
		name = "";
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/';)
			name++;
	if (!*name)
		name = ".";
	n = strlen(name);
	while (n > 1 && name[n - 1] == '/')
		n--;
	path = alloc_copy(name, n);
	if (n > UNPACK_PATH_MAX || path[0] == '/') {
		error_set(e, STATUS_CALLER, "the archive has an absolute or over-long name: '%.200s'", path);
		return NULL;
	}
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
			error_set(e, STATUS_CALLER, "the archive has a name that leads out of it: '%.200s'", path);
			return NULL;
		}
	}
	return alloc_copy(path, n);
}

/* Open something below the directory, no symbolic link on the way. */
static int open_below(int dir, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH |
				RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* The directory of a path, made where it is missing, and the last part of the path in *name. -1 with errno. */
static int open_parent(int dir, const char *path, const char **name)
{
	AUTO_FD parent = open_below(dir, ".", O_PATH | O_DIRECTORY);
	const char *slash;

	for (*name = path; parent >= 0 && (slash = strchr(*name, '/')); *name = slash + 1) {
		AUTO_FREE char *part = alloc_copy(*name, (size_t)(slash - *name));
		int next = -1;

		if (!*part)
			continue;
		if (mkdirat(parent, part, 0755) == 0 || errno == EEXIST)
			next = open_below(parent, part, O_PATH | O_DIRECTORY);
		fd_close(&parent);
		parent = next;
	}
	return fd_steal(&parent);
}

/* The permissions of an entry, as far as they are taken over. */
static mode_t mode_of(struct archive_entry *entry, mode_t least)
{
	return (archive_entry_perm(entry) & 0777) | least;
}

/* Attributes of the user, and of the overlay's only that a directory hides what is below it. */
static bool set_attributes(struct unpacking *u, struct archive_entry *entry, int fd, struct error *e)
{
	const char *name;
	const void *value;
	size_t len;

	if (!u->layer)
		return true;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
		bool opaque = strcmp(name, "user.overlay.opaque") == 0 && len == 1 && *(const char *)value == 'y';

		if (strncmp(name, "user.", 5) != 0 || (strncmp(name, "user.overlay.", 13) == 0 && !opaque))
			continue;
		if (fsetxattr(fd, name, value, len, 0) < 0)
			return fail_entry(u, e);
	}
	return true;
}

/* When a file of a layer was changed. */
static bool set_time(struct unpacking *u, struct archive_entry *entry, int fd, struct error *e)
{
	const struct timespec times[2] = { { 0, UTIME_NOW },
					   { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) } };

	return !u->layer || futimens(fd, times) == 0 || fail_entry(u, e);
}

static bool unpack_directory(struct unpacking *u, struct archive_entry *entry, int parent, const char *name,
			     struct error *e)
{
	AUTO_FD dir = -1;

	if (strcmp(name, ".") == 0)
		return true;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST) /* made before, for what is below it */
		return fail_entry(u, e);
	dir = open_below(parent, name, O_RDONLY | O_DIRECTORY);
	if (dir < 0 || fchmod(dir, mode_of(entry, 0700)) < 0)
		return fail_entry(u, e);
	return set_attributes(u, entry, dir, e);
}

/* Copy the contents of the entry into a file, holes staying holes. */
static bool copy_contents(struct unpacking *u, int fd, int64_t size, struct error *e)
{
	const void *block;
	size_t n;
	la_int64_t at;
	int r;

	while ((r = archive_read_data_block(u->archive, &block, &n, &at)) == ARCHIVE_OK) {
		const char *bytes = block;

		u->bytes += n;
		if (u->bytes > u->limits->bytes)
			return error_set(e, STATUS_CALLER, "the archive has more than %llu bytes",
					 (unsigned long long)u->limits->bytes);
		for (size_t done = 0; done < n;) {
			ssize_t written = pwrite(fd, bytes + done, n - done, at + (la_int64_t)done);

			if (written < 0)
				return fail_entry(u, e);
			done += (size_t)written;
		}
	}
	if (r != ARCHIVE_EOF)
		return error_set(e, STATUS_CALLER, "unable to read '%s' from the archive: %s", u->path,
				 archive_error_string(u->archive));
	return ftruncate(fd, size) == 0 || fail_entry(u, e);
}

static bool unpack_file(struct unpacking *u, struct archive_entry *entry, int parent, const char *name, struct error *e)
{
	AUTO_FD fd = -1;
	int64_t size = archive_entry_size(entry);

	if (size < 0 || (uint64_t)size > u->limits->bytes) /* a hole counts as well: others may read it */
		return error_set(e, STATUS_CALLER, "the archive has more than %llu bytes",
				 (unsigned long long)u->limits->bytes);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_entry(u, e);
	return copy_contents(u, fd, size, e) && set_attributes(u, entry, fd, e) &&
	       (fchmod(fd, mode_of(entry, 0400)) == 0 || fail_entry(u, e)) && set_time(u, entry, fd, e);
}

/* A hard link: to a file that is there already, and nothing but a file. */
static bool unpack_link(struct unpacking *u, const char *to, int parent, const char *name, struct error *e)
{
	AUTO_FREE char *path = check_name(to, e);
	const char *slash = path ? strrchr(path, '/') : NULL;
	AUTO_FREE char *above = path ? alloc_copy(path, slash ? (size_t)(slash - path) : 0) : NULL;
	AUTO_FD from = -1;
	struct stat st;

	if (!path)
		return false;
	from = open_below(u->dir, *above ? above : ".", O_PATH | O_DIRECTORY);
	if (from < 0 || fstatat(from, slash ? slash + 1 : path, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		return error_set(e, STATUS_CALLER, "'%s' of the archive is a link to '%s', which is not there", u->path,
				 path);
	return linkat(from, slash ? slash + 1 : path, parent, name, 0) == 0 || fail_entry(u, e);
}

/* A layer has a directory for the first part of each name; what is not below one has no place. */
static bool check_place(const struct unpacking *u, mode_t type, struct error *e)
{
	const char *slash = strchr(u->path, '/');
	AUTO_FREE char *first = alloc_copy(u->path, slash ? (size_t)(slash - u->path) : strlen(u->path));
	AUTO_FD dir = open_below(u->dir, first, O_PATH | O_DIRECTORY);

	if (dir < 0 || strcmp(first, ".") == 0 || (!slash && type != AE_IFDIR))
		return error_set(e, STATUS_CALLER, "'%s' has no place in a snapshot", u->path);
	return true;
}

/* Make one entry. A later one of the same name replaces an earlier one, as tar(1) does it. */
static bool unpack_entry(struct unpacking *u, struct archive_entry *entry, struct error *e)
{
	const char *link = archive_entry_hardlink(entry);
	mode_t type = archive_entry_filetype(entry);
	const char *name;
	AUTO_FD parent = -1;

	bool whiteout = u->layer && !link && type == AE_IFCHR && archive_entry_rdev(entry) == 0;

	if (u->layer && !check_place(u, link ? AE_IFREG : type, e))
		return false;
	if (!whiteout && !link && (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO || type == AE_IFSOCK))
		return true;
	parent = open_parent(u->dir, u->path, &name);
	if (parent < 0)
		return errno == ELOOP || errno == ENOTDIR
			       ? error_set(e, STATUS_CALLER,
					   "'%s' of the archive leads through something that is not a directory",
					   u->path)
			       : fail_entry(u, e);
	if (!link && type == AE_IFDIR)
		return unpack_directory(u, entry, parent, name, e);
	if (!u->layer && unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return fail_entry(u, e);
	if (whiteout)
		return mknodat(parent, name, S_IFCHR, 0) == 0 || fail_entry(u, e);
	if (link)
		return unpack_link(u, link, parent, name, e);
	if (type == AE_IFLNK)
		return symlinkat(archive_entry_symlink(entry), parent, name) == 0 || fail_entry(u, e);
	if (type == AE_IFREG)
		return unpack_file(u, entry, parent, name, e);
	return error_set(e, STATUS_CALLER, "'%s' of the archive is of a kind that is not known", u->path);
}

/* All entries. */
static bool unpack_all(struct unpacking *u, struct error *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(u->archive, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		bool ok;

		if (++u->files > u->limits->files)
			return error_set(e, STATUS_CALLER, "the archive has more than %llu files",
					 (unsigned long long)u->limits->files);
		u->path = check_name(archive_entry_pathname(entry), e);
		ok = u->path && unpack_entry(u, entry, e);
		free(u->path);
		if (!ok)
			return false;
	}
	if (r != ARCHIVE_EOF)
		return error_set(e, STATUS_CALLER, "unable to read the archive: %s", archive_error_string(u->archive));
	return u->files > 0 || error_set(e, STATUS_CALLER, "the archive is empty");
}

/* The formats that are read. Those that would need another program are not. */
static bool support(struct archive *a)
{
	return archive_read_support_format_tar(a) == ARCHIVE_OK && archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	       archive_read_support_filter_bzip2(a) == ARCHIVE_OK && archive_read_support_filter_xz(a) == ARCHIVE_OK &&
	       archive_read_support_filter_zstd(a) == ARCHIVE_OK;
}

/* The child: confined before the first byte is read. */
static bool run_child(int from, const char *dir, const struct unpack_limits *limits, bool layer, unsigned uid,
		      struct error *e)
{
	/* A user that the process becomes may have no way to the directory, but when it stands in it. */
	const char *const writable[] = { ".", NULL };
	const struct confine_call *const calls[] = { unpack_calls, layer ? layer_unpack_calls : NULL, NULL };
	const struct confinement c = { .role = "unpacking", .uid = uid, .writable = writable, .whiteouts = layer,
				       .tied = true,
				       .calls = calls };
	struct unpacking u = { .archive = archive_read_new(), .limits = limits, .layer = layer };

	umask(0);
	u.dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (u.dir < 0 || fchdir(u.dir) < 0)
		return error_sys(e, "unable to open '%s'", dir);
	if (!u.archive || !support(u.archive))
		return error_set(e, STATUS_WORLD, "unable to prepare for the archive");
	if (!confine(&c, e))
		return false;
	if (archive_read_open_fd(u.archive, from, 1 << 16) != ARCHIVE_OK)
		return error_set(e, STATUS_CALLER, "unable to read the archive: %s", archive_error_string(u.archive));
	return unpack_all(&u, e);
}

/* Let a child do it, and take over what it says. */
static bool unpack_by_child(int from, const char *dir, const struct unpack_limits *limits, bool layer, unsigned uid,
			    struct error *e)
{
	int ends[2];
	struct error said;
	ssize_t n;
	int status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(e, "unable to make a pipe");
	pid = fork();
	if (pid == 0) {
		struct error mine = { 0 };
		bool ok = run_child(from, dir, limits, layer, uid, &mine);

		if (!ok && write(ends[1], &mine, sizeof(mine)) < 0)
			_exit(STATUS_WORLD);
		_exit(ok ? 0 : 1);
	}
	close(ends[1]);
	n = pid < 0 ? -1 : read(ends[0], &said, sizeof(said));
	close(ends[0]);
	if (pid < 0)
		return error_sys(e, "unable to start a process");
	status = spawn_wait(pid, e);
	if (status == 0)
		return true;
	if (n != (ssize_t)sizeof(said))
		return error_set(e, STATUS_WORLD, "the process that unpacks was ended by signal %d",
				 status > 128 ? status - 128 : 0);
	said.text[sizeof(said.text) - 1] = '\0';
	*e = said;
	return false;
}

bool unpack(int from, const char *dir, const struct unpack_limits *limits, struct error *e)
{
	return unpack_by_child(from, dir, limits, false, 0, e);
}

bool unpack_layer(int from, const char *dir, unsigned uid, const struct unpack_limits *limits, struct error *e)
{
	return unpack_by_child(from, dir, limits, true, uid, e);
}
