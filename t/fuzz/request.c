/* Request heads: every split gives the same answer, and what is written reads back as what was read. */
#include <stdio.h>
#include <stdlib.h>

#include "request.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Parse in growing prefixes, as a slow client sends. */
static enum http_result parse_slowly(struct slice input, size_t step, struct http_head *h, size_t *consumed,
				     const char **why)
{
	size_t scanned = 0, have = 0;
	enum http_result r = HTTP_MORE;

	while (r == HTTP_MORE && have < input.len) {
		have = have + step < input.len ? have + step : input.len;
		r = http_parse_request(slice_sub(input, 0, have), &scanned, h, consumed, why);
	}
	return r;
}

/* The fields that are passed on are the same ones in the same order. */
static void check_fields(const struct http_head *a, const struct http_head *b)
{
	size_t j = 0;

	for (size_t i = 0; i < a->n_fields; i++) {
		if (a->fields[i].hop)
			continue;
		while (j < b->n_fields && b->fields[j].hop)
			j++;
		MUST(j < b->n_fields);
		MUST(slice_eq(a->fields[i].name, b->fields[j].name) &&
		     slice_eq(a->fields[i].value, b->fields[j].value));
		j++;
	}
	while (j < b->n_fields)
		MUST(b->fields[j++].hop);
}

/* Write an accepted head and read it again. */
static void check_round_trip(const struct http_head *h)
{
	static struct http_head again;
	struct http_rewrite r = { .target = h->target, .host = SLICE("x.test"), .framing = h->body, .upgrade = true,
				  .expect_continue = h->expect_continue, .close = !h->keep_alive };
	AUTO_BUF out = BUF_INIT;
	size_t scanned = 0, consumed = 0;
	const char *why = NULL;

	MUST(http_write_request(&out, h, &r, &why));
	if (out.len >= HTTP_HEAD_MAX || h->n_fields > HTTP_FIELDS_MAX - 5)
		return;
	MUST(http_parse_request(buf_slice(&out), &scanned, &again, &consumed, &why) == HTTP_DONE &&
	     consumed == out.len);
	MUST(slice_eq(again.method, h->method) && slice_eq(again.target, h->target));
	MUST(again.body == h->body && again.length == h->length && again.has_length == h->has_length);
	MUST(again.keep_alive == h->keep_alive && again.expect_continue == h->expect_continue);
	check_fields(h, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head whole, slow;
	struct slice input = slice_of(data, size);
	size_t scanned = 0, consumed = 0, consumed_slowly = 0;
	const char *why = NULL, *why_slowly = NULL;
	enum http_result r = http_parse_request(input, &scanned, &whole, &consumed, &why);
	size_t step = size ? 1 + data[0] % 7 : 1;
	struct authority tunnel = { HOST_NAME, 443, "x.test" };
	struct request_facts f;
	struct refusal no;

	MUST(parse_slowly(input, step, &slow, &consumed_slowly, &why_slowly) == r);
	MUST(r != HTTP_BAD || why == why_slowly);
	if (r != HTTP_DONE)
		return 0;
	MUST(consumed == consumed_slowly && whole.n_fields == slow.n_fields && whole.body == slow.body &&
	     whole.length == slow.length);
	check_round_trip(&whole);
	if (request_gather(&whole, &tunnel, &f, &no))
		MUST(strcmp(f.authority.host, "x.test") == 0 && f.authority.port == 443 && f.path.ptr[0] == '/');
	else
		MUST(no.status == 400 || no.status == 421);
	if (request_gather(&whole, NULL, &f, &no))
		MUST(f.authority.port && f.path.len && f.path.ptr[0] == '/');
	return 0;
}
