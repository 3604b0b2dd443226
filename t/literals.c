/* The first stage of the scanner, against a search that cannot be wrong. */
#include <stdlib.h>

#include "buf.h"
#include "literals.h"
#include "t/lib/tap.h"

enum { LITERALS = 60, TEXTS = 800 };

struct found {
	uint32_t id;
	size_t start;
};

struct finds {
	struct found list[20000];
	size_t count;
};

static bool collect(void *ctx, const struct literal_hit *hit)
{
	struct finds *f = ctx;

	f->list[f->count++] = (struct found){ hit->id, hit->start };
	return f->count < sizeof(f->list) / sizeof(f->list[0]);
}

static int by_place(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool same(struct finds *a, struct finds *b)
{
	qsort(a->list, a->count, sizeof(a->list[0]), by_place);
	qsort(b->list, b->count, sizeof(b->list[0]), by_place);
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].id != b->list[i].id || a->list[i].start != b->list[i].start)
			return false;
	return true;
}

/* A small alphabet, so that near misses and overlaps are common. */
static char random_char(void)
{
	static const char alphabet[] = "abAB_-\0\xFF@`";

	return alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
}

static char *random_text(size_t len)
{
	char *p = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		p[i] = random_char();
	return p;
}

int main(void)
{
	static struct finds got, want, in_parts;
	struct { char *bytes; size_t len; bool fold; } lits[LITERALS];
	struct literals *l = literals_new();
	bool whole = true, parts = true;
	size_t total = 0;

	srand(20);
	ok(!literals_add(l, SLICE("ab"), false, 0), "two bytes are too short");
	for (uint32_t i = 0; i < LITERALS; i++) {
		lits[i].len = 3 + (size_t)rand() % 6;
		lits[i].bytes = random_text(lits[i].len);
		lits[i].fold = rand() % 2;
		literals_add(l, slice_of(lits[i].bytes, lits[i].len), lits[i].fold, i);
	}
	literals_build(l);
	is_int(literals_longest(l), 8, "the longest literal is known");
	for (int t = 0; t < TEXTS; t++) {
		size_t len = (size_t)rand() % 300, cut = len ? (size_t)rand() % len : 0;
		char *text = random_text(len);

		got.count = want.count = in_parts.count = 0;
		literals_scan(l, slice_of(text, len), 0, collect, &got);
		for (uint32_t i = 0; i < LITERALS; i++)
			for (size_t at = 0; at + lits[i].len <= len; at++) {
				struct slice a = slice_of(text + at, lits[i].len),
					     b = slice_of(lits[i].bytes, lits[i].len);

				if (lits[i].fold ? slice_eq_fold(a, b) : slice_eq(a, b))
					want.list[want.count++] = (struct found){ i, at };
			}
		whole = whole && same(&got, &want);
		total += want.count;
		/* What starts before the cut in a first part that overlaps, the rest from the cut on. */
		{
			size_t overlap = cut + literals_longest(l) - 1 < len ? cut + literals_longest(l) - 1 : len;
			size_t kept = 0;

			literals_scan(l, slice_of(text, overlap), 0, collect, &in_parts);
			for (size_t i = 0; i < in_parts.count; i++)
				if (in_parts.list[i].start < cut)
					in_parts.list[kept++] = in_parts.list[i];
			in_parts.count = kept;
			literals_scan(l, slice_of(text, len), cut, collect, &in_parts);
		}
		parts = parts && same(&in_parts, &want);
		free(text);
	}
	ok(total > 1000, "the texts hold many occurrences (%zu)", total);
	ok(whole, "every occurrence is found once");
	ok(parts, "a cut changes nothing");
	for (size_t i = 0; i < LITERALS; i++)
		free(lits[i].bytes);
	literals_release(l);
	return tap_done();
}
