/*
 * The bottle's /proc: processes of its own pid namespace, and of the kernel only
 * what programs count processors and memory with.
 *
 * What could tell of the host's devices, keys, symbols or start-up, or change the
 * kernel, is covered by something empty or made read-only. The agent could write
 * to none of it (it has no capability); this is the second layer.
 *
 * Source: proc(5).
 */
#ifndef BB_LAUNCH_PROC_H
#define BB_LAUNCH_PROC_H

#include "error.h"

/* Mount it at a path below the current directory. Needs the host's /proc in view: before the change of root. */
bool proc_mount(const char *path, struct error *e);

#endif
