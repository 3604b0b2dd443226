#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

/* What any C program does: memory without code in it, time, randomness, a last word, the end. */
static const struct confine_call base_calls[] = {
	CONFINE_ALLOW(__NR_brk),
	{ __NR_mmap, 2, PROT_EXEC, 0 },
	{ __NR_mprotect, 2, PROT_EXEC, 0 },
	CONFINE_ALLOW(__NR_munmap),
	CONFINE_ALLOW(__NR_mremap),
	CONFINE_ALLOW(__NR_madvise),
	CONFINE_ALLOW(__NR_futex),
	CONFINE_ALLOW(__NR_clock_gettime),
	CONFINE_ALLOW(__NR_getrandom),
	CONFINE_ALLOW(__NR_getpid),
	CONFINE_ALLOW(__NR_gettid),
	CONFINE_ALLOW(__NR_rt_sigprocmask),
	CONFINE_ALLOW(__NR_rt_sigreturn),
	CONFINE_ALLOW(__NR_restart_syscall),
	CONFINE_ALLOW(__NR_close),
	{ __NR_write, 0, ~(uint64_t)0, STDERR_FILENO },
	CONFINE_ALLOW(__NR_exit),
	CONFINE_ALLOW(__NR_exit_group),
#ifdef BB_SANITIZED /* the sanitizers' own needs, and their reports */
	CONFINE_ALLOW(__NR_mmap),
	CONFINE_ALLOW(__NR_mprotect),
	CONFINE_ALLOW(__NR_write),
	CONFINE_ALLOW(__NR_sigaltstack),
	CONFINE_ALLOW(__NR_rt_sigaction),
	CONFINE_ALLOW(__NR_sched_yield),
	CONFINE_ALLOW(__NR_prlimit64),
	CONFINE_ALLOW(__NR_readlinkat),
#ifdef __NR_readlink
	CONFINE_ALLOW(__NR_readlink),
#endif
	CONFINE_ALLOW(__NR_tgkill),
#endif
	CONFINE_END,
};

#ifdef BB_SANITIZED
const char *__asan_default_options(void);

/* A process that may not be traced cannot be searched for leaks at its end. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* Become another user if this one is root. A user that this namespace does not have is left out. */
static bool change_user(const struct confinement *c, struct error *e)
{
	if (!c->uid || geteuid() != 0)
		return true;
	if (setgroups(0, NULL) < 0 && errno != EPERM) /* user_namespaces(7): setgroups may be denied for good */
		return error_sys(e, "unable to leave the groups");
	if (setresgid(c->uid, c->uid, c->uid) < 0)
		return errno == EINVAL ? true : error_sys(e, "unable to become group %u", (unsigned)c->uid);
	if (setresuid(c->uid, c->uid, c->uid) < 0)
		return errno == EINVAL ? true : error_sys(e, "unable to become user %u", (unsigned)c->uid);
	return true;
}

/* Give up every capability, also those that a root without a user of its own would keep. */
static bool drop_capabilities(struct error *e)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (syscall(SYS_capset, &head, none) < 0)
		return error_sys(e, "unable to give up capabilities");
	return true;
}

/* Lower one limit, soft and hard, to at most max. */
static bool limit(int resource, rlim_t max, struct error *e)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
		return error_sys(e, "unable to read a resource limit");
	if (r.rlim_max > max)
		r.rlim_max = max;
	r.rlim_cur = r.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &r) < 0)
		return error_sys(e, "unable to set a resource limit");
	return true;
}

/* Stage "process". */
static bool confine_process(const struct confinement *c, struct error *e)
{
	pid_t parent = getppid();

	if (!limit(RLIMIT_CORE, 0, e) || (c->descriptors && !limit(RLIMIT_NOFILE, c->descriptors, e)))
		return false;
	if (!change_user(c, e) || !drop_capabilities(e))
		return false;
	/* Changing the user has cleared the signal and may have changed dumpability, so both come after it. */
	if (c->tied && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_sys(e, "unable to tie the process to its parent");
	if (c->tied && getppid() != parent)
		return error_set(e, STATUS_WORLD, "the parent process is gone");
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_sys(e, "unable to become undumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to set no_new_privs");
	return true;
}

/* Landlock as far as its version 7 goes; the build host's header may be older than the kernel. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scope;
};

enum {
	/* execute … make_sym, refer, truncate, ioctl_dev */
	FS_BITS_V1 = 13, FS_BITS_V2 = 14, FS_BITS_V3 = 15, FS_BITS_V5 = 16,
	NET_BIND = 1, NET_CONNECT = 2,                                     /* since version 4 */
	SCOPE_ABSTRACT = 1, SCOPE_SIGNAL = 2,                              /* since version 6 */
};

