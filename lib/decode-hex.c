/* Hexadecimal with or without separators, and UTF-16: bytes written as several. */
#include "decode-view.h"

enum {
	BETWEEN_MAX = 6, /* bytes between two pairs of digits: ", 0x" and two to spare */
	REACH = BETWEEN_MAX + 4,
};

/* What may stand between two pairs of digits, and digits. */
static const bool class[256] = {
	['0' ... '9'] = true, ['a' ... 'f'] = true, ['A' ... 'F'] = true, ['x'] = true, ['X'] = true, [':'] = true,
	['-'] = true,	      ['.'] = true,	    [','] = true,	  [';'] = true, ['_'] = true, ['\\'] = true,
	[' '] = true,	      ['\t'] = true,	    ['\r'] = true,	  ['\n'] = true,
};

/* The same, for sixteen at once. */
static inline vec16 class_of(vec16 v)
{
	vec16 lower = v | 0x20;

	return (vec16)((vec16)(lower - 'a') <= 5) | (vec16)(lower == 'x') | (vec16)((vec16)(v - '0') <= ';' - '0') |
	       (vec16)((vec16)(v - ',') <= '.' - ',') | (vec16)(v == '_') | (vec16)(v == '\\') | (vec16)(v == ' ') |
	       (vec16)((vec16)(v - '\t') <= '\n' - '\t') | (vec16)(v == '\r');
}

/* And the digits among them: a run begins with two. */
static inline vec16 digit_of(vec16 v)
{
	return (vec16)((vec16)((v | 0x20) - 'a') <= 5) | (vec16)((vec16)(v - '0') <= 9);
}

static bool is_hex(unsigned char c)
{
	return ascii_hex((char)c) >= 0;
}

/* From i on, the first place where a run may begin: enough bytes of the class follow each other; or the end's. */
static size_t find_run(const unsigned char *p, size_t i, size_t n)
{
	size_t k;

	i = skip_to_run(p, i, n, 2 * DECODE_HEX_MIN, class_of, digit_of);
	while (i + 2 * DECODE_HEX_MIN <= n) {
		for (k = i + 2 * DECODE_HEX_MIN; k > i && class[p[k - 1]]; k--)
			;
		if (k == i)
			return i;
		i = k;
	}
	for (k = n; k > i && class[p[k - 1]]; k--)
		;
	return k;
}

/* The pair of digits that follows at or behind p[i], or SLICE_NONE. p has REACH bytes from i on, or all there are. */
static size_t next_pair(const unsigned char *p, size_t i, size_t n)
{
	for (size_t k = i; k + 1 < n && k <= i + BETWEEN_MAX;) {
		if (p[k] == '0' && (p[k + 1] == 'x' || p[k + 1] == 'X'))
			k += 2;
		else if (is_hex(p[k]))
			return is_hex(p[k + 1]) ? k : SLICE_NONE;
		else if (class[p[k]])
			k++;
		else
			return SLICE_NONE;
	}
	return SLICE_NONE;
}

/* Decode the pair at p[k]. */
static void put_pair(struct view *v, struct view *child, const unsigned char *p, size_t k)
{
	uint64_t at = view_base(v) + k;
	struct hex *h = &v->hex;

	if (at - h->last != h->step) {
		h->step = at - h->last;
		child_anchor(child, at, h->step < 255 ? (unsigned)h->step : 2, 1);
	}
	h->last = at;
	child_put(child, (char)(ascii_hex((char)p[k]) << 4 | ascii_hex((char)p[k + 1])));
}

/*
 * Pairs from index i on while they follow each other; returns the index behind the last. False in *more: the run ended.
 */
static size_t continue_run(struct view *v, const unsigned char *p, size_t i, size_t n, bool final, bool *more)
{
	struct view *child = v->children[DECODE_HEX];

	while (n - i >= REACH || final) {
		size_t k = next_pair(p, i, n);

		if (k == SLICE_NONE) {
			v->hex.in_run = false;
			child_end(child, view_base(v) + i);
			*more = true;
			return i;
		}
		put_pair(v, child, p, k);
		i = k + 2;
	}
	*more = false;
	return i;
}

