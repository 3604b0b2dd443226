/*
 * A role of bb-egress that was taken over: linked in the place of the real one it
 * starts, confines and introduces itself as that does, and from then on does what
 * a test tells it, with everything that the role has: its descriptors, its memory,
 * its identity.
 *
 * Orders stand in the file PROGRAM.orders, mapped before confinement: a number
 * that changes with each order, and a line. "call NAME [ARG]" makes a system call
 * that the role has no business with; "send PEER HEX" writes these bytes to the
 * channel to that peer, "repeat N send PEER HEX" does so N times. Every message
 * that comes back is told on standard error, as "PEER TYPE STREAM HEX", so are
 * results of calls that do return, and "done NUMBER" when an order was carried out.
 */
#ifndef BB_TEST_ORDERS_H
#define BB_TEST_ORDERS_H

#include "channel.h"

enum { PEERS_MAX = 2 };

struct peer {
	const char *name;
	struct channel *channel;
};

/* Take orders for ever. listener: a socket that "call connect" tries to dial with, or -1. */
void orders_obey(const struct peer *peers, size_t n, int listener) __attribute__((noreturn));

#endif
