/* One request of a client: read, judged, passed on or refused; its body. */
#include "front.h"

#include "alloc.h"
#include "judge.h"
#include "websocket.h"

/* --- the body --- */

/* Let go of what was kept of the body. */
static void forget_body(struct exchange *x)
{
	inspection_release(STEAL(x->inspection));
	buf_release(&x->deferred);
	x->end_due = false;
}

size_t exchange_room(const struct client *c)
{
	const struct exchange *x = &c->x;

	if (x->request_done)
		return 0;
	if (x->refused)
		return DRAIN_MAX;
	if (x->websocket)
		return websocket_room(c);
	if (x->deferred.len)
		return WHOLE_MAX;
	if (x->inspection && inspection_asks(x->inspection))
		return 0;
	return x->inspection ? inspection_room(x->inspection, x->credit) : x->credit;
}

/* Give the upstream a piece of the body that is within its credit. */
static void send_body(struct front *f, struct client *c, struct slice piece)
{
	struct exchange *x = &c->x;

	audit_body(f, c, "request", x->passed, piece);
	x->passed += piece.len;
	x->credit -= (uint32_t)piece.len;
	while (piece.len) {
		struct slice part = slice_sub(piece, 0, PIECE_MAX);

		channel_put(&f->upstream, MESSAGE_BODY, x->stream, part);
		piece = slice_sub(piece, part.len, piece.len);
	}
}

void exchange_push(struct front *f, struct client *c)
{
	struct exchange *x = &c->x;
	struct slice ready;

	if (x->websocket)
		websocket_push(f, c);
	if (x->websocket || !x->inspection || !x->open)
		return;
	ready = slice_sub(inspection_ready(x->inspection), 0, x->credit);
	if (ready.len) {
		send_body(f, c, ready);
		inspection_passed(x->inspection, ready.len);
	}
	if (!x->end_due || inspection_waiting(x->inspection))
		return;
	x->end_due = false;
	inspection_release(STEAL(x->inspection));
	channel_put(&f->upstream, MESSAGE_END, x->stream, SLICE(""));
}

/* Give the upstream a head, which begins a stream. */
static void send_head(struct front *f, struct client *c, struct slice head)
{
	const struct authority *a = &c->x.authority;
	const struct request_start start = {
		.port = a->port,
		.scheme = (uint8_t)c->x.scheme,
		.kind = (uint8_t)a->kind,
		.host_len = (uint16_t)strlen(a->host),
	};
	struct buf *message;

	c->x.stream = client_slot(f, c) | ++c->streams << STREAM_SLOT_BITS;
	c->x.open = true;
	message = channel_open(&f->upstream, MESSAGE_REQUEST, c->x.stream);
	buf_add(message, &start, sizeof(start));
	buf_add(message, a->host, start.host_len);
	buf_add_slice(message, head);
	channel_close(&f->upstream);
}

/* The body that was kept is complete: now its length is known. */
static void send_deferred(struct front *f, struct client *c)
{
	struct buf *head = &c->x.deferred;

	buf_add_format(head, "Content-Length: %zu\r\n\r\n", inspection_waiting(c->x.inspection));
	send_head(f, c, buf_slice(head));
	buf_release(head);
}

/* The request has come to its end. */
static void end_request(struct front *f, struct client *c)
{
	struct exchange *x = &c->x;
	struct found found;

	x->request_done = true;
	if (x->refused) {
		exchange_finish(f, c);
	} else if (!x->inspection) {
		channel_put(&f->upstream, MESSAGE_END, x->stream, SLICE(""));
	} else if (!inspection_finish(x->inspection, &found)) {
		dlp_found(f, c, &found);
	} else {
		dlp_judged(f, c);
		dlp_body_fed(f, c);
		if (x->deferred.len)
			send_deferred(f, c);
		x->end_due = true;
		exchange_push(f, c);
	}
}

void exchange_refuse(struct front *f, struct client *c, const struct refusal *no, bool close)
{
	exchange_cancel(f, c);
	if (websocket_is_open(c)) {
		websocket_end(f, c, WEBSOCKET_POLICY, no);
		return;
	}
	if (!c->x.response_started) {
		refusal_send(f, c, no, close);
		return;
	}
	audit_refusal(f, c, no);
	client_break(c);
}

/* A request that turned out wrong while it was being passed on. */
static void break_request(struct front *f, struct client *c, unsigned status, const char *rule, const char *why)
{
	struct refusal no;

	refuse(&no, status, rule, "%s", why);
	exchange_refuse(f, c, &no, true);
}

/* Pass a piece of body on, or away. */
static void pass_body(struct front *f, struct client *c, struct slice piece)
{
	struct exchange *x = &c->x;
	struct found found;

	x->received += piece.len;
	if (x->refused) {
		if (x->received > DRAIN_MAX)
			client_end(c);
		return;
	}
	if (x->received > x->max_body) {
		break_request(f, c, 413, "max-body",
			      "the request's body is larger than 'max_body' of the route permits");
		return;
	}
	if (!x->inspection)
		send_body(f, c, piece);
	else if (!inspection_feed(x->inspection, piece, &found))
		dlp_found(f, c, &found);
	else {
		dlp_body_fed(f, c);
		exchange_push(f, c);
	}
}

