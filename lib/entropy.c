#include "entropy.h"

/* n * log2(n) in 1/65536, for each count that a window can have. */
static const uint32_t weights[ENTROPY_WINDOW + 1] = {
	0, 0, 131072, 311616, 524288, 760849, 1016449, 1287880, 1572864, 1869698, 2177059, 2493890, 2819329,
	3152656, 3493263, 3840630, 4194304, 4553891, 4919044, 5289451, 5664838, 6044953, 6429573, 6818492, 7211522,
	7608494, 8009248, 8413640, 8821535, 9232807, 9647339, 10065024, 10485760, 10909451, 11336007, 11765344,
	12197383, 12632049, 13069271, 13508981, 13951115, 14395614, 14842418, 15291475, 15742730, 16196134,
	16651639, 17109200, 17568773, 18030316, 18493788, 18959151, 19426369, 19895405, 20366225, 20838795,
	21313085, 21789064, 22266701, 22745969, 23226839, 23709285, 24193281, 24678802, 25165824,
};

/*
 * Entropy is log2(W) - weight / W bits for a window of W bytes, so the least
 * entropy is a most weight.
 */
static const uint32_t most_weight = (60 - ENTROPY_LEAST_10) * ENTROPY_WINDOW * 65536u / 10;

_Static_assert(ENTROPY_WINDOW == 64, "log2 of the window is 6");

/* Change the count of a byte by one. */
static void count(struct entropy *e, unsigned char c, bool in)
{
	uint16_t n = e->counts[c], next = (uint16_t)(in ? n + 1 : n - 1);

	e->weight += weights[next] - weights[n];
	e->counts[c] = next;
}

bool entropy_feed(struct entropy *e, struct slice bytes)
{
	for (size_t i = 0; !e->found && i < bytes.len; i++) {
		unsigned char *slot = &e->window[e->length % ENTROPY_WINDOW], c = (unsigned char)bytes.ptr[i];

		if (e->length >= ENTROPY_WINDOW)
			count(e, *slot, false);
		*slot = c;
		count(e, c, true);
		e->length++;
		if (e->length >= ENTROPY_WINDOW && e->weight <= most_weight) {
			e->found = true;
			e->end = e->length;
		}
	}
	return e->found;
}
