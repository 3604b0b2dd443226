/*
 * One line of a daemon's log: a JSON object on one line.
 *
 * Every line begins with "time" (UTC, milliseconds) and "event"; the members
 * after them are whatever the event has, in the order they are added. Text may
 * be foreign: it is escaped for people (escape.h) before it is escaped for JSON,
 * so neither a terminal nor a parser of lines can be led astray, and cut at a
 * length that the caller names.
 *
 * A line is built in a buf; where it goes is the caller's matter. Pure but for
 * the clock; may be called after confinement.
 */
#ifndef BB_LOG_H
#define BB_LOG_H

#include <stdint.h>

#include "buf.h"

/* Append the time now as 2026-01-31T12:00:00.123Z. Reads no file. */
void log_time(struct buf *out);
/* Append the start of a line. */
void log_begin(struct buf *line, const char *event);
/* Add a member; text longer than max bytes once escaped is cut and ends in "...". */
void log_text(struct buf *line, const char *key, struct slice text, size_t max);
void log_str(struct buf *line, const char *key, const char *text);
void log_int(struct buf *line, const char *key, int64_t value);
void log_bool(struct buf *line, const char *key, bool value);
/* A string with its quotes, escaped and cut like log_text's: an element of a list that the caller opens and closes. */
void log_element(struct buf *line, struct slice text, size_t max);
/* End the line, newline included. */
void log_end(struct buf *line);

/* A JSON string with its quotes: text as it is, escaped only where JSON needs it; invalid UTF-8 becomes U+FFFD. */
void log_json_string(struct buf *out, struct slice text);

#endif
