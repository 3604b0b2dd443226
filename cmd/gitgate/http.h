/*
 * The door over HTTP: requests and bodies of git's smart protocol.
 *
 * Requests of one connection are served one after the other. Bodies come with a
 * length, in chunks, or gzipped; answers go out in chunks as git makes them. The
 * grammar is lib/http1's; whatever it refuses ends the connection.
 */
#ifndef BB_GITGATE_HTTP_H
#define BB_GITGATE_HTTP_H

#include <stdint.h>

#include "door.h"

/* Serve the connection to its end. Returns the exit status. */
int http_serve(void);

/* Of door.c: ask the steward; false when it is gone. Read exactly len bytes of the client's before the deadline. */
bool door_ask(const struct git_request *r, struct answer *a);
bool door_read(void *bytes, size_t len, int64_t deadline);

#endif
