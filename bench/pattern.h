/*
 * The bytes that origin sends and load expects: ordinary words, so that a
 * scanner on the way does the work it does on text, and never anything that
 * looks like a credential. Byte i of a body is byte i % PATTERN_SIZE.
 *
 * Pure, but for the caller's memory.
 */
#ifndef BB_PATTERN_H
#define BB_PATTERN_H

#include <stdint.h>
#include <string.h>

#define PATTERN_SIZE 65536 /* a multiple of a TLS record, so that most writes need one copy */

/* Fill a buffer of PATTERN_SIZE bytes. */
static inline void pattern_fill(char *p)
{
	static const char *const words[] = { "the",   "river", "a",	"stone", "over",   "quiet", "field", "morning",
					     "light", "of",    "walks", "under", "bridge", "and",   "when",  "summer" };
	uint32_t x = 2463534242u;
	size_t at = 0;

	while (at < PATTERN_SIZE) {
		const char *w;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		w = words[x % 16];
		for (size_t i = 0; w[i] && at < PATTERN_SIZE; i++)
			p[at++] = w[i];
		if (at < PATTERN_SIZE)
			p[at++] = x % 11 == 0 ? '\n' : ' ';
	}
}

/* Whether len bytes are those of the pattern from offset on. */
static inline int pattern_matches(const char *pattern, uint64_t offset, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t at = (size_t)(offset % PATTERN_SIZE), n = PATTERN_SIZE - at;

		if (n > len)
			n = len;
		if (memcmp(pattern + at, bytes, n) != 0)
			return 0;
		offset += n;
		bytes += n;
		len -= n;
	}
	return 1;
}

#endif
