#include "changes.h"

#define CONTEXT 3 /* equal lines that are shown around, as diff(1) does */

/* The line that begins at a place, its newline included. */
static struct slice line_at(struct slice text, size_t at)
{
	struct slice rest = slice_sub(text, at, text.len);
	size_t end = slice_find(rest, '\n');

	return end == SLICE_NONE ? rest : slice_sub(rest, 0, end + 1);
}

/* Where the line begins that ends at a place. */
static size_t line_before(struct slice text, size_t end)
{
	size_t at = end - 1;

	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return at;
}

static size_t count_lines(struct slice text)
{
	size_t n = 0;

	for (size_t at = 0; at < text.len; at += line_at(text, at).len)
		n++;
	return n;
}

/* Append lines, each with a sign in front. */
static void add_lines(struct slice text, char sign, struct buf *out)
{
	for (size_t at = 0; at < text.len;) {
		struct slice line = line_at(text, at);

		buf_add_char(out, sign);
		buf_add_slice(out, line);
		if (!slice_ends(line, SLICE("\n")))
			buf_add_str(out, "\n\\ No newline at end of file\n");
		at += line.len;
	}
}

/* Append a range as a hunk's head has it: where it begins, and its lines; an empty one begins one line before. */
static void add_range(size_t first, size_t count, struct buf *out)
{
	buf_add_format(out, "%zu,%zu", count ? first + 1 : first, count);
}

void changes_unified(struct slice before, struct slice after, struct buf *out)
{
	size_t start = 0, end_b = before.len, end_a = after.len, lines = 0, lead, tail_b;
	size_t n_before, n_after, n_lead, n_tail;

	if (slice_eq(before, after))
		return;
	while (start < before.len && start < after.len && slice_eq(line_at(before, start), line_at(after, start))) {
		start += line_at(before, start).len;
		lines++;
	}
	while (end_b > start && end_a > start) {
		size_t b = line_before(before, end_b), a = line_before(after, end_a);

		if (b < start || a < start || !slice_eq(slice_sub(before, b, end_b), slice_sub(after, a, end_a)))
			break;
		end_b = b;
		end_a = a;
	}
	lead = start;
	for (int i = 0; i < CONTEXT && lead > 0; i++)
		lead = line_before(before, lead);
	tail_b = end_b;
	for (int i = 0; i < CONTEXT && tail_b < before.len; i++) {
		size_t n = line_at(before, tail_b).len;

		tail_b += n;
	}
	n_lead = count_lines(slice_sub(before, lead, start));
	n_tail = count_lines(slice_sub(before, end_b, tail_b));
	n_before = count_lines(slice_sub(before, start, end_b)) + n_lead + n_tail;
	n_after = count_lines(slice_sub(after, start, end_a)) + n_lead + n_tail;
	buf_add_str(out, "--- routes in force\n+++ routes\n@@ -");
	add_range(lines - n_lead, n_before, out);
	buf_add_str(out, " +");
	add_range(lines - n_lead, n_after, out);
	buf_add_str(out, " @@\n");
	add_lines(slice_sub(before, lead, start), ' ', out);
	add_lines(slice_sub(before, start, end_b), '-', out);
	add_lines(slice_sub(after, start, end_a), '+', out);
	add_lines(slice_sub(before, end_b, tail_b), ' ', out);
}
