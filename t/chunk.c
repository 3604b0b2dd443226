/* Chunked bodies: sizes, extensions, trailers, limits, and every split. */
#include "alloc.h"
#include "chunk.h"
#include "t/lib/tap.h"

/* Decode text in pieces of at most piece bytes. Returns why it was refused, "more", or NULL; the rest goes to *left. */
static const char *decode(struct slice text, size_t piece, struct buf *body, size_t *left)
{
	struct chunk_decoder d = { .state = 0 };
	const char *why = NULL;

	buf_truncate(body, 0);
	while (text.len) {
		struct slice input = slice_sub(text, 0, piece), data;
		size_t consumed;
		enum http_result r = chunk_decode(&d, input, &consumed, &data, &why);

		if (r == HTTP_BAD)
			return why;
		buf_add_slice(body, data);
		text = slice_sub(text, consumed, text.len);
		*left = text.len;
		if (r == HTTP_DONE)
			return NULL;
	}
	return "more";
}

static void test_good(void)
{
	static const struct {
		struct slice text;
		const char *body;
		size_t left;
	} cases[] = {
		{ SLICE("0\r\n\r\n"), "", 0 },
		{ SLICE("5\r\nhello\r\n0\r\n\r\n"), "hello", 0 },
		{ SLICE("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), "hello world", 5 },
		{ SLICE("0005\r\nhello\r\n000\r\n\r\n"), "hello", 0 },
		{ SLICE("A\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 0 },
		{ SLICE("1;a\r\nx\r\n1;a=b;c=\"d e\\\"f\";g\r\ny\r\n0;z=1\r\n\r\n"), "xy", 0 },
		{ SLICE("1\r\nx\r\n0\r\nA: b\r\nChecksum:\r\nX-Long-Name-Of-Some-Thirty-Bytes: z\r\n\r\n"), "x", 0 },
		{ SLICE("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0 },
	};
	AUTO_BUF body = BUF_INIT;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t piece = 1; piece < 40; piece++) {
			size_t left = 0;
			const char *why = decode(cases[i].text, piece, &body, &left);

			if (why || left != cases[i].left || strcmp(buf_str(&body), cases[i].body) != 0)
				ok(false, "body %zu in pieces of %zu: %s, '%s', %zu left", i, piece, why ? why : "",
				   buf_str(&body),
				   left);
			else if (piece == 39)
				ok(true, "body %zu is decoded, however it is split", i);
		}
}

static void test_bad(void)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE("\r\n"), "chunk size" },
		{ SLICE("g\r\n"), "chunk size" },
		{ SLICE("0x1\r\n"), "chunk size" },
		{ SLICE("-1\r\n"), "chunk size" },
		{ SLICE(" 1\r\n"), "chunk size" },
		{ SLICE("1 \r\nx\r\n"), "chunk size" },
		{ SLICE("1_0\r\n"), "chunk size" },
		{ SLICE("8000000000000000\r\n"), "chunk size" },
		{ SLICE("10000000000000000\r\n"), "chunk size" },
		{ SLICE("1\nx"), "chunk size" },
		{ SLICE("1\rx"), "CRLF" },
		{ SLICE("1\r\nxy"), "data that CRLF" },
		{ SLICE("1\r\nx\n"), "data that CRLF" },
		{ SLICE("1\r\nx\ry"), "data that CRLF" },
		{ SLICE("1;\r\n"), "extension" },
		{ SLICE("1; a\r\n"), "extension" },
		{ SLICE("1;a \r\n"), "extension" },
		{ SLICE("1;a=\r\n"), "extension" },
		{ SLICE("1;a=b c\r\n"), "extension" },
		{ SLICE("1;a=b\n"), "extension" },
		{ SLICE("1;a=\"b\r\n"), "extension" },
		{ SLICE("1;a=\"\\\r"), "extension" },
		{ SLICE("1;a=\"b\"c\r\n"), "extension" },
		{ SLICE("1;a\"\r\n"), "extension" },
		{ SLICE("0\r\n\n"), "no header field" },
		{ SLICE("0\r\n\rX"), "CRLF" },
		{ SLICE("0\r\nA\r\n"), "no header field" },
		{ SLICE("0\r\nA b: c\r\n"), "no header field" },
		{ SLICE("0\r\nA: b\nC: d\r\n"), "no header field" },
		{ SLICE("0\r\nA: b\rC"), "CRLF" },
		{ SLICE("0\r\n A: b\r\n"), "no header field" },
		{ SLICE("0\r\n: b\r\n"), "no header field" },
		{ SLICE("0\r\nA: \0\r\n"), "no header field" },
		{ SLICE("0\r\nContent-Length: 3\r\n"), "only stand in the head" },
		{ SLICE("0\r\nTRANSFER_ENCODING: chunked\r\n"), "only stand in the head" },
		{ SLICE("0\r\nProxy-Whatever: x\r\n"), "only stand in the head" },
		{ SLICE("0\r\nIf-Match: x\r\n"), "only stand in the head" },
		{ SLICE("0\r\nauthorization: x\r\n"), "only stand in the head" },
	};
	AUTO_BUF body = BUF_INIT;
	size_t left;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *why = decode(cases[i].text, 100, &body, &left);
		const char *slow = decode(cases[i].text, 1, &body, &left);

		ok(why && strstr(why, cases[i].why) && slow == why, "refused: %s (%s)", cases[i].why,
		   why ? why : "accepted");
	}
}

/* Append n times. */
static void repeat(struct buf *b, const char *text, size_t n)
{
	while (n--)
		buf_add_str(b, text);
}

static void test_limits(void)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_BUF body = BUF_INIT;
	size_t left;

	is_str(decode(SLICE("7fffffffffffffff\r\nx"), 100, &body, &left), "more", "the largest size");
	repeat(&b, "0", CHUNK_LINE_MAX - 3);
	buf_add_str(&b, "1\r\nx");
	is_str(decode(buf_slice(&b), 9999, &body, &left), "more", "a size line of 256 bytes");
	buf_truncate(&b, 0);
	repeat(&b, "0", CHUNK_LINE_MAX - 2);
	buf_add_str(&b, "1\r\nx");
	is_str(decode(buf_slice(&b), 9999, &body, &left), "a chunk size line of more than 256 bytes", "not of 257");

	buf_truncate(&b, 0);
	repeat(&b, "1;aaaaaaaaaaaaaaaa\r\nx\r\n", CHUNK_EXTENSION_MAX / 18);
	is_str(decode(buf_slice(&b), 9999999, &body, &left), "more", "extensions of 4 KiB in all");
	repeat(&b, "1;aaaaaaaaaaaaaaaa\r\nx\r\n", 2);
	is_str(decode(buf_slice(&b), 9999999, &body, &left), "more than 4 KiB of chunk extensions", "not more");

	buf_truncate(&b, 0);
	buf_add_str(&b, "0\r\n");
	repeat(&b, "A: bbbb\r\n", CHUNK_TRAILER_MAX / 9);
	is_str(decode(buf_slice(&b), 9999999, &body, &left), "more", "a trailer section of 8 KiB");
	repeat(&b, "A: bbbb\r\n", 1);
	is_str(decode(buf_slice(&b), 9999999, &body, &left), "a trailer section of more than 8 KiB", "not more");
}

