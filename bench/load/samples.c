/* Durations and their percentiles. */
#include <stdlib.h>

#include "alloc.h"
#include "load.h"

void samples_add(struct samples *s, int64_t nanoseconds)
{
	int64_t units = nanoseconds / 100;

	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 4096;
		s->list = alloc_resize(s->list, s->room, sizeof(*s->list));
	}
	s->list[s->count++] = units < 0 ? 0 : units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
	s->sorted = false;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int64_t samples_at(struct samples *s, unsigned thousandths)
{
	size_t rank;

	if (s->count == 0)
		return 0;
	if (!s->sorted)
		qsort(s->list, s->count, sizeof(*s->list), compare);
	s->sorted = true;
	/* nearest rank: the smallest sample that at least this share does not exceed */
	rank = (s->count * thousandths + 999) / 1000;
	return (int64_t)s->list[rank > 0 ? rank - 1 : 0] * 100;
}

int64_t samples_mean(const struct samples *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += s->list[i];
	return s->count ? (int64_t)(sum / s->count) * 100 : 0;
}

void samples_release(struct samples *s)
{
	free(s->list);
	*s = (struct samples){ 0 };
}
