/*
 * The steward of one connection: asks its door what the client wants, sees to it
 * that the mirror is right, and runs git for it.
 *
 * A process of its own, forked from main with what main knows, whose code is one
 * straight line. It never reads from the connection.
 */
#ifndef BB_GITGATE_STEWARD_H
#define BB_GITGATE_STEWARD_H

#include "gate.h"

/* Serve a connection to its end. number tells this connection's directories apart. Returns the exit status. */
int steward_serve(const struct gate *g, int client, bool http, uint64_t number);

#endif
