/*
 * Cookies that an origin has set through this proxy.
 *
 * On a route with a credential, a cookie of the agent's own would be a login of
 * someone else's. What an origin has set while we looked on is not: it passes.
 * Only digests are kept, of host, name and value together, so nothing here can
 * be read back; the oldest of a group of four makes room for the next.
 *
 * A struct cookies is all zero bytes before its first use and ends with
 * cookies_release. 64 KiB are allocated when the first cookie is remembered.
 * Nothing blocks; after cookies_prepare all of it may be called after confinement.
 *
 * Source: RFC 6265 §4.1.1, §4.2.1, §5.2.
 */
#ifndef BB_COOKIES_H
#define BB_COOKIES_H

#include "http1.h"

#define COOKIES_SETS 1024 /* times COOKIES_WAYS: a browser keeps 3,000 of all sites */
#define COOKIES_WAYS 4
#define COOKIES_MARK 16   /* bytes of digest kept of each */

struct cookies {
	uint8_t (*marks)[COOKIES_WAYS][COOKIES_MARK];
	uint8_t *next; /* way of each set to give up next */
};

/* Have the library load what a digest needs. Call before confinement. */
void cookies_prepare(void);

void cookies_release(struct cookies *c);

/* Remember what the Set-Cookie fields of a response of host (lower case) set. */
void cookies_remember(struct cookies *c, const char *host, const struct http_head *response);

/* Append those of the request's cookies that host has set, as one Cookie value; nothing when there are none. */
void cookies_filter(const struct cookies *c, const char *host, const struct http_head *request, struct buf *out);

#endif
