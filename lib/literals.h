/*
 * Finding any of many short texts in one pass.
 *
 * This is the first stage of the scanner: it looks at every byte that leaves a
 * bottle, so it has to cost next to nothing where nothing is found. It samples
 * the text at every second position and asks a filter for the four bytes there
 * (letters folded), and one that keeps less for those that pass; both without a
 * branch. Only for what is left are the literals that could lie there compared. For
 * that, each literal enters two neighbouring four-byte windows of its own into the
 * tables, the rarest ones it has: one of them falls on a sample wherever the literal
 * stands. Literals of three and four bytes have one window of three and a table of
 * their own, which is asked for the place behind each sample, too. An Aho-Corasick
 * automaton finds the same in one dependent load for each byte, which is several
 * times slower than this on text without a hit.
 *
 * Life: new, add…, build, then scan as often as wanted, also from several
 * threads: building ends all change. Each occurrence is reported once, in an
 * order that is only roughly that of the text. What is found does not depend on
 * how the caller cuts a text as long as each cut keeps literals_longest() - 1
 * bytes of overlap and reports from where the last one ended.
 *
 * Memory: 90 KiB and about 300 bytes for each literal. Nothing blocks or allocates
 * after build; scanning may be done after confinement.
 */
#ifndef BB_LITERALS_H
#define BB_LITERALS_H

#include "slice.h"

#define LITERAL_MIN 3   /* bytes; shorter ones would be found everywhere */
#define LITERAL_MAX 255 /* bytes */

struct literals;

struct literals *literals_new(void);
void literals_release(struct literals *l);

/*
 * Add a text of LITERAL_MIN to LITERAL_MAX bytes (copied); fold: ASCII letters match in either case. False when too
 * short or too long.
 */
bool literals_add(struct literals *l, struct slice text, bool fold, uint32_t id);

void literals_build(struct literals *l);

/* Length of the longest literal in bytes, 0 with none. */
size_t literals_longest(const struct literals *l);

/* An occurrence: the id it was added with, and its place in the text. */
struct literal_hit {
	uint32_t id;
	size_t start;
	size_t len;
};

/* Return false to stop. */
typedef bool literals_hit_fn(void *ctx, const struct literal_hit *hit);

/*
 * Report each occurrence that lies wholly in text and starts at or after from.
 * Returns false when fn stopped it. Time: linear, plus the comparisons of hits.
 */
bool literals_scan(const struct literals *l, struct slice text, size_t from, literals_hit_fn *fn, void *ctx);

#endif
