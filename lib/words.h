/*
 * Text as words: what a search for phrases looks at.
 *
 * Letters are small, and words are separated by what stands between them: white
 * space and marks that say nothing as one space, marks that say something (". :
 * ; ! ? / @ < > | [ ] # = { }") as they are, WORDS_GAP bytes of it at most.
 * Apostrophes are left out ("don't": "dont"), and so are a backslash and the letter
 * behind it that together stand for a line's end. Digits within words are the
 * letters that they stand for ("1gn0re"), and letters with one byte between each of
 * them are one word ("i g n o r e"). Bytes beyond ASCII are letters; see normal.h.
 *
 * A struct words is a stream: all zero bytes is one at its start, and what comes out
 * in all is the same for every way of cutting it. It holds back the word under way
 * and what stands before it, WORDS_LONGEST + WORDS_GAP bytes at most: a longer word
 * comes out in parts. Pure, does not block, may be called after confinement.
 */
#ifndef BB_WORDS_H
#define BB_WORDS_H

#include "buf.h"

#define WORDS_LONGEST 64 /* bytes of a word whose digits are read together */
#define WORDS_GAP 8      /* bytes that are kept between two words */

struct words {
	struct buf out;    /* what is complete, what stands before the word under way, and that word */
	size_t ready;      /* bytes of it that are complete */
	size_t word;       /* where the word under way begins */
	size_t separators; /* bytes of the text that stood before it */
	bool digits;       /* it has some */
	bool longer;       /* its begin was passed on */
	bool single;       /* the word before has one letter */
	bool escaped;      /* the last byte was a backslash */
};

void words_release(struct words *w);

/* Add text; what is complete now, a view that is valid until the next call. */
struct slice words_feed(struct words *w, struct slice text);

/* The text has ended: the rest, a view that is valid until the next call, which begins another text. */
struct slice words_end(struct words *w);

#endif
