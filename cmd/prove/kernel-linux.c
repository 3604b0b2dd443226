#include "kernel-linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "attempt-linux.h"
#include "fd.h"

/* A directory of every bottle that is not a mount point. */
#define PLAIN_DIRECTORY "/proc/self/fd"
/* A path that no bottle has. */
#define NO_PATH "/bot-bottle-no-such-path"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* Outcome of a call that returns -1 on failure. */
static int outcome_of(long result)
{
	return result < 0 ? errno : 0;
}

/* Outcome of a call that returns a descriptor. */
static int outcome_of_fd(long fd)
{
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

/* --- mounts: the kernel checks CAP_SYS_ADMIN before it looks for what is not there --- */

static int try_mount(const struct probe *p)
{
	(void)p;
	return outcome_of(mount(NO_PATH, "/", NULL, MS_MOVE, NULL));
}

static int try_umount(const struct probe *p)
{
	(void)p;
	return outcome_of(umount2(PLAIN_DIRECTORY, 0));
}

static int try_pivot_root(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_pivot_root, PLAIN_DIRECTORY, PLAIN_DIRECTORY));
}

static int try_chroot(const struct probe *p)
{
	(void)p;
	return outcome_of(chroot("/"));
}

static int try_fsopen(const struct probe *p)
{
	(void)p;
	return outcome_of_fd(syscall(SYS_fsopen, "tmpfs", 1 /* FSOPEN_CLOEXEC */));
}

static int try_fspick(const struct probe *p)
{
	(void)p;
	return outcome_of_fd(syscall(SYS_fspick, AT_FDCWD, "/", 1 /* FSPICK_CLOEXEC */));
}

static int try_open_tree(const struct probe *p)
{
	(void)p;
	return outcome_of_fd(syscall(SYS_open_tree, AT_FDCWD, "/", 1 | O_CLOEXEC /* OPEN_TREE_CLONE */));
}

static int try_move_mount(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_move_mount, -1, "", -1, "", 4 | 64 /* empty paths */));
}

static int try_mount_setattr(const struct probe *p)
{
	const struct {
		uint64_t set, clear, propagation, userns;
	} unknown_flags = { .clear = ~(uint64_t)0 };

	(void)p;
	return outcome_of(syscall(SYS_mount_setattr, -1, "", 0, &unknown_flags, sizeof(unknown_flags)));
}

/* --- namespaces --- */

static int unshare_one(int flag)
{
	return outcome_of(syscall(SYS_unshare, flag));
}

static int try_unshare_user(const struct probe *p)
{
	(void)p;
	return unshare_one(CLONE_NEWUSER);
}

static int try_unshare_mount(const struct probe *p)
{
	(void)p;
	return unshare_one(CLONE_NEWNS);
}

static int try_unshare_net(const struct probe *p)
{
	(void)p;
	return unshare_one(CLONE_NEWNET);
}

