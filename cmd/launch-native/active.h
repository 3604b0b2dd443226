/*
 * The bottles of a backend that run now: those whose state directory is locked.
 */
#ifndef BB_LAUNCH_ACTIVE_H
#define BB_LAUNCH_ACTIVE_H

#include "error.h"

/* Print them: {"kind":"active","v":1,"backend":…,"bottles":[…]}, or one line each. Blocks. */
bool active_list(const char *home, const char *backend, bool json, struct error *e);

#endif
