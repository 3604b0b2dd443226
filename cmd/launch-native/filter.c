#include "filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "feature.h"

#define WORD 0xffffffffu /* the part of an argument that the kernel looks at when it is an int */

/*
 * The newest call that was considered here: removexattrat of Linux 6.13. From 424 on, calls have the
 * same number on all architectures. Source: arch/x86/entry/syscalls/syscall_64.tbl.
 */
#define NEWEST_CALL 466

/* Calls since Linux 5.18 that libseccomp 2.5 has no names for. */
enum { CALL_STATMOUNT = 457, CALL_LISTMOUNT = 458, CALL_LSM_SET_SELF_ATTR = 460 };

struct denial {
	int call;
	int error;
};

static const struct denial denials[] = {
	/* mounts and roots */
	{ SCMP_SYS(mount), EPERM }, { SCMP_SYS(umount), EPERM }, { SCMP_SYS(umount2), EPERM },
	{ SCMP_SYS(pivot_root), EPERM }, { SCMP_SYS(chroot), EPERM }, { SCMP_SYS(open_tree), EPERM },
	{ SCMP_SYS(move_mount), EPERM }, { SCMP_SYS(fsopen), EPERM }, { SCMP_SYS(fsconfig), EPERM },
	{ SCMP_SYS(fsmount), EPERM }, { SCMP_SYS(fspick), EPERM }, { SCMP_SYS(mount_setattr), EPERM },
	{ CALL_STATMOUNT, EPERM }, { CALL_LISTMOUNT, EPERM }, { SCMP_SYS(open_by_handle_at), EPERM },
	{ SCMP_SYS(name_to_handle_at), EPERM }, { SCMP_SYS(fanotify_init), EPERM },
	/* namespaces; clone3 keeps its flags where no filter can see them, and libraries then use clone */
	{ SCMP_SYS(setns), EPERM }, { SCMP_SYS(clone3), ENOSYS },
	/* other processes */
	{ SCMP_SYS(ptrace), EPERM }, { SCMP_SYS(process_vm_readv), EPERM }, { SCMP_SYS(process_vm_writev), EPERM },
	{ SCMP_SYS(process_madvise), EPERM }, { SCMP_SYS(pidfd_getfd), EPERM }, { SCMP_SYS(kcmp), EPERM },
	/* the kernel's own machinery */
	{ SCMP_SYS(bpf), EPERM }, { SCMP_SYS(perf_event_open), EPERM }, { SCMP_SYS(userfaultfd), EPERM },
	{ SCMP_SYS(io_uring_setup), ENOSYS }, { SCMP_SYS(io_uring_enter), ENOSYS },
	{ SCMP_SYS(io_uring_register), ENOSYS }, { SCMP_SYS(keyctl), EPERM }, { SCMP_SYS(add_key), EPERM },
	{ SCMP_SYS(request_key), EPERM }, { SCMP_SYS(init_module), EPERM }, { SCMP_SYS(finit_module), EPERM },
	{ SCMP_SYS(delete_module), EPERM }, { SCMP_SYS(create_module), EPERM }, { SCMP_SYS(query_module), EPERM },
	{ SCMP_SYS(get_kernel_syms), EPERM }, { SCMP_SYS(kexec_load), EPERM }, { SCMP_SYS(kexec_file_load), EPERM },
	{ SCMP_SYS(reboot), EPERM }, { SCMP_SYS(syslog), EPERM }, { SCMP_SYS(lookup_dcookie), EPERM },
	{ SCMP_SYS(nfsservctl), EPERM }, { SCMP_SYS(uselib), EPERM }, { SCMP_SYS(sysfs), EPERM },
	{ SCMP_SYS(ustat), EPERM }, { SCMP_SYS(_sysctl), EPERM }, { SCMP_SYS(modify_ldt), EPERM },
	{ SCMP_SYS(vm86), EPERM }, { SCMP_SYS(vm86old), EPERM }, { CALL_LSM_SET_SELF_ATTR, EPERM },
	/* the machine */
	{ SCMP_SYS(settimeofday), EPERM }, { SCMP_SYS(stime), EPERM }, { SCMP_SYS(clock_settime), EPERM },
	{ SCMP_SYS(clock_settime64), EPERM }, { SCMP_SYS(clock_adjtime), EPERM }, { SCMP_SYS(clock_adjtime64), EPERM },
	{ SCMP_SYS(adjtimex), EPERM }, { SCMP_SYS(swapon), EPERM }, { SCMP_SYS(swapoff), EPERM },
	{ SCMP_SYS(acct), EPERM }, { SCMP_SYS(quotactl), EPERM }, { SCMP_SYS(quotactl_fd), EPERM },
	{ SCMP_SYS(iopl), EPERM }, { SCMP_SYS(ioperm), EPERM }, { SCMP_SYS(sethostname), EPERM },
	{ SCMP_SYS(setdomainname), EPERM }, { SCMP_SYS(vhangup), EPERM }, { SCMP_SYS(pciconfig_read), EPERM },
	{ SCMP_SYS(pciconfig_write), EPERM }, { SCMP_SYS(pciconfig_iobase), EPERM },
};

