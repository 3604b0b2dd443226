/*
 * The event loop: which descriptors are ready, and what time it is.
 *
 * A program has one loop, an array of things it watches, and one switch over
 * their types. An event carries a typed reference (what kind of thing, which
 * index), never a callback or a pointer, so that an event for something closed
 * in the meantime finds its slot empty instead of freed memory. Bump the
 * generation when a slot is used again; the loop drops events of old ones only
 * if the caller compares it.
 *
 * Deadlines are data: each thing keeps its own (loop_now() + limit) and the
 * caller asks the loop to wait no longer than the nearest.
 *
 * Watching is level-triggered unless LOOP_EDGE is asked for. Linux: epoll(7).
 * Only loop_wait blocks. All calls may be made after confinement.
 */
#ifndef BB_LOOP_H
#define BB_LOOP_H

#include <stdint.h>

#include "confine.h"
#include "error.h"

struct loop {
	int epoll;
	int64_t now; /* milliseconds of CLOCK_MONOTONIC, refreshed by loop_wait */
};

struct loop_ref {
	uint8_t type;       /* the caller's enum */
	uint8_t generation; /* of the slot */
	uint32_t index;     /* slot in the caller's array of that type, below 2^24 */
};

enum {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_EDGE = 4, /* report changes only */
	LOOP_HANGUP = 8, /* only ever reported: error, or both directions closed */
	LOOP_END = 16,   /* only ever reported, with LOOP_READ: the peer has sent its last byte */
};

struct loop_event {
	struct loop_ref ref;
	unsigned ready; /* LOOP_READ, LOOP_WRITE, LOOP_HANGUP, LOOP_END */
};

#define LOOP_EVENTS_MAX 64 /* taken from the kernel at once */

bool loop_init(struct loop *l, struct error *e);
void loop_release(struct loop *l);

/* Watch a descriptor, change what is watched for, stop. Closing a descriptor that no one else holds also stops it. */
bool loop_add(struct loop *l, int fd, unsigned want, struct loop_ref ref, struct error *e);
bool loop_change(struct loop *l, int fd, unsigned want, struct loop_ref ref, struct error *e);
void loop_remove(struct loop *l, int fd);

/*
 * Wait until something is ready or deadline (in loop_now's terms; negative: for
 * ever). Returns the number of events, 0 at the deadline or after a signal, -1 on error.
 */
int loop_wait(struct loop *l, int64_t deadline, struct loop_event events[LOOP_EVENTS_MAX], struct error *e);

/* Milliseconds of CLOCK_MONOTONIC, read now. */
int64_t loop_clock(void);

/* What the calls above ask of the kernel once the loop exists. */
extern const struct confine_call loop_calls[];

#endif
