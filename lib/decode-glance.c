/*
 * A glance at bytes that may be compressed: making a decoder costs as much as looking
 * at a hundred bytes, and the most part of what chance puts there breaks the format
 * within its first bits. Each check answers no only where a decoder is certain to
 * refuse the data, or finds nothing in it; when the bytes end first, it answers yes.
 */
#include "decode-view.h"

/* What is looked at: the next bit is the lowest, and behind the last there are zeros. */
struct bits {
	unsigned __int128 left;
	unsigned n; /* how many are left */
};

static struct bits bits_of(const unsigned char *p, size_t n)
{
	struct bits b = { 0, n < sizeof(b.left) ? 8 * (unsigned)n : 8 * (unsigned)sizeof(b.left) };

	for (unsigned i = b.n / 8; i > 0; i--)
		b.left = b.left << 8 | p[i - 1];
	return b;
}

/* The next bits as a number, at most 31. */
static inline unsigned bits_take(struct bits *b, unsigned count)
{
	unsigned value = (unsigned)b->left & ((1u << count) - 1);

	b->left >>= count;
	b->n = b->n > count ? b->n - count : 0;
	return value;
}

/* Are the bits up to the next whole byte zero, as they must be? */
static bool bits_pad(struct bits *b)
{
	return bits_take(b, b->n % 8) == 0;
}

/* --- deflate, RFC 1951 --- */

/* Bits of a Huffman code, which are packed from its highest one on. */
static inline unsigned take_code(struct bits *b, unsigned code, unsigned count)
{
	while (count--)
		code = code << 1 | bits_take(b, 1);
	return code;
}

/* A block with the fixed code, 3.2.6: may it begin a stream? Only what came before can be repeated. */
static bool may_be_fixed(struct bits *b, bool last)
{
	static const unsigned char extra_of[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	};
	size_t come = 0;

	while (b->n >= 9) {
		unsigned code = take_code(b, 0, 7), symbol, distance, extra;

		if (code >= 24) { /* a literal has eight bits or nine, and so have the longest lengths */
			code = take_code(b, code, 1);
			if (code >= 0xc8)
				(void)bits_take(b, 1);
			if (code < 0xc0 || code >= 0xc8) {
				come++;
				continue;
			}
			symbol = 280 + code - 0xc0;
		} else if (code == 0) {
			return come > 0 || !last; /* the block ends */
		} else {
			symbol = 256 + code;
		}
		if (symbol > 285)
			return false;
		extra = extra_of[symbol - 257];
		if (b->n < extra + 5 + 13)
			return true;
		(void)bits_take(b, extra);
		distance = take_code(b, 0, 5);
		if (distance > 29)
			return false;
		extra = distance < 4 ? 0 : distance / 2 - 1;
		distance = distance < 4 ? distance + 1 : ((2 + distance % 2) << extra) + 1 + bits_take(b, extra);
		return distance <= come;
	}
	return true;
}

/* Can the lengths of the code for code lengths be those of a block with a code of its own, 3.2.7? They leave no gap. */
static bool may_be_dynamic(struct bits *b)
{
	unsigned literals = bits_take(b, 5), distances = bits_take(b, 5), count = bits_take(b, 4) + 4, sum = 0;

	if (literals > 29 || distances > 29)
		return false;
	while (count-- && b->n >= 3) {
		unsigned len = bits_take(b, 3);

		sum += len ? 128u >> len : 0;
	}
	return sum == 128 || b->n < 3;
}

bool may_be_deflate(const unsigned char *p, size_t n)
{
	struct bits b = bits_of(p, n);
	bool last;

	if (n < 8 || ((p[0] & 15) == 8 && (p[0] << 8 | p[1]) % 31 == 0)) /* RFC 1950: zlib's header */
		return true;
	last = bits_take(&b, 1);
	switch (bits_take(&b, 2)) {
	case 0: return (p[1] ^ p[3]) == 0xff && (p[2] ^ p[4]) == 0xff;
	case 1: return may_be_fixed(&b, last);
	case 2: return may_be_dynamic(&b);
	default: return false;
	}
}

/* --- brotli, RFC 7932 --- */

/* Window size, 9.1. */
static bool may_be_window(struct bits *b)
{
	if (bits_take(b, 1) == 0 || bits_take(b, 3) != 0)
		return true;
	return bits_take(b, 3) != 1;
}

/* Length of one code length, 3.5. */
static unsigned take_length(struct bits *b)
{
	static const unsigned char of_two[] = { 0, 4, 3 };
	unsigned two = bits_take(b, 2);

	if (two < 3)
		return of_two[two];
	if (bits_take(b, 1) == 0)
		return 2;
	return bits_take(b, 1) ? 5 : 1;
}

/* A prefix code: the symbols of a simple one differ, 3.4; the lengths of a complex one leave no gap, 3.5. */
static bool may_be_prefix_code(struct bits *b, unsigned alphabet)
{
	unsigned skip = bits_take(b, 2), count = 0;
	int space = 32;

	if (skip == 1) {
		unsigned symbols[4], width = 32 - (unsigned)__builtin_clz(alphabet - 1);

		count = bits_take(b, 2) + 1;
		for (unsigned i = 0; i < count && b->n >= width; i++) {
			symbols[i] = bits_take(b, width);
			if (symbols[i] >= alphabet)
				return false;
			for (unsigned k = 0; k < i; k++)
				if (symbols[k] == symbols[i])
					return false;
		}
		return true;
	}
	for (unsigned i = skip; i < 18 && space > 0; i++) {
		unsigned len;

		if (b->n < 4)
			return true;
		len = take_length(b);
		space -= len ? 32 >> len : 0;
		count += len != 0;
	}
	return space == 0 || count == 1;
}

/* A count of 1 to 256, 9.2. */
static unsigned take_count(struct bits *b)
{
	unsigned width;

	if (bits_take(b, 1) == 0)
		return 1;
	width = bits_take(b, 3);
	return 1 + (1u << width) + bits_take(b, width);
}

/* What stands in front of the data of a meta-block, up to its first prefix code, 9.2. */
static bool may_be_codes(struct bits *b)
{
	for (int i = 0; i < 3; i++) {
		unsigned types = take_count(b);

		if (types > 1)
			return may_be_prefix_code(b, types + 2);
	}
	(void)bits_take(b, 2 + 4 + 2); /* of distances, and the mode of literals */
	return take_count(b) > 1 || take_count(b) > 1 || may_be_prefix_code(b, 256);
}

/* A meta-block that holds nothing but metadata: what follows it is not looked at. */
static bool may_be_metadata(struct bits *b)
{
	unsigned bytes, last = 1;

	if (bits_take(b, 1) != 0)
		return false;
	bytes = bits_take(b, 2);
	for (unsigned i = 0; i < bytes; i++)
		last = bits_take(b, 8);
	return (bytes < 2 || last != 0) && bits_pad(b);
}

bool may_be_brotli(const unsigned char *p, size_t n)
{
	struct bits b = bits_of(p, n);
	unsigned nibbles, last_nibble = 1;
	bool last;

	if (n < 8)
		return true;
	if (!may_be_window(&b))
		return false;
	last = bits_take(&b, 1);
	if (last && bits_take(&b, 1))
		return false; /* it is empty */
	nibbles = 4 + bits_take(&b, 2);
	if (nibbles == 7)
		return may_be_metadata(&b);
	for (unsigned i = 0; i < nibbles; i++)
		last_nibble = bits_take(&b, 4);
	if (nibbles > 4 && last_nibble == 0)
		return false;
	if (!last && bits_take(&b, 1))
		return bits_pad(&b);
	return may_be_codes(&b);
}
