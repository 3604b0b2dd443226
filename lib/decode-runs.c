/* Base64 and base32: runs of characters of their alphabets. */
#include "decode-view.h"

enum {
	BLANKS_MAX = 64,   /* blanks at the front of a wrapped line */
	CERTAIN = 64,      /* characters of a run that is no chance */
};

/* --- the alphabets --- */

/* One more than the value of a character of either base64 alphabet; 0 of others. */
static const unsigned char code64[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63,
	['/'] = 64, ['_'] = 64,
};

static bool is_separator(unsigned char c)
{
	return code64[c] > 62;
}

/* In which of the two alphabets of base32 a character is: bits. */
enum { LOWER32 = 1, UPPER32 = 2 };

static const unsigned char class32[256] = {
	['a' ... 'z'] = LOWER32,
	['A' ... 'Z'] = UPPER32,
	['2' ... '7'] = LOWER32 | UPPER32,
};

static unsigned value32(unsigned char c)
{
	return ascii_is_alpha((char)c) ? (unsigned)(ascii_lower((char)c) - 'a') : (unsigned)(c - '2' + 26);
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

	i = skip_to_run(p, i, n, DECODE_BASE64_MIN, class64, class64);
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

/* From i on, the first character that is not of the alphabet, or n. */
static size_t find_end(const unsigned char *p, size_t i, size_t n)
{
	i = skip_class(p, i, n, class64);
	while (i < n && code64[p[i]])
		i++;
	return i;
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

/* Add many. */
static void put_all64(struct run64 *r, struct view *child, const unsigned char *p, size_t n)
{
	for (; n && r->n; n--)
		put64(r, child, *p++);
	while (n >= 4) {
		size_t groups = n / 4 < FLUSH_AT / 4 ? n / 4 : FLUSH_AT / 4;
		char *out;

		if (child->out.len >= FLUSH_AT)
			child_flush(child, 0);
		buf_reserve(&child->out, 3 * groups);
		out = child->out.ptr + child->out.len;
		for (size_t i = 0; i < groups; i++, p += 4, out += 3) {
			uint32_t bits = (code64[p[0]] - 1u) << 18 | (code64[p[1]] - 1u) << 12 |
					(code64[p[2]] - 1u) << 6 | (code64[p[3]] - 1u);

			out[0] = (char)(bits >> 16);
			out[1] = (char)(bits >> 8);
			out[2] = (char)bits;
		}
		child->out.len += 3 * groups;
		n -= 4 * groups;
	}
	while (n--)
		put64(r, child, *p++);
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
	s->bits32 = s->bits32 << 5 | value32(c);
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
}

/* From i on, the first place where enough characters of one alphabet of base32 follow each other, or n. */
static size_t find_run32(const unsigned char *p, size_t i, size_t n)
{
	while (i + DECODE_BASE32_MIN <= n) {
		unsigned common = LOWER32 | UPPER32;
		size_t k = i + DECODE_BASE32_MIN;

		while (k > i && (common & class32[p[k - 1]]))
			common &= class32[p[--k]];
		if (k == i)
			return i;
		i = k;
	}
	return n;
}

/* Of the n characters at place at, those that may be base32. */
static void take32(struct view *v, uint64_t at, const unsigned char *p, size_t n)
{
	struct runs *s = &v->runs;
	const unsigned char *end = p + n;

	for (;;) {
		size_t begin;

		for (; s->active32 && p < end && (s->alphabet32 & class32[*p]); p++) {
			s->alphabet32 &= class32[*p];
			put32(s, v->children[DECODE_BASE32], *p);
		}
		if (s->active32 && p == end)
			return;
		if (s->active32) {
			s->from32 = at + n - (uint64_t)(end - p);
			end32(v, s->from32);
		}
		p = view_at(v, s->from32);
		begin = find_run32(p, 0, (size_t)(end - p));
		if (begin == (size_t)(end - p))
			break;
		p += begin;
		s->from32 += begin;
		s->active32 = child_begin(v, DECODE_BASE32, s->from32, false) != NULL;
		if (!s->active32)
			break;
		s->n32 = 0;
		s->alphabet32 = LOWER32 | UPPER32;
		child_anchor(v->children[DECODE_BASE32], s->from32, 8, 5);
	}
	/* a run that is too short so far may begin in the last characters */
	s->from32 = at + n < s->from32 + DECODE_BASE32_MIN ? s->from32 : at + n - (DECODE_BASE32_MIN - 1);
}

/* The text behind each separator, when its groups of four are other ones than those of the whole run. */
static void take_inner(struct view *v, uint64_t at, const unsigned char *p, size_t n)
{
	struct runs *s = &v->runs;

	for (size_t i = 0, end; i < n; i = end) {
		struct view *child = v->children[DECODE_BASE64_IN];
		uint64_t length;

		if (is_separator(p[i])) {
			if (s->inner.active)
				end64(&s->inner, child, at + i);
			s->inner_length = 0;
			end = i + 1;
			continue;
		}
		for (end = i + 1; end < n && !is_separator(p[end]); end++)
			;
		if (s->inner_length == 0)
			s->inner_aligned = (s->run_length + i) % 4 == 0;
		length = s->inner_length + (end - i);
		if (s->inner.active) {
			put_all64(&s->inner, child, p + i, end - i);
		} else if (!s->inner_aligned && s->inner_length < DECODE_BASE64_MIN && length >= DECODE_BASE64_MIN) {
			uint64_t start = at + i - s->inner_length;

			child = child_begin(v, DECODE_BASE64_IN, start, false);
			if (child) {
				s->inner.active = true;
				child_anchor(child, start, 4, 3);
				put_all64(&s->inner, child, view_at(v, start), (size_t)length);
			}
		}
		s->inner_length = length;
	}
}

/* A line ended within the run: what follows may continue it, or begin a new one. */
static void end_line(struct view *v, uint64_t at)
{
	struct runs *s = &v->runs;

	if (s->inner.active)
		end64(&s->inner, v->children[DECODE_BASE64_IN], at);
	s->inner_length = 0;
}

/* Begin a run at a place. */
static void begin_run(struct view *v, uint64_t at)
{
	struct view *child = child_begin(v, DECODE_BASE64, at, false);

	v->runs = (struct runs){ .done = at, .in_run = true, .from32 = at };
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

/* Characters of the alphabet at place at, within a run. */
static void take(struct view *v, uint64_t at, const unsigned char *p, size_t n)
{
	struct runs *s = &v->runs;

	if (s->run_length < CERTAIN && s->run_length + n >= CERTAIN && !s->whole.active)
		child_begin(v, DECODE_BASE64, at, true);
	if (s->at_line_end) {
		s->at_line_end = false;
		if (s->whole.active && s->whole.n == 0)
			child_anchor(v->children[DECODE_BASE64], at, 4, 3);
		if (!s->active32)
			s->from32 = at;
	}
	if (s->whole.active)
		put_all64(&s->whole, v->children[DECODE_BASE64], p, n);
	take_inner(v, at, p, n);
	take32(v, at, p, n);
	s->run_length += n;
}

/* Go on in a run from index i of the window; returns where it ended, or n. */
static size_t continue_run(struct view *v, const unsigned char *p, size_t i, size_t n)
{
	struct runs *s = &v->runs;
	uint64_t base = view_base(v);

	while (i < n) {
		unsigned char c = p[i];

		if (code64[c]) {
			size_t end = find_end(p, i, n);

			take(v, base + i, p + i, end - i);
			i = end;
			continue;
		}
		if (c == '\n' || c == '\r') {
			end_line(v, base + i);
			s->at_line_end = true;
			s->blanks = 0;
		} else if (!s->at_line_end || (c != ' ' && c != '\t') || ++s->blanks > BLANKS_MAX) {
			end_run(v, base + i);
			return i;
		}
		i++;
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
