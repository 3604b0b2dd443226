/*
 * "matches" of a route, compiled: which paths, methods and headers may pass.
 *
 * A request must satisfy one entry; inside an entry one of the paths, one of the
 * methods and all of the headers. A dimension that is not there is satisfied. A
 * regular expression that costs too much to decide is not. A header rule wants the
 * header to be there, and every header of that name to comply.
 *
 * Entries whose paths begin with a segment of their own, regular expressions with
 * one in plain text included, are found by it: only the others cost each request
 * something. Entries without paths are always among those.
 *
 * Made once for each load of the routes, never changed. The document must live as
 * long. matches_judge allocates nothing and may be called after confinement.
 */
#ifndef BB_MATCHES_H
#define BB_MATCHES_H

#include "document.h"
#include "request.h"

struct matches;

/* Compile a list of entries (NULL: none, which permits every request). NULL with an error that names the place. */
struct matches *matches_new(const struct doc *list, struct error *e);
void matches_release(struct matches *list);

/*
 * Judge a request by the canonical form of its path (path.h). route is for the
 * refusal's text: 403, rule "paths", "methods" or "headers" for what came closest;
 * "method-override" for a header that asks for another method where methods are
 * listed; "method" for TRACE, which nothing permits.
 */
bool matches_judge(const struct matches *list, const struct request_facts *f, struct slice path, const char *route,
		   struct refusal *no);

#endif
