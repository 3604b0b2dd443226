/*
 * Credentials that a request brings along.
 *
 * On a route that injects a credential, the agent's own must not pass: an
 * attacker's key would turn an allowed API into a drain. Authorization and the
 * injected header are taken out; cookies are left to whoever sends the request on
 * and knows which the origin has set (cookies.h); any other credential is refused,
 * unless its value is the placeholder that the bottle holds instead.
 *
 * Which headers and query parameters are credentials is told from their names,
 * in any case and whether their words are joined by '-', '_' or nothing.
 *
 * Pure; may be called after confinement.
 */
#ifndef BB_CREDENTIAL_H
#define BB_CREDENTIAL_H

#include "request.h"

/* Whether a header of that name carries a credential. Authorization and cookies are, too. */
bool credential_is_header(struct slice name);

/* Whether a query parameter of that name (decoded) carries a credential. */
bool credential_is_parameter(struct slice name);

/*
 * Judge a request on a route that injects into header (lower case). strip gets
 * true for each field to take out. placeholder may be empty. False with a refusal
 * (403, rule "credential") that names the header or parameter, never its value.
 */
bool credential_judge(const struct request_facts *f, struct slice header, struct slice placeholder,
		      bool strip[HTTP_FIELDS_MAX], struct refusal *no);

#endif
