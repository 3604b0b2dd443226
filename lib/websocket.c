#include "websocket.h"

#include "base64.h"
#include "digest.h"

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, LENGTH_16 = 126, LENGTH_64 = 127 };

static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* --- reading --- */

/* Say what is wrong. */
static enum websocket_result bad(struct websocket_piece *p, unsigned code, const char *why)
{
	p->code = code;
	p->why = why;
	return WEBSOCKET_BAD;
}

/* Bytes of the head that begins with these two. */
static size_t head_size(const unsigned char *head)
{
	size_t length = head[1] & LENGTH;

	return 2 + (length == LENGTH_16 ? 2u : length == LENGTH_64 ? 8u : 0u) + (head[1] & MASKED ? 4u : 0u);
}

/* What is wrong with a head's first two bytes, or NULL. §5.2, §5.4, §5.5 */
static const char *judge_start(const struct websocket_reader *r)
{
	uint8_t opcode = r->head[0] & OPCODE;

	if (r->head[0] & RESERVED)
		return "a reserved bit is set, and no extension was agreed on";
	if (!(r->head[1] & MASKED) == r->masked)
		return r->masked ? "a frame of a client is not masked" : "a frame of a server is masked";
	if (is_control(opcode)) {
		if (opcode > WEBSOCKET_PONG)
			return "an unknown kind of control frame";
		if (!(r->head[0] & FIN))
			return "a control frame in fragments";
		return (r->head[1] & LENGTH) > WEBSOCKET_CONTROL_MAX ? "a control frame of more than 125 bytes" : NULL;
	}
	if (opcode > WEBSOCKET_BINARY)
		return "an unknown kind of frame";
	if (opcode == WEBSOCKET_CONTINUATION && !r->in_message)
		return "a continuation of nothing";
	if (opcode != WEBSOCKET_CONTINUATION && r->in_message)
		return "a new message inside another";
	return NULL;
}

/* The payload's length; false when it is not written in the shortest way. */
static bool read_length(const unsigned char *head, uint64_t *length)
{
	size_t bytes = (head[1] & LENGTH) == LENGTH_16 ? 2 : (head[1] & LENGTH) == LENGTH_64 ? 8 : 0;

	*length = bytes ? 0 : head[1] & LENGTH;
	for (size_t i = 0; i < bytes; i++)
		*length = *length << 8 | head[2 + i];
	return !bytes || (bytes == 2 ? *length >= LENGTH_16 : *length > UINT16_MAX && *length <= INT64_MAX);
}

/* The head is whole: begin with the payload. */
static enum websocket_result begin_frame(struct websocket_reader *r, struct websocket_piece *p)
{
	uint64_t max = r->message_max ? r->message_max : WEBSOCKET_MESSAGE_MAX;

	if (!read_length(r->head, &r->left))
		return bad(p, WEBSOCKET_PROTOCOL_ERROR, "a length that is not written in the shortest way");
	r->in_frame = true;
	r->mask_at = 0;
	if (is_control(r->head[0] & OPCODE)) {
		r->control_len = 0;
		return WEBSOCKET_MORE;
	}
	if (!r->in_message) {
		r->in_message = true;
		r->opcode = r->head[0] & OPCODE;
		r->length = 0;
		r->utf8_left = 0;
	}
	if (r->left > max - r->length)
		return bad(p, WEBSOCKET_TOO_BIG, "a message that is too long");
	r->length += r->left;
	return WEBSOCKET_MORE;
}

/* Take bytes of the head. */
static enum websocket_result take_head(struct websocket_reader *r, struct slice *input, struct websocket_piece *p)
{
	const char *why;

	while (input->len && (r->head_len < 2 || r->head_len < head_size(r->head))) {
		r->head[r->head_len++] = (unsigned char)*input->ptr;
		*input = slice_sub(*input, 1, input->len);
		why = r->head_len == 2 ? judge_start(r) : NULL;
		if (why)
			return bad(p, WEBSOCKET_PROTOCOL_ERROR, why);
	}
	if (r->head_len < 2 || r->head_len < head_size(r->head))
		return WEBSOCKET_MORE;
	return begin_frame(r, p);
}

/* Unmask bytes of the payload in place. */
static void unmask(struct websocket_reader *r, char *bytes, size_t len)
{
	const unsigned char *mask = r->head + r->head_len - 4;

	for (size_t i = 0; r->masked && i < len; i++)
		bytes[i] = (char)(bytes[i] ^ mask[r->mask_at++ & 3]);
}

/*
 * Begin with a character: how many bytes follow, and what the first of them may be. False for no first byte. RFC 3629
 * §4.
 */
