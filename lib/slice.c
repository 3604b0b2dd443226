#include "slice.h"

bool slice_eq_fold(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_eq(slice_sub(s, s.len - suffix.len, s.len), suffix);
}

size_t slice_find(struct slice s, char c)
{
	const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return p ? (size_t)(p - s.ptr) : SLICE_NONE;
}

size_t slice_search(struct slice s, struct slice needle)
{
	for (size_t at = 0; needle.len && needle.len <= s.len - at; at++) {
		size_t next = slice_find(slice_sub(s, at, s.len - needle.len + 1), needle.ptr[0]);

		if (next == SLICE_NONE)
			break;
		at += next;
		if (memcmp(s.ptr + at, needle.ptr, needle.len) == 0)
			return at;
	}
	return SLICE_NONE;
}

struct slice slice_trim(struct slice s, const char *set)
{
	size_t n = strlen(set);

	while (s.len && memchr(set, s.ptr[0], n))
		s = slice_sub(s, 1, s.len);
	while (s.len && memchr(set, s.ptr[s.len - 1], n))
		s.len--;
	return s;
}

struct slice slice_cut(struct slice *rest, char c)
{
	size_t at = slice_find(*rest, c);
	struct slice head = slice_sub(*rest, 0, at);

	*rest = at == SLICE_NONE ? slice_sub(*rest, rest->len, rest->len) : slice_sub(*rest, at + 1, rest->len);
	return head;
}

bool slice_to_u64(struct slice s, uint64_t *value)
{
	uint64_t v = 0;

	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.ptr[i]))
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
			return false;
	}
	*value = v;
	return true;
}

/* Length of the well-formed sequence at s, or 0. */
static size_t utf8_sequence(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	unsigned char low = 0x80, high = 0xBF;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		n = 2;
	} else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		n = 3;
		if (p[0] == 0xE0)
			low = 0xA0;
		else if (p[0] == 0xED)
			high = 0x9F;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		n = 4;
		if (p[0] == 0xF0)
			low = 0x90;
		else if (p[0] == 0xF4)
			high = 0x8F;
	} else {
		return 0;
	}
	if (s.len < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	return n;
}

bool slice_is_utf8(struct slice s)
{
	while (s.len) {
		size_t n = utf8_sequence(s);

		if (!n)
			return false;
		s = slice_sub(s, n, s.len);
	}
	return true;
}
