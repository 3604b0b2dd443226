/*
 * What is tried, and what came of it.
 *
 * CHECKS is the list of everything that bb-prove does: the name of each check,
 * the layer that has to hold, whether the guarantee belongs to every backend or
 * to the native one only, and what is tried. A check that nobody reports on is
 * unknown, and unknown does not hold: a probe that died or was forgotten can
 * not let a bottle pass.
 *
 * A check may be reported on several times; the worst result stays (open, then
 * unknown, then held), with the detail that came with it.
 */
#ifndef BB_PROVE_VERDICT_H
#define BB_PROVE_VERDICT_H

#include <stdbool.h>

#include "document.h"

/* X(identifier, name, layer, native only, what is tried) */
#define CHECKS(X)                                                                                                    \
	X(TCP, "tcp", "network namespace", false, "TCP to public addresses and to those that the probe lists")       \
	X(UDP, "udp", "network namespace", false, "a DNS query, name full of data, to 8.8.8.8 port 53")              \
	X(IPV6, "ipv6", "network namespace", false, "TCP and UDP over IPv6")                                         \
	X(METADATA, "metadata", "network namespace", false, "the cloud's metadata addresses")                        \
	X(HOST, "host", "network namespace", false, "the host's own addresses")                                      \
	X(NEIGHBOURS, "neighbours", "network namespace", true, "listeners and named sockets that are not ours")      \
	X(INTERFACES, "interfaces", "network namespace", true, "an interface or a route beside loopback")            \
	X(RESOLVER, "resolver", "resolver", false, "a name with data in it, to every resolver there could be")       \
	X(PROXY_HOST, "proxy-host", "proxy", false, "an unlisted name through the proxy")                            \
	X(PROXY_PORT, "proxy-port", "proxy", false, "a listed name's other port through the proxy")                  \
	X(PROXY_ADDRESS, "proxy-address", "proxy", false, "the metadata address through the proxy")                  \
	X(PROXY_TUNNEL, "proxy-tunnel", "proxy", false, "bytes that are not TLS through a CONNECT tunnel")           \
	X(RAW, "raw", "seccomp", false, "raw and packet sockets")                                                    \
	X(VSOCK, "vsock", "seccomp", true, "sockets of other families: vsock, kernel crypto")                        \
	X(NETLINK, "netlink", "seccomp", true, "netlink beyond route queries")                                       \
	X(SECCOMP, "seccomp", "seccomp", false, "is a filter in force")                                              \
	X(FOREIGN_ABI, "foreign-abi", "seccomp", true, "the same calls by another entry: i386, x32")                 \
	X(MOUNT, "mount", "seccomp", false, "mount, umount, pivot_root, chroot, fsopen, open_tree, move_mount")      \
	X(UNSHARE, "unshare", "seccomp", false, "unshare, clone, clone3 and setns into new namespaces")              \
	X(PTRACE, "ptrace", "seccomp", false, "attach to the parent; read the memory of process 1")                  \
	X(BPF, "bpf", "seccomp", false, "make a BPF map")                                                            \
	X(IO_URING, "io-uring", "seccomp", false, "set up a ring")                                                   \
	X(KEYRING, "keyring", "seccomp", false, "keyctl, add_key and request_key")                                   \
	X(PERF, "perf", "seccomp", false, "open a performance event")                                                \
	X(USERFAULTFD, "userfaultfd", "seccomp", false, "by system call and by device")                              \
	X(TIOCSTI, "tiocsti", "seccomp", false, "type into a terminal, also with high bits set")                     \
	X(MODULE, "module", "seccomp", false, "load and unload kernel modules")                                      \
	X(KEXEC, "kexec", "seccomp", false, "load another kernel")                                                   \
	X(REBOOT, "reboot", "seccomp", false, "reboot, with magic numbers that the kernel refuses")                  \
	X(CLOCK, "clock", "seccomp", false, "set the clock, with values that the kernel refuses")                    \
	X(KERNEL_LOG, "kernel-log", "seccomp", false, "read the kernel's log")                                       \
	X(ADMIN, "admin", "seccomp", false, "swapon, acct, open_by_handle_at")                                       \
	X(CAPABILITIES, "capabilities", "capabilities", false, "any capability in any of the five sets")             \
	X(PRIVILEGES, "privileges", "no new privileges", false, "is the flag set")                                   \
	X(SETID, "setid", "no new privileges", false, "run a set-user-id program")                                   \
	X(IDENTITY, "identity", "identity", false, "is any of the user or group ids root's")                         \
	X(NS_USER, "user-namespace", "user namespace", true, "is it the host's; is root mapped")                     \
	X(NS_MOUNT, "mount-namespace", "mount namespace", false, "is it the host's")                                 \
	X(NS_PID, "pid-namespace", "pid namespace", false, "is it the host's")                                       \
	X(NS_NET, "network-namespace", "network namespace", false, "is it the host's")                               \
	X(NS_IPC, "ipc-namespace", "ipc namespace", false, "is it the host's")                                       \
	X(NS_UTS, "uts-namespace", "uts namespace", false, "is it the host's")                                       \
	X(NS_CGROUP, "cgroup-namespace", "cgroup namespace", true, "is it the host's")                               \
	X(NS_TIME, "time-namespace", "time namespace", true, "is it the host's")                                     \
	X(PROCESSES, "processes", "pid namespace", false, "processes other than ourselves and our ancestors")        \
	X(INIT, "init", "proc", false, "environment, memory, root and descriptors of process 1")                     \
	X(PROC, "proc", "proc", false, "kernel settings and kernel memory below /proc and /sys")                     \
	X(HIDDEN, "hidden", "mounts", false, "the files that the probe names, also by way of process 1's root")      \
	X(READ_ONLY, "read-only", "mounts", true, "writing into the host's programs")                                \
	X(MOUNT_FLAGS, "mount-flags", "mounts", true, "file systems with set-id or devices; the host's root")        \
	X(DEVICES, "devices", "devices", false, "making and opening device nodes")                                   \
	X(SOCKETS, "sockets", "mounts", false, "sockets of docker, ssh-agent, D-Bus, X11 and others")                \
	X(DESCRIPTORS, "descriptors", "descriptors", false, "descriptors inherited beside 0, 1 and 2")               \
	X(TERMINAL, "terminal", "terminal", false, "the operator's terminal")                                        \
	X(ENVIRONMENT, "environment", "environment", false, "variables that nobody allowed; tokens in clear")        \
	X(LANDLOCK_FILES, "landlock-files", "landlock", true, "writing where only Landlock says no")                 \
	X(LANDLOCK_SCOPE, "landlock-scope", "landlock", true, "signals to process 1; abstract sockets outside")      \
	X(LIMITS, "limits", "limits", true, "core dumps; processes without end")

