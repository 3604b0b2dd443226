#include "files-linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

#define MOUNTINFO_MAX (4u << 20) /* bytes of the table of mounts */
#define WALK_DEPTH_MAX 4         /* directories below /run and /tmp that are searched for sockets */
#define WALK_ENTRIES_MAX 2000    /* entries of one walk; a fresh bottle has a handful */

/* --- what must not be there --- */

/* A path that the bottle must not see, as such and below the root of process 1. */
static void judge_hidden(const char *path, struct verdict *v)
{
	AUTO_FREE char *other_way = alloc_format("/proc/1/root/%s", path);
	AUTO_FD direct = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD around = open(other_way, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	verdict_judge(v, CHECK_HIDDEN, direct >= 0, "'%s' is visible", path);
	verdict_judge(v, CHECK_HIDDEN, around >= 0, "'%s' is visible", other_way);
}

/* --- what must not be written --- */

/* Open a file for writing, or make a nameless file in a directory; 0 or an errno. */
static int write_outcome(const char *path)
{
	struct stat st;
	AUTO_FD fd = -1;

	if (stat(path, &st) != 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	else
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 ? 0 : errno;
}

/* The programs: mounted read-only. Another root file system than the host's need not have all of these directories. */
static void judge_read_only(struct verdict *v)
{
	static const char *const trees[] = { "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/bin", "/lib", "/opt" };

	for (size_t i = 0; i < COUNT_OF(trees); i++) {
		struct statvfs fs;

		verdict_judge(v, CHECK_READ_ONLY, write_outcome(trees[i]) == 0, "'%s' can be written", trees[i]);
		if (strcmp(trees[i], "/opt") == 0)
			continue; /* of the bottle's own, when there is no program in it */
		if (i > 0 && access(trees[i], F_OK) != 0 && errno == ENOENT)
			continue;
		if (statvfs(trees[i], &fs) != 0)
			verdict_set(v, CHECK_READ_ONLY, RESULT_UNKNOWN, "'%s': %s", trees[i], strerror(errno));
		else
			verdict_judge(v, CHECK_READ_ONLY, !(fs.f_flag & ST_RDONLY), "'%s' is not mounted read-only",
				      trees[i]);
	}
}

/* Paths that only Landlock protects. */
static void judge_unwritable(const struct probe *p, struct verdict *v)
{
	const struct doc *paths = doc_get(p->document, "unwritable");

	verdict_clear(v, CHECK_LANDLOCK_FILES);
	for (size_t i = 0; i < doc_count(paths); i++) {
		const char *path = doc_cstr(doc_at(paths, i));
		int outcome = write_outcome(path);

		if (outcome == EACCES || outcome == EPERM)
			continue;
		if (outcome == 0)
			verdict_set(v, CHECK_LANDLOCK_FILES, RESULT_OPEN, "'%s' can be written", path);
		else
			verdict_set(v, CHECK_LANDLOCK_FILES, RESULT_UNKNOWN, "'%s': %s", path, strerror(outcome));
	}
}

/* --- mounts --- */

/* One line of mountinfo: "id parent major:minor root mount-point options …". Source: proc(5). */
struct mount_line {
	struct slice device;
	struct slice root;
	struct slice point;
	struct slice options;
};

static struct mount_line parse_mount(struct slice line)
{
	struct mount_line m;

	slice_cut(&line, ' ');
	slice_cut(&line, ' ');
	m.device = slice_cut(&line, ' ');
	m.root = slice_cut(&line, ' ');
	m.point = slice_cut(&line, ' ');
	m.options = slice_cut(&line, ' ');
	return m;
}

/* Is the word one of the options, separated by commas? */
static bool has_option(struct slice options, struct slice word)
{
	while (options.len)
		if (slice_eq(slice_cut(&options, ','), word))
			return true;
	return false;
}

/* The device that the host's programs come from, "" when they are no mount of their own. */
static struct slice device_of_programs(struct slice table)
{
	while (table.len) {
		struct mount_line m = parse_mount(slice_cut(&table, '\n'));

		if (slice_eq(m.point, SLICE("/usr")))
			return m.device;
	}
	return slice_of(NULL, 0);
}

/* A mount has neither set-id programs nor devices, and is not the root of the host's file system. */
static void judge_mount(struct mount_line m, struct slice programs, struct verdict *v)
{
	bool device = slice_starts(m.point, SLICE("/dev"));

	verdict_judge(v, CHECK_MOUNT_FLAGS, !has_option(m.options, SLICE("nosuid")) && !device,
		      "'%.*s' is mounted without nosuid", SLICE_ARG(m.point));
	verdict_judge(v, CHECK_MOUNT_FLAGS, !has_option(m.options, SLICE("nodev")) && !device,
		      "'%.*s' is mounted without nodev", SLICE_ARG(m.point));
	verdict_judge(v, CHECK_MOUNT_FLAGS,
		      programs.len && slice_eq(m.device, programs) && slice_eq(m.root, SLICE("/")) &&
			      !slice_starts(m.point, SLICE("/usr")),
		      "'%.*s' is the root of the host's file system", SLICE_ARG(m.point));
}

static void judge_mounts(struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct slice rest, programs;

	if (!file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, &e)) {
		verdict_set(v, CHECK_MOUNT_FLAGS, RESULT_UNKNOWN, "%s", e.text);
		return;
	}
	rest = buf_slice(&text);
	programs = device_of_programs(rest);
	while (rest.len)
		judge_mount(parse_mount(slice_cut(&rest, '\n')), programs, v);
}

/* --- devices --- */

/* Devices that do no harm: null, zero, full, random, urandom; tty, console, ptmx; pseudo-terminals. */
static bool is_harmless(dev_t device)
{
	unsigned type = major(device), unit = minor(device);

	return (type == 1 && (unit == 3 || unit == 5 || unit == 7 || unit == 8 || unit == 9)) ||
	       (type == 5 && unit <= 2) || (type >= 136 && type <= 143);
}

/* One entry of /dev: a device node other than the harmless ones must not open. */
static void judge_node(int dir, const char *name, struct verdict *v)
{
	struct stat st;
	AUTO_FD fd = -1;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!S_ISBLK(st.st_mode) && !(S_ISCHR(st.st_mode) && !is_harmless(st.st_rdev)))
		return;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	verdict_judge(v, CHECK_DEVICES, fd >= 0, "/dev/%s opens", name);
}

