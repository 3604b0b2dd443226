/* Heads of HTTP/1.1: what is read, what is refused and why, what is written. */
#include "alloc.h"
#include "http1.h"
#include "t/lib/tap.h"

static struct http_head head;

/* Parse text as a request head; NULL when it is accepted as one that spans the whole text, else why not. */
static const char *request(struct slice text)
{
	size_t scanned = 0, consumed = 0;
	const char *why = "";

	switch (http_parse_request(text, &scanned, &head, &consumed, &why)) {
	case HTTP_DONE:
		return consumed == text.len ? NULL : "accepted in part";
	case HTTP_MORE:
		return "more";
	default:
		return why;
	}
}

/* The same for a response to a GET. */
static const char *response(struct slice text, bool head_request)
{
	size_t scanned = 0, consumed = 0;
	const char *why = "";

	switch (http_parse_response(text, &scanned, head_request, &head, &consumed, &why)) {
	case HTTP_DONE:
		return consumed == text.len ? NULL : "accepted in part";
	case HTTP_MORE:
		return "more";
	default:
		return why;
	}
}

static void test_a_request(void)
{
	ok(!request(SLICE("POST /a?b HTTP/1.1\r\nHost: x.test\r\nX-Y:\t z \r\nContent-Length: 5\r\n\r\n")),
	   "a request is read");
	ok(slice_eq(head.method, SLICE("POST")) && slice_eq(head.target, SLICE("/a?b")) && head.minor == 1,
	   "its first line");
	ok(slice_eq(head.host, SLICE("x.test")), "its host");
	ok(head.n_fields == 3 && slice_eq(head.fields[1].value, SLICE("z")),
	   "its fields, blanks around values dropped");
	ok(head.body == HTTP_BODY_LENGTH && head.length == 5 && head.has_length, "its body's length");
	ok(head.keep_alive && !head.expect_continue && !head.upgrade.len, "the connection may go on");
	ok(head.fields[0].hop && !head.fields[1].hop && head.fields[2].hop, "host and framing are ours to write");
	ok(http_find(&head, SLICE("x-y")) == &head.fields[1] && !http_find(&head, SLICE("x")),
	   "fields are found by name");
	ok(http_find_id(&head, HTTP_HOST) == &head.fields[0] && !http_find_id(&head, HTTP_COOKIE), "and by number");
}

static void test_request_bodies(void)
{
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) && head.body == HTTP_BODY_NONE,
	   "no framing field, no body");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")) && head.body == HTTP_BODY_LENGTH &&
		   head.length == 0,
	   "a declared empty body is declared");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n")) &&
		   head.body == HTTP_BODY_CHUNKED,
	   "chunked, in any case");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n")) &&
		   head.length == INT64_MAX,
	   "the longest length");
}

static void test_connection(void)
{
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n")) && !head.keep_alive,
	   "close ends it");
	ok(!request(SLICE("GET / HTTP/1.0\r\n\r\n")) && !head.keep_alive && !head.host.ptr,
	   "HTTP/1.0 ends it, and needs no Host");
	ok(!request(SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")) && head.keep_alive,
	   "unless it asks otherwise");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n")) && !head.keep_alive,
	   "close is stronger");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nConnection: x-a\r\nX-A: 1\r\nX-B: 2\r\n\r\n")) &&
	   head.fields[2].hop &&
		   !head.fields[3].hop,
	   "a named field is hop-by-hop");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")) &&
		   slice_eq(head.upgrade, SLICE("websocket")),
	   "an upgrade is seen");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")) && !head.upgrade.len,
	   "but not without Connection");
	ok(!request(SLICE("GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")) &&
	   !head.upgrade.len,
	   "nor in HTTP/1.0");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nConnection: ,,close,\r\n\r\n")) && !head.keep_alive,
	   "empty list elements are none");
	ok(!request(SLICE("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n")) &&
		   head.expect_continue,
	   "an expectation is seen");
	ok(!request(SLICE("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n")) && !head.expect_continue,
	   "without a body there is nothing to wait for");
	ok(!request(SLICE("PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")) &&
	   !head.expect_continue,
	   "HTTP/1.0 knows no 100");
}

