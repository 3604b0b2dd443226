#include "front.h"

/* Whether a line (without its end) is a delimiter. */
static bool is_delimiter(struct slice line)
{
	return slice_starts(line, SLICE("---")) && slice_trim(slice_sub(line, 3, line.len), " \t\r").len == 0;
}

/* Refuse bytes that make a terminal, a prompt or another reader see something else. */
static bool check_bytes(struct slice text, const char *file, struct problems *problems)
{
	unsigned line = 1, column = 1;

	if (!yaml_check_utf8(text, file, 1, problems))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n'))
			return problems_add(problems, file, line, column,
					    "a carriage return without a line feed; use LF or CRLF line ends");
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
			return problems_add(problems, file, line, column, "a control character; remove it");
		if (c == '\n') {
			line++;
			column = 1;
		} else if ((c & 0xC0) != 0x80) {
			column++;
		}
	}
	return true;
}

bool front_split(struct slice text, const char *file, struct front *front, struct problems *problems)
{
	struct slice rest = slice_starts(text, SLICE("\xEF\xBB\xBF")) ? slice_sub(text, 3, text.len) : text;
	const char *start;

	if (!check_bytes(rest, file, problems))
		return false;
	if (!is_delimiter(slice_cut(&rest, '\n')))
		return problems_add(problems, file, 1, 1, "found no front matter, wanted '---' as the first line");
	start = rest.ptr;
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');

		if (!is_delimiter(line))
			continue;
		*front = (struct front){ slice_of(start, (size_t)(line.ptr - start)), 2, rest };
		return true;
	}
	return problems_add(problems, file, 1, 1, "the front matter that begins here has no end, wanted a line '---'");
}

void front_body(const struct front *front, struct buf *out)
{
	struct slice body = slice_trim(front->body, " \t\r\n");

	for (size_t i = 0; i < body.len; i++)
		if (body.ptr[i] != '\r')
			buf_add_char(out, body.ptr[i]);
}
