/*
 * A connection that became a WebSocket, on the bottle's side. Frames of the client
 * are read, its messages and control frames looked through like bodies and handed
 * to the upstream; what comes from there is written as frames. A message of up to
 * MESSAGE_WHOLE bytes passes as a whole, and in one frame; of a longer one the end
 * passes last of all, so that a message that is refused has none.
 */
#include <stdlib.h>

#include "alloc.h"
#include "front.h"
#include "websocket.h"

struct websocket {
	bool open;                      /* the origin has agreed */
	char accept[WEBSOCKET_ACCEPT + 1]; /* what the client has to be answered */
	struct websocket_reader reader; /* of what the client sends */
	struct websocket_writer writer; /* of what it gets */
	struct buf piece;               /* of a message, just read */
	struct buf outgoing;            /* of a message: judged, and not with the upstream yet */
	uint8_t opcode;                 /* of that message */
	bool read;                      /* all of it has come, but the end is not judged */
	bool end_due;                   /* it is complete */
	struct buf incoming;            /* of a message to the client, not yet a frame */
};

/*
 * The client's key does not leave: the upstream makes one, and its answer is checked
 * there. What stands in its place is a key, and no secret to any detector.
 */
static void keep_key(struct websocket *w, struct http_head *h)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (!slice_eq_fold(h->fields[i].name, SLICE("sec-websocket-key")))
			continue;
		websocket_accept(h->fields[i].value, w->accept);
		h->fields[i].value = SLICE("AAAAAAAAAAAAAAAAAAAAAA==");
	}
}

void websocket_begin(struct client *c, struct http_head *h)
{
	struct exchange *x = &c->x;

	x->websocket = alloc_zero(1, sizeof(*x->websocket));
	keep_key(x->websocket, h);
	x->websocket->reader.masked = true;
	x->websocket->reader.message_max = x->max_body < WEBSOCKET_MESSAGE_MAX ? x->max_body : WEBSOCKET_MESSAGE_MAX;
	x->request_done = false;
}

void websocket_release(struct websocket *w)
{
	if (!w)
		return;
	buf_wipe(&w->piece);
	buf_wipe(&w->outgoing);
	buf_release(&w->incoming);
	free(w);
}

void websocket_decline(struct client *c)
{
	if (!c->x.websocket || c->x.websocket->open)
		return;
	websocket_release(STEAL(c->x.websocket));
	c->x.request_done = true;
}

struct slice websocket_open(struct client *c)
{
	c->x.websocket->open = true;
	c->x.keep_alive = false;
	return slice_str(c->x.websocket->accept);
}

bool websocket_is_open(const struct client *c)
{
	return c->x.websocket && c->x.websocket->open;
}

size_t websocket_held(const struct client *c)
{
	return c->x.websocket ? c->x.websocket->incoming.len : 0;
}

/* --- towards the origin --- */

/* Is a message held until the operator has answered? */
static bool is_asking(const struct client *c)
{
	return c->x.inspection && inspection_asks(c->x.inspection);
}

size_t websocket_room(const struct client *c)
{
	const struct websocket *w = c->x.websocket;

	if (!w->open || w->read || w->end_due || is_asking(c) || w->outgoing.len >= MESSAGE_WHOLE ||
	    c->x.credit < FRAME_COST + WEBSOCKET_CONTROL_MAX)
		return 0;
	return WINDOW;
}

/* Hand the upstream a piece of a message, or a control frame, within its credit. */
static void send_frame(struct front *f, struct client *c, uint8_t opcode, bool last, struct slice payload)
{
	const struct frame_start start = { opcode, last };
	struct exchange *x = &c->x;
	struct buf *message = channel_open(&f->upstream, MESSAGE_FRAME, x->stream);

	buf_add(message, &start, sizeof(start));
	buf_add_slice(message, payload);
	channel_close(&f->upstream);
	audit_body(f, c, "request", x->passed, payload);
	x->passed += payload.len;
	x->credit -= FRAME_COST + (uint32_t)payload.len;
}

/* Take over what was judged of the message. */
static void take_judged(struct front *f, struct client *c)
{
	struct websocket *w = c->x.websocket;
	struct inspection *n = c->x.inspection;

	if (n) {
		buf_add_slice(&w->outgoing, inspection_ready(n));
		inspection_passed(n, inspection_ready(n).len);
	}
	if (!w->read || is_asking(c))
		return;
	if (n)
		dlp_judged(f, c);
	inspection_release(STEAL(c->x.inspection));
	w->read = false;
	w->end_due = true;
}

void websocket_push(struct front *f, struct client *c)
{
	struct websocket *w = c->x.websocket;

	take_judged(f, c);
	while (w->open && c->x.open && (w->end_due || w->outgoing.len >= MESSAGE_WHOLE)) {
		struct slice part = slice_sub(buf_slice(&w->outgoing), 0, MESSAGE_WHOLE);
		bool last = w->end_due && part.len == w->outgoing.len;

		if (c->x.credit < FRAME_COST + part.len)
			return;
		send_frame(f, c, w->opcode, last, part);
		buf_consume(&w->outgoing, part.len);
		w->end_due = w->end_due && !last;
	}
	if (w->open && !w->outgoing.len)
		buf_release(&w->outgoing);
}

