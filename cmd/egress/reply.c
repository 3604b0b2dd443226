/*
 * What comes back from upstream. The upstream reads what origins send, so what
 * it says is checked as if an origin had said it: heads are parsed again, counts
 * are kept, and anything out of turn ends this process.
 */
#include "front.h"

static void broke(const char *what) __attribute__((noreturn));

static void broke(const char *what)
{
	role_peer_broke("upstream", what);
}

/* Parse a head that the upstream has written. */
static void parse_head(const struct client *c, struct slice text, struct http_head *h)
{
	size_t scanned = 0, consumed = 0;
	const char *why;

	if (http_parse_response(text, &scanned, c->x.head_request, h, &consumed, &why) != HTTP_DONE ||
	    consumed != text.len)
		broke("a malformed response head");
}

/* How the body of a response is sent to this client. */
static enum http_body choose_framing(const struct client *c, const struct http_head *h)
{
	if (h->body == HTTP_BODY_CHUNKED && c->x.minor == 0)
		return HTTP_BODY_CLOSE;
	return h->body;
}

/* The final head. */
static void take_response(struct front *f, struct client *c, struct slice text)
{
	struct http_extra add = { SLICE("Sec-WebSocket-Accept"), SLICE("") };
	bool strip[HTTP_FIELDS_MAX] = { false };
	struct exchange *x = &c->x;
	struct http_head h;
	const char *why;

	if (x->response_started)
		broke("a second response");
	parse_head(c, text, &h);
	if ((h.status < 200 && !(h.status == 101 && x->websocket)) || h.body == HTTP_BODY_CLOSE)
		broke("a response without a known end");
	if (!inbound_head(f, c, &h) || !inbound_begin(f, c, &h))
		return;
	if (h.status == 101) {
		add.value = websocket_open(c);
		for (size_t i = 0; i < h.n_fields; i++)
			strip[i] = slice_eq_fold(h.fields[i].name, add.name);
	} else {
		websocket_decline(c);
	}
	x->framing = choose_framing(c, &h);
	if (x->framing == HTTP_BODY_CLOSE)
		x->keep_alive = false;
	if (!http_write_response(inbound_out(c), &h,
				 &(struct http_rewrite){ .framing = x->framing,
							 .strip = strip,
							 .add = &add,
							 .n_add = h.status == 101,
							 .close = !x->keep_alive && h.status != 101,
							 .upgrade = h.status == 101,
							 .keep_alive = x->keep_alive && x->minor == 0 },
				 &why))
		broke(why);
	x->response_started = true;
	x->response_left = h.length;
	x->status = h.status;
	audit_response(f, c, &h);
	inbound_begun(f, c);
}

/* An interim head; HTTP/1.0 knows none. */
static void take_interim(struct front *f, struct client *c, struct slice text)
{
	struct http_head h;
	const char *why;

	if (c->x.response_started)
		broke("an interim response after the final one");
	if (++c->x.interims > INTERIMS_MAX)
		broke("more interim responses than an origin may send");
	parse_head(c, text, &h);
	if (h.status >= 200 || h.status == 101)
		broke("an interim response that is none");
	if (!inbound_head(f, c, &h))
		return;
	if (c->x.minor == 1 && !http_write_response(&c->out, &h, &(struct http_rewrite){ .framing = HTTP_BODY_NONE },
						    &why))
		broke(why);
}

void reply_write(struct front *f, struct client *c, struct slice piece)
{
	struct exchange *x = &c->x;

	audit_body(f, c, "response", x->sent, piece);
	x->sent += piece.len;
	if (x->framing == HTTP_BODY_CHUNKED)
		chunk_write_open(&c->out, piece.len);
	buf_add_slice(&c->out, piece);
	if (x->framing == HTTP_BODY_CHUNKED)
		chunk_write_close(&c->out);
}

static void take_body(struct front *f, struct client *c, struct slice piece)
{
	struct exchange *x = &c->x;

	if (!x->response_started || x->framing == HTTP_BODY_NONE || x->framing == HTTP_BODY_TUNNEL || piece.len == 0 ||
	    piece.len > x->window)
		broke("body out of turn");
	if (x->framing == HTTP_BODY_LENGTH && piece.len > x->response_left)
		broke("more body than declared");
	x->window -= (uint32_t)piece.len;
	x->owed += (uint32_t)piece.len;
	x->response_left -= x->framing == HTTP_BODY_LENGTH ? piece.len : 0;
	if (x->inbound)
		inbound_feed(f, c, piece);
	else
		reply_write(f, c, piece);
}

