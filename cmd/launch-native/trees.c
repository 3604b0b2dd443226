#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "sabotage.h"

/* The attributes that flags ask for. */
static uint64_t attributes(unsigned flags)
{
	return (sabotaged("mounts") ? 0 : MOUNT_ATTR_NOSUID) | (flags & TREE_READ_ONLY ? MOUNT_ATTR_RDONLY : 0) |
	       (flags & TREE_DEVICE ? 0 : MOUNT_ATTR_NODEV) | (flags & TREE_NO_EXEC ? MOUNT_ATTR_NOEXEC : 0);
}

int tree_open(const char *path, unsigned flags, struct error *e)
{
	struct mount_attr attr = { .attr_set = attributes(flags), .propagation = MS_PRIVATE };
	unsigned depth = flags & TREE_RECURSIVE ? AT_RECURSIVE : 0;
	AUTO_FD tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
	AUTO_FREE char *what = alloc_format("unable to take '%s' into the bottle", path);

	if (tree < 0) {
		if (errno == ENOSYS || errno == EPERM)
			feature_missing(e, FEATURE_MOUNT_API, what);
		else if (errno == EINVAL)
			error_set(e, STATUS_WORLD, "%s: there are mounts below it", what);
		else
			error_sys(e, "%s", what);
		return -1;
	}
	if (mount_setattr(tree, "", AT_EMPTY_PATH | depth, &attr, sizeof(attr)) < 0) {
		feature_missing(e, FEATURE_MOUNT_API, what);
		return -1;
	}
	return fd_steal(&tree);
}

/* Write one line into /proc/PID/NAME. */
static bool write_map(pid_t pid, const char *name, unsigned from, unsigned to, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/proc/%ld/%s", (long)pid, name);
	AUTO_FREE char *line = alloc_format("%u %u 1", from, to);
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		return error_sys(e, "unable to write '%s'", path);
	return true;
}

/* A user namespace that only carries a mapping. Returns its descriptor. */
static int make_mapping(const struct tree_ids *ids, struct error *e)
{
	AUTO_FREE char *path = NULL;
	pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	int fd = -1;

	if (pid < 0) {
		feature_missing(e, FEATURE_USER_NAMESPACES, "unable to make a user namespace");
		return -1;
	}
	if (pid == 0) {
		for (;;)
			pause();
	}
	path = alloc_format("/proc/%ld/ns/user", (long)pid);
	if (write_map(pid, "uid_map", ids->disk_uid, ids->shown_uid, e) &&
	    write_map(pid, "gid_map", ids->disk_gid, ids->shown_gid, e)) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			error_sys(e, "unable to open '%s'", path);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

bool tree_map_ids(int tree, const struct tree_ids *ids, struct error *e)
{
	AUTO_FD mapping = make_mapping(ids, e);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)mapping };

	if (mapping < 0)
		return false;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return feature_missing(e, FEATURE_IDMAP, "unable to show files of another owner as the agent's");
	return true;
}

/* Hand one option to a file system that is being made. */
static bool configure(int fs, const char *option)
{
	const char *equals = strchr(option, '=');
	AUTO_FREE char *name = NULL;

	if (!equals)
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) == 0;
	name = alloc_copy(option, (size_t)(equals - option));
	return fsconfig(fs, FSCONFIG_SET_STRING, name, equals + 1, 0) == 0;
}

int tree_make(const char *type, const char *const *options, unsigned flags, enum feature feature, struct error *e)
{
	AUTO_FREE char *what = alloc_format("unable to make a file system of type %s", type);
	AUTO_FD fs = fsopen(type, FSOPEN_CLOEXEC);
	bool ok = fs >= 0;
	int tree = -1;

	for (size_t i = 0; ok && options[i]; i++)
		ok = configure(fs, options[i]);
	if (ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		tree = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes(flags));
	if (tree < 0)
		feature_missing(e, feature, what);
	return tree;
}

bool tree_attach(int tree, int at, const char *path, struct error *e)
{
	if (move_mount(tree, "", at, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(e, "unable to mount '%s' in the bottle", path);
	return true;
}