/* What was read of a message goes through the detectors. False when something was found. */
static bool judge_piece(struct front *f, struct client *c, bool last, struct found *found)
{
	struct websocket *w = c->x.websocket;
	struct inspection *n;

	if (!dlp_message(f, c, found))
		return false;
	n = c->x.inspection;
	if (!n) {
		buf_add_slice(&w->outgoing, buf_slice(&w->piece));
		return true;
	}
	return inspection_feed(n, buf_slice(&w->piece), found) && (!last || inspection_finish(n, found));
}

/* Take a piece of a message. False when the connection has come to its end. */
static bool take_piece(struct front *f, struct client *c, const struct websocket_piece *p)
{
	struct websocket *w = c->x.websocket;
	struct found found;
	bool clean;

	c->x.received += w->piece.len;
	clean = judge_piece(f, c, p->last, &found);
	buf_truncate(&w->piece, 0);
	if (!clean) {
		dlp_found(f, c, &found);
		return false;
	}
	w->opcode = p->opcode;
	w->read = p->last;
	dlp_body_fed(f, c);
	websocket_push(f, c);
	return true;
}

/* Take a control frame, whose payload is text of the client as well. */
static bool take_control(struct front *f, struct client *c, const struct websocket_piece *p)
{
	struct found found;

	c->x.received += p->data.len;
	if (!dlp_control(f, c, p->data, &found)) {
		dlp_found(f, c, &found);
		return false;
	}
	send_frame(f, c, p->opcode, true, p->data);
	return true;
}

size_t websocket_take(struct front *f, struct client *c, struct slice input)
{
	struct websocket *w = c->x.websocket;
	struct slice rest = input;
	struct websocket_piece p;
	struct refusal no;
	bool goes_on = true;

	while (goes_on && rest.len && websocket_room(c)) {
		switch (websocket_read(&w->reader, &rest, &w->piece, &p)) {
		case WEBSOCKET_MORE:
			break;
		case WEBSOCKET_DATA:
			goes_on = take_piece(f, c, &p);
			break;
		case WEBSOCKET_CONTROL:
			goes_on = take_control(f, c, &p);
			break;
		case WEBSOCKET_BAD:
			refuse(&no, p.code == WEBSOCKET_TOO_BIG ? 413 : 400, "websocket", "%s", p.why);
			exchange_cancel(f, c);
			websocket_end(f, c, p.code, &no);
			goes_on = false;
			break;
		}
	}
	buf_truncate(&w->piece, 0);
	return goes_on ? input.len - rest.len : input.len;
}

/* --- towards the client --- */

/* Write what there is of a message as a frame. */
static bool write_incoming(struct client *c, uint8_t opcode, bool last)
{
	struct websocket *w = c->x.websocket;
	bool ok = websocket_write(&w->writer, &c->out, opcode, last, buf_slice(&w->incoming), NULL);

	if (w->incoming.cap > WEBSOCKET_PIECE_MAX)
		buf_release(&w->incoming);
	else
		buf_truncate(&w->incoming, 0);
	return ok;
}

bool websocket_deliver(struct front *f, struct client *c, struct slice body)
{
	struct websocket *w = c->x.websocket;
	struct exchange *x = &c->x;
	struct frame_start start;

	if (!websocket_is_open(c) || body.len < sizeof(start))
		return false;
	memcpy(&start, body.ptr, sizeof(start));
	body = slice_sub(body, sizeof(start), body.len);
	if (body.len + FRAME_COST > x->window || start.last > 1)
		return false;
	x->window -= FRAME_COST + (uint32_t)body.len;
	x->owed += FRAME_COST + (uint32_t)body.len;
	audit_body(f, c, "response", x->sent, body);
	x->sent += body.len;
	if (!(start.opcode >= WEBSOCKET_CLOSE ? inbound_text(f, c, body, "origin's control frame")
					      : inbound_message(f, c, body, start.last)))
		return true; /* it was closed */
	if (start.opcode == WEBSOCKET_PING && is_asking(c) && x->credit >= FRAME_COST + body.len)
		/* the client's waits behind what is held, and origins do not wait long */
		send_frame(f, c, WEBSOCKET_PONG, true, body);
	if (start.opcode >= WEBSOCKET_CLOSE)
		return websocket_write(&w->writer, &c->out, start.opcode, start.last, body, NULL);
	buf_add_slice(&w->incoming, body);
	return (!start.last && w->incoming.len < MESSAGE_WHOLE) || write_incoming(c, start.opcode, start.last);
}

void websocket_end(struct front *f, struct client *c, unsigned code, const struct refusal *no)
{
	AUTO_BUF payload = BUF_INIT;

	audit_refusal(f, c, no);
	websocket_close(&payload, code, no->text);
	websocket_write(&c->x.websocket->writer, &c->out, WEBSOCKET_CLOSE, true, buf_slice(&payload), NULL);
	client_end(c);
}
