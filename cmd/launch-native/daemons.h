/*
 * The sidecar of a bottle, seen from the launcher: bb-sidecar as the first process
 * of a pid namespace, so that when it dies, or the launcher does, the kernel ends
 * every daemon; for an ordinary user in a user namespace, which that takes.
 *
 * It is given the plan's sidecar document and the daemons' secrets on descriptors,
 * the sockets of the bottle, the state directory, a file for its log, the path of
 * the audit log, and an environment without anything of the operator's but what daemons need.
 */
#ifndef BB_LAUNCH_DAEMONS_H
#define BB_LAUNCH_DAEMONS_H

#include <sys/types.h>

#include "plan.h"
#include "secret.h"
#include "state.h"

#define DAEMONS_READY_MS 30000 /* for all daemons; each has 20 s of its own */
#define DAEMONS_END_MS 10000   /* from TERM to KILL: the sidecar itself gives its daemons 8 s */

struct daemons {
	pid_t pid;  /* 0: not started, or the plan has no daemon */
	int handle; /* pidfd: readable when it has ended */
	int ready;  /* says how far they are, a byte for each stage; -1 when it has said the last */
};

#define DAEMONS_INIT { 0, -1, -1 }

/* How far the daemons can be, and the byte that says so. */
enum daemons_stage {
	DAEMONS_CERTIFIED = '+', /* the proxy's certificate can be read */
	DAEMONS_READY = '\n',    /* everything answers */
};

/* Start it from the directory programs. listeners are in the plan's order and stay the caller's. */
bool daemons_start(struct daemons *d, const char *programs, const struct plan *p, const struct state *s,
		   const struct secret_set *secrets, const int *listeners, struct error *e);

/* Wait until the daemons are that far; an early end is told with the last line of the log. Blocks, bounded. */
bool daemons_wait(struct daemons *d, enum daemons_stage stage, const struct state *s, struct error *e);

/* End it, by force if it takes too long. Idempotent. Blocks, bounded. */
void daemons_end(struct daemons *d);

/* Tell why it ended: what the log says last. Returns false. */
bool daemons_explain(const struct state *s, struct error *e);

#endif