static bool begin_character(struct websocket_reader *r, unsigned char c)
{
	r->utf8_low = 0x80;
	r->utf8_high = 0xbf;
	if (c < 0x80) {
		r->utf8_left = 0;
	} else if (c >= 0xc2 && c <= 0xdf) {
		r->utf8_left = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		r->utf8_left = 2;
		r->utf8_low = c == 0xe0 ? 0xa0 : 0x80;
		r->utf8_high = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		r->utf8_left = 3;
		r->utf8_low = c == 0xf0 ? 0x90 : 0x80;
		r->utf8_high = c == 0xf4 ? 0x8f : 0xbf;
	} else {
		return false;
	}
	return true;
}

/* Is a piece of a text message UTF-8 where it follows what came before? */
static bool check_text(struct websocket_reader *r, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (!r->utf8_left) {
			if (!begin_character(r, c))
				return false;
			continue;
		}
		if (c < r->utf8_low || c > r->utf8_high)
			return false;
		r->utf8_left--;
		r->utf8_low = 0x80;
		r->utf8_high = 0xbf;
	}
	return true;
}

/* What is wrong with the payload of a close frame, or NULL. §5.5.1, §7.4 */
static const char *judge_close(struct slice payload)
{
	unsigned code;

	if (payload.len == 0)
		return NULL;
	if (payload.len == 1)
		return "half a code in a close frame";
	code = (unsigned)(unsigned char)payload.ptr[0] << 8 | (unsigned char)payload.ptr[1];
	if (code < 1000 || (code > 1003 && code < 1007) || (code > 1014 && code < 3000) || code > 4999)
		return "a close frame with a code that may not be sent";
	return slice_is_utf8(slice_sub(payload, 2, payload.len)) ? NULL : "a close frame whose reason is not UTF-8";
}

/* Take bytes of a control frame. */
static enum websocket_result take_control(struct websocket_reader *r, struct slice *input, struct websocket_piece *p)
{
	size_t n = input->len < r->left ? input->len : (size_t)r->left;
	const char *why = NULL;

	if (n)
		memcpy(r->control + r->control_len, input->ptr, n);
	unmask(r, (char *)r->control + r->control_len, n);
	r->control_len += n;
	r->left -= n;
	*input = slice_sub(*input, n, input->len);
	if (r->left)
		return WEBSOCKET_MORE;
	p->opcode = r->head[0] & OPCODE;
	p->last = true;
	p->data = slice_of(r->control, r->control_len);
	r->in_frame = false;
	r->head_len = 0;
	if (p->opcode == WEBSOCKET_CLOSE) {
		r->closed = true;
		why = judge_close(p->data);
	}
	return why ? bad(p, WEBSOCKET_PROTOCOL_ERROR, why) : WEBSOCKET_CONTROL;
}

/* Take bytes of a message. */
static enum websocket_result take_data(struct websocket_reader *r, struct slice *input, struct buf *message,
				       struct websocket_piece *p)
{
	size_t n = input->len < r->left ? input->len : (size_t)r->left;

	if (n > WEBSOCKET_PIECE_MAX)
		n = WEBSOCKET_PIECE_MAX;
	if (n) {
		buf_add(message, input->ptr, n);
		unmask(r, message->ptr + message->len - n, n);
	}
	r->left -= n;
	*input = slice_sub(*input, n, input->len);
	if (r->opcode == WEBSOCKET_TEXT &&
	    !check_text(r, slice_sub(buf_slice(message), message->len - n, message->len)))
		return bad(p, WEBSOCKET_BAD_DATA, "text that is not UTF-8");
	p->opcode = r->opcode;
	p->last = !r->left && (r->head[0] & FIN);
	if (!r->left) {
		r->in_frame = false;
		r->head_len = 0;
	}
	if (!p->last)
		return n ? WEBSOCKET_DATA : WEBSOCKET_MORE;
	r->in_message = false;
	if (r->opcode == WEBSOCKET_TEXT && r->utf8_left)
		return bad(p, WEBSOCKET_BAD_DATA, "text that ends inside a character");
	return WEBSOCKET_DATA;
}

enum websocket_result websocket_read(struct websocket_reader *r, struct slice *input, struct buf *message,
				     struct websocket_piece *p)
{
	enum websocket_result result;

	*p = (struct websocket_piece){ .last = false };
	do {
		if (r->closed)
			*input = slice_sub(*input, input->len, input->len);
		if (!r->in_frame && input->len) {
			result = take_head(r, input, p);
			if (result == WEBSOCKET_BAD)
				return result;
		}
		if (!r->in_frame || (r->left && !input->len))
			return WEBSOCKET_MORE;
		result = is_control(r->head[0] & OPCODE) ? take_control(r, input, p) : take_data(r, input, message, p);
	} while (result == WEBSOCKET_MORE && input->len);
	return result;
}

/* --- writing --- */

