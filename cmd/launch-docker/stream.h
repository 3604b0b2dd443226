/*
 * The standard streams of a container: one connection to the engine, both ways.
 *
 * While it is open the container's input is open; when it is closed, or its
 * holder dies, the input ends, and with it what runs in the container.
 */
#ifndef BB_LAUNCH_STREAM_H
#define BB_LAUNCH_STREAM_H

#include "buf.h"
#include "engine.h"

struct stream {
	int fd;            /* -1: not open */
	bool ended;        /* nothing more will come */
	struct buf raw;    /* as the engine sends it */
	struct buf output; /* what the container wrote to its standard output, to be consumed by the caller */
	struct buf errors; /* the same of its standard error */
};

#define STREAM_INIT { -1, false, BUF_INIT, BUF_INIT, BUF_INIT }

/* Attach to a container that is not yet started, so that nothing is missed. */
bool stream_open(struct stream *s, struct engine *en, const char *container, struct error *e);
/* Close it and wipe what it held. */
void stream_close(struct stream *s);

/* Read once; blocks until there is something. False with an error when the connection breaks. */
bool stream_fill(struct stream *s, struct error *e);
/* The same, for at most as long as the deadline (loop_clock) is ahead; false, without an error, at the deadline. */
bool stream_fill_until(struct stream *s, int64_t deadline, struct error *e);

/* Write everything to the container's input. Blocks. */
bool stream_send(struct stream *s, struct slice bytes, struct error *e);

#endif
