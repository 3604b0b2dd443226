/* WebSocket: frames of every kind, whole and split at every byte; writing; the handshake. */
#include "websocket.h"

#include "alloc.h"
#include "t/lib/tap.h"

/*
 * What the reader makes of frames, in words: "text 'ab' ping 'x' close 1000 ''",
 * a message's pieces put together, "bad 1002" with why at the end, "open" inside a message.
 */
static void read_all(struct slice bytes, bool masked, size_t step, uint64_t max, struct buf *said, const char **why)
{
	struct websocket_reader r = { .masked = masked, .message_max = max };
	AUTO_BUF message = BUF_INIT;

	buf_truncate(said, 0);
	for (size_t at = 0; at < bytes.len; at += step) {
		struct slice input = slice_sub(bytes, at, at + step);
		struct websocket_piece p;
		enum websocket_result result;

		while ((result = websocket_read(&r, &input, &message, &p)) != WEBSOCKET_MORE) {
			if (result == WEBSOCKET_BAD) {
				buf_add_format(said, "bad %u", p.code);
				*why = p.why;
				return;
			}
			if (result == WEBSOCKET_DATA && p.last)
				buf_add_format(said, "%s '%.*s' ", p.opcode == WEBSOCKET_TEXT ? "text" : "binary",
					       SLICE_ARG(buf_slice(&message)));
			if (result == WEBSOCKET_DATA && p.last)
				buf_truncate(&message, 0);
			if (result == WEBSOCKET_CONTROL && p.opcode == WEBSOCKET_CLOSE && p.data.len)
				buf_add_format(said, "close %d '%.*s' ",
					       (unsigned char)p.data.ptr[0] << 8 | (unsigned char)p.data.ptr[1],
					       SLICE_ARG(slice_sub(p.data, 2, p.data.len)));
			else if (result == WEBSOCKET_CONTROL)
				buf_add_format(said, "%s '%.*s' ", p.opcode == WEBSOCKET_PING ? "ping" :
					       p.opcode == WEBSOCKET_PONG ? "pong" : "close",
					       SLICE_ARG(p.data));
		}
		if (input.len)
			buf_add_str(said, "(input left) ");
	}
	buf_add_str(said, r.in_message ? "open" : "");
}