/* May a frame stand here? */
static bool may_write(const struct websocket_writer *w, uint8_t opcode, bool last, size_t len)
{
	if (w->closed)
		return false;
	if (is_control(opcode))
		return opcode <= WEBSOCKET_PONG && last && len <= WEBSOCKET_CONTROL_MAX;
	return (opcode == WEBSOCKET_TEXT || opcode == WEBSOCKET_BINARY) && (!w->in_message || w->opcode == opcode);
}

/* Append a frame's head but for the mask. */
static void write_head(struct buf *out, unsigned first, uint64_t len, bool masked)
{
	size_t bytes = len > UINT16_MAX ? 8 : len >= LENGTH_16 ? 2 : 0;
	unsigned second = bytes == 8 ? LENGTH_64 : bytes == 2 ? LENGTH_16 : (unsigned)len;

	buf_add_char(out, (char)first);
	buf_add_char(out, (char)(second | (masked ? MASKED : 0)));
	while (bytes--)
		buf_add_char(out, (char)(len >> 8 * bytes));
}

bool websocket_write(struct websocket_writer *w, struct buf *out, uint8_t opcode, bool last, struct slice payload,
		     const unsigned char *mask)
{
	unsigned first = (last ? FIN : 0) | opcode;
	char *bytes;

	if (!may_write(w, opcode, last, payload.len))
		return false;
	if (is_control(opcode)) {
		w->closed = opcode == WEBSOCKET_CLOSE;
	} else {
		first = w->in_message ? first & ~(unsigned)OPCODE : first;
		w->opcode = opcode;
		w->in_message = !last;
	}
	write_head(out, first, payload.len, mask);
	if (mask)
		buf_add(out, mask, 4);
	buf_add_slice(out, payload);
	bytes = out->ptr + out->len - payload.len;
	for (size_t i = 0; mask && i < payload.len; i++)
		bytes[i] = (char)(bytes[i] ^ mask[i & 3]);
	return true;
}

void websocket_close(struct buf *payload, unsigned code, const char *reason)
{
	buf_add_char(payload, (char)(code >> 8));
	buf_add_char(payload, (char)code);
	buf_add_slice(payload, slice_sub(slice_str(reason), 0, WEBSOCKET_CONTROL_MAX - 2));
}

/* --- the handshake --- */

bool websocket_is_key(struct slice key)
{
	if (key.len != 24 || !slice_ends(key, SLICE("==")))
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!ascii_is_alpha(key.ptr[i]) && !ascii_is_digit(key.ptr[i]) && key.ptr[i] != '+' &&
		    key.ptr[i] != '/')
			return false;
	return memchr("AQgw", key.ptr[21], 4); /* the bits that stand for nothing are zero, RFC 4648 §3.5 */
}

void websocket_accept(struct slice key, char accept[WEBSOCKET_ACCEPT + 1])
{
	const struct slice parts[] = { key, SLICE("258EAFA5-E914-47DA-95CA-C5AB0DC85B11") }; /* RFC 6455 §1.3 */
	uint8_t digest[DIGEST_SHA1_SIZE];
	AUTO_BUF text = BUF_INIT;

	digest_sha1(parts, 2, digest);
	base64_encode(&text, slice_of(digest, sizeof(digest)));
	memcpy(accept, buf_str(&text), WEBSOCKET_ACCEPT + 1);
}

bool websocket_repeats(const struct http_head *h, struct slice name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_fields; i++)
		n += slice_eq_fold(h->fields[i].name, name);
	return n > 1;
}

/* Is a protocol one of those that were offered? Their names have a case. */
static bool was_offered(struct slice protocols, struct slice one)
{
	while (protocols.len)
		if (slice_eq(slice_trim(slice_cut(&protocols, ','), " \t"), one))
			return one.len > 0;
	return false;
}

bool websocket_answered(const struct http_head *h, struct slice key, struct slice protocols, const char **why)
{
	const struct http_field *accept = http_find(h, SLICE("sec-websocket-accept"));
	const struct http_field *protocol = http_find(h, SLICE("sec-websocket-protocol"));
	char wanted[WEBSOCKET_ACCEPT + 1];

	websocket_accept(key, wanted);
	if (!slice_eq_fold(h->upgrade, SLICE("websocket")))
		return *why = "it is not for WebSocket", false;
	if (!accept || websocket_repeats(h, accept->name) || !slice_eq(accept->value, slice_str(wanted)))
		return *why = "its Sec-WebSocket-Accept is not the answer to the key", false;
	if (http_find(h, SLICE("sec-websocket-extensions")))
		return *why = "it has an extension that was not offered", false;
	if (protocol && (websocket_repeats(h, protocol->name) || !was_offered(protocols, protocol->value)))
		return *why = "it has a subprotocol that was not offered", false;
	return true;
}
