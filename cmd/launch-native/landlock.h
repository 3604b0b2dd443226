/*
 * Landlock: what the agent may write, enforced by a second mechanism.
 *
 * The mounts decide what there is; this decides that files are only ever made,
 * changed or removed in the agent's home, its workspace and the places for
 * temporary files, whatever the mounts and modes say. Reading is not restricted:
 * nothing is in the bottle that may not be read. Where the kernel knows how,
 * signals and abstract sockets reach only what the agent started: not even the
 * bottle's first process, which is why that one stays outside.
 *
 * TCP is left alone: the bottle's network has nothing but its own loopback
 * interface, and the agent's test servers listen and connect there.
 *
 * Source: landlock(7), Documentation/userspace-api/landlock.rst, up to version 7.
 */
#ifndef BB_LAUNCH_LANDLOCK_H
#define BB_LAUNCH_LANDLOCK_H

#include "plan.h"

/* The kernel's version of Landlock; 0 where there is none. */
int landlock_version(void);

/*
 * A ruleset for what is started in the bottle: close-on-exec, to be enforced by each child (spawn.h). After the
 * change of root. Returns -1 with an error.
 */
int landlock_ruleset(const struct plan *p, struct error *e);

#endif
