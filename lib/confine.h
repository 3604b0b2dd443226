/*
 * Taking from a process what it will not need.
 *
 * A daemon does everything that needs power first (descriptors, memory, files
 * that it reads once), then calls confine() and only after that looks at the
 * first byte that someone else wrote. What stays allowed is a list: the system
 * calls are declared beside the functions that make them (loop_calls, …) and the
 * program joins those of the modules that it uses.
 *
 * The stages, in this order; none can be taken back:
 *   process  core files off, descriptors bounded, user and groups of its own
 *            where the caller is root, no capability, no new privileges, not
 *            dumpable (no ptrace, no /proc/PID/mem), dying with its parent if asked
 *   files    Landlock: nothing but reading and writing beneath the listed paths; no TCP but
 *            what is asked for; no abstract sockets and no signals to others
 *   calls    seccomp: any other system call ends the process
 *
 * A kernel without one of these is an error that names it (status 111).
 * A user id that does not exist in this user namespace is left out: the
 * process is then already without power outside of it.
 *
 * Sources: prctl(2), capabilities(7), landlock(7), seccomp(2).
 */
#ifndef BB_CONFINE_H
#define BB_CONFINE_H

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* One permitted system call; with mask, only when (argument & mask) == value. */
struct confine_call {
	int number;
	int argument; /* index of the argument that is looked at */
	uint64_t mask, value;
};

#define CONFINE_ALLOW(nr) { (nr), 0, 0, 0 }
#define CONFINE_END { -1, 0, 0, 0 }

struct confinement {
	const char *role;                        /* for error texts */
	uid_t uid;                               /* user and group to become when root; 0: stay */
	unsigned descriptors;                    /* how many may be open; 0: as it is */
	/* paths to read beneath, ends with NULL; those that do not exist are skipped */
	const char *const *readable;
	/* the same to make, write, move and remove files, directories and links beneath; NULL: none */
	const char *const *writable;
	/* beneath writable: also character devices, of which seccomp lets pass 0:0 */
	bool whiteouts;
	bool connect;                            /* may open TCP connections */
	bool tied;                               /* die with the parent process */
	/* lists to join, ends with NULL; memory, time and exit are always there */
	const struct confine_call *const *calls;
};

/* Do all of it. On failure the process is partly confined and should end. Does not block. */
bool confine(const struct confinement *c, struct error *e);

#endif
