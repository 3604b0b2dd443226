/* Patterns of a proposed routes file: the example made from one is bounded, and the same each time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sample.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice pattern = slice_of((const char *)data, size);
	AUTO_BUF once = BUF_INIT;
	AUTO_BUF again = BUF_INIT;

	sample_regex(pattern, &once);
	sample_regex(pattern, &again);
	MUST(once.len <= SAMPLE_MAX);
	MUST(slice_eq(buf_slice(&once), buf_slice(&again)));
	return 0;
}
