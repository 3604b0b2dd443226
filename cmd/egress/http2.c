/*
 * A client that speaks HTTP/2, which is not served here. It is told so in the answer
 * to its first request, for programs (505) and those of gRPC (UNIMPLEMENTED): what is
 * said before that is taken for a broken connection by some, and tried again for ever.
 * Of its frames only the type is read, and the number of the stream that is answered.
 *
 * Source: RFC 9113 (§3.4 preface, §4.1 frames, §6.8 GOAWAY, §7 HTTP_1_1_REQUIRED),
 * RFC 7541 §6.2.2.
 */
#include "front.h"

enum {
	PREFACE_END = 8, /* bytes of the preface behind its first line */
	FRAME_HEAD = 9,
	TYPE_AT = 3,
	STREAM_AT = 5,
	TYPE_HEADERS = 1,
};

static const struct slice preface = SLICE("PRI * HTTP/2.0\r\n");

/* Append a field, as a literal that no table has to know. Name and value are shorter than 127 bytes. */
static void add_field(struct buf *out, const char *name, const char *value)
{
	buf_add_char(out, 0);
	buf_add_char(out, (char)strlen(name));
	buf_add_str(out, name);
	buf_add_char(out, (char)strlen(value));
	buf_add_str(out, value);
}

/* Append a short frame. stream is four bytes in the order of the wire. */
static void add_frame(struct buf *out, const char type_and_flags[2], const char *stream, struct slice payload)
{
	buf_add(out, (const char[]){ 0, 0, (char)payload.len }, 3);
	buf_add(out, type_and_flags, 2);
	buf_add(out, stream, 4);
	buf_add_slice(out, payload);
}

/* What is refused, and why. */
static void make_refusal(struct refusal *no)
{
	refuse(no, 505, "http2", "HTTP/2 is not served here; use HTTP/1.1");
}

size_t http2_begin(struct front *f, struct client *c, struct slice input)
{
	struct exchange *x = &c->x;
	struct refusal no;

	if (!slice_starts(input, preface))
		return 0;
	make_refusal(&no);
	audit_refusal(f, c, &no);
	add_frame(&c->out, "\4\0", "\0\0\0\0", SLICE("")); /* our settings: none */
	x->http2 = x->refused = x->response_started = true;
	x->request_done = x->keep_alive = false;
	x->left = PREFACE_END;
	return preface.len;
}

/* Answer the request of a stream, and end the connection. */
static void answer(struct client *c, const char *stream)
{
	AUTO_BUF fields = BUF_INIT;
	AUTO_BUF goaway = BUF_INIT;
	struct refusal no;

	make_refusal(&no);
	add_field(&fields, ":status", "505");
	add_field(&fields, "grpc-status", "12");
	add_field(&fields, "grpc-message", no.text);
	add_frame(&c->out, "\1\5", stream, buf_slice(&fields)); /* END_STREAM, END_HEADERS */
	buf_add(&goaway, stream, 4);
	buf_add(&goaway, "\0\0\0\x0d", 4);
	buf_add_str(&goaway, no.text);
	add_frame(&c->out, "\7\0", "\0\0\0\0", buf_slice(&goaway));
	c->x.response_done = true;
	client_end(c);
}

size_t http2_take(struct client *c, struct slice input)
{
	struct exchange *x = &c->x;
	size_t used = 0;

	while (used < input.len) {
		const unsigned char *head = (const unsigned char *)input.ptr + used;
		size_t rest = input.len - used;

		if (x->left) {
			size_t skip = x->left < rest ? (size_t)x->left : rest;

			x->left -= skip;
			used += skip;
			continue;
		}
		if (rest < FRAME_HEAD)
			break;
		if (head[TYPE_AT] == TYPE_HEADERS) {
			answer(c, input.ptr + used + STREAM_AT);
			return input.len;
		}
		x->left = (uint64_t)head[0] << 16 | (uint64_t)head[1] << 8 | head[2];
		used += FRAME_HEAD;
	}
	x->received += used;
	if (x->received > DRAIN_MAX)
		client_end(c);
	return used;
}
