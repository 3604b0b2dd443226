/*
 * The listening sockets of the daemons. The sidecar holds every one of them for
 * as long as it runs, so a daemon that dies does not take its port along: a
 * connection made meanwhile waits in the backlog for the next one, or, when the
 * next start is far off, is refused at once (a reset), never served by another.
 *
 * Sockets are inherited by number or bound by listener_bind. Nothing blocks.
 */
#ifndef BB_SIDECAR_LISTENER_H
#define BB_SIDECAR_LISTENER_H

#include <stdint.h>

#include "error.h"

/* Check that fd is a listening stream socket. */
bool listener_check(int fd, const char *name, struct error *e);

/* Bind and listen on a numeric IPv4 or IPv6 address; returns the socket, close-on-exec, or -1. */
int listener_bind(const char *address, uint16_t port, const char *name, struct error *e);

/* Reset the connections that wait, up to a bound for one call. The socket must be in non-blocking mode. */
void listener_refuse_waiting(int fd);

#endif
