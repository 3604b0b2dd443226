#include "permits.h"

#include <string.h>

#include "alloc.h"

void permits_digest(const struct permits *p, const char *host, struct slice value, uint8_t digest[DIGEST_SIZE])
{
	const struct slice key = slice_of(p->key, sizeof(p->key));
	const struct slice parts[] = { key, slice_str(host), SLICE("\n"), value, key }; /* no host holds a line break */

	digest_sha256(parts, COUNT_OF(parts), digest);
}

bool permits_has(const struct permits *p, const uint8_t digest[DIGEST_SIZE])
{
	for (size_t i = 0; i < p->n; i++)
		if (memcmp(p->list[i], digest, DIGEST_SIZE) == 0)
			return true;
	return false;
}

size_t permits_add(struct permits *p, const uint8_t digest[DIGEST_SIZE])
{
	size_t place = p->next;

	memcpy(p->list[place], digest, DIGEST_SIZE);
	p->next = (place + 1) % PERMITS_MAX;
	if (p->n < PERMITS_MAX)
		p->n++;
	return place;
}
