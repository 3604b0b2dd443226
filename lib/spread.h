/*
 * A known secret in pieces that are each too short to be recognised (fingerprint.h):
 * spread over the values of one text, or over texts that follow each other.
 *
 * A value is a run of bytes without a separator: a header's value or a word of it, a
 * parameter of a query, a segment of a path, a label of a host name, a string of
 * JSON, a message. Its place is what it is called, by the value in front of it or by
 * its number in a part of a text to the same host. Two values are joined, in either
 * order, when
 *
 *	they have the same place, one after the other, in any texts to any hosts; or
 *	they are neighbours in one text, or neighbours but one (names between them)
 *
 * and what was joined is what the next one is joined with. A secret is found where
 * FINGERPRINT_FRAGMENT of its letters and digits follow each other in the joined
 * ones, in any form of known.h; encodings of the single pieces are not taken off.
 * Something else put between the pieces, in the same place, is what this does not
 * see through.
 *
 * What is remembered of a place are the letters and digits at the ends of its values,
 * SPREAD_EDGE each. SPREAD_PLACES places are kept, those used last, in memory that
 * processes may share: a value is judged and remembered in one step, so that of two
 * pieces sent at once the later one is found. A value that was found is not remembered.
 *
 * Life: memory of spread_size() zero bytes; for each text spread_begin, then for each
 * part of it spread_part and spread_feed…, then spread_end. Nothing allocates or
 * blocks, but for the moment that another process needs for its value.
 */
#ifndef BB_SPREAD_H
#define BB_SPREAD_H

#include "fingerprint.h"

#define SPREAD_PLACES 4096                     /* places that are remembered: 256 KiB, some 100 kinds of requests */
#define SPREAD_EDGE (FINGERPRINT_FRAGMENT - 1) /* letters and digits: what one more would make a fragment */
/* bytes of a body or message that are looked at: pieces are sent in small ones */
#define SPREAD_TEXT 8192

struct spread;

size_t spread_size(void);

/* The letters and digits at either end. */
struct spread_edges {
	uint8_t n_first, n_last;
	char first[SPREAD_EDGE], last[SPREAD_EDGE];
};

/* A text that is looked through. */
struct spread_text {
	struct spread *spread;
	const struct fingerprints *known;
	uint64_t host;               /* where it goes */
	uint64_t part, name;         /* what the part is called, and the next value */
	unsigned ordinal;            /* of the next value in its part */
	bool path;                   /* a slash separates */
	struct spread_edges value;   /* under way */
	uint64_t digest;             /* of its letters and digits */
	size_t letters, judged;      /* it has, and had when it was last judged */
	struct spread_edges before;  /* the values in front of it, joined */
	struct spread_edges other[2]; /* every second of them, joined: those in line with the next value first */
	uint32_t number;             /* of the secret that was found */
};

/* Begin a text that goes to a host. known may be NULL: nothing is found then. */
void spread_begin(struct spread_text *t, struct spread *spread, const struct fingerprints *known, struct slice host);

/* The following bytes are a part of that name; with path a slash separates values. Results as of spread_end. */
bool spread_part(struct spread_text *t, struct slice name, bool path);
/* Add bytes to the part. False when a piece in them makes a secret of earlier ones: it must not pass. */
bool spread_feed(struct spread_text *t, struct slice bytes);
/* The part has ended, and perhaps the text. False when its last piece makes a secret of earlier ones. */
bool spread_end(struct spread_text *t);

#endif
