/*
 * Decisions: the same for every spelling of a request, never more permissive than
 * the routes. The input is "METHOD HOST PATH[?QUERY]" and then header lines.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "path.h"
#include "policy.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static const char routes[] =
	"[{\"host\":\"a.test\",\"matches\":[{\"paths\":[{\"value\":\"/api\"},{\"type\":\"regex\",\"value\":\"/r/"
	"(a|b)*c\"}],"
	"\"methods\":[\"GET\",\"POST\"]},{\"paths\":[{\"type\":\"exact\",\"value\":\"/one\"}],"
	"\"headers\":[{\"name\":\"x-org\",\"value\":\"acme\"}]}]},"
	"{\"host\":\"b.test\",\"auth\":{\"token_ref\":\"T\",\"placeholder\":\"ph\"}},{\"host\":\"*.w.test\","
	"\"git\":{\"fetch\":true}}]";

/* The routes, compiled once. */
static const struct policy *policy(void)
{
	static struct policy *compiled;
	struct error e = ERROR_INIT;

	if (!compiled) {
		AUTO_DOC *d = NULL;

		document_seed();
		d = doc_parse(slice_str(routes), &e);
		compiled = policy_new(d, &e);
		MUST(compiled != NULL);
	}
	return compiled;
}

/* Spell a target in another way: unreserved characters of the path encoded, hexadecimal digits in the other case. */
static void respell(struct slice target, unsigned seed, struct buf *out)
{
	size_t end = slice_find(target, '?');
	struct slice path = slice_sub(target, 0, end);

	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];
		bool unreserved = ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("-._~", c));

		seed = seed * 1103515245u + 12345u;
		if (c == '%' && path.len - i > 2) {
			buf_add_char(out, c);
			buf_add_char(out, seed & 65536 ? ascii_lower(path.ptr[i + 1]) : path.ptr[i + 1]);
			buf_add_char(out, seed & 65536 ? ascii_lower(path.ptr[i + 2]) : path.ptr[i + 2]);
			i += 2;
		} else if (unreserved && seed & 65536) {
			buf_add_format(out, seed & 131072 ? "%%%02x" : "%%%02X", (unsigned)(unsigned char)c);
		} else {
			buf_add_char(out, c);
		}
	}
	buf_add_slice(out, slice_sub(target, path.len, target.len));
}

/* Build a head and judge it. False when it is no request. */
static bool decide(struct slice method, struct slice host, struct slice target, struct slice headers, struct verdict *v,
		   struct request_facts *f)
{
	static struct http_head h;
	AUTO_BUF head = BUF_INIT;
	struct authority tunnel;
	struct refusal no;
	size_t scanned = 0, consumed;
	const char *why;
	bool good;

	if (!host_parse(host, &tunnel, &why))
		return false;
	tunnel.port = 443;
	buf_add_slice(&head, method);
	buf_add_char(&head, ' ');
	buf_add_slice(&head, target);
	buf_add_str(&head, " HTTP/1.1\r\nHost: ");
	buf_add_slice(&head, host);
	buf_add_str(&head, "\r\n");
	while (headers.len) {
		buf_add_slice(&head, slice_cut(&headers, '\n'));
		buf_add_str(&head, "\r\n");
	}
	buf_add_str(&head, "\r\n");
	good = http_parse_request(buf_slice(&head), &scanned, &h, &consumed, &why) == HTTP_DONE &&
	       request_gather(&h, &tunnel, f, &no);
	if (good)
		policy_decide(policy(), f, v);
	return good;
}

/* What an allowed request to the first host must look like, said in another way than the policy does. */
static void check_allowed(struct slice host, struct slice target, struct slice method)
{
	static struct path_forms p;
	const char *why;
	struct slice path;

	MUST(path_parse(slice_sub(target, 0, slice_find(target, '?')), &p, &why));
	path = slice_of(p.canonical, p.canonical_len);
	MUST(slice_search(slice_of(p.decoded, p.decoded_len), SLICE("/../")) == SLICE_NONE);
	if (!slice_eq_fold(host, SLICE("a.test")))
		return;
	MUST(slice_eq(path, SLICE("/api")) || slice_starts(path, SLICE("/api/")) || slice_starts(path, SLICE("/r/")) ||
	     slice_eq(path, SLICE("/one")));
	MUST(slice_eq(path, SLICE("/one")) || slice_eq(method, SLICE("GET")) || slice_eq(method, SLICE("POST")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), first = slice_cut(&rest, '\n');
	struct slice method = slice_cut(&first, ' '), host = slice_cut(&first, ' '), target = first;
	struct verdict v, again;
	struct request_facts f;
	AUTO_BUF other = BUF_INIT;

	if (!target.len || target.ptr[0] != '/' || !decide(method, host, target, rest, &v, &f))
		return 0;
	if (v.allowed)
		check_allowed(host, target, method);
	else
		MUST(v.refusal.rule && v.refusal.text[0] && (v.refusal.status == 400 || v.refusal.status == 403));
	respell(target, (unsigned)size, &other);
	if (other.len > 20000) /* spelled longer, it could meet a limit */
		return 0;
	MUST(decide(method, host, buf_slice(&other), rest, &again, &f));
	MUST(again.allowed == v.allowed && again.route == v.route);
	MUST(v.allowed || strcmp(v.refusal.rule, again.refusal.rule) == 0);
	MUST(!v.allowed || memcmp(v.strip, again.strip, sizeof(v.strip)) == 0);
	return 0;
}