/* A call that is denied when one argument, under a mask, has a value. */
struct conditional {
	int call;
	int error;
	unsigned argument;
	uint64_t mask, value;
};

#define NEW_FLAG(flag) { SCMP_SYS(clone), EPERM, 0, (flag), (flag) }, { SCMP_SYS(unshare), EPERM, 0, (flag), (flag) }

static const struct conditional conditionals[] = {
	NEW_FLAG(CLONE_NEWUSER), NEW_FLAG(CLONE_NEWNS), NEW_FLAG(CLONE_NEWPID), NEW_FLAG(CLONE_NEWNET),
	NEW_FLAG(CLONE_NEWIPC), NEW_FLAG(CLONE_NEWUTS), NEW_FLAG(CLONE_NEWCGROUP),
	{ SCMP_SYS(unshare), EPERM, 0, CLONE_NEWTIME, CLONE_NEWTIME },
	/* in clone's flags this bit is a part of the exit signal */
	/* typing into one's own terminal, pasting its selection, changing its line discipline, taking the console */
	{ SCMP_SYS(ioctl), EPERM, 1, WORD, TIOCSTI }, { SCMP_SYS(ioctl), EPERM, 1, WORD, TIOCLINUX },
	{ SCMP_SYS(ioctl), EPERM, 1, WORD, TIOCSETD }, { SCMP_SYS(ioctl), EPERM, 1, WORD, TIOCCONS },
	{ SCMP_SYS(mknod), EPERM, 1, S_IFMT, S_IFCHR }, { SCMP_SYS(mknod), EPERM, 1, S_IFMT, S_IFBLK },
	{ SCMP_SYS(mknodat), EPERM, 2, S_IFMT, S_IFCHR }, { SCMP_SYS(mknodat), EPERM, 2, S_IFMT, S_IFBLK },
};

/* The kinds of socket that a tool needs; all others are denied. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
static const int raw_types[] = { SOCK_RAW, SOCK_RDM, SOCK_DCCP, SOCK_PACKET };

enum {
	FAMILY_MAX = 64,        /* above all that exist; anything higher is denied by comparison */
	TYPE_MASK = 0xf,        /* the rest of the type argument are flags */
	PROTOCOL_MAX = IPPROTO_UDP, /* TCP is 6, UDP 17; above are SCTP, MPTCP and others */
};

/* A failure of libseccomp, which returns errno negated. */
static bool failed(int r, struct error *e)
{
	errno = -r;
	return feature_missing(e, FEATURE_SECCOMP, "unable to make the system call filter");
}

