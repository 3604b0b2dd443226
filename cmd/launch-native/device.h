/*
 * The bottle's /dev: six devices of the host that hold no state, and
 * pseudo-terminals of its own. No disk, no memory, no console, no input.
 */
#ifndef BB_LAUNCH_DEVICE_H
#define BB_LAUNCH_DEVICE_H

#include "cargo.h"

/* Build and mount it at a path below the current directory; leaves an empty shm in it to mount on. */
bool device_mount(const char *path, const struct cargo *cargo, struct error *e);

/* A new pseudo-terminal of the bottle: the descriptors of both ends, close-on-exec. After the change of root. */
bool device_terminal(int *master, int *slave, struct error *e);

#endif