static void take_end(struct front *f, struct client *c)
{
	struct exchange *x = &c->x;

	if (websocket_is_open(c)) {
		x->open = false;
		audit_end(f, c, true);
		client_end(c);
		return;
	}
	if (!x->response_started || (x->framing == HTTP_BODY_LENGTH && x->response_left))
		broke("an end before the end");
	x->open = false;
	if (!inbound_end(f, c))
		return;
	if (x->framing == HTTP_BODY_CHUNKED)
		chunk_write_end(&c->out);
	x->response_done = true;
	if (x->request_done) {
		exchange_finish(f, c);
		return;
	}
	/* An early answer: the rest of the request interests no one. Read it away if that is little. */
	x->refused = true;
	if (x->expects || (x->body == HTTP_BODY_LENGTH && x->left > DRAIN_MAX))
		client_end(c);
}

/* Is it a word as rules are named with: it stands in JSON as it is? */
static bool is_rule(struct slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!(ascii_is_alpha(word.ptr[i]) || ascii_is_digit(word.ptr[i]) || word.ptr[i] == '-'))
			return false;
	return word.len > 0;
}

/* There will be no response: say why in its place, if that is nothing that a response may not say. */
static void take_failure(struct front *f, struct client *c, struct slice body)
{
	struct failure_start start;
	char rule[64];
	struct refusal no;

	if (body.len < sizeof(start) || c->x.response_started)
		broke("a failure out of turn");
	memcpy(&start, body.ptr, sizeof(start));
	body = slice_sub(body, sizeof(start), body.len);
	if (start.rule_len >= sizeof(rule) || start.rule_len > body.len || start.status < 400 || start.status > 599 ||
	    !is_rule(slice_sub(body, 0, start.rule_len)))
		broke("a malformed failure");
	memcpy(rule, body.ptr, start.rule_len);
	rule[start.rule_len] = '\0';
	body = slice_sub(body, start.rule_len, body.len);
	refuse(&no, start.status, rule, "%.*s", (int)body.len, body.ptr);
	c->x.open = false;
	if (inbound_text(f, c, slice_str(no.text), "reason for a failure"))
		refusal_send(f, c, &no, false);
}

/* The response breaks off: the client must see that it did. */
static void take_abort(struct front *f, struct client *c, struct slice why)
{
	struct refusal no;

	if (!c->x.response_started)
		broke("an abort before the response");
	refuse(&no, 502, "response", "the response broke off: %.*s", SLICE_ARG(why));
	c->x.open = false;
	if (!inbound_flush(f, c))
		return;
	audit_refusal(f, c, &no);
	audit_end(f, c, false);
	if (websocket_is_open(c))
		client_end(c); /* it may have been told why */
	else
		client_break(c);
}

static void take_credit(struct client *c, struct slice body)
{
	uint32_t n;

	if (body.len != sizeof(n))
		broke("malformed credit");
	memcpy(&n, body.ptr, sizeof(n));
	if (n > WINDOW - c->x.credit)
		broke("more credit than there is");
	c->x.credit += n;
}

void reply_take(struct front *f, const struct message *m)
{
	struct client *c = &f->clients[stream_slot(m->stream)];

	/* What was on its way when the stream was cancelled is nobody's. */
	if (c->state == CLIENT_FREE || !c->x.open || c->x.stream != m->stream)
		return;
	c->progress = true;
	client_touch(f, c);
	switch (m->type) {
	case MESSAGE_CREDIT:
		take_credit(c, m->body);
		break;
	case MESSAGE_INFORM:
		take_interim(f, c, m->body);
		break;
	case MESSAGE_RESPONSE:
		take_response(f, c, m->body);
		break;
	case MESSAGE_BODY:
		take_body(f, c, m->body);
		break;
	case MESSAGE_FRAME:
		if (!websocket_deliver(f, c, m->body))
			broke("a frame out of turn");
		break;
	case MESSAGE_END:
		take_end(f, c);
		break;
	case MESSAGE_FAIL:
		take_failure(f, c, m->body);
		break;
	case MESSAGE_ABORT:
		take_abort(f, c, m->body);
		break;
	default:
		broke("an unknown message");
	}
}

void reply_credit(struct front *f, struct client *c)
{
	size_t queued = c->out.len - c->out_at + websocket_held(c) + inbound_held(c);
	uint32_t n;

	if (!c->x.open || c->x.owed < queued + WINDOW / 4)
		return;
	n = c->x.owed - (uint32_t)queued;
	c->x.owed -= n;
	c->x.window += n;
	channel_put(&f->upstream, MESSAGE_CREDIT, c->x.stream, slice_of(&n, sizeof(n)));
}