static int try_unshare_others(const struct probe *p)
{
	(void)p;
	return unshare_one(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
}

static int try_unshare_time(const struct probe *p)
{
	(void)p;
	return unshare_one(CLONE_NEWTIME);
}

/* End a child that a clone made, and say that it could be made. */
static int reap(long pid)
{
	if (pid < 0)
		return errno;
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* clone(2) with these flags, as the raw call: high bits reach the filter as they are. */
static int clone_raw(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return reap(pid);
}

static int try_clone_user(const struct probe *p)
{
	(void)p;
	return clone_raw(CLONE_NEWUSER);
}

static int try_clone_high(const struct probe *p)
{
	(void)p;
	return clone_raw((1UL << 40) | CLONE_NEWUSER);
}

static int try_clone3_user(const struct probe *p)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	(void)p;
	if (pid == 0)
		_exit(0);
	return reap(pid);
}

/* Join the namespace that we are in: no change, but only for those who may. */
static int try_setns(const struct probe *p)
{
	AUTO_FD fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	(void)p;
	return outcome_of(syscall(SYS_setns, fd, fd < 0 ? 0 : CLONE_NEWNET));
}

/* --- other processes --- */

/* Attach to the parent of bb-prove without stopping it; the end of this process lets it go. */
static int try_ptrace_parent(const struct probe *p)
{
	AUTO_FREE char *path = alloc_format("/proc/%d/stat", (int)getppid());
	char text[512];
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *after;
	long parent;

	(void)p;
	text[n < 0 ? 0 : n] = '\0';
	after = strrchr(text, ')'); /* "pid (comm) state ppid": comm may hold anything */
	parent = after && strlen(after) > 4 ? strtol(after + 4, NULL, 10) : 0;
	if (parent <= 0)
		return ATTEMPT_ABSENT; /* the parent is outside the pid namespace */
	return outcome_of(ptrace(PTRACE_SEIZE, (pid_t)parent, NULL, NULL));
}

/* Read an address of process 1 that is never mapped: EFAULT comes after the check of rights. */
static int try_read_init(const struct probe *p)
{
	char byte;
	struct iovec ours = { &byte, 1 }, theirs = { NULL, 1 };

	(void)p;
	return outcome_of(process_vm_readv(1, &ours, 1, &theirs, 1, 0));
}

/* --- kernel facilities --- */

static int try_bpf(const struct probe *p)
{
	union bpf_attr attr;

	(void)p;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	return outcome_of_fd(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int try_io_uring(const struct probe *p)
{
	struct io_uring_params params;

	(void)p;
	memset(&params, 0, sizeof(params));
	return outcome_of_fd(syscall(SYS_io_uring_setup, 1, &params));
}

static int try_keyctl(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1));
}

static int try_add_key(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_add_key, "user", "bot-bottle-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int try_request_key(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_request_key, "user", "bot-bottle-probe", NULL, 0));
}

static int try_perf(const struct probe *p)
{
	struct perf_event_attr attr;

	(void)p;
	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.exclude_kernel = 1;
	attr.disabled = 1;
	return outcome_of_fd(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

static int try_userfaultfd(const struct probe *p)
{
	(void)p;
	return outcome_of_fd(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
}

static int try_userfaultfd_device(const struct probe *p)
{
	AUTO_FD fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	(void)p;
	if (fd < 0)
		return errno == ENOENT ? ATTEMPT_ABSENT : errno;
	return 0;
}

/* Make a terminal of our own the controlling one and type into it. */
static int type_into_terminal(unsigned long request)
{
	AUTO_FD master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	AUTO_FD slave = -1;

	if (master < 0 || unlockpt(master) != 0)
		return outcome_of(syscall(SYS_ioctl, STDIN_FILENO, request, "x"));
	signal(SIGHUP, SIG_IGN); /* closing the master hangs up on the session that setsid starts */
	setsid();
	slave = open(ptsname(master), O_RDWR | O_CLOEXEC);
	return outcome_of(syscall(SYS_ioctl, slave, request, "x"));
}

static int try_tiocsti(const struct probe *p)
{
	(void)p;
	return type_into_terminal(TIOCSTI);
}

/* The kernel looks at 32 bits of the request, a careless filter at 64. */
static int try_tiocsti_high(const struct probe *p)
{
	(void)p;
	return type_into_terminal((1UL << 32) | TIOCSTI);
}

static int try_tioclinux(const struct probe *p)
{
	(void)p;
	return type_into_terminal(TIOCLINUX);
}

/* --- the machine --- */

static int try_init_module(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_init_module, NULL, 0, ""));
}

static int try_finit_module(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_finit_module, -1, "", 0));
}

static int try_delete_module(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_delete_module, "bot_bottle_no_such_module", O_NONBLOCK));
}

static int try_kexec_load(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL));
}

static int try_kexec_file_load(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, ~0UL));
}

static int try_reboot(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(SYS_reboot, 0, 0, 0, NULL));
}

static int try_adjtimex(const struct probe *p)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 0 };

	(void)p;
	return outcome_of(adjtimex(&t));
}

static int try_clock_adjtime(const struct probe *p)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 0 };

	(void)p;
	return outcome_of(clock_adjtime(CLOCK_REALTIME, &t));
}

static int try_settimeofday(const struct probe *p)
{
	const struct timezone nowhere = { .tz_minuteswest = 100000 };

	(void)p;
	return outcome_of(syscall(SYS_settimeofday, NULL, &nowhere));
}

/* CLOCK_MONOTONIC cannot be set by anyone: only a filter answers anything but EINVAL. */
static int try_clock_settime(const struct probe *p)
{
	const struct timespec now = { .tv_sec = 1 };

	(void)p;
	return outcome_of(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &now));
}

static int try_syslog(const struct probe *p)
{
	char byte;

	(void)p;
	return outcome_of(klogctl(3 /* SYSLOG_ACTION_READ_ALL */, &byte, 1));
}

static int try_swapon(const struct probe *p)
{
	(void)p;
	return outcome_of(swapon(NO_PATH, 0));
}

static int try_acct(const struct probe *p)
{
	(void)p;
	return outcome_of(acct(NO_PATH));
}

/* Open the root directory by its handle, past every mount that hides it. */
static int try_open_by_handle(const struct probe *p)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} root = { .handle.handle_bytes = MAX_HANDLE_SZ };
	AUTO_FD fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int mount_id;

	(void)p;
	if (name_to_handle_at(AT_FDCWD, "/", &root.handle, &mount_id, 0) != 0) {
		root.handle.handle_bytes = 8;
		root.handle.handle_type = 1; /* FILEID_INO32_GEN */
	}
	return outcome_of_fd(open_by_handle_at(fd, &root.handle, O_RDONLY | O_CLOEXEC));
}

/* --- the same by other doors --- */

#if defined(__x86_64__)
/* unshare(CLONE_NEWUSER) by the 32-bit entry. */
static int try_i386(const struct probe *p)
{
	int result;

	(void)p;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(310 /* unshare */), "b"(CLONE_NEWUSER) : "memory", "r8", "r9",
			 "r10", "r11");
	return result < 0 ? -result : 0;
}

