/*
 * The routes, compiled, and the one decision about a request: may it pass?
 *
 * The front asks before anything is looked up or dialled, the upstream process
 * asks again about what the front sent it. Both call policy_decide with facts
 * taken from the same parsed head, so what is matched is what is forwarded.
 *
 * Absence denies: a request that no route names is refused, and so is one whose
 * judgement would cost too much. What a refusal says names the rule and, where
 * there is one, the way forward; it never holds a value from the request's
 * headers or query.
 *
 * Life: policy_new, policy_retain for every other holder, policy_release for
 * each. A policy never changes; a reload makes another. The routes it was made
 * from are kept alive by it. policy_decide allocates nothing that outlives it,
 * does not block, and may be called after confinement.
 */
#ifndef BB_POLICY_H
#define BB_POLICY_H

#include "document.h"
#include "request.h"

#define POLICY_ROUTES_MAX 10000 /* routes of one policy */
#define POLICY_PORTS_MAX 64     /* ports of one route */

struct policy;

/* Where and how a request is to go, beside the document's own words for it. */
struct route {
	/* the route's object, for keys that the policy does not read (dlp, upstream.ca_file, …) */
	const struct doc *doc;
	const char *host;      /* as in the document, lower case, perhaps "*." and a name */
	bool auth;             /* a credential is injected */
	bool allow_private;
	bool has_connect;
	struct authority connect; /* upstream.connect */
	uint64_t max_body;        /* bytes; UINT64_MAX: no limit */
	const char *auth_header;  /* lower case; "authorization" by default; NULL without auth */
};

/*
 * Compile the "routes" list of a routes file or plan (an array of objects with
 * the keys of egress.md, or NULL for none). The loader has checked it; whatever
 * it may have missed is an error here that names routes[N] and the key.
 */
struct policy *policy_new(const struct doc *routes, struct error *e);
struct policy *policy_retain(struct policy *p);
void policy_release(struct policy *p);

size_t policy_count(const struct policy *p);
/* A route by its place in the list; a view that lives as long as the policy. */
const struct route *policy_route(const struct policy *p, size_t index);

/* The answer. */
struct verdict {
	bool allowed;
	size_t route;                /* when allowed, or refused by that route: place in the list; else SLICE_NONE */
	bool strip[HTTP_FIELDS_MAX]; /* when allowed: fields that must not be forwarded, besides hop-by-hop ones.
				      * Cookies on a route with auth are the sender's to filter: cookies.h */
	struct refusal refusal;      /* when not allowed */
};

/* Judge steps 3 to 6 of the order of decisions: host and port, git, path, matches, foreign credentials. */
void policy_decide(const struct policy *p, const struct request_facts *f, struct verdict *v);

/*
 * Whether some route names this host, any port: for callers that want to say so early. Place in the list or SLICE_NONE.
 */
size_t policy_find_host(const struct policy *p, const struct authority *a);

#endif
