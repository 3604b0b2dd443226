#include "escape.h"

/* Decode one UTF-8 sequence at the start of s; 0 when it is not well formed. */
static size_t decode(struct slice s, uint32_t *code)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

	if (n > s.len || !slice_is_utf8(slice_sub(s, 0, n)))
		return 0;
	*code = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++)
		*code = *code << 6 | (p[i] & 0x3F);
	return n;
}

/* Characters that change how their neighbours look, or that cannot be seen. */
static bool is_deceptive(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00AD, 0x00AD },   /* soft hyphen */
		{ 0x034F, 0x034F },   /* combining grapheme joiner */
		{ 0x061C, 0x061C },   /* Arabic letter mark */
		{ 0x115F, 0x1160 },   /* Hangul fillers */
		{ 0x17B4, 0x17B5 },   /* Khmer inherent vowels */
		{ 0x180B, 0x180F },   /* Mongolian variation selectors */
		{ 0x200B, 0x200F },   /* zero width, direction marks */
		{ 0x2028, 0x202E },   /* separators, embeddings and overrides */
		{ 0x2060, 0x206F },   /* invisible operators, isolates */
		{ 0x3164, 0x3164 },   /* Hangul filler */
		{ 0xFE00, 0xFE0F },   /* variation selectors */
		{ 0xFEFF, 0xFEFF },   /* byte order mark */
		{ 0xFFA0, 0xFFA0 },   /* half-width Hangul filler */
		{ 0xFFF0, 0xFFFB },   /* interlinear annotation */
		{ 0x1D173, 0x1D17A }, /* musical format controls */
		{ 0xE0000, 0xE0FFF }, /* tags, variation selectors supplement */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Append the safe form of the sequence at the start of s; return its length in s. */
static size_t escape_one(struct buf *out, struct slice s)
{
	uint32_t c = 0;
	size_t n = decode(s, &c);

	if (n == 0) {
		buf_add_format(out, "\\x%02X", (unsigned char)s.ptr[0]);
		return 1;
	}
	if (c == '\n')
		buf_add_str(out, "\\n");
	else if (c == '\r')
		buf_add_str(out, "\\r");
	else if (c == '\t')
		buf_add_str(out, "\\t");
	else if (c == '\\')
		buf_add_str(out, "\\\\");
	else if (c < 0x20 || c == 0x7F)
		buf_add_format(out, "\\x%02X", c);
	else if ((c >= 0x80 && c < 0xA0) || is_deceptive(c))
		buf_add_format(out, "\\u{%X}", c);
	else
		buf_add(out, s.ptr, n);
	return n;
}

void escape_line(struct buf *out, struct slice text)
{
	while (text.len)
		text = slice_sub(text, escape_one(out, text), text.len);
}

void escape_cut(struct buf *out, struct slice text, size_t max)
{
	size_t start = out->len, last_fit = out->len;

	while (text.len) {
		text = slice_sub(text, escape_one(out, text), text.len);
		if (out->len - start <= max - 3)
			last_fit = out->len;
		if (out->len - start > max) {
			buf_truncate(out, last_fit);
			buf_add_str(out, "...");
			return;
		}
	}
}
