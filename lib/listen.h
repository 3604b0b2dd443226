/*
 * Listening sockets: making them, checking those that were handed over.
 * Nothing blocks. Not after confinement.
 */
#ifndef BB_LISTEN_H
#define BB_LISTEN_H

#include "buf.h"
#include "error.h"

/* Listen at "ADDR:PORT" or "[ADDR]:PORT"; ADDR is an IP address, port 0 takes a free one. */
bool listen_open(const char *text, int *fd, struct error *e);

/* Is this a stream socket that listens? */
bool listen_check(int fd, struct error *e);

/* Append the address of a listening socket in the form that listen_open takes. */
void listen_format(int fd, struct buf *out);

#endif
