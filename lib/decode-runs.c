/* Base64 and base32: runs of characters of their alphabets. */
#include "decode-view.h"

enum {
	BLANKS_MAX = 64,   /* blanks at the front of a wrapped line */
	CERTAIN = 64,      /* characters of a run that is no chance */
};

/* --- the alphabets --- */

/* One more than the value of a character of either base64 alphabet; 0 of others. */
static const unsigned char code64[256] = {
	['A'] = 1,  ['B'] = 2,	['C'] = 3,  ['D'] = 4,	['E'] = 5,  ['F'] = 6,	['G'] = 7,  ['H'] = 8,	['I'] = 9,  ['J'] = 10,
	['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20,
	['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
	['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,
	['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
	['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};

static bool is_separator(unsigned char c)
{
	return c == '+' || c == '-' || c == '/' || c == '_';
}

static int value32(unsigned char c)
{
	if (ascii_is_alpha((char)c))
		return ascii_lower((char)c) - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* Which bytes are of the alphabet of base64. */
static inline vec16 class64(vec16 v)
{
	return (vec16)((vec16)((v | 0x20) - 'a') <= 25) | (vec16)((vec16)(v - '/') <= '9' - '/') | (vec16)(v == '+') |
	       (vec16)(v == '-') | (vec16)(v == '_');
}

/*
 * From i on, the first place where DECODE_BASE64_MIN characters of the alphabet
 * follow each other, or where fewer do at the very end, or n. i must not be
 * inside of a run.
 */
static size_t find_run(const unsigned char *p, size_t i, size_t n)
{
	size_t k;

	i = skip_to_run(p, i, n, DECODE_BASE64_MIN, class64);
	while (i + DECODE_BASE64_MIN <= n) {
		for (k = i + DECODE_BASE64_MIN; k > i && code64[p[k - 1]]; k--)
			;
		if (k == i)
			return i;
		i = k;
	}
	for (k = n; k > i && code64[p[k - 1]]; k--)
		;
	return k;
}

/* --- decoding --- */

/* Add one character. */
static void put64(struct run64 *r, struct view *child, unsigned char c)
{
	r->bits = r->bits << 6 | (code64[c] - 1u);
	if (++r->n < 4)
		return;
	child_put(child, (char)(r->bits >> 16));
	child_put(child, (char)(r->bits >> 8));
	child_put(child, (char)r->bits);
	r->n = 0;
}

/* The run ends in front of place at. */
static void end64(struct run64 *r, struct view *child, uint64_t at)
{
	if (r->n == 2) {
		child_put(child, (char)(r->bits >> 4));
	} else if (r->n == 3) {
		child_put(child, (char)(r->bits >> 10));
		child_put(child, (char)(r->bits >> 2));
	}
	*r = (struct run64){ .active = false };
	child_end(child, at);
}

static void put32(struct runs *s, struct view *child, unsigned char c)
{
	s->bits32 = s->bits32 << 5 | (unsigned)value32(c);
	s->n32 += 5;
	if (s->n32 >= 8) {
		s->n32 -= 8;
		child_put(child, (char)(s->bits32 >> s->n32));
	}
}

static void end32(struct view *v, uint64_t at)
{
	if (v->runs.active32)
		child_end(v->children[DECODE_BASE32], at);
	v->runs.active32 = false;
	v->runs.length32 = 0;
}

/* A character that may be base32. */
static void take32(struct view *v, uint64_t at, unsigned char c)
{
	struct runs *s = &v->runs;
	bool letter = ascii_is_alpha((char)c), lower = c >= 'a';
	struct view *child;

	if (value32(c) < 0) {
		end32(v, at);
		return;
	}
	if (letter && s->length32 && lower != s->lower32)
		end32(v, at);
	if (letter)
		s->lower32 = lower;
	s->length32++;
	if (s->active32) {
		put32(s, v->children[DECODE_BASE32], c);
	} else if (s->length32 == DECODE_BASE32_MIN) {
		uint64_t start = at + 1 - DECODE_BASE32_MIN;
		const unsigned char *p = view_at(v, start);

		child = child_begin(v, DECODE_BASE32, start, false);
		if (!child)
			return;
		s->active32 = true;
		s->n32 = 0;
		child_anchor(child, start, 8, 5);
		for (size_t i = 0; i < DECODE_BASE32_MIN; i++)
			put32(s, child, p[i]);
	}
}

/* The text behind a separator, when its groups of four are other ones than those of the whole run. */
static void take_inner(struct view *v, uint64_t at, unsigned char c)
{
	struct runs *s = &v->runs;
	struct view *child = v->children[DECODE_BASE64_IN];

	if (is_separator(c)) {
		if (s->inner.active)
			end64(&s->inner, child, at);
		s->inner_length = 0;
		return;
	}
	if (s->inner_length++ == 0)
		s->inner_aligned = (s->run_length - 1) % 4 == 0;
	if (s->inner.active) {
		put64(&s->inner, child, c);
	} else if (!s->inner_aligned && s->inner_length == DECODE_BASE64_MIN) {
		uint64_t start = at + 1 - DECODE_BASE64_MIN;
		const unsigned char *p = view_at(v, start);

		child = child_begin(v, DECODE_BASE64_IN, start, false);
		if (!child)
			return;
		s->inner.active = true;
		child_anchor(child, start, 4, 3);
		for (size_t i = 0; i < DECODE_BASE64_MIN; i++)
			put64(&s->inner, child, p[i]);
	}
}

/* A line ended within the run: what follows may continue it, or begin a new one. */
static void end_line(struct view *v, uint64_t at)
{
	struct runs *s = &v->runs;

	if (s->inner.active)
		end64(&s->inner, v->children[DECODE_BASE64_IN], at);
	s->inner_length = 0;
	if (!s->active32)
		s->length32 = 0;
}

/* Begin a run at a place. */
static void begin_run(struct view *v, uint64_t at)
{
	struct view *child = child_begin(v, DECODE_BASE64, at, false);

	v->runs = (struct runs){ .done = at, .in_run = true };
	v->runs.whole.active = child != NULL;
	if (child)
		child_anchor(child, at, 4, 3);
}

static void end_run(struct view *v, uint64_t at)
{
	struct runs *s = &v->runs;

	end_line(v, at);
	end32(v, at);
	if (s->whole.active)
		end64(&s->whole, v->children[DECODE_BASE64], at);
	s->in_run = false;
}

/* One character of the alphabet, within a run. */
static void take(struct view *v, uint64_t at, unsigned char c)
{
	struct runs *s = &v->runs;

	if (++s->run_length == CERTAIN && !s->whole.active)
		child_begin(v, DECODE_BASE64, at, true);
	if (s->at_line_end && s->whole.active && s->whole.n == 0)
		child_anchor(v->children[DECODE_BASE64], at, 4, 3);
	s->at_line_end = false;
	if (s->whole.active)
		put64(&s->whole, v->children[DECODE_BASE64], c);
	take_inner(v, at, c);
	take32(v, at, c);
}

/* Go on in a run from index i of the window; returns where it ended, or n. */
static size_t continue_run(struct view *v, const unsigned char *p, size_t i, size_t n)
{
	struct runs *s = &v->runs;
	uint64_t base = view_base(v);

	for (; i < n; i++) {
		unsigned char c = p[i];

		if (code64[c]) {
			take(v, base + i, c);
		} else if (c == '\n' || c == '\r') {
			end_line(v, base + i);
			s->at_line_end = true;
			s->blanks = 0;
		} else if (!s->at_line_end || (c != ' ' && c != '\t') || ++s->blanks > BLANKS_MAX) {
			end_run(v, base + i);
			return i;
		}
	}
	return n;
}

void runs_feed(struct view *v, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr;
	uint64_t base = view_base(v);
	size_t n = v->window.len, i = (size_t)(v->runs.done - base);

	for (;;) {
		if (v->runs.in_run) {
			i = continue_run(v, p, i, n);
			if (v->runs.in_run)
				break;
		}
		i = find_run(p, i, n);
		if (n - i < DECODE_BASE64_MIN)
			break;
		begin_run(v, base + i);
	}
	v->runs.done = base + i;
	if (final && v->runs.in_run)
		end_run(v, v->end);
}

uint64_t runs_pending(const struct view *v)
{
	uint64_t back = v->runs.in_run ? DECODE_BASE32_MIN + 4 : 0;

	return v->runs.done > back ? v->runs.done - back : 0;
}
