#include "page.h"

void page_release(struct page *p)
{
	buf_release(&p->text);
}

void page_set(struct page *p, struct slice text)
{
	buf_truncate(&p->text, 0);
	page_ascii(text, &p->text);
	p->top = 0;
}

/* Lines that one line of text takes. */
static size_t lines_of(struct slice line, size_t width)
{
	return line.len ? (line.len + width - 1) / width : 1;
}

size_t page_count(const struct page *p, size_t width)
{
	struct slice rest = buf_slice(&p->text);
	size_t n = 0;

	while (rest.len)
		n += lines_of(slice_cut(&rest, '\n'), width ? width : 1);
	return n;
}

struct slice page_line(const struct page *p, size_t width, size_t n)
{
	struct slice rest = buf_slice(&p->text);

	width = width ? width : 1;
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		size_t lines = lines_of(line, width);

		if (n < lines)
			return slice_sub(line, n * width, (n + 1) * width);
		n -= lines;
	}
	return SLICE("");
}

/* Length of the character that begins here, by its first byte; 1 for what begins none. */
static size_t length_of(unsigned char c)
{
	return c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
}

void page_ascii(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.ptr[i];
		size_t n = length_of(c);
		uint32_t code = c;

		if ((c >= ' ' && c < 0x7F) || c == '\n') {
			buf_add_char(out, (char)c);
		} else if (c >= 0x80 && n > 1 && n <= text.len - i && slice_is_utf8(slice_sub(text, i, i + n))) {
			code = c & (0xFFu >> (n + 1));
			for (size_t k = 1; k < n; k++)
				code = code << 6 | ((unsigned char)text.ptr[i + k] & 0x3F);
			buf_add_format(out, "\\u{%X}", code);
		} else {
			n = 1;
			buf_add_format(out, "\\x%02X", c);
		}
		i += n;
	}
}
