#include "sample.h"

#define REPEAT_MAX 64 /* of one element: "{1000}" is no example for a person */

/* Skip to the end of a group or pattern: the rest of its alternatives. */
static void skip_alternatives(struct slice *p)
{
	unsigned depth = 0;
	size_t i = 0;

	for (; i < p->len; i++) {
		char c = p->ptr[i];

		if (c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth-- == 0)
			break;
	}
	*p = slice_sub(*p, i, p->len);
}

/* What one escape stands for. */
static char of_escape(char c)
{
	return c == 'd' ? '1' : c == 'w' ? 'x' : c == 's' ? ' ' : c == 'D' || c == 'W' || c == 'S' ? '-' : c;
}

/*
 * A class in brackets, behind the '[': its first member, or for one that excludes the first usual byte that it does not
 * name.
 */
static char take_class(struct slice *p)
{
	bool excludes = p->len && p->ptr[0] == '^';
	const char *other = "x0-_";
	struct slice members;
	size_t end = excludes ? 2 : 1; /* a ']' that comes first is a member */

	while (end < p->len && p->ptr[end] != ']')
		end += p->ptr[end] == '\\' ? 2 : 1;
	members = slice_sub(*p, excludes ? 1 : 0, end);
	*p = slice_sub(*p, end + 1, p->len);
	if (excludes) {
		while (other[1] && slice_find(members, *other) != SLICE_NONE)
			other++;
		return *other;
	}
	if (members.len > 1 && members.ptr[0] == '\\')
		return of_escape(members.ptr[1]);
	return members.len ? members.ptr[0] : 'x';
}

/* A repetition behind an element, whose text begins at mark: repeat it as often as it has to be there. */
static void take_repetition(struct slice *p, size_t mark, struct buf *out)
{
	size_t len = out->len - mark;
	unsigned times = 0;

	if (!p->len || !strchr("*+?{", p->ptr[0]))
		return;
	if (p->ptr[0] == '{') {
		size_t i = 1;

		for (; i < p->len && ascii_is_digit(p->ptr[i]) && times < REPEAT_MAX; i++)
			times = times * 10 + (unsigned)(p->ptr[i] - '0');
		while (i < p->len && p->ptr[i] != '}')
			i++;
		*p = slice_sub(*p, i + 1, p->len);
	} else {
		*p = slice_sub(*p, 1, p->len);
	}
	if (p->len && (p->ptr[0] == '?' || p->ptr[0] == '+'))
		*p = slice_sub(*p, 1, p->len);
	for (unsigned n = 1; n < times && n < REPEAT_MAX && out->len + len <= SAMPLE_MAX; n++) {
		buf_reserve(out, len);
		buf_add(out, out->ptr + mark, len);
	}
}

/* One alternative, up to the end of its group. */
static void take_sequence(struct slice *p, unsigned depth, struct buf *out)
{
	while (p->len && p->ptr[0] != ')' && out->len < SAMPLE_MAX) {
		size_t mark = out->len;
		char c = p->ptr[0];

		*p = slice_sub(*p, 1, p->len);
		if (c == '|') {
			skip_alternatives(p);
			return;
		}
		if (c == '(' && depth < SAMPLE_DEPTH) {
			if (slice_starts(*p, SLICE("?:")))
				*p = slice_sub(*p, 2, p->len);
			take_sequence(p, depth + 1, out);
			*p = slice_sub(*p, 1, p->len);
		} else if (c == '[') {
			buf_add_char(out, take_class(p));
		} else if (c == '\\' && p->len) {
			buf_add_char(out, of_escape(p->ptr[0]));
			*p = slice_sub(*p, 1, p->len);
		} else if (c == '.') {
			buf_add_char(out, 'x');
		} else if (c != '^' && c != '$') {
			buf_add_char(out, c);
		}
		take_repetition(p, mark, out);
	}
}

void sample_regex(struct slice pattern, struct buf *out)
{
	struct slice p = pattern;
	AUTO_BUF text = BUF_INIT;

	take_sequence(&p, 0, &text);
	buf_add_slice(out, slice_sub(buf_slice(&text), 0, SAMPLE_MAX));
}
