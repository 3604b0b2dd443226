/*
 * Waiting for a directory to change.
 *
 * Where the kernel tells (inotify(7)), there is a descriptor that becomes
 * readable; elsewhere, or when the kernel has no more watches to give, fd is -1
 * and whoever waits looks again every WATCH_POLL_MS. Either way: open the watch
 * first, then look at the directory, then wait; so no change is missed.
 *
 * watch_wait blocks. watch_drain and watch_wait may be called after confinement
 * (watch_calls); watch_open may not.
 */
#ifndef BB_WATCH_H
#define BB_WATCH_H

#include <stdint.h>

#include "confine.h"
#include "error.h"

#define WATCH_POLL_MS 500 /* delay that a person does not mind, where nothing tells of changes */

struct watch {
	int fd; /* to be polled for reading; -1: look again after WATCH_POLL_MS */
};

#define WATCH_INIT { -1 }

/* Watch the entries of a directory: names that come, go or are replaced. Never fails: at worst fd is -1. */
void watch_open(struct watch *w, const char *directory);
void watch_release(struct watch *w);

/* Forget what was reported so far; before looking at the directory again. */
void watch_drain(struct watch *w);

/* Wait until something changed or watch_clock() reaches deadline. False with an error when waiting is not possible. */
bool watch_wait(struct watch *w, int64_t deadline, struct error *e);

/* Milliseconds of CLOCK_MONOTONIC: the clock of loop.h. */
int64_t watch_clock(void);

extern const struct confine_call watch_calls[];

#endif
