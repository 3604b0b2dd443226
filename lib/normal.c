#include "normal.h"

#include <utf8proc.h>

/*
 * What looks like an ASCII character and does not decompose to it, by code point.
 * Of characters that look like one in some fonts only, those that are in use for it.
 */
struct lookalike {
	uint16_t code;
	char ascii;
};

static const struct lookalike lookalikes[] = {
	{ 0x00AB, '"' }, { 0x00BB, '"' }, { 0x00D8, 'O' }, { 0x00F0, 'd' }, { 0x00F8, 'o' }, { 0x0110, 'D' },
	{ 0x0111, 'd' }, { 0x0126, 'H' }, { 0x0127, 'h' }, { 0x0131, 'i' }, { 0x0141, 'L' }, { 0x0142, 'l' },
	{ 0x0166, 'T' }, { 0x0167, 't' }, { 0x0181, 'B' }, { 0x018A, 'D' }, { 0x0191, 'F' }, { 0x0192, 'f' },
	{ 0x0193, 'G' }, { 0x0198, 'K' }, { 0x0199, 'k' }, { 0x019D, 'N' }, { 0x01A4, 'P' }, { 0x01A5, 'p' },
	{ 0x01AC, 'T' }, { 0x01AD, 't' }, { 0x01B3, 'Y' }, { 0x01B4, 'y' }, { 0x01B6, 'z' }, { 0x01BD, 's' },
	{ 0x0247, 'e' }, { 0x0249, 'j' }, { 0x024D, 'r' }, { 0x024F, 'y' }, { 0x0251, 'a' }, { 0x0253, 'b' },
	{ 0x0257, 'd' }, { 0x025B, 'e' }, { 0x0261, 'g' }, { 0x0262, 'g' }, { 0x0266, 'h' }, { 0x0269, 'i' },
	{ 0x026A, 'i' }, { 0x0271, 'm' }, { 0x0273, 'n' }, { 0x0274, 'n' }, { 0x027E, 'r' }, { 0x0280, 'r' },
	{ 0x0282, 's' }, { 0x028B, 'v' }, { 0x028F, 'y' }, { 0x0290, 'z' }, { 0x0299, 'b' }, { 0x029C, 'h' },
	{ 0x029F, 'l' }, { 0x02A0, 'q' }, { 0x0391, 'A' }, { 0x0392, 'B' }, { 0x0395, 'E' }, { 0x0396, 'Z' },
	{ 0x0397, 'H' }, { 0x0399, 'I' }, { 0x039A, 'K' }, { 0x039C, 'M' }, { 0x039D, 'N' }, { 0x039F, 'O' },
	{ 0x03A1, 'P' }, { 0x03A4, 'T' }, { 0x03A5, 'Y' }, { 0x03A7, 'X' }, { 0x03B1, 'a' }, { 0x03B2, 'b' },
	{ 0x03B3, 'y' }, { 0x03B5, 'e' }, { 0x03B7, 'n' }, { 0x03B9, 'i' }, { 0x03BA, 'k' }, { 0x03BD, 'v' },
	{ 0x03BF, 'o' }, { 0x03C1, 'p' }, { 0x03C2, 's' }, { 0x03C3, 'o' }, { 0x03C4, 't' }, { 0x03C5, 'u' },
	{ 0x03C7, 'x' }, { 0x03C9, 'w' }, { 0x03F2, 'c' }, { 0x03F3, 'j' }, { 0x03F9, 'C' }, { 0x0405, 'S' },
	{ 0x0406, 'I' }, { 0x0408, 'J' }, { 0x0410, 'A' }, { 0x0412, 'B' }, { 0x0415, 'E' }, { 0x0417, '3' },
	{ 0x041A, 'K' }, { 0x041C, 'M' }, { 0x041D, 'H' }, { 0x041E, 'O' }, { 0x0420, 'P' }, { 0x0421, 'C' },
	{ 0x0422, 'T' }, { 0x0423, 'Y' }, { 0x0425, 'X' }, { 0x0430, 'a' }, { 0x0432, 'b' }, { 0x0433, 'r' },
	{ 0x0435, 'e' }, { 0x043A, 'k' }, { 0x043C, 'm' }, { 0x043D, 'h' }, { 0x043E, 'o' }, { 0x0440, 'p' },
	{ 0x0441, 'c' }, { 0x0442, 't' }, { 0x0443, 'y' }, { 0x0445, 'x' }, { 0x044C, 'b' }, { 0x0455, 's' },
	{ 0x0456, 'i' }, { 0x0458, 'j' }, { 0x0475, 'v' }, { 0x04AE, 'Y' }, { 0x04AF, 'y' }, { 0x04BA, 'H' },
	{ 0x04BB, 'h' }, { 0x04C0, 'I' }, { 0x04CF, 'l' }, { 0x0501, 'd' }, { 0x051A, 'Q' }, { 0x051B, 'q' },
	{ 0x051C, 'W' }, { 0x051D, 'w' }, { 0x053C, 'L' }, { 0x054D, 'U' }, { 0x054F, 'S' }, { 0x0555, 'O' },
	{ 0x0566, 'q' }, { 0x0570, 'h' }, { 0x0575, 'j' }, { 0x0578, 'n' }, { 0x057D, 'u' }, { 0x0581, 'g' },
	{ 0x0585, 'o' }, { 0x066B, '.' }, { 0x13A0, 'D' }, { 0x13A1, 'R' }, { 0x13A2, 'T' }, { 0x13AA, 'A' },
	{ 0x13AB, 'J' }, { 0x13AC, 'E' }, { 0x13B3, 'W' }, { 0x13B7, 'M' }, { 0x13BB, 'H' }, { 0x13C0, 'G' },
	{ 0x13C3, 'Z' }, { 0x13D9, 'V' }, { 0x13DA, 'S' }, { 0x13DE, 'L' }, { 0x13DF, 'C' }, { 0x13E2, 'P' },
	{ 0x13E6, 'K' }, { 0x13F4, 'B' }, { 0x1D00, 'a' }, { 0x1D04, 'c' }, { 0x1D05, 'd' }, { 0x1D07, 'e' },
	{ 0x1D0A, 'j' }, { 0x1D0B, 'k' }, { 0x1D0D, 'm' }, { 0x1D0F, 'o' }, { 0x1D18, 'p' }, { 0x1D1B, 't' },
	{ 0x1D1C, 'u' }, { 0x1D20, 'v' }, { 0x1D21, 'w' }, { 0x1D22, 'z' }, { 0x1D83, 'g' }, { 0x2010, '-' },
	{ 0x2012, '-' }, { 0x2013, '-' }, { 0x2014, '-' }, { 0x2015, '-' }, { 0x2018, '\'' }, { 0x2019, '\'' },
	{ 0x201A, '\'' }, { 0x201B, '\'' }, { 0x201C, '"' }, { 0x201D, '"' }, { 0x201E, '"' }, { 0x201F, '"' },
	{ 0x2032, '\'' }, { 0x2033, '"' }, { 0x2039, '<' }, { 0x203A, '>' }, { 0x2044, '/' }, { 0x204E, '*' },
	{ 0x2212, '-' }, { 0x2215, '/' }, { 0x2217, '*' }, { 0x2236, ':' }, { 0x2E3A, '-' }, { 0x3001, ',' },
	{ 0x3002, '.' }, { 0xA730, 'f' }, { 0xA731, 's' },
};