/* The same call with the bit that x32 programs set. */
static int try_x32(const struct probe *p)
{
	(void)p;
	return outcome_of(syscall(0x40000000 | SYS_unshare, CLONE_NEWUSER));
}
#endif

static const struct attempt attempts[] = {
	{ CHECK_MOUNT, "mount", try_mount, 0, false },
	{ CHECK_MOUNT, "umount2", try_umount, 0, false },
	{ CHECK_MOUNT, "pivot_root", try_pivot_root, 0, false },
	{ CHECK_MOUNT, "chroot", try_chroot, 0, false },
	{ CHECK_MOUNT, "fsopen", try_fsopen, 0, false },
	{ CHECK_MOUNT, "fspick", try_fspick, 0, false },
	{ CHECK_MOUNT, "open_tree", try_open_tree, 0, false },
	{ CHECK_MOUNT, "move_mount", try_move_mount, 0, false },
	{ CHECK_MOUNT, "mount_setattr", try_mount_setattr, 0, false },
	{ CHECK_UNSHARE, "unshare(CLONE_NEWNS)", try_unshare_mount, 0, false },
	{ CHECK_UNSHARE, "unshare(CLONE_NEWNET)", try_unshare_net, 0, false },
	{ CHECK_UNSHARE, "unshare(pid, ipc, uts, cgroup)", try_unshare_others, 0, false },
	{ CHECK_UNSHARE, "unshare(CLONE_NEWTIME)", try_unshare_time, 0, false },
	{ CHECK_UNSHARE, "unshare(CLONE_NEWUSER)", try_unshare_user, ENOSPC, false },
	{ CHECK_UNSHARE, "clone(CLONE_NEWUSER)", try_clone_user, ENOSPC, false },
	{ CHECK_UNSHARE, "clone(CLONE_NEWUSER, high bits set)", try_clone_high, ENOSPC, false },
	{ CHECK_UNSHARE, "clone3(CLONE_NEWUSER)", try_clone3_user, ENOSPC, false },
	{ CHECK_UNSHARE, "setns", try_setns, 0, false },
	{ CHECK_PTRACE, "ptrace(PTRACE_SEIZE) of the parent", try_ptrace_parent, 0, false },
	{ CHECK_PTRACE, "process_vm_readv of process 1", try_read_init, ESRCH, false },
	{ CHECK_BPF, "bpf(BPF_MAP_CREATE)", try_bpf, 0, false },
	{ CHECK_IO_URING, "io_uring_setup", try_io_uring, 0, false },
	{ CHECK_KEYRING, "keyctl", try_keyctl, 0, false },
	{ CHECK_KEYRING, "add_key", try_add_key, 0, false },
	{ CHECK_KEYRING, "request_key", try_request_key, 0, false },
	{ CHECK_PERF, "perf_event_open", try_perf, 0, false },
	{ CHECK_USERFAULTFD, "userfaultfd", try_userfaultfd, 0, false },
	{ CHECK_USERFAULTFD, "/dev/userfaultfd", try_userfaultfd_device, 0, false },
	{ CHECK_TIOCSTI, "ioctl(TIOCSTI)", try_tiocsti, EIO, false },
	{ CHECK_TIOCSTI, "ioctl(TIOCSTI, high bits set)", try_tiocsti_high, EIO, false },
	{ CHECK_TIOCSTI, "ioctl(TIOCLINUX)", try_tioclinux, ENOTTY, false },
	{ CHECK_MODULE, "init_module", try_init_module, 0, false },
	{ CHECK_MODULE, "finit_module", try_finit_module, 0, false },
	{ CHECK_MODULE, "delete_module", try_delete_module, 0, false },
	{ CHECK_KEXEC, "kexec_load", try_kexec_load, 0, false },
	{ CHECK_KEXEC, "kexec_file_load", try_kexec_file_load, 0, false },
	{ CHECK_REBOOT, "reboot", try_reboot, 0, false },
	{ CHECK_CLOCK, "adjtimex", try_adjtimex, 0, false },
	{ CHECK_CLOCK, "clock_adjtime", try_clock_adjtime, 0, false },
	{ CHECK_CLOCK, "settimeofday", try_settimeofday, 0, false },
	{ CHECK_CLOCK, "clock_settime", try_clock_settime, 0, false },
	{ CHECK_KERNEL_LOG, "syslog", try_syslog, 0, false },
	{ CHECK_ADMIN, "swapon", try_swapon, 0, false },
	{ CHECK_ADMIN, "acct", try_acct, 0, false },
	{ CHECK_ADMIN, "open_by_handle_at", try_open_by_handle, 0, false },
#if defined(__x86_64__)
	{ CHECK_FOREIGN_ABI, "unshare by int 0x80", try_i386, 0, true },
	{ CHECK_FOREIGN_ABI, "unshare as x32", try_x32, 0, true },
#endif
};

void kernel_prove(const struct probe *p, struct verdict *v)
{
#if !defined(__x86_64__)
	verdict_set(v, CHECK_FOREIGN_ABI, RESULT_HELD, "this processor has one entry");
#endif
	attempt_run(attempts, COUNT_OF(attempts), p, v);
}
