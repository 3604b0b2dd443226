#include "jail-linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "limits.h"
#include "program.h"
#include "spawn.h"

#define PATHS_MAX 8

/* Where programs and their libraries are. */
static const char *const system_paths[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/etc/ld.so.cache",
	"/etc/ld.so.preload", "/etc/alternatives", NULL,
};

struct options {
	const char *readable[PATHS_MAX], *writable[PATHS_MAX];
	size_t n_readable, n_writable;
	const char *program;
};

static const struct option_def option_defs[] = {
	{ "read", 0, "DIR", "may be read beneath" },
	{ "write", 0, "DIR", "may be changed beneath" },
	{ .name = NULL },
};

static const struct program program = {
	"bb-gitgate",
	"run a program that can reach the listed directories and no network",
	"jail [--read DIR]... [--write DIR]... PROGRAM [ARG]...",
	option_defs,
};

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;
	bool reads = strcmp(name, "read") == 0;
	size_t *n = reads ? &o->n_readable : &o->n_writable;

	if (*n == PATHS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d directories", PATHS_MAX);
	(reads ? o->readable : o->writable)[(*n)++] = arg;
	return true;
}

enum {
	READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	RUNS = READS | LANDLOCK_ACCESS_FS_EXECUTE,
	/* what a file can have */
	FILES = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE,
};

/*
 * Every access right of Landlock's first version with a few of later ones: what is denied unless a rule says otherwise.
 */
static uint64_t handled_files(int version)
{
	return ((uint64_t)1 << (version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13)) - 1;
}

/* What writing takes: files and directories made, changed, renamed, removed; no devices, sockets or pipes. */
static uint64_t writing_rights(int version)
{
	return READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	       LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |
	       (version >= 2 ? (uint64_t)1 << 13 : 0) | (version >= 3 ? (uint64_t)1 << 14 : 0);
}

/* Permit rights beneath a path; one that is not there is skipped when it may be. */
static bool permit(int ruleset, const char *path, uint64_t rights, bool optional, struct error *e)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && optional && (errno == ENOENT || errno == ENOTDIR))
		return true;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(e, "unable to open '%s'", path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FILES;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_sys(e, "unable to permit '%s'", path);
	return true;
}

/* The rules of one jail. */
static bool permit_all(int ruleset, int version, const struct options *o, struct error *e)
{
	for (const char *const *p = system_paths; *p; p++)
		if (!permit(ruleset, *p, RUNS, true, e))
			return false;
	if (!permit(ruleset, "/proc/self/exe", RUNS, false, e) ||
	    !permit(ruleset, "/dev/null", READS | LANDLOCK_ACCESS_FS_WRITE_FILE, false, e) ||
	    !permit(ruleset, "/dev/urandom", READS, false, e))
		return false;
	/* The program may be anywhere: an operator's own. */
	if (o->program[0] == '/' && !permit(ruleset, o->program, RUNS, false, e))
		return false;
	for (size_t i = 0; i < o->n_readable; i++)
		if (!permit(ruleset, o->readable[i], READS, false, e))
			return false;
	for (size_t i = 0; i < o->n_writable; i++)
		if (!permit(ruleset, o->writable[i], writing_rights(version), false, e))
			return false;
	return true;
}

/* Files, ports and other processes: what is not listed is out of reach. */
static bool lock_files(const struct options *o, struct error *e)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct {
		uint64_t files, net, scope;
	} attr = { handled_files(version), version >= 4 ? 3 : 0, version >= 6 ? 3 : 0 };
	AUTO_FD ruleset = -1;

	if (version < 1)
		return error_sys(e, "this kernel offers no Landlock (5.13 or newer, with 'landlock' among its security "
				    "modules)");
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return error_sys(e, "unable to make a Landlock ruleset");
	if (!permit_all(ruleset, version, o, e))
		return false;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 || error_sys(e, "unable to enforce Landlock");
}

/* System calls that git has no use for and that lead out: they fail with EPERM. */
static const int denied[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root),
	SCMP_SYS(chroot), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(fspick), SCMP_SYS(fsconfig), SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(reboot),
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(quotactl), SCMP_SYS(syslog),
	SCMP_SYS(personality), SCMP_SYS(fanotify_init), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
};

static void auto_release(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

/* The filter: those calls, new namespaces by clone, and clone3, whose flags a filter cannot see. */
static bool lock_calls(struct error *e)
{
	__attribute__((cleanup(auto_release))) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const uint64_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
				    CLONE_NEWUTS | CLONE_NEWCGROUP;
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < COUNT_OF(denied); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	for (uint64_t flag = 1; r == 0 && flag <= namespaces; flag <<= 1)
		if (flag & namespaces)
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					     SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_load(filter);
	if (r == 0)
		return true;
	errno = -r;
	return error_sys(e, "unable to load the system call filter (seccomp)");
}

/* Give up capabilities and the way to new ones; bound what may be used. */
static bool lock_process(struct error *e)
{
	static const struct {
		int resource;
		rlim_t max;
	} bounds[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_CPU, GIT_CPU_SECONDS },
		{ RLIMIT_NOFILE, GIT_FILES_MAX },
		{ RLIMIT_FSIZE, 2ul * PUSH_BYTES_MAX },
#ifndef BB_SANITIZED /* whose shadow memory takes terabytes of addresses */
		{ RLIMIT_DATA, GIT_MEMORY_MAX },
#endif
	};
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	for (size_t i = 0; i < COUNT_OF(bounds); i++) {
		struct rlimit r;

		if (getrlimit((__rlimit_resource_t)bounds[i].resource, &r) < 0)
			return error_sys(e, "unable to read a resource limit");
		if (r.rlim_max > bounds[i].max)
			r.rlim_max = bounds[i].max;
		r.rlim_cur = r.rlim_max;
		if (setrlimit((__rlimit_resource_t)bounds[i].resource, &r) < 0)
			return error_sys(e, "unable to set a resource limit");
	}
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* may be refused to an ordinary user, who has none */
	if (syscall(SYS_capset, &head, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to give up privileges");
	return true;
}

/* Whoever started us has died: end the whole session, which git's own children would survive. */
static void end_session(int signal_number)
{
	(void)signal_number;
	kill(0, SIGKILL);
}

/*
 * Stay above git, as the leader of its session, until it ends. Returns only in git's process, true; else exits
 * with git's status. Its connection is not ours to hold.
 */
static bool stay_above(struct error *e)
{
	pid_t self = getpid(), pid;
	int status;

	signal(SIGTERM, end_session);
	pid = fork();
	if (pid < 0)
		return error_sys(e, "unable to start a process");
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != self)
			_exit(STATUS_WORLD);
		return true;
	}
	close_range(0, ~0u, 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(spawn_exit_code(status));
}

int jail_main(int argc, char **argv)
{
	struct options o = { .n_readable = 0 };
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, &o);

	if (first == argc)
		return program_usage("no program is named");
	o.program = argv[first];
	if (!stay_above(&e) || !lock_process(&e) || !lock_files(&o, &e) || !lock_calls(&e))
		return program_fail(&e);
	execvp(argv[first], argv + first);
	error_sys(&e, "unable to run '%s'", argv[first]);
	e.status = errno == ENOENT ? STATUS_NOTFOUND : STATUS_NOEXEC;
	return program_fail(&e);
}
