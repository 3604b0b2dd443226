/*
 * Taking every power from the bottle's first process, and so from all in it.
 *
 * The stages, in this order; none can be taken back:
 *   limits        no core files; processes, descriptors and locked memory bounded
 *   clocks        a time namespace for what is started from here on
 *   privileges    no_new_privs: set-id bits and file capabilities do nothing
 *   memory        not dumpable: nothing in the bottle reads the first process
 *   calls         seccomp (filter.h)
 *   capabilities  none, and none to be had: bounding and ambient sets empty
 */
#ifndef BB_LAUNCH_HARDEN_H
#define BB_LAUNCH_HARDEN_H

#include "filter.h"
#include "plan.h"

#define LIMIT_PROCESSES 4096    /* processes and threads of a bottle whose manifest sets no limit */
#define LIMIT_DESCRIPTORS 65536 /* of each process: as an engine's containers have, build tools need many */
#define LIMIT_LOCKED (64u << 20) /* bytes of locked memory of each process */

/* Do all of it; Landlock (landlock.h) is left for each child to take on. The filter is used up. */
bool harden(const struct plan *p, struct filter *filter, struct error *e);

#endif
