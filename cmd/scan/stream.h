/*
 * One text, a file's or a blob's, through the rules and past the secrets that are
 * known, into the report. Memory does not grow with the text.
 */
#ifndef BB_SCAN_STREAM_H
#define BB_SCAN_STREAM_H

#include "detect.h"
#include "report.h"
#include "scan.h"

#define STREAM_LINES 65536 /* ends of lines whose place is remembered: more than what may be waiting to be judged has */
#define STREAM_KNOWN_MAX 64 /* secrets that are named on the command line */

struct stream {
	/* Set once: */
	const struct rules *rules;
	struct fingerprints *known;            /* NULL: none */
	const char *names[STREAM_KNOWN_MAX];   /* of the secrets that are known */
	bool no_allow;                         /* gitleaks:allow excuses nothing */
	struct report *report;

	/* Of the text: */
	const char *path;
	const struct githistory_commit *commit;
	struct scan scan;
	struct detect *detect;
	uint64_t length, lines;                /* bytes and ends of lines so far */
	int64_t told[STREAM_KNOWN_MAX];        /* by known secret: the line it was last reported in */
	uint64_t ends[STREAM_LINES];           /* places of the last ends of lines, by their number */
};

/* A text: path and commit (or NULL) are borrowed until stream_end. */
void stream_begin(struct stream *s, const char *path, const struct githistory_commit *commit);
void stream_feed(struct stream *s, struct slice bytes);
void stream_end(struct stream *s);

#endif
