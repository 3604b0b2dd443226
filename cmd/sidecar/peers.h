/*
 * Those who asked for a reload and want to hear what comes of it: connections to
 * a Unix socket in the sidecar's directory (reload.h).
 *
 * Only the sidecar's own user is served. Nothing blocks: who does not take a
 * report at once is let go.
 */
#ifndef BB_SIDECAR_PEERS_H
#define BB_SIDECAR_PEERS_H

#include "reload.h"

#define PEERS_MAX 8 /* at once; further ones are turned away: an operator has one, perhaps two */

struct peers {
	int listener;
	int fds[PEERS_MAX];	    /* -1: free */
	uint8_t lives[PEERS_MAX];   /* counts the uses of a place, so that an event of an earlier one is told apart */
};

/* Listen in the current directory, replacing a socket that an earlier sidecar left. */
bool peers_listen(struct peers *p, struct error *e);
void peers_release(struct peers *p);

/* Take one connection: its place, or -1 when there is none to take. */
int peers_accept(struct peers *p);

/* Something came from a peer, which means nothing, or its end. */
void peers_hear(struct peers *p, size_t place);

/* Tell all. */
void peers_tell(struct peers *p, struct slice report);

/*
 * If a line that a daemon wrote says that it started or reloaded, append the
 * report of it, newline included. A start has no "ok" of its own: it is one.
 */
void peers_report(const char *daemon, struct slice line, struct buf *reports);

#endif
