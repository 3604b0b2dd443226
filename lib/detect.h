/*
 * What must not leave, in a stream of bytes: published tokens (scan.h) and known
 * secrets (known.h), each in every view that opens when encodings are taken off
 * (decode.h).
 *
 * Bytes are fed in pieces of any size; what is found comes out through a function,
 * with the bytes of the stream that it came from where that can be told. Whoever
 * passes the bytes on keeps back the last detect_held() of them after each feed:
 * something that is found lies within what was still held when it was reported.
 *
 * A stream that cannot be judged (a limit of decode.h or scan.h) is reported as
 * well: that is no silence.
 *
 * Life: detect_new, detect_feed…, detect_finish, detect_reset for the next stream,
 * detect_release. Memory is bounded by the windows of scan.h for each view. Nothing
 * blocks; all may be called after confinement, by one thread at a time for all that
 * share their rules.
 */
#ifndef BB_DETECT_H
#define BB_DETECT_H

#include "decode.h"
#include "known.h"
#include "scan.h"

#define DETECT_HELD_MAX (64 << 10) /* bytes: an encoding that began further back is still judged, but no longer held */

/* What is looked for; either may be NULL. Both must outlive the detectors that use them. */
struct detect_set {
	const struct rules *rules;
	const struct fingerprints *known;
};

struct detection {
	const struct rule *rule; /* a token of this rule, or NULL */
	uint32_t number;         /* without rule and why: of the known secret */
	const char *why;         /* the stream cannot be judged: name of the limit */
	enum decode_form form;   /* of the view it was seen in */
	bool placed;             /* start and end are known */
	uint64_t start, end;     /* bytes of the stream */
	struct slice secret;     /* of a token: the text, a view that is valid during the call */
};

/* Return false to stop; feed and finish then return false too. */
typedef bool detect_fn(void *ctx, const struct detection *found);

struct detect;

struct detect *detect_new(struct detect_set set, detect_fn *fn, void *ctx);
void detect_release(struct detect *d);
/* Begin another stream, as detect_new would. */
void detect_reset(struct detect *d, struct detect_set set, detect_fn *fn, void *ctx);

bool detect_feed(struct detect *d, struct slice bytes);
bool detect_finish(struct detect *d);

/* How many of the bytes fed last must not be passed on yet, at most DETECT_HELD_MAX. */
uint64_t detect_held(const struct detect *d);

#endif
