/*
 * Is this address one of the public Internet's?
 *
 * The proxy dials an address only if this says public, or the route permits
 * private ones. IPv6 addresses that carry an IPv4 address (mapped, compatible,
 * translated, 6to4, Teredo, NAT64, ISATAP) are judged by both: what carries and
 * what is carried.
 *
 * Pure; may be called after confinement. Source: the IANA special-purpose
 * address registries (RFC 6890), RFC 4291, 3056, 4380, 6052, 8215.
 */
#ifndef BB_ADDRESS_H
#define BB_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "slice.h"

enum address_class {
	ADDRESS_PUBLIC,
	ADDRESS_PRIVATE,   /* a network of one's own: what "allow_private" permits, loopback included */
	ADDRESS_METADATA,  /* a cloud's credential service: permitted by no route */
	ADDRESS_FORBIDDEN, /* multicast, reserved, unspecified and the like: nothing to connect to */
};

struct address_verdict {
	enum address_class class;
	const char *range; /* static: "loopback", "link-local", "private", …; "public" */
};

/* Judge an address. A family other than AF_INET and AF_INET6, or a length too short for it, is forbidden. */
struct address_verdict address_judge(const struct sockaddr *sa, socklen_t len);
struct address_verdict address_judge_v4(struct in_addr a);
struct address_verdict address_judge_v6(const struct in6_addr *a);

/* Whether a route may dial it. */
static inline bool address_permitted(struct address_verdict v, bool allow_private)
{
	return v.class == ADDRESS_PUBLIC || (allow_private && v.class == ADDRESS_PRIVATE);
}

/* Parse the canonical dotted quad: four decimal numbers without leading zeros. */
bool address_parse_v4(struct slice text, struct in_addr *a);
/* Parse an IPv6 address without brackets or zone. */
bool address_parse_v6(struct slice text, struct in6_addr *a);

#endif