/* The access rights that this version of Landlock can deny. */
static struct ruleset ruleset_of(int version, bool may_connect)
{
	int bits = version >= 5 ? FS_BITS_V5 : version >= 3 ? FS_BITS_V3 : version == 2 ? FS_BITS_V2 : FS_BITS_V1;
	struct ruleset r = { ((uint64_t)1 << bits) - 1, 0, 0 };

	if (version >= 4)
		r.net = NET_BIND | (may_connect ? 0 : NET_CONNECT);
	if (version >= 6)
		r.scope = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return r;
}

/*
 * What writing means here: files, directories and symbolic links that come, change, move and go. The last two rights
 * are newer than some headers.
 */
enum { FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14 };
static const uint64_t writing = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
				LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER | FS_TRUNCATE;

/*
 * Permit reading, and more (of what this kernel can deny), beneath path; a path that is not there needs no permission.
 */
static bool permit(int ruleset, const char *path, uint64_t more, struct error *e)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | more };
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? true : error_sys(e, "unable to open '%s'", path);
	if (fstat(fd, &st) < 0)
		return error_sys(e, "unable to look at '%s'", path);
	if (S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_sys(e, "unable to permit the use of '%s'", path);
	return true;
}

/* Stage "files". */
static bool confine_files(const struct confinement *c, struct error *e)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r = ruleset_of(version, c->connect);
	AUTO_FD fd = -1;

	if (version < 1)
		return error_sys(e, "this kernel offers no Landlock (5.13 or newer, with 'landlock' in its list of "
				    "security modules)");
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (fd < 0)
		return error_sys(e, "unable to make a Landlock ruleset");
	for (const char *const *p = c->readable; p && *p; p++)
		if (!permit(fd, *p, 0, e))
			return false;
	for (const char *const *p = c->writable; p && *p; p++)
		if (!permit(fd, *p, (writing | (c->whiteouts ? LANDLOCK_ACCESS_FS_MAKE_CHAR : 0)) & r.files, e))
			return false;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return error_sys(e, "unable to enforce Landlock");
	return true;
}

/* Add one list of permitted calls to the filter. */
static bool permit_calls(scmp_filter_ctx filter, const struct confine_call *list, struct error *e)
{
	for (const struct confine_call *call = list; call->number >= 0; call++) {
		struct scmp_arg_cmp compare =
			SCMP_CMP64((unsigned)call->argument, SCMP_CMP_MASKED_EQ, call->mask, call->value);
		int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, call->mask ? 1 : 0, &compare);

		if (r < 0 && r != -EEXIST) {
			errno = -r;
			return error_sys(e, "unable to permit system call %d", call->number);
		}
	}
	return true;
}

/* Release a filter when its variable goes out of scope. */
static void auto_release(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

/* Stage "calls". */
static bool confine_calls(const struct confinement *c, struct error *e)
{
	__attribute__((cleanup(auto_release))) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return error_set(e, STATUS_WORLD, "unable to make a system call filter");
	if (!permit_calls(filter, base_calls, e))
		return false;
	for (const struct confine_call *const *list = c->calls; list && *list; list++)
		if (!permit_calls(filter, *list, e))
			return false;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: fewer steps for each call */
	if (r == 0)
		r = seccomp_load(filter);
	if (r < 0) {
		errno = -r;
		return error_sys(e, "unable to load the system call filter (seccomp)");
	}
	return true;
}

bool confine(const struct confinement *c, struct error *e)
{
	if (!confine_process(c, e) || !confine_files(c, e) || !confine_calls(c, e))
		return error_wrap(e, "while confining the %s", c->role);
	return true;
}
