/*
 * What a request is aimed at: host names, authorities, request-targets.
 *
 * One reading of each: a host is a name of letters, digits and hyphens
 * (RFC 1123 §2.1), a canonical dotted quad, or an IPv6 address in brackets. Names
 * that a resolver would take for a number (127.1, 0x7f000001, 2130706433, 010.0.0.1)
 * are no hosts. A trailing dot, user information, an empty port, a port with a
 * leading zero or a zone are refused. Parsed hosts are lower case, IPv6 ones in
 * the form of RFC 5952, so that equal hosts are equal strings.
 *
 * Everything here is pure and allocates nothing but what format functions append
 * to a buffer. May be called after confinement.
 *
 * Source: RFC 3986 §3.2, RFC 9112 §3.2, RFC 9110 §4.2.
 */
#ifndef BB_TARGET_H
#define BB_TARGET_H

#include "buf.h"

#define HOST_MAX 253 /* bytes of a name: RFC 1035 §2.3.4, without the root's dot */

/* The proxy's own name, which no resolver knows: the one host with an underscore that is accepted. */
#define HOST_INTROSPECTION "_egress.local"

enum host_kind {
	HOST_NAME,
	HOST_IPV4,
	HOST_IPV6,
};

enum scheme {
	SCHEME_HTTP,
	SCHEME_HTTPS,
};

struct authority {
	enum host_kind kind;
	uint16_t port;           /* 0: none was given */
	char host[HOST_MAX + 1]; /* lower case; an IPv6 address without its brackets */
};

enum target_form {
	TARGET_ORIGIN,    /* /path?query */
	TARGET_ABSOLUTE,  /* http://host:port/path?query */
	TARGET_AUTHORITY, /* host:port, of CONNECT only */
};

struct target {
	enum target_form form;
	enum scheme scheme;         /* of the absolute form */
	struct authority authority; /* of the absolute and the authority form */
	struct slice path;          /* begins with '/'; "/" for an absolute form without one; as sent otherwise */
	struct slice query;         /* behind '?', as sent */
	bool has_query;             /* "/x?" has an empty one */
};

/* Parse a host alone (no port; IPv6 in brackets). False with a static text in *why; a->port is 0. */
bool host_parse(struct slice text, struct authority *a, const char **why);

/* Parse a host and perhaps ":port", 1 to 65535. Host fields, CONNECT, "upstream.connect". */
bool authority_parse(struct slice text, struct authority *a, const char **why);

/* Whether two authorities name the same host and port; a port that was not given is that of the scheme. */
bool authority_equal(const struct authority *a, const struct authority *b, enum scheme scheme);

/* The port, or the scheme's default: 80, 443. */
uint16_t authority_port(const struct authority *a, enum scheme scheme);

/* Append "host" or "[host]", with ":port" unless it is 0 or the scheme's default. */
void authority_format(struct buf *out, const struct authority *a, enum scheme scheme);

/*
 * Parse a request-target. CONNECT takes the authority form with a port, every
 * other method the origin or the absolute form (the asterisk form concerns no
 * origin's resource and is refused). Slices point into text. Refused are a
 * fragment, any byte that is not visible ASCII, and in the path what RFC 3986
 * §3.3 does not permit there (" < > [ \ ] ^ ` { | } and a '%' that two
 * hexadecimal digits do not follow). In the query such bytes are passed on: they
 * are data, and many clients do not encode them.
 */
bool target_parse(struct slice method, struct slice text, struct target *t, const char **why);

/* Whether s is one or more DNS labels, letters, digits and hyphens, at most HOST_MAX, and not number-like. */
bool host_is_name(struct slice s);

#endif
