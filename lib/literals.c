#include "literals.h"

#include <stdlib.h>

#include "alloc.h"

enum {
	FILTER_BITS = 17, /* one bit for each hash of a window: 16 KiB, so that both filters stay in the first-level cache */
	TABLE_BITS = 12,  /* lists of windows by a shorter hash */
	WINDOW = 4,       /* bytes of a window, */
	SHORT_WINDOW = 3, /* and of those that a literal is too short for: they are looked for at every position */
	STRIDE = 2,
};

struct literal {
	uint32_t id;
	uint8_t len;
	bool fold;
	char bytes[LITERAL_MAX];
};

/* A window of a literal: when these bytes stand at a sample, the literal may start offset bytes before it. */
struct window {
	uint32_t gram;  /* folded bytes, first one lowest */
	uint32_t mask;  /* bytes that count: all four, or the first three */
	uint32_t literal;
	uint32_t offset;
};

struct literals {
	struct literal *list;
	size_t count;
	size_t longest;
	struct window *windows; /* grouped by hash */
	size_t n_windows;
	uint32_t starts[(1u << TABLE_BITS) + 1]; /* of each group in windows */
	uint8_t filter[1u << (FILTER_BITS - 3)];       /* windows of four bytes */
	uint8_t short_filter[1u << (FILTER_BITS - 3)]; /* of three */
};

/* Setting this bit maps upper case onto lower; what else it merges, the comparison tells apart. */
static const uint32_t fold_mask = 0x20202020u, short_mask = 0xFFFFFFu;

static inline uint32_t hash_of(uint32_t gram, unsigned bits)
{
	return (gram * 0x9E3779B1u) >> (32 - bits);
}

static inline unsigned filter_bit(const uint8_t *filter, uint32_t gram)
{
	uint32_t h = hash_of(gram, FILTER_BITS);

	return (unsigned)filter[h >> 3] >> (h & 7);
}

/* Whether a window may begin with the first four of these bytes, or a short one with those or the three behind the first. */
static inline unsigned filter_test(const struct literals *l, uint32_t gram)
{
	return (filter_bit(l->filter, gram) | filter_bit(l->short_filter, gram & short_mask) | filter_bit(l->short_filter, gram >> 8)) & 1u;
}

static void filter_set(uint8_t *filter, uint32_t gram)
{
	uint32_t h = hash_of(gram, FILTER_BITS);

	filter[h >> 3] = (uint8_t)(filter[h >> 3] | 1u << (h & 7));
}

struct literals *literals_new(void)
{
	return alloc_zero(1, sizeof(struct literals));
}

void literals_release(struct literals *l)
{
	if (!l)
		return;
	alloc_wipe(l->list, l->count * sizeof(*l->list));
	free(l->list);
	free(l->windows);
	free(l);
}

bool literals_add(struct literals *l, struct slice text, bool fold, uint32_t id)
{
	struct literal *new;

	if (text.len < LITERAL_MIN || text.len > LITERAL_MAX)
		return false;
	l->list = alloc_resize(l->list, l->count + 1, sizeof(*l->list));
	new = &l->list[l->count++];
	*new = (struct literal){ .id = id, .len = (uint8_t)text.len, .fold = fold };
	memcpy(new->bytes, text.ptr, text.len);
	if (text.len > l->longest)
		l->longest = text.len;
	return true;
}

size_t literals_longest(const struct literals *l)
{
	return l->longest;
}

/* How common a byte is in source text, roughly: what a window of such bytes costs in false alarms. */
static unsigned commonness(unsigned char c)
{
	static const char often[] = "etaoinsr ", seldom[] = "jqxzJQXZ~`^@$%&!?|\\";

	c = (unsigned char)ascii_lower((char)c);
	if (strchr(often, c) && c)
		return 12;
	if (strchr(seldom, c) && c)
		return 1;
	if (c >= 'a' && c <= 'z')
		return 6;
	return c >= 0x80 || c < 0x20 ? 1 : 3;
}

static bool is_short(const struct literal *lit)
{
	return lit->len < WINDOW + STRIDE - 1;
}

/* How many bytes the windows of a literal have. */
static size_t window_of(const struct literal *lit)
{
	return is_short(lit) ? SHORT_WINDOW : WINDOW;
}

/* How many neighbouring windows are looked for. */
static size_t windows_of(const struct literal *lit)
{
	return is_short(lit) ? 1 : STRIDE;
}

static unsigned window_cost(const struct literal *lit, size_t offset)
{
	unsigned cost = 1;

	for (size_t i = 0; i < window_of(lit); i++)
		cost *= commonness((unsigned char)lit->bytes[offset + i]);
	return cost;
}

/* Where the neighbouring windows with the fewest false alarms begin. */
static size_t best_offset(const struct literal *lit)
{
	size_t best = 0;
	unsigned best_cost = ~0u;

	for (size_t o = 0; o + window_of(lit) + windows_of(lit) - 1 <= lit->len; o++) {
		unsigned cost = window_cost(lit, o) + (is_short(lit) ? 0 : window_cost(lit, o + 1));

		if (cost < best_cost) {
			best_cost = cost;
			best = o;
		}
	}
	return best;
}

