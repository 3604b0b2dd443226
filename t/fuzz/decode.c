/*
 * The views of any stream: the same sum of all bytes for every split, places in order, nothing held that was not fed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "decode.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Sums that do not depend on the order in which views get their bytes, but on that of the bytes in each. */
struct sums {
	uint64_t bytes, text;
	/* there was a compressed stream, most likely a damaged one: how much comes out of those is not fixed */
	bool packed;
};

static bool bytes(void *ctx, struct decode_view *view, struct slice piece)
{
	struct sums *s = ctx;
	uint64_t start = view->length, end = start + piece.len;
	uint64_t depth = view->depth;

	for (size_t i = 0; i < piece.len; i++)
		s->text += (unsigned char)piece.ptr[i] * (depth + 1) * 2654435761u;
	s->bytes += piece.len;
	for (const struct decode_view *v = view; v; v = v->parent)
		s->packed = s->packed || v->form >= DECODE_PACKED;
	(void)decode_place(view, &start, &end);
	return true;
}

static bool end(void *ctx, struct decode_view *view)
{
	(void)ctx;
	(void)view;
	return true;
}

static uint64_t held(void *ctx, const struct decode_view *view)
{
	(void)ctx;
	return view->length < 20 ? view->length : 20;
}

static void forget(void *ctx, struct decode_view *view)
{
	(void)ctx;
	(void)view;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct decode_sink sink = { bytes, end, held, forget };
	struct sums whole = { 0, 0, false }, parts = { 0, 0, false };
	struct decode *d = decode_new(&sink, &whole);
	const char *limit;

	MUST(decode_feed(d, slice_of(data, size)) && decode_finish(d));
	limit = decode_limit(d);
	decode_release(d);
	d = decode_new(&sink, &parts);
	for (size_t at = 0; at < size;) {
		size_t n = 1 + (at * 7 + size) % 61;

		MUST(decode_feed(d, slice_sub(slice_of(data, size), at, at + n)));
		at = at + n < size ? at + n : size;
		MUST(decode_held(d) <= at);
	}
	MUST(decode_finish(d));
	if (!whole.packed && !parts.packed)
		MUST(!limit == !decode_limit(d));
	MUST(limit || whole.packed || parts.packed || (whole.bytes == parts.bytes && whole.text == parts.text));
	decode_release(d);
	return 0;
}
