#include "spread.h"

#include <sched.h>

enum {
	WAYS = 8, /* places that compete for the same memory */
	BUCKETS = SPREAD_PLACES / WAYS,
	SPINS = 1000,
};

_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a key selects a bucket by its bits");

/* Places whose keys select the same bucket. */
struct bucket {
	uint32_t locked;
	uint32_t clock;        /* counts what was remembered */
	uint64_t keys[WAYS];   /* of the places; 0: none */
	uint64_t digests[WAYS]; /* of the last value of each */
	uint32_t used[WAYS];
	struct spread_edges edges[WAYS];
};

struct spread {
	struct bucket buckets[BUCKETS];
};

size_t spread_size(void)
{
	return sizeof(struct spread);
}

/* --- keys --- */

/* Mix a word into a key; never 0. */
static uint64_t mix(uint64_t key, uint64_t word)
{
	key = (key ^ word) * 0x9E3779B97F4A7C15u;
	key = (key ^ key >> 29) * 0xBF58476D1CE4E5B9u;
	key ^= key >> 32;
	return key ? key : 1;
}

static uint64_t digest_of(struct slice text)
{
	uint64_t digest = 0;

	for (size_t i = 0; i < text.len; i++)
		digest = mix(digest, (unsigned char)ascii_lower(text.ptr[i]));
	return digest ? digest : 1;
}

/* --- joining --- */

/* Copy the last letters of what is kept, then all of the other, as far as there is room at the end. */
static uint8_t join_last(char out[SPREAD_EDGE], const struct spread_edges *a, const struct spread_edges *b)
{
	uint8_t old = (uint8_t)(SPREAD_EDGE - b->n_last < a->n_last ? SPREAD_EDGE - b->n_last : a->n_last);
	char joined[SPREAD_EDGE];

	memcpy(joined, a->last + a->n_last - old, old);
	memcpy(joined + old, b->last, b->n_last);
	memcpy(out, joined, (size_t)old + b->n_last);
	return (uint8_t)(old + b->n_last);
}

/* The same at the front: b stands in front of a. */
static uint8_t join_first(char out[SPREAD_EDGE], const struct spread_edges *b, const struct spread_edges *a)
{
	uint8_t old = (uint8_t)(SPREAD_EDGE - b->n_first < a->n_first ? SPREAD_EDGE - b->n_first : a->n_first);
	char joined[SPREAD_EDGE];

	memcpy(joined, b->first, b->n_first);
	memcpy(joined + b->n_first, a->first, old);
	memcpy(out, joined, (size_t)old + b->n_first);
	return (uint8_t)(old + b->n_first);
}

/* What a later value is joined with: this one behind the earlier ones, and in front of them. */
static void join(struct spread_edges *earlier, const struct spread_edges *value)
{
	earlier->n_last = join_last(earlier->last, earlier, value);
	earlier->n_first = join_first(earlier->first, value, earlier);
}

static bool take_hit(void *ctx, const struct fingerprint_hit *hit)
{
	struct spread_text *t = ctx;

	if (hit->end - hit->start < FINGERPRINT_FRAGMENT)
		return true; /* a short secret, which may be a word: two words beside each other are not it */
	t->number = hit->index / FINGERPRINT_FORMS;
	return false;
}

/* Does the end of one and the begin of the other hold a part of a secret? */
static bool is_seam_clean(struct spread_text *t, const struct spread_edges *a, const struct spread_edges *b)
{
	char text[2 * SPREAD_EDGE];
	size_t len = (size_t)a->n_last + b->n_first;

	if (!a->n_last || len < FINGERPRINT_FRAGMENT)
		return true;
	memcpy(text, a->last, a->n_last);
	memcpy(text + a->n_last, b->first, b->n_first);
	return fingerprints_scan(t->known, slice_of(text, len), a->n_last, take_hit, t);
}

static bool is_clean(struct spread_text *t, const struct spread_edges *earlier)
{
	return is_seam_clean(t, earlier, &t->value) && is_seam_clean(t, &t->value, earlier);
}

/* --- places --- */

static void lock(struct bucket *b)
{
	for (unsigned n = 0; __atomic_exchange_n(&b->locked, 1, __ATOMIC_ACQUIRE); n++)
		if (n >= SPINS)
			sched_yield(); /* its holder does not run */
}

static void unlock(struct bucket *b)
{
	__atomic_store_n(&b->locked, 0, __ATOMIC_RELEASE);
}

/* The place with this key in its bucket, or WAYS. */
static size_t find(const struct bucket *b, uint64_t key)
{
	size_t i = 0;

	while (i < WAYS && __atomic_load_n(&b->keys[i], __ATOMIC_RELAXED) != key)
		i++;
	return i;
}