/* Which bytes of a gram count, of n. */
static uint32_t mask_of(size_t n)
{
	return 0xFFFFFFFFu >> 8 * (WINDOW - n);
}

/* The first n bytes, 1 to 4, as a gram. */
static uint32_t gram_at(const char *p, size_t n)
{
	uint32_t gram = 0;

	for (size_t i = 0; i < n; i++)
		gram |= (uint32_t)(unsigned char)p[i] << 8 * i;
	return (gram | fold_mask) & mask_of(n);
}

static uint32_t group_of(const struct window *w)
{
	return hash_of(w->gram & 0xFFFFu, TABLE_BITS);
}

void literals_build(struct literals *l)
{
	uint32_t fill[1u << TABLE_BITS] = { 0 };
	struct window *unsorted = alloc_zero(l->count * STRIDE, sizeof(*unsorted));

	l->n_windows = 0;
	for (size_t i = 0; i < l->count; i++) {
		const struct literal *lit = &l->list[i];
		size_t o = best_offset(lit), n = window_of(lit);

		for (size_t k = o; k < o + windows_of(lit); k++)
			unsorted[l->n_windows++] = (struct window){ .gram = gram_at(lit->bytes + k, n),
								    .mask = mask_of(n),
								    .literal = (uint32_t)i,
								    .offset = (uint32_t)k };
	}
	for (size_t i = 0; i < l->n_windows; i++) {
		filter_set(unsorted[i].mask == short_mask ? l->short_filter : l->filter, unsorted[i].gram);
		l->starts[group_of(&unsorted[i]) + 1]++;
	}
	for (size_t g = 0; g < 1u << TABLE_BITS; g++)
		l->starts[g + 1] += l->starts[g];
	l->windows = alloc_zero(l->n_windows, sizeof(*l->windows));
	for (size_t i = 0; i < l->n_windows; i++) {
		uint32_t g = group_of(&unsorted[i]);

		l->windows[l->starts[g] + fill[g]++] = unsorted[i];
	}
	free(unsorted);
}

/* What stays the same during one scan. */
struct scan {
	const struct literals *l;
	struct slice text;
	size_t from;
	literals_hit_fn *fn;
	void *ctx;
};

static bool is_at(const struct literal *lit, const char *p)
{
	struct slice want = slice_of(lit->bytes, lit->len), got = slice_of(p, lit->len);

	return lit->fold ? slice_eq_fold(want, got) : slice_eq(want, got);
}

/* Compare the literals that have a window like the bytes at a place; of four bytes, or of three only. */
static bool compare(const struct scan *s, size_t at, uint32_t gram, bool only_short)
{
	uint32_t g = hash_of(gram & 0xFFFFu, TABLE_BITS);

	for (uint32_t i = s->l->starts[g]; i < s->l->starts[g + 1]; i++) {
		const struct window *w = &s->l->windows[i];
		const struct literal *lit = &s->l->list[w->literal];
		struct literal_hit hit;

		if ((gram & w->mask) != w->gram || at < w->offset || (only_short && w->mask != short_mask))
			continue;
		hit = (struct literal_hit){ lit->id, at - w->offset, lit->len };
		if (hit.start < s->from || hit.len > s->text.len - hit.start || !is_at(lit, s->text.ptr + hit.start))
			continue;
		if (!s->fn(s->ctx, &hit))
			return false;
	}
	return true;
}

/* Look for what may have a window at the sample, or a short one right behind it. */
static bool look_closer(const struct scan *s, size_t at, uint32_t gram)
{
	return compare(s, at, gram, false) && (!(filter_bit(s->l->short_filter, gram >> 8) & 1u) || compare(s, at + 1, gram >> 8, true));
}

/* The last samples, which have fewer than eight bytes behind them. */
static bool scan_tail(const struct scan *s, size_t at)
{
	for (; at + 2 <= s->text.len; at += STRIDE) {
		uint32_t gram = gram_at(s->text.ptr + at, s->text.len - at < WINDOW ? s->text.len - at : WINDOW) | fold_mask;

		if (filter_test(s->l, gram) && !look_closer(s, at, gram))
			return false;
	}
	return true;
}

static inline uint64_t load_little_endian(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

bool literals_scan(const struct literals *l, struct slice text, size_t from, literals_hit_fn *fn, void *ctx)
{
	struct scan s = { l, text, from, fn, ctx };
	size_t at = from & ~(size_t)1;

	/* Three samples out of one load: at, at + 2 and at + 4. */
	for (; at + 8 <= text.len; at += 3 * STRIDE) {
		uint64_t word = load_little_endian(text.ptr + at) | 0x2020202020202020u;
		uint32_t g0, g1, g2;

		g0 = (uint32_t)word;
		g1 = (uint32_t)(word >> 16);
		g2 = (uint32_t)(word >> 32);
		if (__builtin_expect(!(filter_test(l, g0) | filter_test(l, g1) | filter_test(l, g2)), 1))
			continue;
		if ((filter_test(l, g0) && !look_closer(&s, at, g0)) || (filter_test(l, g1) && !look_closer(&s, at + 2, g1)) ||
		    (filter_test(l, g2) && !look_closer(&s, at + 4, g2)))
			return false;
	}
	return scan_tail(&s, at);
}
