/*
 * Another proxy between the upstream and the Internet, as companies have them.
 * Connections go through it by CONNECT; inside, TLS with the origin is verified as
 * ever. It is the one that looks names up and dials, so what is behind a name is
 * its to judge; address literals are still judged here.
 *
 * Pure; may be called after confinement.
 */
#ifndef BB_EGRESS_PROXY_H
#define BB_EGRESS_PROXY_H

#include "error.h"
#include "http1.h"
#include "target.h"

#define PROXY_PASSWORD "password" /* its name where main hands it over */
#define PROXY_PASSWORD_MAX 1024 /* bytes */

struct proxy {
	struct authority at;
	struct buf user;          /* empty: no authentication */
	struct buf authorization; /* value of Proxy-Authorization, or empty */
};

/* Parse "http://[USER@]HOST:PORT". A password there is refused: others could see it. */
bool proxy_parse(struct slice url, struct proxy *p, struct error *e);

/* Give it the password of its user. */
void proxy_password(struct proxy *p, struct slice password);

/* Append the head of a request for a connection to an origin, which has a port. */
void proxy_ask(const struct proxy *p, const struct authority *origin, struct buf *out);

#endif
