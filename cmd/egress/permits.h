/*
 * Values that the operator has let go, and who may be asked for more.
 *
 * A value is known by a digest under a key that only bb-egress has, over the host
 * that it may go to and the value: what is written down about it, in the queue too,
 * tells nothing about it. The key and the digests are the asker's, which
 * keeps them over a restart (asker.c); the front has a copy.
 *
 * Nothing blocks; all may be called after confinement.
 */
#ifndef BB_EGRESS_PERMITS_H
#define BB_EGRESS_PERMITS_H

#include <stdbool.h>

#include "digest.h"

#define PERMITS_MAX 1000 /* values; beyond, the oldest is forgotten and would be asked for again */

struct permits {
	bool asks; /* there is somebody to ask, and a key */
	uint8_t key[DIGEST_SIZE];
	uint8_t list[PERMITS_MAX][DIGEST_SIZE];
	size_t n, next;
};

/* What a value is known by. */
void permits_digest(const struct permits *p, const char *host, struct slice value, uint8_t digest[DIGEST_SIZE]);

bool permits_has(const struct permits *p, const uint8_t digest[DIGEST_SIZE]);
/* Returns the place in the list. */
size_t permits_add(struct permits *p, const uint8_t digest[DIGEST_SIZE]);

#endif
