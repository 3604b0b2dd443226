/*
 * Running another program.
 *
 * One struct says everything about the child; nothing else is inherited: its
 * signal mask is empty and its signals have their default actions, and every
 * descriptor but 0, 1, 2 and those listed is closed (close_range(2) or the
 * portable equal of it), whatever their flags were.
 */
#ifndef BB_SPAWN_H
#define BB_SPAWN_H

#include <sys/types.h>

#include "buf.h"
#include "error.h"

#define SPAWN_FDS_MAX 32

struct spawn_fd {
	int from; /* descriptor of the parent, stays open there */
	int to;   /* number in the child */
};

struct spawn {
	const char *path;          /* program; looked for in PATH when it has no slash */
	const char *const *argv;   /* ends with NULL */
	const char *const *env;    /* ends with NULL; NULL: the parent's */
	const char *cwd;           /* NULL: the parent's */
	const struct spawn_fd *fds; /* may name 0, 1 and 2; those not named are /dev/null */
	size_t n_fds;              /* at most SPAWN_FDS_MAX */
	bool new_session;          /* setsid(2) first */
	bool foreground;           /* a process group of its own, in front on the terminal that is descriptor 0 */
	int death_signal;          /* sent to the child when the calling thread dies; 0: none (Linux only) */
	/* CLONE_NEW* for the child; in a user namespace its ids stay what they are (Linux only) */
	int namespaces;
	int landlock;              /* ruleset to enforce in the child, which needs no_new_privs; 0: none (Linux only) */
};

/*
 * Start the child and return its pid, or -1 with an error. A program that
 * cannot be run is reported here (status 126 or 127), not as a child that
 * dies. Blocks until the exec has happened.
 */
pid_t spawn_start(const struct spawn *s, struct error *e);

/* Wait for it: exit status, or 128 + signal. -1 with an error when there is no such child. Blocks. */
int spawn_wait(pid_t pid, struct error *e);

/* Turn a wait status into what a shell would report: exit status or 128 + signal. */
int spawn_exit_code(int wait_status);

/* Run to the end with standard output collected (at most max bytes); returns the exit code or -1. Blocks. */
int spawn_capture(const struct spawn *s, size_t max, struct buf *out, struct error *e);

#endif
