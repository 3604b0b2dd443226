#include "feature.h"

#include <errno.h>
#include <string.h>

const struct feature_text feature_texts[FEATURES] = {
	[FEATURE_USER_NAMESPACES] = {
		"user-namespaces", "user namespaces",
		"set the sysctls user.max_user_namespaces above 0 and, where they exist, "
		"kernel.unprivileged_userns_clone to 1 "
		"and kernel.apparmor_restrict_unprivileged_userns to 0; in a container, start the container with "
		"them" },
	[FEATURE_NAMESPACES] = {
		"namespaces", "mount, pid, net, ipc, uts and cgroup namespaces",
		"use a kernel with CONFIG_NAMESPACES and all kinds of it, and user.max_*_namespaces above 0" },
	[FEATURE_TIME_NAMESPACES] = {
		"time-namespaces", "time namespaces", "use Linux 5.6 or newer with CONFIG_TIME_NS" },
	[FEATURE_MOUNT_API] = {
		"mount-api", "the mount calls of Linux 5.12 (open_tree, fsopen, mount_setattr)",
		"use Linux 5.12 or newer; in a container, let its system call filter pass them" },
	[FEATURE_TMPFS] = {
		"tmpfs", "tmpfs in a user namespace", "use a kernel with CONFIG_TMPFS" },
	[FEATURE_OVERLAY] = {
		"overlay", "overlayfs in a user namespace, with the bottle's state as its upper layer",
		"use Linux 5.11 or newer with overlayfs (modprobe overlay), and put BOT_BOTTLE_HOME on ext4, xfs, "
		"btrfs or tmpfs" },
	[FEATURE_PROC] = {
		"proc", "a proc file system of its own in a user namespace",
		"in a container, start it without masked parts of /proc (docker run --security-opt "
		"systempaths=unconfined)" },
	[FEATURE_DEVPTS] = {
		"devpts", "pseudo-terminals of its own", "use a kernel with CONFIG_UNIX98_PTYS" },
	[FEATURE_IDMAP] = {
		"idmapped-mounts", "id-mapped mounts, so that root's bottles can read files of others",
		"start bottles as the user who owns the files, or keep them on a file system with id-mapped mounts "
		"(ext4, xfs, btrfs) under Linux 5.19 or newer" },
	[FEATURE_LANDLOCK] = {
		"landlock", "Landlock", "use Linux 5.13 or newer and start it with 'landlock' in lsm=" },
	[FEATURE_SECCOMP] = {
		"seccomp", "system call filters", "use a kernel with CONFIG_SECCOMP_FILTER" },
};

bool feature_missing(struct error *e, enum feature f, const char *what)
{
	const struct feature_text *t = &feature_texts[f];

	return error_set(e, STATUS_WORLD, "%s: %s; the bottle needs %s: %s", what, strerror(errno), t->what, t->remedy);
}
