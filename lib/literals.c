#include "literals.h"

#include <stdlib.h>

#include "alloc.h"

enum {
	FILTER_BITS = 11, /* words of the filter: 16 KiB, which stay in the first-level cache */
	TABLE_BITS = 13,  /* lists of windows by a hash of all their bytes */
	SOME_BITS = 15,   /* bits by a longer one, of the windows that there are */
	PIECE = 1536,     /* samples that are sifted together */
	WINDOW = 4,       /* bytes of a window, */
	SHORT_WINDOW = 3, /* and of those that a literal is too short for: they are looked for at every position */
	STRIDE = 2,
};

struct literal {
	uint32_t id;
	uint8_t len;
	bool fold;
	char *bytes;
};

/* A window of a literal: when these bytes stand at a sample, the literal may start offset bytes before it. */
struct window {
	uint32_t gram;    /* folded bytes, first one lowest */
	uint32_t end;     /* the same of the literal's last bytes, as many as a window has */
	uint32_t literal;
	uint8_t offset;
	uint8_t size;
	uint8_t len;      /* of the literal */
};

/* Windows of one size, grouped by hash. */
struct table {
	struct window *windows;
	size_t count;
	uint32_t starts[(1u << TABLE_BITS) + 1]; /* of each group */
	uint8_t some[1u << (SOME_BITS - 3)];     /* a bit for the hash of each window */
};

struct literals {
	struct literal *list;
	size_t count;
	size_t longest;
	struct table whole, brief; /* windows of four bytes, of three */
	/*
	 * By a hash of the two bytes in the middle of a sample, a bit for each pair of its first and last
	 * byte, of each three bits: a window of three bytes has one for whatever stands before or behind it.
	 */
	uint64_t filter[1u << FILTER_BITS];
};

/* Setting this bit maps upper case onto lower; what else it merges, the comparison tells apart. */
static const uint32_t fold_mask = 0x20202020u, short_mask = 0xFFFFFFu;

static inline uint32_t hash_of(uint32_t gram, unsigned bits)
{
	return (gram * 0x9E3779B1u) >> (32 - bits);
}

/* Which word of the filter the two bytes in the middle of a sample have. */
static inline uint32_t filter_word(uint32_t gram)
{
	return hash_of(gram >> 8 & 0xFFFFu, FILTER_BITS);
}

/* And which bit the first and the last. */
static inline unsigned filter_bit(uint32_t first, uint32_t last)
{
	return (first & 7) | (last & 7) << 3;
}

/* Whether a window may begin with the first of these four bytes, or a short one with the second. */
static inline unsigned filter_test(const struct literals *l, uint32_t gram)
{
	return (unsigned)(l->filter[filter_word(gram)] >> filter_bit(gram, gram >> 24)) & 1u;
}

static void filter_set(struct literals *l, const struct window *w)
{
	uint32_t g = w->gram;

	if (w->size == WINDOW) {
		l->filter[filter_word(g)] |= (uint64_t)1 << filter_bit(g, g >> 24);
		return;
	}
	for (uint32_t any = 0; any < 8; any++) {
		l->filter[filter_word(g)] |= (uint64_t)1 << filter_bit(g, any);
		l->filter[filter_word(g << 8)] |= (uint64_t)1 << filter_bit(any, g >> 16);
	}
}

struct literals *literals_new(void)
{
	return alloc_zero(1, sizeof(struct literals));
}

void literals_release(struct literals *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		alloc_wipe(l->list[i].bytes, l->list[i].len); /* some are parts of secrets */
		free(l->list[i].bytes);
	}
	free(l->list);
	free(l->whole.windows);
	free(l->brief.windows);
	free(l);
}

