/* Response heads: every split gives the same answer, and what is written reads back as what was read. */
#include <stdio.h>
#include <stdlib.h>

#include "http1.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Write an accepted head and read it again. */
static void check_round_trip(const struct http_head *h, bool to_head)
{
	static struct http_head again;
	bool tunnel = h->body == HTTP_BODY_TUNNEL;
	struct http_rewrite r = { .framing = tunnel ? HTTP_BODY_NONE : h->body, .upgrade = tunnel,
				  .close = !h->keep_alive && !tunnel };
	AUTO_BUF out = BUF_INIT;
	size_t scanned = 0, consumed = 0;
	const char *why = NULL;

	MUST(http_write_response(&out, h, &r, &why));
	if (out.len >= HTTP_HEAD_MAX || h->n_fields > HTTP_FIELDS_MAX - 5)
		return;
	MUST(http_parse_response(buf_slice(&out), &scanned, to_head, &again, &consumed, &why) == HTTP_DONE &&
	     consumed == out.len);
	MUST(again.status == h->status && slice_eq(again.reason, h->reason) && again.body == h->body);
	MUST(h->body != HTTP_BODY_LENGTH || again.length == h->length);
	MUST(again.keep_alive == h->keep_alive);
	for (size_t i = 0, j = 0; i < h->n_fields; i++) {
		if (h->fields[i].hop)
			continue;
		while (j < again.n_fields && again.fields[j].hop)
			j++;
		MUST(j < again.n_fields && slice_eq(h->fields[i].name, again.fields[j].name) &&
		     slice_eq(h->fields[i].value, again.fields[j].value));
		j++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head whole, slow;
	struct slice input = slice_of(data, size);
	bool to_head = size && data[size - 1] % 2;
	size_t scanned = 0, slow_scanned = 0, consumed = 0, consumed_slowly = 0;
	const char *why = NULL, *why_slowly = NULL;
	enum http_result r = http_parse_response(input, &scanned, to_head, &whole, &consumed, &why), s = HTTP_MORE;

	for (size_t have = 1; s == HTTP_MORE && have <= size; have++)
		s = http_parse_response(slice_sub(input, 0, have), &slow_scanned, to_head, &slow, &consumed_slowly,
					&why_slowly);
	MUST(r == s && (r != HTTP_BAD || why == why_slowly));
	if (r != HTTP_DONE)
		return 0;
	MUST(consumed == consumed_slowly && whole.n_fields == slow.n_fields && whole.body == slow.body);
	check_round_trip(&whole, to_head);
	return 0;
}