/* Frames of a server, as a table; those of a client follow from them. */
static const struct {
	const char *name;
	struct slice bytes;
	const char *said;
} frames[] = {
	{ "a text", SLICE("\x81\x05hello"), "text 'hello' " },
	{ "an empty text", SLICE("\x81\x00"), "text '' " },
	{ "a binary message", SLICE("\x82\x02\xff\xfe"), "binary '\xff\xfe' " },
	{ "two messages", SLICE("\x81\x01" "a\x82\x01" "b"), "text 'a' binary 'b' " },
	{ "two fragments", SLICE("\x01\x02he\x80\x03llo"), "text 'hello' " },
	{ "fragments, some of them empty", SLICE("\x02\x00\x00\x00\x00\x01x\x80\x00"), "binary 'x' " },
	{ "a message that is not at its end", SLICE("\x01\x02he"), "open" },
	{ "a ping inside a message", SLICE("\x01\x02he\x89\x01p\x80\x03llo"), "ping 'p' text 'hello' " },
	{ "an empty ping and pong", SLICE("\x89\x00\x8a\x00"), "ping '' pong '' " },
	{ "a close without a code", SLICE("\x88\x00"), "close '' " },
	{ "a close with code and reason", SLICE("\x88\x05\x03\xe8" "bye"), "close 1000 'bye' " },
	{ "what follows a close is read away", SLICE("\x88\x02\x03\xe8\x81\x05hello\xff\xff"), "close 1000 '' " },
	{ "UTF-8 of every length", SLICE("\x81\x0a" "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "text 'a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80' " },
	{ "a character in two fragments", SLICE("\x01\x01\xc3\x80\x01\xa9"), "text '\xc3\xa9' " },
	{ "reserved bit 1 (a compressed frame)", SLICE("\xc1\x01x"), "bad 1002" },
	{ "reserved bit 2", SLICE("\xa1\x01x"), "bad 1002" },
	{ "reserved bit 3", SLICE("\x91\x01x"), "bad 1002" },
	{ "an unknown data frame", SLICE("\x83\x01x"), "bad 1002" },
	{ "the last unknown data frame", SLICE("\x87\x01x"), "bad 1002" },
	{ "an unknown control frame", SLICE("\x8b\x01x"), "bad 1002" },
	{ "the last unknown control frame", SLICE("\x8f\x01x"), "bad 1002" },
	{ "a ping in fragments", SLICE("\x09\x01x"), "bad 1002" },
	{ "a ping of 126 bytes", SLICE("\x89\x7e\x00\x7e"), "bad 1002" },
	{ "a continuation of nothing", SLICE("\x80\x01x"), "bad 1002" },
	{ "a continuation of what has ended", SLICE("\x81\x01x\x80\x01x"), "text 'x' bad 1002" },
	{ "a message inside a message", SLICE("\x01\x01x\x81\x01y"), "bad 1002" },
	{ "125 in two bytes", SLICE("\x82\x7e\x00\x7d"), "bad 1002" },
	{ "65535 in eight bytes", SLICE("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), "bad 1002" },
	{ "a length of 2^63", SLICE("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "bad 1002" },
	{ "a message of 2^63 - 1 bytes", SLICE("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), "bad 1009" },
	{ "lengths that add up to more than 2^64", SLICE("\x02\x01x\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
	  "bad 1009" },
	{ "a close with half a code", SLICE("\x88\x01\x03"), "bad 1002" },
	{ "a close with code 999", SLICE("\x88\x02\x03\xe7"), "bad 1002" },
	{ "a close with code 1005", SLICE("\x88\x02\x03\xed"), "bad 1002" },
	{ "a close with code 1015", SLICE("\x88\x02\x03\xf7"), "bad 1002" },
	{ "a close with code 2999", SLICE("\x88\x02\x0b\xb7"), "bad 1002" },
	{ "a close with code 3000", SLICE("\x88\x02\x0b\xb8"), "close 3000 '' " },
	{ "a close with code 4999", SLICE("\x88\x02\x13\x87"), "close 4999 '' " },
	{ "a close with code 5000", SLICE("\x88\x02\x13\x88"), "bad 1002" },
	{ "a close whose reason is not UTF-8", SLICE("\x88\x03\x03\xe8\xff"), "bad 1002" },
	{ "text that is not UTF-8", SLICE("\x81\x01\xff"), "bad 1007" },
	{ "text with a character cut off", SLICE("\x81\x02\xe2\x82"), "bad 1007" },
	{ "text with an overlong character", SLICE("\x81\x02\xc0\x80"), "bad 1007" },
	{ "text with a surrogate", SLICE("\x81\x03\xed\xa0\x80"), "bad 1007" },
	{ "text with an overlong character of three bytes", SLICE("\x81\x03\xe0\x9f\xbf"), "bad 1007" },
	{ "text beyond U+10FFFF", SLICE("\x81\x04\xf4\x90\x80\x80"), "bad 1007" },
	{ "a bad byte before the message has ended", SLICE("\x01\x02" "a\xff"), "bad 1007" },
};

/* Mask the frames of the table as a client would. Those that are wrong in the head may be cut off anywhere. */
static void mask_all(struct slice bytes, struct buf *out)
{
	static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

	while (bytes.len) {
		size_t extra, head, len;

		if (bytes.len < 2) {
			buf_add_slice(out, bytes);
			return;
		}
		len = (unsigned char)bytes.ptr[1];
		extra = len == 126 ? 2 : len == 127 ? 8 : 0;
		head = 2 + extra;
		len = extra ? 0 : len;
		buf_add_char(out, bytes.ptr[0]);
		buf_add_char(out, (char)(bytes.ptr[1] | 0x80));
		buf_add_slice(out, slice_sub(bytes, 2, head));
		buf_add(out, mask, 4);
		bytes = slice_sub(bytes, head, bytes.len);
		for (size_t i = 0; i < len && i < bytes.len; i++)
			buf_add_char(out, (char)(bytes.ptr[i] ^ mask[i & 3]));
		bytes = slice_sub(bytes, len, bytes.len);
	}
}

static void test_reading(void)
{
	AUTO_BUF said = BUF_INIT;

	for (size_t i = 0; i < COUNT_OF(frames); i++) {
		AUTO_BUF masked = BUF_INIT;
		const char *why = NULL;
		bool same = true;

		mask_all(frames[i].bytes, &masked);
		for (size_t step = 1; step <= frames[i].bytes.len; step++) {
			read_all(frames[i].bytes, false, step, 0, &said, &why);
			same = same && strcmp(buf_str(&said), frames[i].said) == 0;
		}
		read_all(frames[i].bytes, false, SIZE_MAX / 2, 0, &said, &why);
		is_str(buf_str(&said), frames[i].said, "%s (%s)", frames[i].name, why ? why : "fine");
		ok(same, "... wherever it is split");
		same = true;
		for (size_t step = 1; step <= masked.len; step++) {
			read_all(buf_slice(&masked), true, step, 0, &said, &why);
			same = same && strcmp(buf_str(&said), frames[i].said) == 0;
		}
		ok(same, "... and masked, as a client's");
	}
	for (size_t i = 0; i < 2; i++) {
		const char *why = NULL;

		read_all(i ? SLICE("\x81\x81\0\0\0\0x") : SLICE("\x81\x01x"), !i, 100, 0, &said, &why);
		is_str(buf_str(&said), "bad 1002", i ? "a masked frame of a server" : "an unmasked frame of a client");
	}
}

static void test_limits(void)
{
	AUTO_BUF said = BUF_INIT;
	AUTO_BUF bytes = BUF_INIT;
	AUTO_BUF message = BUF_INIT;
	struct websocket_writer w = { .closed = false };
	struct websocket_reader r = { .masked = false };
	struct websocket_piece p;
	const char *why = NULL;
	struct slice input;

	read_all(SLICE("\x81\x05hello"), false, 3, 5, &said, &why);
	is_str(buf_str(&said), "text 'hello' ", "a message at the limit");
	read_all(SLICE("\x81\x06hello!"), false, 3, 5, &said, &why);
	is_str(buf_str(&said), "bad 1009", "one past it");
	read_all(SLICE("\x01\x03hel\x80\x03lo!"), false, 3, 5, &said, &why);
	is_str(buf_str(&said), "bad 1009", "one past it in fragments");
	read_all(SLICE("\x81\x05hello\x81\x05world"), false, 3, 5, &said, &why);
	is_str(buf_str(&said), "text 'hello' text 'world' ", "the limit is for each message");

	input = SLICE("\x82\x7f\0\0\0\0\x04\0\0\0");
	ok(websocket_read(&r, &input, &message, &p) == WEBSOCKET_MORE, "a message of 64 MiB");
	r = (struct websocket_reader){ .masked = false };
	input = SLICE("\x82\x7f\0\0\0\0\x04\0\0\1");
	ok(websocket_read(&r, &input, &message, &p) == WEBSOCKET_BAD && p.code == WEBSOCKET_TOO_BIG,
	   "and one byte more");

	for (size_t i = 0; i < WEBSOCKET_PIECE_MAX + 1; i++)
		buf_add_char(&message, 'x');
	ok(websocket_write(&w, &bytes, WEBSOCKET_TEXT, true, buf_slice(&message), NULL),
	   "a message of more than one piece");
	buf_truncate(&message, 0);
	r = (struct websocket_reader){ .masked = false };
	input = buf_slice(&bytes);
	ok(websocket_read(&r, &input, &message, &p) == WEBSOCKET_DATA && !p.last && message.len == WEBSOCKET_PIECE_MAX,
	   "is given piece by piece");
	ok(websocket_read(&r, &input, &message, &p) == WEBSOCKET_DATA && p.last && message.len == WEBSOCKET_PIECE_MAX +
	   1 && !input.len,
	   "up to its end");
}

/* What is written reads as what it was, at each length where the head changes. */
static void test_writing(void)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };
	static const unsigned char mask[4] = { 1, 2, 3, 0xff };

	for (size_t i = 0; i < 2 * COUNT_OF(lengths); i++) {
		struct websocket_writer w = { .closed = false };
		struct websocket_reader r = { .masked = i & 1 };
		size_t len = lengths[i / 2];
		AUTO_BUF payload = BUF_INIT;
		AUTO_BUF bytes = BUF_INIT;
		AUTO_BUF message = BUF_INIT;
		struct websocket_piece p;
		struct slice input;

		for (size_t j = 0; j < len; j++)
			buf_add_char(&payload, (char)(j * 7));
		websocket_write(&w, &bytes, WEBSOCKET_BINARY, false, slice_sub(buf_slice(&payload), 0, len / 2),
				i & 1 ? mask : NULL);
		websocket_write(&w, &bytes, WEBSOCKET_PING, true, SLICE("p"), i & 1 ? mask : NULL);
		websocket_write(&w, &bytes, WEBSOCKET_BINARY, true, slice_sub(buf_slice(&payload), len / 2, len),
				i & 1 ? mask : NULL);
		input = buf_slice(&bytes);
		while (websocket_read(&r, &input, &message, &p) != WEBSOCKET_MORE &&
		       !(p.last && p.opcode == WEBSOCKET_BINARY))
			;
		ok(p.last && !input.len && slice_eq(buf_slice(&message), buf_slice(&payload)), "%zu bytes, %s", len,
		   i & 1 ? "masked" : "not masked");
	}
}

static void test_order(void)
{
	struct websocket_writer w = { .closed = false };
	AUTO_BUF out = BUF_INIT;
	AUTO_BUF payload = BUF_INIT;
	char long_text[127] = "";

	memset(long_text, 'x', 126);
	ok(!websocket_write(&w, &out, WEBSOCKET_CONTINUATION, true, SLICE(""), NULL),
	   "a continuation is the writer's own");
	ok(!websocket_write(&w, &out, 3, true, SLICE(""), NULL) && !websocket_write(&w, &out, 11, true, SLICE(""),
										    NULL),
	   "unknown opcodes are not written");
	ok(!websocket_write(&w, &out, WEBSOCKET_PING, false, SLICE(""), NULL), "nor a control frame in fragments");
	ok(!websocket_write(&w, &out, WEBSOCKET_PING, true, slice_str(long_text), NULL), "nor one of 126 bytes");
	ok(websocket_write(&w, &out, WEBSOCKET_PING, true, slice_sub(slice_str(long_text), 0, 125), NULL),
	   "one of 125 is");
	ok(websocket_write(&w, &out, WEBSOCKET_TEXT, false, SLICE("a"), NULL), "a message begins");
	ok(!websocket_write(&w, &out, WEBSOCKET_BINARY, true, SLICE("b"), NULL), "another may not begin inside it");
	buf_truncate(&out, 0);
	websocket_close(&payload, WEBSOCKET_POLICY, long_text);
	ok(payload.len == 125, "a long reason is cut");
	ok(websocket_write(&w, &out, WEBSOCKET_CLOSE, true, slice_sub(buf_slice(&payload), 0, 4), NULL), "a close may");
	ok(slice_eq(buf_slice(&out), SLICE("\x88\x04\x03\xf0xx")), "and is one");
	ok(!websocket_write(&w, &out, WEBSOCKET_TEXT, true, SLICE("c"), NULL) &&
	   !websocket_write(&w, &out, WEBSOCKET_CLOSE, true, SLICE(""), NULL),
	   "nothing follows it");
}

/* Is this response the answer? Its Upgrade is websocket. */
static const char *answered(const char *fields, const char *protocols)
{
	AUTO_FREE char *text = alloc_format("HTTP/1.1 101 S\r\nConnection: upgrade\r\n%s\r\n", fields);
	const char *why = "it is no head";
	size_t scanned = 0, consumed;
	struct http_head h;

	if (http_parse_response(slice_str(text), &scanned, false, &h, &consumed, &why) != HTTP_DONE)
		return why;
	return websocket_answered(&h, SLICE("dGhlIHNhbXBsZSBub25jZQ=="), slice_str(protocols), &why) ? NULL : why;
}

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void test_handshake(void)
{
	static const char *const keys[] = { "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "",
					    "dGhlIHNhbXBsZSBub25jZR==",
					    "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub25jZQQQ",
					    "dGhlIHNhbXBsZSBub25j ZQ=" };
	char accept[WEBSOCKET_ACCEPT + 1];

	websocket_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), accept);
	is_str(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the answer to the key of RFC 6455");
	ok(websocket_is_key(SLICE("dGhlIHNhbXBsZSBub25jZQ==")), "which is a key");
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		ok(!websocket_is_key(slice_str(keys[i])), "'%s' is none", keys[i]);
	ok(!answered("Upgrade: websocket\r\n" ACCEPT, ""), "the answer is one");
	ok(!answered("Upgrade: WebSocket\r\n" ACCEPT "Sec-WebSocket-Protocol: b\r\n", "a, b"),
	   "with a subprotocol of the offer, too");
	ok(answered("Upgrade: websocket\r\n", ""), "without the accept it is none");
	ok(answered("Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n", ""),
	   "with another accept");
	ok(answered("Upgrade: websocket\r\n" ACCEPT ACCEPT, ""), "with two");
	ok(answered("Upgrade: h2c\r\n" ACCEPT, ""), "for another protocol");
	ok(answered(ACCEPT, ""), "for none");
	ok(answered("Upgrade: websocket\r\n" ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n", ""),
	   "with an extension");
	ok(answered("Upgrade: websocket\r\n" ACCEPT "Sec-WebSocket-Protocol: c\r\n", "a, b"),
	   "with another subprotocol");
	ok(answered("Upgrade: websocket\r\n" ACCEPT "Sec-WebSocket-Protocol: \r\n", ""), "with an empty one");
}

int main(void)
{
	test_reading();
	test_limits();
	test_writing();
	test_order();
	test_handshake();
	return tap_done();
}
