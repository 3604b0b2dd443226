/*
 * What bottles on the engine left that ended badly: containers, networks and
 * volumes that carry our labels, and the state directories.
 */
#ifndef BB_LAUNCH_REMAINS_H
#define BB_LAUNCH_REMAINS_H

#include "error.h"

/*
 * Remove what no running bottle of this home owns and say what: {"kind":"cleanup","v":1,…,"items":[…]}, or one line
 * each. An engine that cannot be reached is no error where no bottle was ever started on it. Blocks.
 */
bool remains_remove(const char *home, bool dry_run, bool json, struct error *e);

#endif
