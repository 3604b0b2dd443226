/*
 * The manifest's limits: what this backend can hold to, and what it cannot.
 *
 * pids: RLIMIT_NPROC, which the kernel counts per user namespace (5.14), set
 * inside (harden.h). wall: the launcher's clock. memory and cpus: a delegated
 * control group (cgroup.h). disk needs a quota, which is root's to give: refused
 * before anything starts.
 */
#ifndef BB_LAUNCH_LIMITS_H
#define BB_LAUNCH_LIMITS_H

#include "plan.h"

#define LIMIT_WALL_MAX (400 * 24 * 3600) /* seconds; longer than any bottle */

/* Refuse a plan whose limits cannot be given, naming the limit and what is missing. */
bool limits_check(const struct plan *p, struct error *e);

/* Milliseconds that the agent may run; 0: as long as it likes. */
int64_t limits_wall(const struct plan *p);

#endif
