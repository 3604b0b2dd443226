/* Content codings: the first byte chooses which; every split gives the same bytes and verdict, within the limits. */
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "coding.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static const struct coding_limits limits = { 1 << 20, 1 << 16, 64 };

/* Decode in steps; returns NULL or why it is bad; *left is what follows an embedded stream. */
static const char *decode(const struct coding_list *list, enum coding_use use, struct slice input, size_t step,
			  struct buf *out, size_t *left)
{
	struct slice part = SLICE(""), piece;
	enum coding_result r = CODING_MORE;
	const char *why = NULL;
	struct coding c;

	coding_init(&c, list, use, &limits);
	while (r == CODING_MORE && input.len) {
		part = slice_sub(input, 0, step);
		input = slice_sub(input, part.len, input.len);
		while ((r = coding_feed(&c, &part, &piece, &why)) == CODING_PIECE) {
			MUST(piece.len && piece.len <= CODING_PIECE_MAX);
			buf_add_slice(out, piece);
		}
		MUST(r != CODING_MORE || part.len == 0);
		MUST(r != CODING_END || use == CODING_EMBEDDED);
	}
	*left = r == CODING_END ? part.len + input.len : 0;
	if (r != CODING_BAD)
		MUST(coding_finish(&c, &why) == !why);
	MUST(out->len <= limits.output + CODING_PIECE_MAX);
	coding_release(&c);
	return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coding_list list = { .n = 1 };
	AUTO_BUF whole = BUF_INIT;
	AUTO_BUF split = BUF_INIT;
	size_t left, left_split;
	enum coding_use use;
	const char *why, *why_split;

	if (size < 2)
		return 0;
	list.kinds[0] = data[0] & 3;
	use = (data[0] >> 2) % 3;
	if ((data[0] & 0x80) && use != CODING_EMBEDDED)
		list.kinds[list.n++] = data[0] >> 4 & 3;
	why = decode(&list, use, slice_of(data + 1, size - 1), size, &whole, &left);
	why_split = decode(&list, use, slice_of(data + 1, size - 1), 1 + data[1] % 7, &split, &left_split);
	MUST(!why == !why_split); /* of two faults, such as a limit and bad data behind it, either may be found first */
	MUST(left == left_split);
	MUST(why || slice_eq(buf_slice(&whole), buf_slice(&split)));
	return 0;
}
