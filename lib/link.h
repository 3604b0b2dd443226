/*
 * One end of a TCP connection, read and written without waiting.
 *
 * A link remembers whether the kernel has anything for it, so that a program
 * watches each socket once, edge-triggered (LOOP_READ | LOOP_WRITE | LOOP_EDGE),
 * tells the link what was reported, and then reads and writes as far as it gets.
 * A read that got less than it had room for is known to have emptied the socket:
 * no second call finds that out.
 *
 * Bytes that were read ahead can be put back; they come first again.
 *
 * Invariant: link_read and link_write return LINK_WAIT only when an event will
 * come. Nothing here blocks; everything may be called after confinement
 * (link_calls).
 */
#ifndef BB_LINK_H
#define BB_LINK_H

#include <sys/types.h>

#include "buf.h"
#include "confine.h"

struct link {
	int fd;
	bool readable, writable; /* as far as known */
	bool ended;              /* the peer has sent its last byte; it may still be unread */
	bool broken;             /* reset, or an error of the socket */
	struct buf held;         /* bytes put back */
	size_t held_at;
};

/* What a read or write returns instead of a number of bytes. */
enum { LINK_WAIT = -1, LINK_END = -2, LINK_ERROR = -3 };

/* Take ownership of a connected (or connecting) non-blocking socket. */
void link_init(struct link *l, int fd);
/* Close it; queued data is still delivered, unread data resets the peer. */
void link_release(struct link *l);

/* What loop_wait reported for the descriptor: LOOP_READ, LOOP_WRITE, LOOP_HANGUP, LOOP_END. */
void link_ready(struct link *l, unsigned ready);

/* Read up to len bytes: their number, or LINK_WAIT, LINK_END, LINK_ERROR. */
ssize_t link_read(struct link *l, void *bytes, size_t len);
/* Write up to len bytes: their number, or LINK_WAIT, LINK_ERROR. */
ssize_t link_write(struct link *l, const void *bytes, size_t len);
/* Put bytes back in front of what was not read yet. */
void link_unread(struct link *l, struct slice bytes);
/* Say that no more will be written; reading goes on. */
void link_finish(struct link *l);

/* Have the peer see an error rather than an end: what is queued is thrown away and the connection reset. */
void link_reset(struct link *l);

/* Send small pieces at once (TCP_NODELAY). */
void link_no_delay(int fd);

extern const struct confine_call link_calls[];

#endif