/* Make a device node where the agent may write. */
static void judge_mknod(struct verdict *v)
{
	AUTO_FREE char *path = alloc_format("/tmp/.bot-bottle-probe-%d", (int)getpid());
	bool made = mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0;

	if (made)
		unlink(path);
	verdict_judge(v, CHECK_DEVICES, made, "a device node can be made in /tmp");
}

static void judge_devices(struct verdict *v)
{
	DIR *list = opendir("/dev");
	const struct dirent *entry;

	while (list && (entry = readdir(list)))
		judge_node(dirfd(list), entry->d_name, v);
	if (list)
		closedir(list);
	judge_mknod(v);
}

/* --- sockets of the host --- */

/* Report a Unix socket that accepts a connection (or has somebody behind it who does not). */
static void judge_socket(int dir, const char *where, const char *name, struct verdict *v)
{
	AUTO_FREE char *path = alloc_format("/proc/self/fd/%d/%s", dir, name);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	verdict_judge(v, CHECK_SOCKETS,
		      fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ||
			      (errno != ECONNREFUSED && errno != ENOENT && errno != EACCES && errno != EPERM),
		      "the socket %s/%s is within reach", where, name);
}

/* Search a directory and those below it for sockets. Links are not followed. */
static void walk_sockets(int parent, const char *name, int depth, size_t *entries, struct verdict *v)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!list) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(list)) && ++*entries <= WALK_ENTRIES_MAX) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_SOCK)
			judge_socket(dirfd(list), name, entry->d_name, v);
		else if (entry->d_type == DT_DIR && depth < WALK_DEPTH_MAX)
			walk_sockets(dirfd(list), entry->d_name, depth + 1, entries, v);
	}
	closedir(list);
}

/* Abstract sockets with names that the host's services use. */
static void judge_abstract(const char *name, struct verdict *v)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(name);

	memcpy(to.sun_path + 1, name, len);
	verdict_judge(v, CHECK_SOCKETS,
		      connect(fd, (const struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0,
		      "the abstract socket '@%s' is within reach", name);
}

static void judge_sockets(struct verdict *v)
{
	static const char *const trees[] = { "/run", "/var/run", "/tmp", "/var/tmp", "/dev/shm" };
	static const char *const names[] = { "/tmp/.X11-unix/X0", "/tmp/.ICE-unix/1", "/tmp/dbus-session",
					     "/containerd-shim/moby", "/org/kernel/udev/udevd" };

	verdict_clear(v, CHECK_SOCKETS);
	for (size_t i = 0; i < COUNT_OF(trees); i++) {
		size_t entries = 0;

		walk_sockets(AT_FDCWD, trees[i], 0, &entries, v);
		if (entries > WALK_ENTRIES_MAX)
			verdict_set(v, CHECK_SOCKETS, RESULT_UNKNOWN, "'%s' has more than %d entries", trees[i],
				    WALK_ENTRIES_MAX);
	}
	for (size_t i = 0; i < COUNT_OF(names); i++)
		judge_abstract(names[i], v);
}

void files_prove(const struct probe *p, struct verdict *v)
{
	const struct doc *hidden = doc_get(p->document, "hidden");

	verdict_clear(v, CHECK_HIDDEN);
	for (size_t i = 0; i < doc_count(hidden); i++)
		judge_hidden(doc_cstr(doc_at(hidden, i)), v);
	judge_read_only(v);
	judge_unwritable(p, v);
	judge_mounts(v);
	judge_devices(v);
	judge_sockets(v);
}
