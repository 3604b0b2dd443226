/*
 * What comes out of a container: pieces of the engine's stream, frames in them, numbers in those. Every split gives the
 * same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "frame.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Take the frames off a stream and write down what they are; false when it is none. */
static bool take_frames(struct buf *stream, struct buf *seen)
{
	struct frame f;
	int whole;

	while ((whole = frame_peek(buf_slice(stream), &f)) > 0) {
		struct slice rest = f.payload;
		int number;

		buf_add_format(seen, "%c%zu ", f.kind, f.payload.len);
		while (frame_number(&rest, &number))
			buf_add_format(seen, "%d ", number);
		buf_consume(stream, FRAME_HEAD + f.payload.len);
	}
	return whole == 0;
}

/* Feed the input in steps of so many bytes; what is seen, and whether all was understood. */
static bool feed(struct slice input, size_t step, struct buf *seen)
{
	AUTO_BUF raw = BUF_INIT;
	AUTO_BUF output = BUF_INIT;
	bool ok = true;

	for (size_t at = 0; ok && at < input.len; at += step) {
		struct slice bytes;
		size_t consumed;
		int stream, whole;

		buf_add_slice(&raw, slice_sub(input, at, at + step));
		while (ok && (whole = engine_piece(buf_slice(&raw), &stream, &bytes, &consumed)) > 0) {
			MUST(stream == 1 || stream == 2);
			MUST(consumed <= raw.len && bytes.len < consumed);
			if (stream == 1)
				buf_add_slice(&output, bytes);
			buf_consume(&raw, consumed);
			ok = take_frames(&output, seen);
		}
		ok = ok && whole == 0;
	}
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	AUTO_BUF whole = BUF_INIT;
	AUTO_BUF split = BUF_INIT;
	bool ok = feed(input, size ? size : 1, &whole);

	MUST(feed(input, 1, &split) == ok);
	MUST(slice_eq(buf_slice(&whole), buf_slice(&split)));
	return 0;
}
