/*
 * What the launcher adds to the audit log of its bottle: that it starts and as
 * what, and how it ended; for one that is found dead, that it was cleared away.
 *
 * A bottle whose record cannot be written is not started. All of it blocks.
 */
#ifndef BB_LAUNCH_RECORD_H
#define BB_LAUNCH_RECORD_H

#include "audit.h"
#include "plan.h"

/* Open the log of the plan's bottle and write that it starts, or is resumed. */
bool record_start(struct audit *a, const struct plan *p, bool resume, struct error *e);

/* Write that the agent has ended with a status; or, with why, that the bottle could not be started. */
bool record_end(struct audit *a, int code, const char *why, struct error *e);

/* Write that what a dead bottle left is removed, if there is a log of it. */
bool record_removal(const char *home, const char *identity, struct error *e);

#endif
