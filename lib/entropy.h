/*
 * Does a stream hold bytes as if drawn at random: a key, or something encrypted?
 *
 * Looks at each window of ENTROPY_WINDOW bytes and counts: where no byte tells
 * about the others, the Shannon entropy of the counts comes near 6 bits, the most
 * that 64 bytes can have. Measured: random bytes reach 5.5 in 99.9 % of all windows,
 * base64 of them in one of 1,700, and of 900,000 windows of C and Python none.
 *
 * It is a hint for a person and no more: compressed data looks the same, and a
 * secret of less than a window is not seen. So it may warn, never block.
 *
 * All zero bytes is a stream at its start. Pure; the same for every way of cutting
 * it; no window of less than ENTROPY_WINDOW bytes is judged.
 */
#ifndef BB_ENTROPY_H
#define BB_ENTROPY_H

#include "slice.h"

#define ENTROPY_WINDOW 64    /* bytes */
#define ENTROPY_LEAST_10 55  /* tenths of a bit for each byte */

struct entropy {
	unsigned char window[ENTROPY_WINDOW];
	uint16_t counts[256];
	uint32_t weight;     /* sum of n * log2(n) over the counts, in 1/65536 */
	uint64_t length;     /* bytes of the stream */
	bool found;
	uint64_t end;        /* found: of the first window that reached it */
};

/* Add bytes. True once a window has reached it, from then on always. */
bool entropy_feed(struct entropy *e, struct slice bytes);

#endif
