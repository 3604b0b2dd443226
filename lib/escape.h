/*
 * Making text of foreign origin safe to look at.
 *
 * Anything that a bottle, a remote or a file wrote passes through here before a
 * terminal, a log line or a person's screen sees it. The result is valid UTF-8,
 * one line, with no control character, no escape sequence, and none of the
 * Unicode characters that reorder or hide text (bidi controls, zero-width,
 * line and paragraph separators, tags, variation selectors). What is replaced
 * is shown: \n \r \t, \xHH for other bytes, \u{HEX} for characters; a backslash
 * is doubled so that the escaping can be told from the text.
 *
 * Pure. May be called after confinement.
 */
#ifndef BB_ESCAPE_H
#define BB_ESCAPE_H

#include "buf.h"

/* Append text as one safe line. Grows by at most ten bytes for each input byte. */
void escape_line(struct buf *out, struct slice text);

/* Like escape_line, cut to max bytes of output (at least 16), "..." marking the cut. */
void escape_cut(struct buf *out, struct slice text, size_t max);

#endif