/* Add a rule with conditions on arguments. */
static bool deny_if(scmp_filter_ctx ctx, int error, int call, unsigned n, const struct scmp_arg_cmp *args,
		    struct error *e)
{
	int r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((unsigned)error), call, n, args);

	return r == 0 || r == -EEXIST || failed(r, e);
}

/* Sockets: by family, then raw ones, then other protocols. */
static bool deny_sockets(scmp_filter_ctx ctx, struct error *e)
{
	for (int family = 0; family < FAMILY_MAX; family++) {
		struct scmp_arg_cmp is = SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, (scmp_datum_t)family);
		bool allowed = false;

		for (size_t i = 0; i < COUNT_OF(families); i++)
			allowed = allowed || families[i] == family;
		if (!allowed && !deny_if(ctx, EAFNOSUPPORT, SCMP_SYS(socket), 1, &is, e))
			return false;
	}
	for (int inet6 = 0; inet6 < 2; inet6++) {
		struct scmp_arg_cmp args[2] = { SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, inet6 ? AF_INET6 : AF_INET),
						SCMP_A2(SCMP_CMP_GT, PROTOCOL_MAX, 0) };

		if (!deny_if(ctx, EPROTONOSUPPORT, SCMP_SYS(socket), 2, args, e))
			return false;
		for (size_t i = 0; i < COUNT_OF(raw_types); i++) {
			args[1] = SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, (scmp_datum_t)raw_types[i]);
			if (!deny_if(ctx, EPERM, SCMP_SYS(socket), 2, args, e))
				return false;
		}
	}
	/*
	 * Of netlink only NETLINK_ROUTE (0), which getaddrinfo and ip ask; families past the list, rubbish above the
	 * word.
	 */
	return deny_if(ctx, EPROTONOSUPPORT, SCMP_SYS(socket), 2,
		       (struct scmp_arg_cmp[]){ SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, AF_NETLINK),
						SCMP_A2(SCMP_CMP_NE, 0, 0) },
		       e) &&
	       deny_if(ctx, EAFNOSUPPORT, SCMP_SYS(socket), 1,
		       (struct scmp_arg_cmp[]){ SCMP_A0(SCMP_CMP_GE, FAMILY_MAX, 0) }, e);
}

/* Add all rules. */
static bool add_rules(scmp_filter_ctx ctx, struct error *e)
{
	struct scmp_arg_cmp not_asking = SCMP_A0(SCMP_CMP_NE, WORD, 0); /* personality(0xffffffff) only asks */

	for (size_t i = 0; i < COUNT_OF(denials); i++)
		if (!deny_if(ctx, denials[i].error, denials[i].call, 0, NULL, e))
			return false;
	for (size_t i = 0; i < COUNT_OF(conditionals); i++) {
		const struct conditional *c = &conditionals[i];
		struct scmp_arg_cmp is = SCMP_CMP64(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value);

		if (!deny_if(ctx, c->error, c->call, 1, &is, e))
			return false;
	}
	return deny_if(ctx, EPERM, SCMP_SYS(personality), 1, &not_asking, e) && deny_sockets(ctx, e);
}

struct filter *filter_make(struct error *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = ctx ? 0 : -ENOMEM;

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0); /* set already; not this module's to do */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: fewer steps for each call */
	if (r < 0 || !add_rules(ctx, e)) {
		if (r < 0)
			failed(r, e);
		if (ctx)
			seccomp_release(ctx);
		return NULL;
	}
	return (struct filter *)ctx;
}

/* Answer calls that are newer than the list as a kernel that lacks them would. */
static bool load_ceiling(struct error *e)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT_OF(code), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return feature_missing(e, FEATURE_SECCOMP, "unable to load a system call filter");
	return true;
}

bool filter_load(struct filter *f, struct error *e)
{
	scmp_filter_ctx ctx = (scmp_filter_ctx)f;
	bool ok = load_ceiling(e);
	int r = ok ? seccomp_load(ctx) : 0;

	seccomp_release(ctx);
	return ok && (r == 0 || failed(r, e));
}