/* The place that was not used for longest. */
static size_t oldest(const struct bucket *b)
{
	size_t found = 0;

	for (size_t i = 1; i < WAYS; i++)
		if (b->clock - b->used[i] > b->clock - b->used[found])
			found = i;
	return found;
}

/* Judge the value under way by what was last in a place; remember it there if it is complete and clean. */
static bool judge_place(struct spread_text *t, uint64_t key, bool complete)
{
	struct bucket *b = &t->spread->buckets[key & (BUCKETS - 1)];
	size_t i = find(b, key);
	bool clean;

	/*
	 * Most values are those of the request before: they were judged then, and what follows is joined as it would
	 * have been.
	 */
	if (i < WAYS && __atomic_load_n(&b->digests[i], __ATOMIC_RELAXED) == t->digest)
		return true;
	lock(b);
	i = find(b, key);
	clean = i == WAYS || is_clean(t, &b->edges[i]);
	if (clean && complete) {
		if (i == WAYS) {
			i = oldest(b);
			b->edges[i].n_first = b->edges[i].n_last = 0;
		}
		join(&b->edges[i], &t->value);
		b->used[i] = ++b->clock;
		__atomic_store_n(&b->digests[i], t->digest, __ATOMIC_RELAXED);
		__atomic_store_n(&b->keys[i], key, __ATOMIC_RELAXED);
	}
	unlock(b);
	return clean;
}

/* --- values --- */

/* Judge the value under way by everything that it may go on from. */
static bool judge(struct spread_text *t, bool complete)
{
	if (!is_clean(t, &t->before) || !is_clean(t, &t->other[0]))
		return false;
	return judge_place(t, t->name, complete) && judge_place(t, mix(t->name, t->host), complete) &&
	       (!t->ordinal || judge_place(t, mix(mix(t->part, t->host), t->ordinal), complete));
}

/* The value under way is complete. */
static bool end_value(struct spread_text *t)
{
	struct spread_edges in_line = t->other[0];

	if (!t->letters)
		return true;
	if (!judge(t, true))
		return false;
	join(&t->before, &t->value);
	join(&in_line, &t->value);
	t->other[0] = t->other[1];
	t->other[1] = in_line;
	t->name = t->digest;
	t->ordinal++;
	t->value = (struct spread_edges){ .n_first = 0 };
	t->digest = 0;
	t->letters = t->judged = 0;
	return true;
}

/* Add a letter or digit to the value under way. */
static void add(struct spread_text *t, char c)
{
	struct spread_edges *v = &t->value;

	if (v->n_first < SPREAD_EDGE)
		v->first[v->n_first++] = c;
	if (v->n_last == SPREAD_EDGE)
		memmove(v->last, v->last + 1, --v->n_last);
	v->last[v->n_last++] = c;
	t->digest = mix(t->digest, (unsigned char)c);
	t->letters++;
}

enum byte_kind { PART_OF_VALUE, LETTER, SEPARATOR, SLASH };

static const uint8_t kinds[256] = {
	['0' ... '9'] = LETTER, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER, [0 ... ' '] = SEPARATOR,
	['"'] = SEPARATOR, ['\''] = SEPARATOR, ['`'] = SEPARATOR, ['\\'] = SEPARATOR,
	['('] = SEPARATOR, [')'] = SEPARATOR, ['['] = SEPARATOR, [']'] = SEPARATOR,
	['{'] = SEPARATOR, ['}'] = SEPARATOR, ['<'] = SEPARATOR, ['>'] = SEPARATOR,
	[','] = SEPARATOR, [';'] = SEPARATOR, [':'] = SEPARATOR, ['='] = SEPARATOR,
	['&'] = SEPARATOR, ['?'] = SEPARATOR, ['/'] = SLASH,
};

/* --- texts --- */

void spread_begin(struct spread_text *t, struct spread *spread, const struct fingerprints *known, struct slice host)
{
	*t = (struct spread_text){ .spread = spread, .known = known, .host = digest_of(host) };
}

bool spread_part(struct spread_text *t, struct slice name, bool path)
{
	if (!t->known)
		return true;
	if (!end_value(t))
		return false;
	t->part = t->name = digest_of(name);
	t->ordinal = 0;
	t->path = path;
	return true;
}

bool spread_feed(struct spread_text *t, struct slice bytes)
{
	if (!t->known)
		return true;
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t kind = kinds[(unsigned char)bytes.ptr[i]];

		if (kind == LETTER)
			add(t, bytes.ptr[i]);
		else if ((kind == SEPARATOR || (kind == SLASH && t->path)) && !end_value(t))
			return false;
	}
	if (t->letters == t->judged)
		return true;
	t->judged = t->letters;
	return judge(t, false);
}

bool spread_end(struct spread_text *t)
{
	return !t->known || end_value(t);
}
