/*
 * Regular expressions with bounded work. The only file that includes PCRE2.
 *
 * A pattern of foreign origin can be made to run for ever; every match here has
 * a limit on steps, on depth and on memory, and reaching one is an answer of its
 * own that callers treat as "no" where the match would permit something and as
 * "yes" where it would forbid.
 *
 * A regex keeps its scratch memory, so one must not be used by two threads at
 * once. regex_new allocates; regex_match does so only within REGEX_HEAP_KIB.
 * May be called after confinement (REGEX_JIT needs to make memory executable:
 * compile before). Nothing blocks.
 */
#ifndef BB_REGEX_H
#define BB_REGEX_H

#include "error.h"
#include "slice.h"

#define REGEX_PATTERN_MAX 4096     /* bytes of a pattern */
#define REGEX_MATCH_LIMIT 200000   /* calls of the matcher's inner function: some 5 ms */
#define REGEX_DEPTH_LIMIT 20000    /* nested back-tracking points */
#define REGEX_HEAP_KIB 2048        /* KiB of back-tracking memory */

enum {
	REGEX_WHOLE = 1,    /* the match must span the whole subject */
	REGEX_CASELESS = 2, /* ASCII case is ignored */
	REGEX_JIT = 4,      /* compile to machine code where the platform can; else as without */
	REGEX_HERE = 8,     /* a match must begin at byte from */
};

enum regex_result {
	REGEX_NO,
	REGEX_YES,
	REGEX_LIMIT, /* too much work to tell */
};

struct regex;

/* Compile. NULL with an error that quotes the pattern, says what is wrong and where. Released with regex_release. */
struct regex *regex_new(struct slice pattern, unsigned flags, struct error *e);
void regex_release(struct regex *r);

/*
 * Look for the first match at or behind byte from. Bytes are matched as bytes
 * (Latin-1), whatever they encode. found and group may be NULL; found is the
 * match, group the first capturing group, or found where it did not take part.
 */
enum regex_result regex_match(const struct regex *r, struct slice subject, size_t from, struct slice *found,
			      struct slice *group);

/* The same for a match that begins at byte last at the latest: no place behind it is tried. */
enum regex_result regex_match_until(const struct regex *r, struct slice subject, size_t from, size_t last,
				    struct slice *found);

/*
 * A group of the last match of r, which must have been REGEX_YES on this subject:
 * its text, or a NULL slice when it does not exist or did not take part.
 */
struct slice regex_group(const struct regex *r, struct slice subject, unsigned index);

#endif