/* Begin a run with the pairs at the places given. */
static void begin_run(struct view *v, const unsigned char *p, const size_t *places)
{
	uint64_t at = view_base(v) + places[0];
	struct view *child = child_begin(v, DECODE_HEX, at, false);

	if (!child)
		return;
	v->hex.in_run = true;
	v->hex.step = places[1] - places[0];
	v->hex.last = at - v->hex.step;
	child_anchor(child, at, (unsigned)v->hex.step, 1);
	for (size_t i = 0; i < DECODE_HEX_MIN; i++)
		put_pair(v, child, p, places[i]);
}

/*
 * Look for a run from index i on, within bytes of the class. Returns the index to
 * go on from; *more: at once, else when there are more bytes.
 */
static size_t seek_run(struct view *v, const unsigned char *p, size_t i, size_t n, bool final, bool *more)
{
	size_t places[DECODE_HEX_MIN], count = 0;

	*more = true;
	while (i < n && class[p[i]]) {
		size_t k;

		if (n - i < REACH && !final) {
			*more = false;
			return count ? places[0] : i;
		}
		k = next_pair(p, i, n);
		if (k != SLICE_NONE && (count || k == i)) {
			places[count++] = k;
			i = k + 2;
			if (count == DECODE_HEX_MIN) {
				begin_run(v, p, places);
				return i;
			}
			continue;
		}
		i = count ? places[count - 1] + 2 : i + 1;
		count = 0;
	}
	return i;
}

void hex_feed(struct view *v, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr;
	size_t n = v->window.len, i = (size_t)(v->hex.done - view_base(v));
	bool more = true;

	while (more) {
		if (v->hex.in_run) {
			i = continue_run(v, p, i, n, final, &more);
			continue;
		}
		i = find_run(p, i, n);
		if (n - i < 2 * DECODE_HEX_MIN)
			break;
		i = seek_run(v, p, i, n, final, &more);
	}
	v->hex.done = view_base(v) + i;
	if (final && v->hex.in_run)
		child_end(v->children[DECODE_HEX], v->end);
}

/* --- UTF-16 of ASCII: every other byte is zero --- */

/* How many zeros from p[i] on stand at every other place with something else between, up to max. */
static size_t count_zeros(const unsigned char *p, size_t i, size_t n, size_t max)
{
	size_t count = 0;

	while (count < max && i < n && p[i] == 0 && (i + 1 == n || p[i + 1] != 0)) {
		count++;
		i += 2;
	}
	return count;
}

/* A run has its first zero at p[k]. */
static void begin_utf16(struct view *v, const unsigned char *p, size_t k)
{
	bool letter_first = k > 0 && p[k - 1] != 0;
	uint64_t at = view_base(v) + k - letter_first;
	struct view *child = child_begin(v, DECODE_UTF16, at, false);

	if (!child)
		return;
	v->utf16.in_run = true;
	child_anchor(child, at, 2, 1);
	if (letter_first)
		child_put(child, (char)p[k - 1]);
}

/* The last of the zeros that stand in a row from p[i] on. */
static size_t last_zero(const unsigned char *p, size_t i, size_t n)
{
	vec16 v;

	for (; i + 1 + sizeof(v) <= n; i += sizeof(v)) {
		memcpy(&v, p + i + 1, sizeof(v));
		if (vec_any((vec16)(v != 0)))
			break;
	}
	while (i + 1 < n && p[i + 1] == 0)
		i++;
	return i;
}

void utf16_feed(struct view *v, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr, *zero;
	size_t n = v->window.len, i = (size_t)(v->utf16.done - view_base(v));

	while (i < n) {
		if (v->utf16.in_run) {
			/* i is at the next zero */
			if (i + 1 == n && !final)
				break;
			if (p[i] == 0 && i + 1 < n && p[i + 1] != 0) {
				child_put(v->children[DECODE_UTF16], (char)p[i + 1]);
				i += 2;
				continue;
			}
			v->utf16.in_run = false;
			child_end(v->children[DECODE_UTF16], view_base(v) + i);
		}
		zero = memchr(p + i, 0, n - i);
		i = zero ? (size_t)(zero - p) : n;
		if (!zero)
			break;
		i = last_zero(p, i, n);
		if (n - i < 2 * DECODE_UTF16_MIN && !final)
			break;
		if (count_zeros(p, i, n, DECODE_UTF16_MIN) == DECODE_UTF16_MIN)
			begin_utf16(v, p, i);
		if (!v->utf16.in_run)
			i++;
	}
	v->utf16.done = view_base(v) + i;
	if (final && v->utf16.in_run)
		child_end(v->children[DECODE_UTF16], v->end);
}
