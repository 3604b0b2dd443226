/*
 * Messages between processes that do not trust each other.
 *
 * A channel is one end of a stream socket pair. A message has a type, the number
 * of the stream that it belongs to and a body of at most the channel's maximum;
 * on the wire it is a header of twelve bytes in the machine's order and the
 * body. A peer that announces more is cut off (CHANNEL_BAD): what the body
 * means is for the receiver to check.
 *
 * Sending only queues; channel_flush hands all queued messages to the kernel in
 * one call, so that a round of the event loop costs one system call however many
 * messages it made. Bound what you queue (credits): the queue itself has no limit.
 * Receiving reads as much as the kernel has and then yields message after message
 * without copying.
 *
 * With a non-blocking descriptor nothing blocks; with a blocking one channel_fill
 * and channel_flush do. All calls may be made after confinement (channel_calls).
 */
#ifndef BB_CHANNEL_H
#define BB_CHANNEL_H

#include <stdint.h>

#include "buf.h"
#include "confine.h"

struct channel {
	int fd;
	uint32_t max;     /* bytes of one message's body */
	struct buf in;    /* received */
	size_t in_at;     /* start of the first message not yet yielded */
	struct buf out;   /* queued */
	size_t out_at;    /* start of what the kernel has not taken */
	size_t open_at;   /* start of the message being written */
};

struct message {
	uint32_t type;
	uint32_t stream;
	struct slice body; /* valid until the next channel_next or channel_fill */
};

enum channel_result { CHANNEL_DONE, CHANNEL_WAIT, CHANNEL_CLOSED, CHANNEL_BAD };

/* Take ownership of fd. */
void channel_init(struct channel *c, int fd, uint32_t max);
void channel_release(struct channel *c);

/* Queue a message; the body must not exceed the maximum. */
void channel_put(struct channel *c, uint32_t type, uint32_t stream, struct slice body);
/* The same in parts: append the body to the buffer that is returned, then close. */
struct buf *channel_open(struct channel *c, uint32_t type, uint32_t stream);
void channel_close(struct channel *c);

/* Bytes queued that the kernel has not taken yet. */
static inline size_t channel_queued(const struct channel *c)
{
	return c->out.len - c->out_at;
}

/* Send what is queued: CHANNEL_DONE when all is gone, CHANNEL_WAIT when the kernel took only a part, CHANNEL_CLOSED. */
enum channel_result channel_flush(struct channel *c);

/* Receive once: CHANNEL_DONE when bytes came, CHANNEL_WAIT when there were none, CHANNEL_CLOSED at the peer's end. */
enum channel_result channel_fill(struct channel *c);

/* Yield the next message: CHANNEL_DONE, CHANNEL_WAIT when no whole one is there, CHANNEL_BAD when it is too large. */
enum channel_result channel_next(struct channel *c, struct message *m);

extern const struct confine_call channel_calls[];

#endif