/* Alphabets as a row: code points from first to last stand for ASCII from base on. */
static const struct row {
	int32_t first, last;
	char base;
} rows[] = {
	{ 0x1F150, 0x1F169, 'A' }, /* negative circled letters */
	{ 0x1F170, 0x1F189, 'A' }, /* negative squared letters */
	{ 0x1F1E6, 0x1F1FF, 'A' }, /* regional indicators */
	{ 0xE0020, 0xE007E, ' ' }, /* tags: invisible */
};

/* The ASCII character that a code point looks like, or 0. */
static char ascii_of(int32_t code)
{
	size_t low = 0, high = sizeof(lookalikes) / sizeof(lookalikes[0]);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (code >= rows[i].first && code <= rows[i].last)
			return (char)(rows[i].base + (code - rows[i].first));
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (lookalikes[middle].code == code)
			return lookalikes[middle].ascii;
		if (lookalikes[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* Append one code point, as what it looks like. */
static void add_code(int32_t code, struct buf *out)
{
	char ascii = ascii_of(code);
	utf8proc_uint8_t bytes[NORMAL_SEQUENCE];

	if (ascii)
		buf_add_char(out, ascii);
	else
		buf_add(out, bytes, (size_t)utf8proc_encode_char(code, bytes));
}

/* Append what one character beyond ASCII reads as. */
static void add_character(struct normal *n, struct slice bytes, struct buf *out)
{
	int32_t code, parts[NORMAL_GROWTH];
	int boundary = 0;
	int options = UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE | UTF8PROC_LUMP |
		      (n->fold ? UTF8PROC_CASEFOLD : 0);
	utf8proc_ssize_t count;
	size_t start = out->len;

	if (utf8proc_iterate((const utf8proc_uint8_t *)bytes.ptr, (utf8proc_ssize_t)bytes.len, &code) < 0) {
		buf_add_slice(out, bytes);
		return;
	}
	/* Before what is to be ignored is dropped: tags are, and say something. */
	if (ascii_of(code)) {
		add_code(code, out);
		n->folded = true;
		return;
	}
	count = utf8proc_decompose_char(code, parts, NORMAL_GROWTH, (utf8proc_option_t)options, &boundary);
	if (count > NORMAL_GROWTH) /* none does in Unicode 15 */
		buf_add_slice(out, bytes);
	for (utf8proc_ssize_t i = 0; count <= NORMAL_GROWTH && i < count; i++)
		add_code(parts[i], out);
	n->folded = n->folded || !slice_eq(slice_sub(buf_slice(out), start, out->len), bytes);
}

/* How many bytes the character has that begins with this one; 1 for what can begin none. */
static size_t length_of(unsigned char first)
{
	if (first < 0xC2 || first > 0xF4)
		return 1;
	return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
}

/* How many of the first bytes belong to one character: up to its length, as long as they continue it. */
static size_t belonging(struct slice s)
{
	size_t want = length_of((unsigned char)s.ptr[0]), have = 1;

	while (have < want && have < s.len && ((unsigned char)s.ptr[have] & 0xC0) == 0x80)
		have++;
	return have;
}

/* How many of the first bytes are ASCII. */
static size_t ascii_run(struct slice s)
{
	size_t at = 0;
	uint64_t word;

	for (; at + 2 * sizeof(word) <= s.len; at += 2 * sizeof(word)) {
		uint64_t next;

		memcpy(&word, s.ptr + at, sizeof(word));
		memcpy(&next, s.ptr + at + sizeof(word), sizeof(next));
		if ((word | next) & 0x8080808080808080u)
			break;
	}
	while (at < s.len && (unsigned char)s.ptr[at] < 0x80)
		at++;
	return at;
}

/* Append the character that begins in pending and goes on in bytes, whose part of it is taken off. */
static void feed_pending(struct normal *n, struct slice *bytes, struct buf *out)
{
	char text[NORMAL_SEQUENCE];
	size_t add = bytes->len < NORMAL_SEQUENCE - n->n_pending ? bytes->len : NORMAL_SEQUENCE - n->n_pending, have;

	memcpy(text, n->pending, n->n_pending);
	memcpy(text + n->n_pending, bytes->ptr, add);
	have = belonging(slice_of(text, n->n_pending + add));
	*bytes = slice_sub(*bytes, have - n->n_pending, bytes->len);
	if (!bytes->len && have < length_of((unsigned char)text[0])) {
		memcpy(n->pending, text, have);
		n->n_pending = have;
		return;
	}
	n->n_pending = 0;
	add_character(n, slice_of(text, have), out);
}

size_t normal_plain(const struct normal *n, struct slice bytes)
{
	return n->n_pending ? 0 : ascii_run(bytes);
}

void normal_feed(struct normal *n, struct slice bytes, struct buf *out)
{
	if (n->n_pending && bytes.len)
		feed_pending(n, &bytes, out);
	while (bytes.len) {
		size_t run = ascii_run(bytes), have;

		buf_add_slice(out, slice_sub(bytes, 0, run));
		bytes = slice_sub(bytes, run, bytes.len);
		if (!bytes.len)
			return;
		have = belonging(bytes);
		if (have == bytes.len && have < length_of((unsigned char)bytes.ptr[0])) {
			memcpy(n->pending, bytes.ptr, have);
			n->n_pending = have;
			return;
		}
		add_character(n, slice_sub(bytes, 0, have), out);
		bytes = slice_sub(bytes, have, bytes.len);
	}
}

void normal_finish(struct normal *n, struct buf *out)
{
	buf_add(out, n->pending, n->n_pending);
	n->n_pending = 0;
}
