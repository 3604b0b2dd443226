#include "namespaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "feature.h"
#include "sabotage.h"

#define NEW_NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Is this user id one that root can give away? Lines of uid_map are: first inside, first outside, how many. */
static bool is_mapped(unsigned id)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned long first, outside, count;
	bool found = false;

	while (map && !found && fscanf(map, "%lu %lu %lu", &first, &outside, &count) == 3)
		found = id >= first && id - first < count;
	if (map)
		fclose(map);
	return found;
}

struct ids ids_for(unsigned uid, unsigned gid)
{
	unsigned roots = is_mapped(ROOTS_BOTTLE_ID) ? ROOTS_BOTTLE_ID : ROOTS_BOTTLE_ID_NESTED;
	/* a root with no id but its own is an ordinary user by another name */
	bool root = geteuid() == 0 && is_mapped(roots);

	return (struct ids){ root, uid, gid, root ? roots : geteuid(), root ? roots : getegid() };
}

/* What to leave out: nothing, outside of the test tree. */
static int left_out(void)
{
	return (sabotaged("network") ? CLONE_NEWNET : 0) | (sabotaged("ipc") ? CLONE_NEWIPC : 0) |
	       (sabotaged("uts") ? CLONE_NEWUTS : 0) | (sabotaged("cgroup") ? CLONE_NEWCGROUP : 0);
}

pid_t namespaces_fork(int group, struct error *e)
{
	uint64_t namespaces = (uint64_t)(NEW_NAMESPACES & ~left_out());
	struct clone_args args = { .flags = namespaces | (group >= 0 ? CLONE_INTO_CGROUP : 0), .exit_signal = SIGCHLD,
				   .cgroup = group >= 0 ? (unsigned)group : 0 };
	pid_t pid = group >= 0 ? (pid_t)syscall(SYS_clone3, &args, sizeof(args))
			       : (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		feature_missing(e, errno == EINVAL ? FEATURE_NAMESPACES : FEATURE_USER_NAMESPACES,
				"unable to make namespaces");
	return pid;
}

/* Write text to a file of /proc/PID. */
static bool write_proc(pid_t pid, const char *name, const char *text, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/proc/%ld/%s", (long)pid, name);
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return feature_missing(e, FEATURE_USER_NAMESPACES, path);
	return true;
}

bool namespaces_map(pid_t child, const struct ids *ids, struct error *e)
{
	AUTO_FREE char *uids = alloc_format("%u %u 1", ids->uid, ids->outside_uid);
	AUTO_FREE char *gids = alloc_format("%u %u 1", ids->gid, ids->outside_gid);

	return write_proc(child, "setgroups", "deny", e) && write_proc(child, "uid_map", uids, e) &&
	       write_proc(child, "gid_map", gids, e);
}

/* Bring the loopback interface up: the only one there is. */
static bool raise_loopback(struct error *e)
{
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo" };

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		return error_sys(e, "unable to find the loopback interface of the bottle");
	lo.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return feature_missing(e, FEATURE_USER_NAMESPACES,
				       "unable to raise the loopback interface of the bottle");
	return true;
}

bool namespaces_enter(const struct ids *ids, const char *hostname, struct error *e)
{
	if (setresgid(ids->gid, ids->gid, ids->gid) < 0 || setresuid(ids->uid, ids->uid, ids->uid) < 0)
		return error_sys(e, "unable to become user %u of the bottle", ids->uid);
	if (!sabotaged("uts") && (sethostname(hostname, strlen(hostname)) < 0 || setdomainname("", 0) < 0))
		return feature_missing(e, FEATURE_USER_NAMESPACES, "unable to name the bottle");
	return sabotaged("network") || raise_loopback(e);
}

bool namespaces_reset_clocks(struct error *e)
{
	AUTO_FREE char *offsets = NULL;
	struct timespec monotonic, boot;
	AUTO_FD fd = -1;

	if (unshare(CLONE_NEWTIME) < 0)
		return feature_missing(e, FEATURE_TIME_NAMESPACES, "unable to make a time namespace");
	if (clock_gettime(CLOCK_MONOTONIC, &monotonic) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return error_sys(e, "unable to read the clocks");
	offsets = alloc_format("monotonic -%lld 0\nboottime -%lld 0\n", (long long)monotonic.tv_sec,
			       (long long)boot.tv_sec);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, offsets, strlen(offsets)) != (ssize_t)strlen(offsets))
		return feature_missing(e, FEATURE_TIME_NAMESPACES, "unable to set the clocks of the bottle");
	return true;
}

int namespaces_listen(int port, struct error *e)
{
	AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0 || listen(fd, SOMAXCONN) < 0) {
		error_sys(e, "unable to listen on port %d of the bottle", port);
		return -1;
	}
	return fd_steal(&fd);
}
