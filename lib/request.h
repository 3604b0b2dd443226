/*
 * What a request asks for, gathered from its head, and how it is refused.
 *
 * The target, the Host field and, inside a tunnel, the authority of the CONNECT
 * must all name the same host and port; from then on there is one name, and it is
 * what the policy judges, what is resolved and what is sent.
 *
 * Pure; may be called after confinement. Source: RFC 9112 §3.2, RFC 9110 §7.4.
 */
#ifndef BB_REQUEST_H
#define BB_REQUEST_H

#include "http1.h"
#include "target.h"

#define REFUSAL_TEXT_MAX 512 /* bytes of a refusal's text */

/* Why a request does not pass. */
struct refusal {
	unsigned status;             /* 400, 403 or 421 */
	const char *rule;            /* static, a word for logs: "host", "port", "path", "method", … */
	char text[REFUSAL_TEXT_MAX]; /* one line of visible ASCII and spaces, for the agent */
	bool askable;                /* other routes would permit it, so it is worth asking for them */
};

/* Fill in a refusal; returns false. Bytes of the text that are not visible ASCII or space become '?'. */
bool refuse(struct refusal *no, unsigned status, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with 403 for what other routes would permit. */
bool refuse_askable(struct refusal *no, const char *rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What is asked for. All slices are views of the request's head. */
struct request_facts {
	enum scheme scheme;         /* towards the origin */
	struct authority authority; /* port filled in */
	struct slice method;
	struct slice path; /* see struct target */
	struct slice query;
	bool has_query;
	const struct http_field *fields;
	size_t n_fields;
};

/*
 * Gather the facts of a request. tunnel is the authority of the CONNECT around
 * it (with the TLS handshake done and its name checked), or NULL for a plain
 * proxy request, which must then be in absolute form, http or https; an
 * origin-form request without a tunnel is accepted for HOST_INTROSPECTION alone.
 * False with a refusal: 400 for what is malformed, 421 when the names differ.
 * Not for CONNECT, whose target alone counts: use target_parse.
 */
bool request_gather(const struct http_head *h, const struct authority *tunnel, struct request_facts *f,
		    struct refusal *no);

/* Append the origin-form target of the request: path, and query if there is one, as sent. */
void request_target(struct buf *out, const struct request_facts *f);

#endif
