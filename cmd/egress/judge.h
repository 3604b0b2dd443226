/*
 * The first steps of the order of decisions, on a request whose head was parsed:
 * what it names, whether the proxy answers it by itself, which route lets it
 * through, and what its head says about its extent. The front asks for each
 * request, "bb-egress check" for one that does not exist.
 *
 * Pure; may be called after confinement.
 */
#ifndef BB_EGRESS_JUDGE_H
#define BB_EGRESS_JUDGE_H

#include "policy.h"

struct judgement {
	bool named;                 /* facts are there; without, nothing is known but the refusal */
	bool websocket;             /* allowed: the connection is to become a WebSocket */
	bool own_page;              /* allowed: the proxy's own page, see HOST_INTROSPECTION */
	struct request_facts facts; /* views of the head */
	struct verdict verdict;     /* the route, the fields to take out, the refusal */
};

/*
 * Judge a request. tunnel: see request_gather; misdirected: the TLS name around
 * it was not the tunnel's. True when it may pass or the page is the proxy's own;
 * else verdict.refusal says why.
 */
bool judge_request(const struct policy *p, const struct http_head *h, const struct authority *tunnel, bool misdirected,
		   struct judgement *j);

/* Does the head ask for a WebSocket, and as RFC 6455 §4.1 has it? True with *asked false when it does not ask. */
bool judge_websocket(const struct http_head *h, bool *asked, struct refusal *no);

#endif
