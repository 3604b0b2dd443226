/*
 * Which detectors a route has and what follows when one finds something: its
 * "dlp" key with the defaults filled in, read the same way by front and upstream.
 *
 * Pure.
 */
#ifndef BB_EGRESS_DETECTORS_H
#define BB_EGRESS_DETECTORS_H

#include "document.h"

enum {
	DETECT_TOKENS = 1, /* token_patterns */
	DETECT_KNOWN = 2,  /* known_secrets */
};

enum on_match { ON_MATCH_SUPERVISE, ON_MATCH_REDACT, ON_MATCH_BLOCK };

struct detectors {
	unsigned outbound; /* of the bits above */
	enum on_match on_match;
};

/* The detectors of a route's object, which the loader has checked. */
struct detectors detectors_of(const struct doc *route);

/* "supervise", "redact", "block". */
extern const char *const on_match_names[];

#endif