enum check {
#define X(id, name, layer, native, tries) CHECK_##id,
	CHECKS(X)
#undef X
		CHECK_COUNT
};

struct check_def {
	const char *name;
	const char *layer;
	bool native;
	const char *tries;
};

extern const struct check_def check_defs[CHECK_COUNT];

enum result {
	RESULT_NONE, /* nobody reported: counts as unknown */
	RESULT_HELD,
	RESULT_UNKNOWN,
	RESULT_OPEN,
};

#define DETAIL_MAX 300 /* bytes of one detail */

struct verdict {
	bool native; /* the guarantees of the native backend are asked for */
	struct {
		enum result result;
		char detail[DETAIL_MAX];
	} of[CHECK_COUNT];
};

/* Report on a check. Text of foreign origin is escaped here. */
void verdict_set(struct verdict *v, enum check check, enum result result, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Report RESULT_OPEN with detail when broken, RESULT_HELD otherwise. */
void verdict_judge(struct verdict *v, enum check check, bool broken, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Report that a search ended without a finding so far. */
void verdict_clear(struct verdict *v, enum check check);

/* Does the backend that is asked for owe this check? */
bool verdict_applies(const struct verdict *v, enum check check);

/* Every check that applies was reported as held. */
bool verdict_holds(const struct verdict *v);

/* The verdict document; the caller releases it. */
struct doc *verdict_document(const struct verdict *v, int64_t milliseconds);

/* One line "the LAYER does not hold: NAME: detail (and N more)" for each layer with a check that did not hold. */
void verdict_explain(const struct verdict *v, struct buf *out);

#endif
