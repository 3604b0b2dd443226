/*
 * WebSocket frames: every split gives the same messages and verdict, a message's
 * text is UTF-8, and what was read can be written and read again as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "websocket.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static const unsigned char mask[4] = { 0x10, 0x20, 0x40, 0x80 };

/*
 * Read in pieces of at most step bytes. What was read stands in log: whole messages
 * and control frames; and again, however it was split, as frames of the other side.
 */
static unsigned read_all(struct slice bytes, bool masked, size_t step, struct buf *log, struct buf *again)
{
	struct websocket_reader r = { .masked = masked, .message_max = 1 << 20 };
	struct websocket_writer w = { .closed = false };
	AUTO_BUF message = BUF_INIT;
	size_t given = 0;

	for (size_t at = 0; at < bytes.len; at += step) {
		struct slice input = slice_sub(bytes, at, at + step);
		struct websocket_piece p;
		enum websocket_result result;

		while ((result = websocket_read(&r, &input, &message, &p)) != WEBSOCKET_MORE) {
			if (result == WEBSOCKET_BAD) {
				MUST(p.why && (p.code == 1002 || p.code == 1007 || p.code == 1009));
				return p.code;
			}
			if (result == WEBSOCKET_CONTROL) {
				MUST(p.data.len <= WEBSOCKET_CONTROL_MAX);
				buf_add_char(log, (char)p.opcode);
				buf_add_slice(log, p.data);
				MUST(websocket_write(&w, again, p.opcode, true, p.data, masked ? NULL : mask));
				continue;
			}
			MUST(websocket_write(&w, again, p.opcode, p.last,
					     slice_sub(buf_slice(&message), given, message.len), masked ? NULL : mask));
			given = message.len;
			if (!p.last)
				continue;
			MUST(p.opcode != WEBSOCKET_TEXT || slice_is_utf8(buf_slice(&message)));
			buf_add_char(log, (char)p.opcode);
			buf_add_slice(log, buf_slice(&message));
			buf_truncate(&message, 0);
			given = 0;
		}
		MUST(!input.len);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	AUTO_BUF whole = BUF_INIT;
	AUTO_BUF split = BUF_INIT;
	AUTO_BUF twice = BUF_INIT;
	AUTO_BUF again = BUF_INIT;
	AUTO_BUF unused = BUF_INIT;
	bool masked;
	unsigned code;

	if (!size)
		return 0;
	masked = data[0] & 1;
	input = slice_sub(input, 1, size);
	code = read_all(input, masked, size, &whole, &again);
	MUST(read_all(input, masked, 1 + data[0] / 2 % 7, &split, &unused) == code);
	MUST(slice_eq(buf_slice(&whole), buf_slice(&split)));
	MUST(read_all(buf_slice(&again), !masked, 3, &twice, &unused) == 0);
	MUST(slice_eq(buf_slice(&whole), buf_slice(&twice)));
	return 0;
}
