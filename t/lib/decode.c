/*
 * decode forward|look|embedded CODINGS: take content codings off standard input,
 * whole, in steps of several sizes and, when it is short, cut in two at every
 * place. All must agree; how much of a bad one comes out before that is seen may
 * differ. Standard output: the result; status 1 and why on
 * standard error when it is bad, 2 when they do not agree.
 */
#include <stdio.h>
#include <unistd.h>

#include "coding.h"
#include "buf.h"

enum { CUT_MAX = 6000 };

struct result {
	struct buf out;
	const char *why;
	size_t left;
};

static void result_release(struct result *r)
{
	buf_release(&r->out);
}

#define AUTO_RESULT __attribute__((cleanup(result_release))) struct result

/* Decode input, the first part of it and then steps. */
static void decode(struct result *r, const struct coding_list *list, enum coding_use use, struct slice input,
		   size_t first, size_t then)
{
	struct slice piece, part = slice_sub(input, 0, first);
	enum coding_result got = CODING_MORE;
	struct coding c;

	*r = (struct result){ .out = BUF_INIT };
	coding_init(&c, list, use, &coding_limits);
	input = slice_sub(input, part.len, input.len);
	for (;;) {
		while ((got = coding_feed(&c, &part, &piece, &r->why)) == CODING_PIECE)
			buf_add_slice(&r->out, piece);
		if (got != CODING_MORE || !input.len)
			break;
		part = slice_sub(input, 0, then);
		input = slice_sub(input, part.len, input.len);
	}
	r->left = got == CODING_END ? part.len + input.len : 0;
	if (got != CODING_BAD)
		coding_finish(&c, &r->why);
	coding_release(&c);
}

/* Are the bytes the same, or, when it is bad, the beginning of the same? */
static bool agree(const struct result *a, const struct result *b)
{
	size_t len = a->out.len < b->out.len ? a->out.len : b->out.len;

	return slice_eq(slice_sub(buf_slice(&a->out), 0, len), slice_sub(buf_slice(&b->out), 0, len)) &&
	       (a->why || a->out.len == b->out.len);
}

int main(int argc, char **argv)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64, 1000, 4096, 40000 };
	struct coding_list list = { .n = 0 };
	AUTO_BUF input = BUF_INIT;
	AUTO_RESULT whole = { .out = BUF_INIT };
	AUTO_RESULT other = { .out = BUF_INIT };
	enum coding_use use;
	char chunk[65536];
	ssize_t n;

	if (argc != 3 || !coding_parse(&list, slice_str(argv[2]))) {
		fprintf(stderr, "decode: unknown coding\n");
		return 1;
	}
	use = argv[1][0] == 'f' ? CODING_FORWARD : argv[1][0] == 'l' ? CODING_LOOK : CODING_EMBEDDED;
	while ((n = read(0, chunk, sizeof(chunk))) > 0)
		buf_add(&input, chunk, (size_t)n);
	decode(&whole, &list, use, buf_slice(&input), input.len, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) + (input.len < CUT_MAX ? input.len : 0); i++) {
		size_t cut = sizeof(steps) / sizeof(*steps);

		if (i < cut)
			decode(&other, &list, use, buf_slice(&input), steps[i], steps[i]);
		else
			decode(&other, &list, use, buf_slice(&input), i - cut, input.len);
		if (whole.why != other.why || whole.left != other.left || !agree(&whole, &other)) {
			fprintf(stderr, "decode: split %zu: %s and %s, %zu and %zu bytes\n", i,
				whole.why ? whole.why : "good", other.why ? other.why : "good", whole.out.len,
				other.out.len);
			return 2;
		}
		result_release(&other);
	}
	if (use == CODING_EMBEDDED)
		fprintf(stderr, "%zu left\n", whole.left);
	if (whole.why) {
		fprintf(stderr, "%s\n", whole.why);
		return 1;
	}
	return fwrite(whole.out.ptr, 1, whole.out.len, stdout) == whole.out.len && fflush(stdout) == 0 ? 0 : 111;
}
