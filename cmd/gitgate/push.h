/*
 * A push on its way: what arrives, what becomes of it.
 *
 * receive-pack runs in the jail on a repository made for this push alone, whose
 * refs are the mirror's and whose objects are the mirror's to read. Its hook asks
 * us. Then the objects that arrived are taken where the jail cannot reach them,
 * judged, and, if every ref passes, forwarded to the remote in one atomic push;
 * only then does the mirror have them, and only then does the client read "ok".
 *
 * Blocks; a client that waits is kept alive by receive-pack, every five seconds.
 */
#ifndef BB_GITGATE_PUSH_H
#define BB_GITGATE_PUSH_H

#include "gate.h"
#include "pktline.h"

struct push {
	const struct gate *gate;
	const struct repo *repo;
	uint64_t number;      /* of the connection: names its directories */
	int socket;           /* receive-pack's standard input and output */
	enum git_phase phase;
};

/* Serve a push. Returns receive-pack's exit status, -1 with an error when it could not be run. */
int push_serve(const struct push *p, struct error *e);

#endif
