/*
 * A view of bytes: pointer and length. Never owns, never NUL-terminated, may
 * hold any byte. Valid as long as what it points into is neither freed nor
 * resized. The empty slice may have a NULL pointer.
 *
 * Everything here is pure: no allocation, no blocking, fine after confinement.
 * "Fold" means ASCII case folding; no function looks at the locale.
 */
#ifndef BB_SLICE_H
#define BB_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

#define SLICE(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })
#define SLICE_NONE ((size_t)-1)
/* For printf's "%.*s" on text that is known to be printable. */
#define SLICE_ARG(s) (int)(s).len, (s).ptr

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ ptr, len };
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

/* Bytes from start up to end; both are cut to the slice, so never out of range. */
static inline struct slice slice_sub(struct slice s, size_t start, size_t end)
{
	if (end > s.len)
		end = s.len;
	if (start > end)
		start = end;
	return (struct slice){ s.len ? s.ptr + start : s.ptr, end - start };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_eq_fold(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);

/* Index of the first byte c, or SLICE_NONE. */
size_t slice_find(struct slice s, char c);
/* Index of the first occurrence of needle (not empty), or SLICE_NONE. */
size_t slice_search(struct slice s, struct slice needle);

/* The slice without the bytes of set at either end. */
struct slice slice_trim(struct slice s, const char *set);

/* Take the part before the first c off the front of *rest, c itself dropped. With no c, all of it. */
struct slice slice_cut(struct slice *rest, char c);

/* Decimal digits only, no sign, no space; false when empty, too large or followed by anything. */
bool slice_to_u64(struct slice s, uint64_t *value);

/* Well-formed UTF-8 by Unicode 15 table 3-7: no overlong forms, no surrogates. */
bool slice_is_utf8(struct slice s);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

/* Value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
