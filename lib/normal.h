/*
 * Text as it reads: what a stream of UTF-8 says to a person, in plain letters.
 *
 * Words that a detector looks for can be written so that no byte of theirs is
 * there. This takes off what can be taken off character by character: each is
 * decomposed by compatibility (NFKD, Unicode Standard Annex 15), which makes
 * letters of fullwidth, mathematical, circled and ligated ones; marks, zero-width
 * characters, bidirectional controls and other default-ignorable ones are dropped;
 * tag characters become the ASCII that they shadow; and what looks like an ASCII
 * letter (Cyrillic, Greek, Cherokee, Latin variants) becomes it, after Unicode
 * Technical Standard 39. Composing again (NFKC) would bring back only marks, so it
 * is left out. Text of other scripts stays text, but not one to show to anybody.
 *
 * A struct normal is a stream: all zero bytes is one at its start, and the result
 * is the same for every way of cutting it. Bytes that are no UTF-8 pass as they
 * are. ASCII costs one comparison for each eight bytes and the copy.
 *
 * Pure, does not block, allocates in out only; may be called after confinement.
 * The only file that includes utf8proc.
 */
#ifndef BB_NORMAL_H
#define BB_NORMAL_H

#include "buf.h"

#define NORMAL_SEQUENCE 4 /* bytes of the longest character */
#define NORMAL_GROWTH 18  /* characters that one becomes at most: U+FDFA, a phrase in one character */

struct normal {
	bool fold;                         /* letters beyond ASCII become lower case */
	bool folded;                       /* something was not as it reads */
	char pending[NORMAL_SEQUENCE];     /* a character that has not come to its end */
	size_t n_pending;
};

/* How many of the first bytes read as they are: ASCII, as far as no character is under way. */
size_t normal_plain(const struct normal *n, struct slice bytes);

/* Append what the bytes read as. */
void normal_feed(struct normal *n, struct slice bytes, struct buf *out);

/* The stream has ended: append what was left of a character. */
void normal_finish(struct normal *n, struct buf *out);

#endif
