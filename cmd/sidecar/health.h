/*
 * Health on request: a Unix socket in the sidecar's directory on which every
 * connection is answered with one document and closed.
 *
 *	{"kind":"health","v":1,"ready":true,"daemons":[
 *	 {"name":"egress","state":"ready","pid":17,"for_ms":81234,"restarts":0}]}
 *
 * state is waiting, starting, ready or ended; last_status is there after a death.
 * Asking goes through the event loop, so an answer also says that it turns.
 */
#ifndef BB_SIDECAR_HEALTH_H
#define BB_SIDECAR_HEALTH_H

#include "daemon.h"

#define HEALTH_SOCKET	   "health.sock"
#define HEALTH_PATIENCE_MS 3000	      /* how long the asking side waits */
#define HEALTH_MAX	   (64 << 10) /* bytes of an answer */

/* Listen in the current directory, replacing a socket that an earlier sidecar left; the socket or -1. */
int health_listen(struct error *e);

/* Answer the connections that wait. Does not block: what a peer does not take at once it does not get. */
void health_answer(int fd, const struct daemon *daemons, size_t count, bool ready);

/*
 * Ask the sidecar whose directory this is and print its answer on standard output.
 * Returns STATUS_YES when all daemons are ready, STATUS_NO when not; other statuses come with an error.
 */
enum status health_ask(const char *dir, struct error *e);

#endif
