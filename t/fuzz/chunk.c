/* Chunked bodies: every split gives the same body and verdict, and what is encoded decodes to itself. */
#include <stdio.h>
#include <stdlib.h>

#include "chunk.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Decode in pieces of at most step bytes. */
static enum http_result decode(struct slice input, size_t step, struct buf *body, size_t *used, const char **why)
{
	struct chunk_decoder d = { .state = 0 };
	size_t at = 0;

	while (at < input.len) {
		struct slice data;
		size_t consumed = 0;
		enum http_result r = chunk_decode(&d, slice_sub(input, at, at + step), &consumed, &data, why);

		if (r == HTTP_BAD)
			return r;
		MUST(consumed > 0 || r == HTTP_DONE);
		buf_add_slice(body, data);
		at += consumed;
		*used = at;
		if (r == HTTP_DONE)
			return r;
	}
	return HTTP_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	AUTO_BUF whole = BUF_INIT;
	AUTO_BUF split = BUF_INIT;
	AUTO_BUF encoded = BUF_INIT;
	size_t used = 0, used_split = 0;
	const char *why = NULL, *why_split = NULL;
	enum http_result r = decode(input, size + 1, &whole, &used, &why);

	MUST(decode(input, 1 + size % 5, &split, &used_split, &why_split) == r);
	MUST(r != HTTP_BAD || why == why_split);
	MUST(slice_eq(buf_slice(&whole), buf_slice(&split)));
	if (r != HTTP_DONE)
		return 0;
	MUST(used == used_split);
	for (size_t at = 0, n; at < whole.len; at += n) {
		n = 1 + (at * 7 + size) % 100;
		if (n > whole.len - at)
			n = whole.len - at;
		chunk_write_open(&encoded, n);
		buf_add(&encoded, whole.ptr + at, n);
		chunk_write_close(&encoded);
	}
	chunk_write_end(&encoded);
	buf_truncate(&split, 0);
	MUST(decode(buf_slice(&encoded), 3, &split, &used, &why) == HTTP_DONE && used == encoded.len);
	MUST(slice_eq(buf_slice(&whole), buf_slice(&split)));
	return 0;
}