/* Heads, each with a word of the reason for which it is refused. */
static void test_refused_requests(void)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
#define HEAD(line, why) { SLICE("GET / HTTP/1.1\r\nHost: x\r\n" line "\r\n\r\n"), why }
		{ SLICE("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), "empty or space-led" },
		{ SLICE(" GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "empty or space-led" },
		{ SLICE("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"), "request-target that is empty" },
		{ SLICE("GET /  HTTP/1.1\r\nHost: x\r\n\r\n"), "does not end in one space" },
		{ SLICE("GET / HTTP/1.1 \r\nHost: x\r\n\r\n"), "does not end in one space" },
		{ SLICE("GET /\r\n\r\n"), "does not end in one space" },
		{ SLICE("GET\r\n\r\n"), "request-target that is empty" },
		{ SLICE("GET / HTTP/1.9\r\nHost: x\r\n\r\n"), "HTTP/1.0 or HTTP/1.1" },
		{ SLICE("GET / http/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.0 or HTTP/1.1" },
		{ SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "'*'" },
		{ SLICE("GE(T / HTTP/1.1\r\nHost: x\r\n\r\n"), "not a token" },
		{ SLICE("GETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n"), "more than 32 bytes" },
		{ SLICE("GET /\xC3\xA9 HTTP/1.1\r\nHost: x\r\n\r\n"), "visible ASCII" },
		{ SLICE("GET /\tx HTTP/1.1\r\nHost: x\r\n\r\n"), "visible ASCII" },
		{ SLICE("GET / HTTP/1.1\nHost: x\r\n\r\n"), "line feed without" },
		{ SLICE("GET / HTTP/1.1\r\nHost: x\n\r\n"), "line feed without" },
		{ SLICE("GET / HTTP/1.1\r\nHost: x\r\n\n"), "line feed without" },
		{ SLICE("GET / HTTP/1.1\rHost: x\r\n\r\n"), "carriage return without" },
		{ SLICE("GET / HTTP/1.1\r\nHost: x\r\n\rX"), "carriage return without" },
		{ SLICE("GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"), "control character" },
		{ SLICE("\x16\x03\x01\x02"), "control character" },
		{ SLICE("GET / HTTP/1.1\r\nHost: \x7F\r\n\r\n"), "control character" },
		{ SLICE("GET / HTTP/1.1\r\n\r\n"), "no Host" },
		{ SLICE("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"), "two Host" },
		{ SLICE("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"), "two Host" },
		HEAD(" folded: x", "begins with white space"),
		HEAD("A: b\r\n\tc", "begins with white space"),
		HEAD("A : b", "not a token"),
		HEAD(": b", "not a token"),
		HEAD("A b: c", "not a token"),
		HEAD("A\xC3: b", "not a token"),
		HEAD("A", "without a colon"),
		HEAD("Content_Length: 1", "some servers take"),
		HEAD("transfer_encoding: chunked", "some servers take"),
		HEAD("Content-Length: 1\r\nContent-Length: 1", "two Content-Length"),
		HEAD("Content-Length: 1, 1", "not one plain decimal"),
		HEAD("Content-Length: +1", "not one plain decimal"),
		HEAD("Content-Length: -1", "not one plain decimal"),
		HEAD("Content-Length: 0x1", "not one plain decimal"),
		HEAD("Content-Length: 01", "not one plain decimal"),
		HEAD("Content-Length: ", "not one plain decimal"),
		HEAD("Content-Length: 9223372036854775808", "not one plain decimal"),
		HEAD("Content-Length: 18446744073709551617", "not one plain decimal"),
		HEAD("Content-Length: 1\r\nTransfer-Encoding: chunked", "both"),
		HEAD("Transfer-Encoding: chunked\r\nContent-Length: 1", "both"),
		HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "two Transfer-Encoding"),
		HEAD("Transfer-Encoding: xchunked", "other than 'chunked'"),
		HEAD("Transfer-Encoding: chunked, identity", "other than 'chunked'"),
		HEAD("Transfer-Encoding: gzip, chunked", "other than 'chunked'"),
		HEAD("Transfer-Encoding: chunked;a=b", "other than 'chunked'"),
		HEAD("Transfer-Encoding:", "other than 'chunked'"),
		{ SLICE("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "in HTTP/1.0" },
		HEAD("Expect: 200-ok", "Expect"),
		HEAD("Expect: 100-continue, x", "Expect"),
		HEAD("Connection: close, Authorization", "has to pass on"),
		HEAD("Connection: Content-Length", "has to pass on"),
		HEAD("Connection: host", "has to pass on"),
		HEAD("Connection: a b", "not a token"),
		{ SLICE("CONNECT x:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"), "CONNECT with a body" },
		{ SLICE("CONNECT x:1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
		  "CONNECT with a body" },
#undef HEAD
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *why = request(cases[i].text);

		ok(why && strstr(why, cases[i].why), "refused: %s (%s)", cases[i].why, why ? why : "accepted");
	}
}

/* Accepted though it looks odd: there is one reading. */
static void test_accepted_oddities(void)
{
	ok(!request(SLICE("get / HTTP/1.1\r\nHost: x\r\n\r\n")) && slice_eq(head.method, SLICE("get")),
	   "a method keeps its case");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nA:\r\nA: \xE9\r\n\r\n")) && head.n_fields == 3,
	   "empty values, old text, repeated fields");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost:\r\n\r\n")) && head.host.ptr && !head.host.len,
	   "an empty Host is a Host: target.h refuses it");
	ok(!request(SLICE("CONNECT x.test:443 HTTP/1.0\r\n\r\n")),
	   "CONNECT in HTTP/1.0 without Host (Python up to 3.11)");
	ok(!request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nContent-Lengthy: 1\r\nX_Y: 1\r\n\r\n")) &&
	   head.body == HTTP_BODY_NONE,
	   "names that only resemble");
}

static void test_limits(void)
{
	AUTO_BUF b = BUF_INIT;
	size_t scanned = 0, consumed = 0;
	const char *why = "";

	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX - 1; i++)
		buf_add_str(&b, "A: b\r\n");
	buf_add_str(&b, "\r\n");
	ok(!request(buf_slice(&b)) && head.n_fields == HTTP_FIELDS_MAX, "100 fields");
	buf_truncate(&b, b.len - 2);
	buf_add_str(&b, "A: b\r\n");
	is_str(request(buf_slice(&b)), "more than 100 header fields", "not 101");

	buf_truncate(&b, 0);
	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	while (b.len < HTTP_HEAD_MAX - 4)
		buf_add_char(&b, 'x');
	buf_add_str(&b, "\r\n\r\n");
	ok(!request(buf_slice(&b)), "a head of 64 KiB");
	buf_truncate(&b, b.len - 4);
	buf_add_str(&b, "x\r\n\r\n");
	is_str(request(buf_slice(&b)), "a head of more than 64 KiB", "not of one byte more");
	ok(http_parse_request(slice_sub(buf_slice(&b), 0, HTTP_HEAD_MAX - 1), &scanned, &head, &consumed,
			      &why) == HTTP_MORE,
	   "below the limit it wants more");
	is_int(scanned, HTTP_HEAD_MAX - 1, "and remembers how far it looked");
}

/* What is wrong is found with the byte that makes it so. */
static void test_early_refusal(void)
{
	is_str(request(SLICE("GET / HTTP/1.1\r\nHost: x\r\nA b\r\n")), "a header line without a colon",
	       "before the head has ended");
	is_str(request(SLICE("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")),
	       "a request line that does not end in one space and HTTP/1.0 or HTTP/1.1", "a PROXY line");
	is_str(request(SLICE("GET / HTTP/1.1\r\nHost: x\r")), "more", "a carriage return waits for its line feed");
	is_str(request(SLICE("")), "more", "nothing yet");
}

static void test_responses(void)
{
	ok(!response(SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), false) && head.status == 200 &&
		   slice_eq(head.reason, SLICE("OK")) && head.body == HTTP_BODY_LENGTH && head.length == 3 &&
		   head.keep_alive,
	   "a response is read");
	ok(!response(SLICE("HTTP/1.1 200\r\n\r\n"), false) && !head.reason.len && head.body == HTTP_BODY_CLOSE &&
	   !head.keep_alive,
	   "without reason and length it lasts until the end");
	ok(!response(SLICE("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"), false) &&
	   head.body == HTTP_BODY_CHUNKED,
	   "chunked");
	ok(!response(SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), true) && head.body == HTTP_BODY_NONE &&
		   head.has_length,
	   "to HEAD there is no body, but a length");
	ok(!response(SLICE("HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n"), false) && head.body == HTTP_BODY_NONE,
	   "304 has none");
	ok(!response(SLICE("HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n"), false) &&
	   head.body == HTTP_BODY_NONE, "204");
	ok(!response(SLICE("HTTP/1.1 100 Continue\r\n\r\n"), false) && head.body == HTTP_BODY_NONE && head.keep_alive,
	   "100");
	ok(!response(SLICE("HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), false) &&
		   head.body == HTTP_BODY_TUNNEL && slice_eq(head.upgrade, SLICE("websocket")) && !head.keep_alive,
	   "101 hands the connection over");
	ok(!response(SLICE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), false) && !head.keep_alive,
	   "HTTP/1.0 ends");
	ok(!response(SLICE("HTTP/1.1 200 OK\r\nConnection: set-cookie, transfer-encoding\r\nSet-Cookie: a=b\r\n"
			   "Transfer-Encoding: chunked\r\n\r\n"),
		     false) &&
		   !head.fields[1].hop && head.body == HTTP_BODY_CHUNKED && head.keep_alive,
	   "what a response's Connection must not name, it does not");
}

static void test_refused_responses(void)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE("HTTP/2 200 OK\r\n\r\n"), "does not begin with" },
		{ SLICE("ICY 200 OK\r\n\r\n"), "does not begin with" },
		{ SLICE("\r\nHTTP/1.1 200 OK\r\n\r\n"), "does not begin with" },
		{ SLICE("HTTP/1.1  200 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 20 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 2000 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 +20 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 099 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 600 OK\r\n\r\n"), "status that is not" },
		{ SLICE("HTTP/1.1 200 O\x01K\r\n\r\n"), "control character" },
		{ SLICE("HTTP/1.1 200 OK\nA: b\r\n\r\n"), "line feed without" },
		{ SLICE("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), "begins with white space" },
		{ SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "two Content-Length" },
		{ SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "both" },
		{ SLICE("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "in HTTP/1.0" },
		{ SLICE("HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n"), "not a token" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *why = response(cases[i].text, false);

		ok(why && strstr(why, cases[i].why), "refused: %s (%s)", cases[i].why, why ? why : "accepted");
	}
}

/* Write the head in `head` as a request and compare. */
static void check_request(const struct http_rewrite *r, const char *want, const char *name)
{
	AUTO_BUF out = BUF_INIT;
	const char *why = NULL;

	ok(http_write_request(&out, &head, r, &why), "%s: written", name);
	is_str(buf_str(&out), want, "%s", name);
}

static void test_writing_requests(void)
{
	static const struct http_extra extra[] = { { { "X-Key", 5 }, { "secret", 6 } } };
	bool strip[HTTP_FIELDS_MAX] = { false };

	request(SLICE("POST http://x/a HTTP/1.1\r\nHost: x\r\nProxy-Authorization: p\r\nAuthorization: "
		      "a\r\nConnection: K, Upgrade\r\n"
		      "K: v\r\nHTTP2-Settings: AA\r\nTE: trailers\r\nUpgrade: websocket\r\nKeep-Alive: 1\r\nAccept:  b "
		      "\r\nContent-Length: 7\r\n\r\n"));
	strip[2] = true;
	check_request(&(struct http_rewrite){ .target = SLICE("/a"), .host = SLICE("x"), .strip = strip, .add = extra,
					      .n_add = 1,
					      .framing = HTTP_BODY_LENGTH },
		      "POST /a HTTP/1.1\r\nHost: x\r\nAccept: b\r\nX-Key: secret\r\nContent-Length: 7\r\n\r\n",
		      "hop-by-hop and stripped fields stay behind");
	check_request(&(struct http_rewrite){ .target = SLICE("/a"), .host = SLICE("x"), .upgrade = true,
					      .framing = HTTP_BODY_CHUNKED },
		      "POST /a HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAccept: b\r\nTransfer-Encoding: chunked\r\n"
		      "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		      "an upgrade is passed on when asked");
	check_request(&(struct http_rewrite){ .target = SLICE("/"), .host = SLICE("x"), .close = true,
					      .expect_continue = true },
		      "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAccept: b\r\nExpect: "
		      "100-continue\r\nConnection: close\r\n\r\n",
		      "close and expect");
}

static void test_refused_writing(void)
{
	static const struct http_extra newline[] = { { { "A", 1 }, { "b\r\nC: d", 7 } } };
	static const struct http_extra blank[] = { { { "A", 1 }, { "b ", 2 } } };
	static const struct http_extra name[] = { { { "A:", 2 }, { "b", 1 } } };
	const struct http_rewrite cases[] = {
		{ .target = SLICE("/"), .host = SLICE("x"), .add = newline, .n_add = 1 },
		{ .target = SLICE("/"), .host = SLICE("x"), .add = blank, .n_add = 1 },
		{ .target = SLICE("/"), .host = SLICE("x"), .add = name, .n_add = 1 },
		{ .target = SLICE("/ x"), .host = SLICE("x") },
		{ .target = SLICE("/"), .host = SLICE("x\r\ny") },
		{ .target = SLICE(""), .host = SLICE("x") },
		{ .target = SLICE("/"), .host = SLICE("") },
	};

	request(SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_BUF out = BUF_INIT;
		const char *why = NULL;

		ok(!http_write_request(&out, &head, &cases[i], &why) && why && !out.len, "not written: %zu (%s)", i,
		   why ? why : "");
		if (cases[i].n_add)
			ok(!http_write_response(&out, &head, &cases[i], &why) && !out.len, "nor in a response: %zu", i);
	}
}

/* Parse a response, write it and compare. */
static void check_response(struct slice text, bool to_head, const struct http_rewrite *r, const char *want,
			   const char *name)
{
	AUTO_BUF out = BUF_INIT;
	const char *why = NULL;

	ok(!response(text, to_head) && http_write_response(&out, &head, r, &why), "%s: written", name);
	is_str(buf_str(&out), want, "%s", name);
}

static void test_writing_responses(void)
{
	check_response(SLICE("HTTP/1.0 200 Fine\r\nContent-Length: 3\r\nConnection: x-a\r\nX-A: 1\r\nB: 2\r\n\r\n"),
		       false,
		       &(struct http_rewrite){ .framing = HTTP_BODY_LENGTH },
		       "HTTP/1.1 200 Fine\r\nB: 2\r\nContent-Length: 3\r\n\r\n", "a response");
	check_response(SLICE("HTTP/1.1 200 OK\r\n\r\n"), false, &(struct http_rewrite){ .framing = HTTP_BODY_CHUNKED },
		       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "an open end becomes chunked");
	check_response(SLICE("HTTP/1.1 200 OK\r\n\r\n"), false, &(struct http_rewrite){ .framing = HTTP_BODY_CLOSE,
											.close = true },
		       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "or stays one");
	check_response(SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), true,
		       &(struct http_rewrite){ .keep_alive = true },
		       "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: keep-alive\r\n\r\n",
		       "HEAD keeps the length");
	check_response(SLICE("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n"), false,
		       &(struct http_rewrite){ .close = false },
		       "HTTP/1.1 204 No\r\n\r\n", "204 does not");
	check_response(SLICE("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), false,
		       &(struct http_rewrite){ .upgrade = true },
		       "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "101 is passed on");
}

static void test_lists_and_names(void)
{
	ok(http_list_has(SLICE("a, B ,c"), SLICE("b")) && !http_list_has(SLICE("ab"), SLICE("a")) &&
		   !http_list_has(SLICE(""), SLICE("a")),
	   "elements of lists are whole and in any case");
	ok(http_is_token(SLICE("a-Z0!#$%&'*+.^_`|~")) && !http_is_token(SLICE("")) && !http_is_token(SLICE("a b")) &&
		   !http_is_token(SLICE("a\"")) && !http_is_token(SLICE("\x80")),
	   "tokens");
	ok(http_is_value(SLICE("")) && http_is_value(SLICE("a \t\xFF" "b")) && !http_is_value(SLICE(" a")) &&
		   !http_is_value(SLICE("a\t")) && !http_is_value(SLICE("a\nb")) && !http_is_value(SLICE("a\0b")),
	   "values");
	is_int(http_name_of(SLICE("TRANSFER-encoding")), HTTP_TRANSFER_ENCODING, "names in any case");
	is_int(http_name_of(SLICE("Transfer-Encodin")), HTTP_OTHER, "but whole");
	is_int(http_name_of(SLICE("")), HTTP_OTHER, "no name is no known one");
}

int main(void)
{
	test_a_request();
	test_request_bodies();
	test_connection();
	test_refused_requests();
	test_accepted_oddities();
	test_limits();
	test_early_refusal();
	test_responses();
	test_refused_responses();
	test_writing_requests();
	test_refused_writing();
	test_writing_responses();
	test_lists_and_names();
	return tap_done();
}
