/*
 * Step 7 of the order of decisions: what a request would carry out of the bottle.
 * The front looks at the request as the agent sent it (method, host, path, query,
 * every header's name and value, body) before any of it leaves.
 *
 *	inspect.c    what is looked for; heads
 *	body.c       bodies, as they come
 *
 * A head is looked at as one text, so that an encoding or a name and its value are
 * seen together. Its values are also judged with those of earlier requests, which may
 * be other pieces of the same secret (spread.h); so is the begin of a body. A body is held back as far as something may
 * have begun in it (detect.h), and by at least one byte until all of it was judged, so that the
 * origin never has a complete request of which a part was refused.
 *
 * Nothing blocks; all but inspector_open may be called after confinement.
 */
#ifndef BB_EGRESS_INSPECT_H
#define BB_EGRESS_INSPECT_H

#include "coding.h"
#include "detect.h"
#include "detectors.h"
#include "entropy.h"
#include "injection.h"
#include "permits.h"
#include "policy.h"
#include "spread.h"

/* --- what was found --- */

/* The first thing that was found, in words; kind is NULL while there is none. */
struct found {
	const char *kind;  /* a rule's id, "known-secret", or "unjudged" */
	const char *why;   /* with "unjudged": name of the limit */
	bool canary;       /* it is the bottle's canary, to which no policy but "block" applies */
	size_t count;      /* of a head that was changed: how many parts */
	char place[96];    /* "path", "header 'x-note'", "body" */
	bool askable;      /* the operator may let it go: */
	uint8_t digest[DIGEST_SIZE]; /* what the value is known by (permits.h) */
	const struct buf *text;      /* of a body: what it stands in; NULL where that is not at hand */
	struct slice context;        /* what it stands in, until the inspector is used again */
};

/* A part of a text that is replaced. */
struct cut {
	uint64_t start, end;
	const char *kind;
};

#define CUTS_MAX 128 /* parts of a head, or of what is held of a body: more are refused */

/* Parts in order, none touching another. */
struct cuts {
	struct cut list[CUTS_MAX];
	size_t n;
};

/* Add a part; what it touches becomes one with it. False when there are too many. */
bool cuts_add(struct cuts *c, uint64_t start, uint64_t end, const char *kind);
/* Append the text that stands for a part. */
void cut_write(struct buf *out, const struct cut *cut);

/* --- what is looked for --- */

struct inspector {
	struct rules *rules;
	struct fingerprints *known;
	struct spread *spread;       /* pieces of known secrets that have left, shared by all fronts */
	struct permits permits;      /* values that the operator has let go */
	struct buf canaries;         /* by number of a known secret: 1 when it is a canary */
	const struct policy *policy; /* in force: its placeholders are no secrets */
	struct detectors *routes;    /* by route of that policy */
	struct detect *head;         /* for one head after the other */
	struct buf text;             /* of the head */
	struct buf changed;          /* values that were redacted */
	size_t bodies;               /* under inspection now */
	size_t coded;                /* of those, with codings to take off */
	size_t buffered;             /* bytes of bodies that are kept back whole, at most */
	struct rules *phrases;       /* of injected instructions, for what comes in */
	struct injection *inbound_head; /* for one text after the other */
	size_t inbound;              /* responses under inspection now */
};

/* Read the rules and compile them; closes the descriptors. Before confinement: machine code is made. */
bool inspector_open(struct inspector *i, int rules_fd, int phrases_fd, struct error *e);
/* A policy comes into force. It must live until the next does. */
void inspector_use(struct inspector *i, const struct policy *policy);

/* What a detection is called; false when it is nothing: a placeholder of the bottle. */
bool inspector_name(const struct inspector *i, const struct detection *d, struct found *found);
/* A known secret was found piece by piece. */
struct found inspector_spread(const struct inspector *i, const struct spread_text *t);
/* The set for detect.h that a route's detectors ask for. */
struct detect_set inspector_set(const struct inspector *i, const struct detectors *d);

/* --- heads --- */

enum inspect_result { INSPECT_CLEAN, INSPECT_CHANGED, INSPECT_FOUND };

/*
 * Look at a head. With the policy "redact", values and query are changed in place
 * where that takes out everything that was found (INSPECT_CHANGED); the new texts
 * live until the next call.
 */
enum inspect_result inspect_head(struct inspector *i, const struct detectors *d, struct http_head *h,
				 struct request_facts *facts, struct found *found);

/* Where the route asks for it: does a part of the head read as if drawn at random? Then it is named in found. */
bool inspect_entropy(const struct detectors *d, const struct http_head *h, const struct request_facts *facts,
		     struct found *found);

/* Append a text for the log with everything in it replaced that any detector finds. */
void inspect_text(struct inspector *i, struct slice text, struct buf *out);

/* --- bodies: body.c --- */

struct inspection;

/* What is looked at. */
struct inspected {
	const char *place;                 /* a word for it: "body", "message" */
	const struct coding_list *codings; /* that its Content-Encoding names; NULL: none */
	const char *host;                  /* that it is for, where the operator may be asked about it; else NULL */
	size_t whole;                      /* its length, if nothing is to be passed on before its end */
};

/*
 * Begin; NULL when too many are under way. It is looked at as it is and decoded, and
 * passed on as it is.
 */
struct inspection *inspection_new(struct inspector *i, const struct detectors *d, const struct inspected *what);
void inspection_release(struct inspection *n);
/* May what is passed on differ from what is fed? Is nothing passed on before the end? */
bool inspection_may_change(const struct inspection *n);
bool inspection_is_whole(const struct inspection *n);

/* Take bytes; or the end. False when something was found that cannot pass. */
bool inspection_feed(struct inspection *n, struct slice bytes, struct found *found);
bool inspection_finish(struct inspection *n, struct found *found);

/*
 * The first thing that was found and that the operator has to be asked about, or
 * NULL. While there is one nothing more is passed on. With its permit it is done
 * with: false when, going on, something was found that cannot pass.
 */
const struct found *inspection_asks(struct inspection *n);
bool inspection_permitted(struct inspection *n, struct found *found);

/* Bytes that may be passed on; drop what was. */
struct slice inspection_ready(const struct inspection *n);
void inspection_passed(struct inspection *n, size_t len);
/* Bytes fed and not passed on. */
size_t inspection_waiting(const struct inspection *n);
/* Bytes that may be fed when so many could be passed on: never none only because something is held back. */
size_t inspection_room(const struct inspection *n, size_t credit);
/* Has what was fed, decoded, come to read as if drawn at random? True once, and found names it. */
bool inspection_warns(struct inspection *n, struct found *found);
/* Was something replaced? Its kind and how often. */
size_t inspection_changed(const struct inspection *n, const char **kind);

#endif
