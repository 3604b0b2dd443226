/*
 * What bottles left that ended badly.
 *
 * The kernel ends the processes, mounts and namespaces of a bottle whose launcher
 * dies; what remains is its state directory, and perhaps an empty control group that
 * is noted there, and those are what is removed.
 */
#ifndef BB_LAUNCH_REMAINS_H
#define BB_LAUNCH_REMAINS_H

#include "error.h"

/* Remove what no running bottle owns and say what: {"kind":"cleanup","v":1,…,"items":[…]}, or one line each. Blocks. */
bool remains_remove(const char *home, bool dry_run, bool json, struct error *e);

#endif
