/*
 * The scanner: what is in a stream of bytes that should not be there.
 *
 * A scan is one stream (a body, a header's value, a file, a git object). Bytes
 * are fed in pieces of any size and findings come out through a function. What
 * is found, and in which order, is the same for every way of cutting the stream:
 * each rule sees a fixed window around its keyword, and is asked only when that
 * window is complete or the stream has ended. A place where a match might begin is
 * tried once for each rule, with the window of the first keyword that it comes before.
 *
 * Whoever passes the bytes on must keep back the last scan_held() of them after
 * each feed: a match may begin there. Findings lie wholly within what was still
 * held when they were reported, so every one can be stopped or replaced in time.
 *
 * Memory is bounded by the widest window of the rules, whatever the stream's
 * length; so is the time for each byte, by scan_limits. Nothing here blocks;
 * feeding may be done after confinement, and by one thread at a time for all
 * scans of the same rules.
 */
#ifndef BB_SCAN_H
#define BB_SCAN_H

#include "buf.h"
#include "rules.h"

#define SCAN_LOOKBEHIND 64   /* bytes before a rule's window that its expression may look back at */
/* keywords waiting, one for each byte of the widest window: more means a stream made to be slow */
#define SCAN_PENDING_MAX RULE_LENGTH_MAX

struct finding {
	const struct rule *rule; /* NULL: the stream cannot be judged, see why */
	const char *why;         /* with rule NULL: name of the limit */
	uint64_t start, end;     /* of the match, bytes from the start of the stream */
	uint64_t secret_start, secret_end;
	struct slice match;      /* views, valid during the call */
	struct slice secret;
	struct slice line;       /* what of the line around the match is in the window */
};

/* Return false to stop the scan; scan_feed and scan_finish then return false too. */
typedef bool scan_finding_fn(void *ctx, const struct finding *f);

/* A keyword that was seen and not yet judged. */
struct scan_candidate {
	uint64_t start;
	uint32_t keyword;
	uint32_t next_rule; /* of the keyword's rules, the next to ask */
};

/* How far a rule has come. */
struct scan_progress {
	uint64_t end;   /* of its last finding, so that none is reported twice */
	/* no match begins before this place: keywords near each other share the search in front of them */
	uint64_t tried;
};

struct scan {
	const struct rules *rules;
	struct slice path;       /* of the file, for rules and allowlists; may be empty */
	scan_finding_fn *fn;
	void *ctx;

	struct buf window;       /* the end of the stream as far as anything may look back */
	uint64_t base;           /* place of its first byte in the stream */
	uint64_t searched;       /* keywords that start before this place have been seen */
	struct scan_candidate *pending;
	size_t n_pending, pending_cap;
	struct scan_progress *progress; /* by rule */
};

/* Begin a stream. rules must be built and outlive the scan; path is borrowed for its life. */
void scan_init(struct scan *s, const struct rules *rules, struct slice path, scan_finding_fn *fn, void *ctx);
void scan_release(struct scan *s);
/* Begin another stream with the same rules; what the one before held is forgotten. */
void scan_reset(struct scan *s);

/* Add bytes. False when fn stopped the scan. */
bool scan_feed(struct scan *s, struct slice bytes);

/* The stream has ended: judge what still waits. */
bool scan_finish(struct scan *s);

/* How many of the bytes fed last must not be passed on yet. */
uint64_t scan_held(const struct scan *s);

#endif