/* Take a body of declared length. */
static size_t take_counted(struct front *f, struct client *c, struct slice input)
{
	struct slice piece = slice_sub(input, 0, c->x.left < input.len ? (size_t)c->x.left : input.len);

	c->x.left -= piece.len;
	pass_body(f, c, piece);
	if (c->x.left == 0 && !c->ending && !c->tls.link.broken)
		end_request(f, c);
	return piece.len;
}

/* Take a chunked body. */
static size_t take_chunks(struct front *f, struct client *c, struct slice input)
{
	enum http_result r = HTTP_MORE;
	size_t used = 0;

	while (used < input.len && r == HTTP_MORE && !c->ending && !c->tls.link.broken) {
		size_t consumed;
		struct slice data;
		const char *why;

		r = chunk_decode(&c->x.chunks, slice_sub(input, used, input.len), &consumed, &data, &why);
		used += consumed;
		if (data.len)
			pass_body(f, c, data);
		if (r == HTTP_BAD) {
			break_request(f, c, 400, "framing", why);
			return input.len;
		}
	}
	if (r == HTTP_DONE && !c->ending && !c->tls.link.broken)
		end_request(f, c);
	return used;
}

/* Take as much of the body as there is room for. */
static size_t take_body(struct front *f, struct client *c, struct slice input)
{
	input = slice_sub(input, 0, exchange_room(c));
	return c->x.body == HTTP_BODY_CHUNKED ? take_chunks(f, c, input) : take_counted(f, c, input);
}

/* --- the head --- */

/* Does the client read JSON, so that a refusal in JSON is what it shows? */
static bool wants_json(const struct http_head *h)
{
	static const enum http_name ids[] = { HTTP_ACCEPT, HTTP_CONTENT_TYPE };

	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		const struct http_field *field = http_find_id(h, ids[i]);

		if (field && slice_search(field->value, SLICE("json")) != SLICE_NONE)
			return true;
	}
	return false;
}

/* Make the exchange that a head begins. */
static void begin(struct front *f, struct client *c, const struct http_head *h)
{
	struct buf path = c->x.path;
	size_t method = h->method.len < HTTP_METHOD_MAX ? h->method.len : HTTP_METHOD_MAX;

	buf_truncate(&path, 0);
	c->x = (struct exchange){
		.active = true,
		.id = ++f->exchanges,
		.started = f->loop.now,
		.body = h->body,
		.left = h->length,
		.request_done = h->body == HTTP_BODY_NONE || (h->body == HTTP_BODY_LENGTH && h->length == 0),
		.max_body = UINT64_MAX,
		.credit = WINDOW,
		.head_request = slice_eq(h->method, SLICE("HEAD")),
		.wants_json = wants_json(h),
		.keep_alive = h->keep_alive,
		.minor = h->minor,
		.expects = h->expect_continue,
		.window = WINDOW,
		.authority = c->tunnel,
		.path = path,
	};
	memcpy(c->x.method, h->method.ptr, method);
}

void exchange_of_tunnel(struct front *f, struct client *c)
{
	struct http_head h = { .method = SLICE("CONNECT"), .minor = 1 };

	begin(f, c, &h);
}

/* A CONNECT: its target alone is judged, and only for being well formed; each request inside is judged for itself. */
static void take_connect(struct front *f, struct client *c, const struct http_head *h)
{
	struct refusal no;
	struct target t;
	const char *why;

	if (!target_parse(h->method, h->target, &t, &why))
		refuse(&no, 400, "target", "malformed CONNECT: %s", why);
	else if (h->body != HTTP_BODY_NONE)
		refuse(&no, 400, "framing", "a CONNECT has no body");
	else {
		c->tunnel = t.authority;
		c->x.active = false;
		c->state = CLIENT_TUNNEL;
		buf_add_str(&c->out, "HTTP/1.1 200 Connection established\r\n\r\n");
		return;
	}
	refusal_send(f, c, &no, true);
}

/* The proxy's own page: the routes in force. */
static void introspect(struct front *f, struct client *c)
{
	AUTO_BUF body = BUF_INIT;

	doc_format(f->routes, true, &body);
	buf_add_char(&body, '\n');
	document_send(c, 200, "application/json", buf_slice(&body));
	c->x.refused = c->x.response_done = true;
	if (c->x.request_done)
		exchange_finish(f, c);
}

