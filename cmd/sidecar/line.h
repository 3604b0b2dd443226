/*
 * What the daemons say, line by line, on its way to one output.
 *
 * A line buffer collects the bytes of one daemon's stream and hands whole lines
 * on, each with "[name] " in front. A line longer than LINE_MAX_BYTES is handed
 * on in pieces: each but the last ends with " ...", each but the first begins
 * with "... " after the prefix. Standard output carries JSON, whose strings
 * escape themselves, so only raw control bytes are replaced there (\u00XX, which
 * is what JSON would have had); standard error is text and escaped in full.
 * Lines of JSON are collected for the audit log, too, where there is one, and of
 * those that tell of a start or a reload a report (peers.h).
 *
 * A sink is an output of the sidecar that may be slow: it is written to only as
 * far as it takes bytes at once. What it does not take waits; when much waits,
 * the caller reads no more from the daemons, so that nothing is lost and memory
 * stays bounded. A sink that fails (disk full, reader gone) loses lines, counts
 * them and says so when it works again.
 *
 * Only sink_flush blocks, and that bounded.
 */
#ifndef BB_SIDECAR_LINE_H
#define BB_SIDECAR_LINE_H

#include "audit.h"
#include "peers.h"

#define LINE_MAX_BYTES (512u << 10) /* one audit line with 64 KiB of escaped body fits */
#define SINK_HIGH      (64u << 10)  /* waiting bytes from which on the daemons are not read */

struct sink {
	int fd;
	bool pollable;	  /* a pipe, socket or terminal; a file always takes what it is given */
	uint64_t lost;	  /* lines that it failed to take since it last worked */
	struct buf waits; /* whole lines, not yet written */
};

void sink_init(struct sink *s, int fd);
void sink_release(struct sink *s);

/* Add one line, without its newline, in one piece. */
void sink_line(struct sink *s, struct slice line);

/* Write what can be written now. True while something waits. */
bool sink_drain(struct sink *s);

/* Write what waits for at most limit_ms milliseconds; the rest is lost. */
void sink_flush(struct sink *s, int64_t limit_ms);

static inline bool sink_is_full(const struct sink *s)
{
	return s->waits.len >= SINK_HIGH;
}

struct line {
	const char *name; /* prefix */
	bool is_json;
	struct audit *audit; /* gets the lines as well; NULL: none */
	struct buf *reports; /* gets reports of starts and reloads; NULL: nobody wants them */
	bool continued; /* the piece in the buffer is not the first of its line */
	struct buf part;
};

void line_release(struct line *l);

/* Take bytes of the stream; hand each line that they complete to the sink. */
void line_feed(struct line *l, struct slice bytes, struct sink *to);

/* The stream has ended: hand on what is left. */
void line_end(struct line *l, struct sink *to);

#endif