static void test_writing(void)
{
	AUTO_BUF out = BUF_INIT;

	chunk_write_open(&out, 26);
	buf_add_str(&out, "abcdefghijklmnopqrstuvwxyz");
	chunk_write_close(&out);
	chunk_write_end(&out);
	is_str(buf_str(&out), "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n", "a chunk and the end");
	buf_truncate(&out, 0);
	chunk_write_open(&out, (size_t)-1);
	is_str(buf_str(&out), "ffffffffffffffff\r\n", "the longest line fits its limit");
	is_int(out.len, CHUNK_OPEN_MAX, "exactly");
}

static void test_after_the_end(void)
{
	struct chunk_decoder d = { .state = 0 };
	struct slice data;
	size_t consumed = 99;
	const char *why = NULL;

	ok(chunk_decode(&d, SLICE(""), &consumed, &data, &why) == HTTP_MORE && consumed == 0, "nothing is no end");
	ok(chunk_decode(&d, SLICE("0\r\n\r\nX"), &consumed, &data, &why) == HTTP_DONE && consumed == 5,
	   "the end is exact");
	ok(chunk_decode(&d, SLICE("X"), &consumed, &data, &why) == HTTP_DONE && consumed == 0, "and stays one");
}

int main(void)
{
	test_good();
	test_bad();
	test_limits();
	test_writing();
	test_after_the_end();
	return tap_done();
}
