/*
 * Which detectors a route has and what follows when one finds something: its
 * "dlp" key with the defaults filled in, read the same way by front and upstream;
 * and which responses the inbound ones read.
 *
 * Pure.
 */
#ifndef BB_EGRESS_DETECTORS_H
#define BB_EGRESS_DETECTORS_H

#include "document.h"
#include "http1.h"

enum {
	DETECT_TOKENS = 1, /* token_patterns */
	DETECT_KNOWN = 2,  /* known_secrets */
	DETECT_ENTROPY = 4, /* entropy: warns, and runs only where it is named */
	DETECT_INJECTION = 1, /* naive_injection_detection */
};

enum on_match { ON_MATCH_SUPERVISE, ON_MATCH_REDACT, ON_MATCH_BLOCK };

struct detectors {
	unsigned outbound, inbound; /* of the bits above */
	enum on_match on_match;
	bool inbound_warns;         /* what comes in is logged, and never kept away */
};

/* The detectors of a route's object, which the loader has checked. */
struct detectors detectors_of(const struct doc *route);

/* "supervise", "redact", "block". */
extern const char *const on_match_names[];

/*
 * Does the body of a response read as text to an agent, by its Content-Type, and as
 * one of events? Without a type it does.
 */
enum reading { READING_NONE, READING_TEXT, READING_EVENTS };
enum reading reading_of(const struct http_head *response);

#endif