/* Hand an allowed request to the upstream. */
static bool forward(struct front *f, struct client *c, const struct http_head *h, const struct request_facts *facts,
		    const struct verdict *v, struct refusal *no)
{
	struct exchange *x = &c->x;
	AUTO_BUF target = BUF_INIT;
	AUTO_BUF host = BUF_INIT;
	AUTO_BUF head = BUF_INIT;
	enum http_body framing = h->body;
	const char *why;

	if (x->inspection && inspection_may_change(x->inspection))
		framing = inspection_is_whole(x->inspection) ? HTTP_BODY_NONE : HTTP_BODY_CHUNKED;
	authority_format(&host, &facts->authority, facts->scheme);
	if (facts->scheme == SCHEME_HTTP) /* which the upstream can only tell from the absolute form */
		buf_add_format(&target, "http://%s", buf_str(&host));
	request_target(&target, facts);
	if (!http_write_request(&head, h,
				&(struct http_rewrite){ .target = buf_slice(&target),
							.host = buf_slice(&host),
							.strip = v->strip,
							.framing = framing,
							.upgrade = x->websocket,
							.expect_continue = h->expect_continue },
				&why))
		return refuse(no, 400, "framing", "%s", why);
	if (head.len > HTTP_HEAD_MAX)
		return refuse(no, 400, "framing", "the request's head is larger than %d bytes", HTTP_HEAD_MAX);
	if (x->inspection && inspection_is_whole(x->inspection)) {
		buf_add_slice(&x->deferred, slice_sub(buf_slice(&head), 0, head.len - 2)); /* without the empty line */
		return true;
	}
	send_head(f, c, buf_slice(&head));
	if (x->request_done)
		channel_put(&f->upstream, MESSAGE_END, x->stream, SLICE(""));
	return true;
}

/* Judge a request in the order of decisions, and do what follows from it. */
static void take_request(struct front *f, struct client *c, struct http_head *h)
{
	struct judgement j;
	bool passes = judge_request(f->policy, h, c->secure ? &c->tunnel : NULL, c->misdirected, &j);

	if (j.named) {
		c->x.authority = j.facts.authority;
		buf_add_slice(&c->x.path, slice_sub(j.facts.path, 0, LOG_TEXT_MAX));
	}
	if (passes && j.own_page) {
		introspect(f, c);
		return;
	}
	if (passes) {
		c->x.detectors = f->inspector.routes[j.verdict.route];
		c->x.max_body = policy_route(f->policy, j.verdict.route)->max_body;
		c->x.scheme = j.facts.scheme;
		if (j.websocket)
			websocket_begin(c, h);
		passes = dlp_head(f, c, h, &j.facts, &j.verdict.refusal) && dlp_body(f, c, h, &j.verdict.refusal) &&
			 forward(f, c, h, &j.facts, &j.verdict, &j.verdict.refusal);
		if (!passes)
			forget_body(&c->x);
		if (c->held) {
			websocket_release(STEAL(c->x.websocket));
			c->x.active = false;
			return;
		}
	}
	dlp_settled(c);
	if (passes)
		audit_request(f, c, h);
	else
		refusal_send(f, c, &j.verdict.refusal, !j.named && j.verdict.refusal.status == 400);
}

/* Take a head if it is whole. */
static size_t take_head(struct front *f, struct client *c, struct slice input)
{
	struct http_head h;
	struct refusal no;
	const char *why;
	size_t consumed;

	switch (http_parse_request(input, &c->scanned, &h, &consumed, &why)) {
	case HTTP_MORE:
		return 0;
	case HTTP_BAD:
		exchange_of_tunnel(f, c);
		c->x.method[0] = '\0';
		consumed = http2_begin(f, c, input);
		if (consumed)
			return consumed;
		refuse(&no, 400, "framing", "malformed request: %s", why);
		refusal_send(f, c, &no, true);
		return input.len;
	case HTTP_DONE:
		break;
	}
	c->scanned = 0;
	begin(f, c, &h);
	if (!c->secure && slice_eq(h.method, SLICE("CONNECT")))
		take_connect(f, c, &h);
	else
		take_request(f, c, &h);
	return c->held ? 0 : consumed;
}

size_t exchange_take(struct front *f, struct client *c, struct slice input)
{
	if (c->x.http2)
		return http2_take(c, input);
	if (c->x.websocket)
		return websocket_take(f, c, input);
	return c->x.active ? take_body(f, c, input) : take_head(f, c, input);
}

void exchange_finish(struct front *f, struct client *c)
{
	forget_body(&c->x);
	websocket_release(STEAL(c->x.websocket));
	inbound_release(f, c);
	dlp_settled(c);
	audit_end(f, c, true);
	c->x.active = false;
	c->phase = PHASE_EXCHANGE; /* so that the idle time begins now */
	if (!c->x.keep_alive)
		client_end(c);
}

void exchange_cancel(struct front *f, struct client *c)
{
	forget_body(&c->x);
	dlp_settled(c);
	if (!c->x.open)
		return;
	c->x.open = false;
	channel_put(&f->upstream, MESSAGE_CANCEL, c->x.stream, SLICE(""));
}
