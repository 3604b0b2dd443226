/*
 * A control group (version 2) for one bottle: what holds it to limits.memory and limits.cpus, and to limits.pids
 * once more.
 *
 * An ordinary user has no control group of their own unless it was delegated:
 * systemd does that for "systemd-run --user --scope -p Delegate=yes". The bottle's
 * group is made below the one that the launcher was started in:
 *
 *	HERE/                            delegated to the user, with the controllers
 *	    bot-bottle-host/             the launcher and what it starts outside; a group that
 *	                                 passes controllers on can hold no process itself
 *	    bot-bottle-IDENTITY/         the bottle, from its first process on
 *
 * Only the launcher's own processes are moved: with others in HERE, which is then
 * not the launcher's alone, the limit is refused. bot-bottle-host is for all bottles
 * that are started in HERE and stays; systemd removes it with HERE. A plan without
 * such limits makes no group.
 *
 * Source: cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
 */
#ifndef BB_LAUNCH_CGROUP_H
#define BB_LAUNCH_CGROUP_H

#include "plan.h"
#include "state.h"

#define CGROUP_REMEDY												\
	"start it with 'systemd-run --user --scope -p Delegate=yes bb start ...', or in a service with "	\
	"Delegate=yes"

struct cgroup {
	int here;   /* the delegated group */
	int group;  /* the bottle's */
	char *name; /* of the bottle's group; owned */
};

#define CGROUP_INIT { -1, -1, NULL }

/* Could limits.memory and limits.cpus be held to from here? Changes nothing. */
bool cgroup_check(struct error *e);

/* Make the bottle's group with its memory, if a limit needs one, and note it in the state for cgroup_sweep. */
bool cgroup_make(struct cgroup *c, const struct plan *p, const struct state *s, struct error *e);

/* Limit the processors: when the agent is started, since bb-prove has deadlines. */
bool cgroup_start(const struct cgroup *c, const struct plan *p, struct error *e);

/* How many processes the kernel has ended because the memory was used up. */
unsigned long cgroup_killed(const struct cgroup *c);

/* Remove the group once its processes are gone. Idempotent. Blocks for at most CGROUP_EMPTY_MS. */
#define CGROUP_EMPTY_MS 2000
void cgroup_remove(struct cgroup *c);

/* Remove the group of a launcher that was killed, as noted in the directory of its state. */
void cgroup_sweep(const char *dir);

#endif