bool literals_add(struct literals *l, struct slice text, bool fold, uint32_t id)
{
	struct literal *new;

	if (text.len < LITERAL_MIN || text.len > LITERAL_MAX)
		return false;
	l->list = alloc_resize(l->list, l->count + 1, sizeof(*l->list));
	new = &l->list[l->count++];
	*new = (struct literal){
		.id = id, .len = (uint8_t)text.len, .fold = fold, .bytes = alloc_copy(text.ptr, text.len)
	};
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

static uint32_t group_of(uint32_t gram)
{
	return hash_of(gram, TABLE_BITS);
}

/* Make a table of those windows that have a size. */
static void build_table(struct table *t, const struct window *list, size_t n, size_t size)
{
	uint32_t fill[1u << TABLE_BITS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (list[i].size != size)
			continue;
		t->starts[group_of(list[i].gram) + 1]++;
		t->some[hash_of(list[i].gram, SOME_BITS) >> 3] |=
			(uint8_t)(1u << (hash_of(list[i].gram, SOME_BITS) & 7));
		t->count++;
	}
	for (size_t g = 0; g < 1u << TABLE_BITS; g++)
		t->starts[g + 1] += t->starts[g];
	t->windows = alloc_zero(t->count, sizeof(*t->windows));
	for (size_t i = 0; i < n; i++) {
		uint32_t g = group_of(list[i].gram);

		if (list[i].size == size)
			t->windows[t->starts[g] + fill[g]++] = list[i];
	}
}

void literals_build(struct literals *l)
{
	struct window *all = alloc_zero(l->count * STRIDE, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct literal *lit = &l->list[i];
		size_t o = best_offset(lit), size = window_of(lit);

		for (size_t k = o; k < o + windows_of(lit); k++) {
			all[n] = (struct window){ .gram = gram_at(lit->bytes + k, size),
						  .end = gram_at(lit->bytes + lit->len - size, size),
						  .literal = (uint32_t)i,
						  .offset = (uint8_t)k,
						  .size = (uint8_t)size,
						  .len = lit->len };
			filter_set(l, &all[n++]);
		}
	}
	build_table(&l->whole, all, n, WINDOW);
	build_table(&l->brief, all, n, SHORT_WINDOW);
	free(all);
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

static inline uint64_t load_little_endian(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* gram_at for a size that the compiler knows. */
static inline uint32_t load_gram(const char *p, size_t size)
{
	const unsigned char *u = (const unsigned char *)p;
	uint32_t gram = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (size == WINDOW ? (uint32_t)u[3] << 24 : 0);

	return (gram | fold_mask) & (size == WINDOW ? ~0u : short_mask);
}

/* Compare the literals that have a window like the bytes at a place; all windows of the table have one size. */
static inline __attribute__((always_inline)) bool compare(const struct scan *s, const struct table *t, size_t size,
							  size_t at, uint32_t gram)
{
	uint32_t g = group_of(gram), end = t->starts[g + 1];

	for (uint32_t i = t->starts[g]; i < end; i++) {
		const struct window *w = &t->windows[i];
		struct literal_hit hit = { .start = at - w->offset, .len = w->len };
		const struct literal *lit;

		if (gram != w->gram || at < w->offset || hit.start < s->from || hit.len > s->text.len - hit.start ||
		    load_gram(s->text.ptr + hit.start + hit.len - size, size) != w->end)
			continue;
		lit = &s->l->list[w->literal];
		hit.id = lit->id;
		if (is_at(lit, s->text.ptr + hit.start) && !s->fn(s->ctx, &hit))
			return false;
	}
	return true;
}

/* Look for what may have a window at the sample, or a short one there or right behind it. */
static bool look_closer(const struct scan *s, size_t at, uint32_t gram)
{
	const struct literals *l = s->l;

	return compare(s, &l->whole, WINDOW, at, gram) && compare(s, &l->brief, SHORT_WINDOW, at, gram & short_mask) &&
	       compare(s, &l->brief, SHORT_WINDOW, at + 1, gram >> 8);
}

/* The last samples, in front of which the text may end. */
static bool scan_tail(const struct scan *s, size_t at)
{
	for (; at + SHORT_WINDOW <= s->text.len; at += STRIDE) {
		uint32_t gram =
			gram_at(s->text.ptr + at, s->text.len - at < WINDOW ? SHORT_WINDOW : WINDOW) | fold_mask;

		if (filter_test(s->l, gram) && !look_closer(s, at, gram))
			return false;
	}
	return true;
}

/* Whether a table may have a window of these bytes. */
static inline unsigned has_some(const struct table *t, uint32_t gram)
{
	uint32_t h = hash_of(gram, SOME_BITS);

	return (unsigned)t->some[h >> 3] >> (h & 7) & 1u;
}

/*
 * Put the samples from p on that may hold a window into a list, counted from p; returns how many. Of words of
 * eight bytes each has three: at its begin, 2 and 4 bytes behind. Twice, by better filters: nothing here depends
 * on what is found, as a processor that guesses wrong loses more than all of this takes.
 */
static size_t sift(const struct literals *l, const char *p, size_t words, uint16_t *list)
{
	size_t n = 0, kept = 0;

	for (size_t at = 0; at < 3 * STRIDE * words; at += 3 * STRIDE) {
		uint64_t word = load_little_endian(p + at) | 0x2020202020202020u;

		list[n] = (uint16_t)at;
		n += filter_test(l, (uint32_t)word);
		list[n] = (uint16_t)(at + STRIDE);
		n += filter_test(l, (uint32_t)(word >> 16));
		list[n] = (uint16_t)(at + 2 * STRIDE);
		n += filter_test(l, (uint32_t)(word >> 32));
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t gram = load_gram(p + list[i], WINDOW);

		list[kept] = list[i];
		kept += has_some(&l->whole, gram) | has_some(&l->brief, gram & short_mask) |
			has_some(&l->brief, gram >> 8);
	}
	return kept;
}

bool literals_scan(const struct literals *l, struct slice text, size_t from, literals_hit_fn *fn, void *ctx)
{
	const struct scan s = { l, text, from, fn, ctx };
	size_t at = from & ~(size_t)1;
	uint16_t list[PIECE + 1];

	while (at + sizeof(uint64_t) <= text.len) {
		size_t words = (text.len - at - (sizeof(uint64_t) - 3 * STRIDE)) / (3 * STRIDE), n;

		words = words < PIECE / 3 ? words : PIECE / 3;
		n = sift(l, text.ptr + at, words, list);
		for (size_t i = 0; i < n; i++)
			if (!look_closer(&s, at + list[i], load_gram(text.ptr + at + list[i], WINDOW)))
				return false;
		at += 3 * STRIDE * words;
	}
	return scan_tail(&s, at);
}
