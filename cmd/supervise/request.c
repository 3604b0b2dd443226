#include "alloc.h"
#include "program.h"
#include "server.h"
#include "target.h"

#define OUT_STALLED (256 << 10) /* bytes a peer has not read, from which on it gets no more signs of life */

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 408: return "Request Timeout";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	default: return "Internal Server Error";
	}
}

/* Append the head of an answer. type is NULL for one without a body; length is SLICE_NONE for chunks. */
static void add_head(struct client *c, unsigned status, const char *type, size_t length, const char *more)
{
	buf_add_format(&c->out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
	if (type)
		buf_add_format(&c->out, "Content-Type: %s\r\nCache-Control: no-store\r\n", type);
	if (length != SLICE_NONE && status != 204)
		buf_add_format(&c->out, "Content-Length: %zu\r\n", length);
	else if (status != 204 && !c->minor_0)
		buf_add_str(&c->out, "Transfer-Encoding: chunked\r\n");
	buf_add_str(&c->out, more);
	buf_add_str(&c->out, c->close ? "Connection: close\r\n\r\n" : "\r\n");
}

/* Append a whole answer of JSON. */
static void add_json(struct client *c, unsigned status, const struct buf *text, const char *more)
{
	add_head(c, status, "application/json", text->len, more);
	buf_add_slice(&c->out, buf_slice(text));
	c->state = CLIENT_ANSWERS;
}

void request_refuse(struct client *c, unsigned status, const char *why)
{
	AUTO_BUF text = BUF_INIT;

	c->close = true;
	rpc_error_format(&text, NULL, RPC_INVALID_REQUEST, "%s", why);
	add_json(c, status, &text, status == 405 ? "Allow: POST, DELETE\r\n" : "");
}

/* Write a refusal; returns false, so that "return refuse(…)" reads well. */
static bool refuse(struct client *c, unsigned status, const char *why)
{
	request_refuse(c, status, why);
	return false;
}

bool request_is_own_name(struct slice authority)
{
	static const char *const names[] = { "supervise", "localhost", "127.0.0.1", "::1" };
	struct authority a;
	const char *why;

	if (!authority_parse(authority, &a, &why))
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(a.host, names[i]) == 0)
			return true;
	return false;
}

/* Against pages of other origins that reach this address by a name of theirs: Host and Origin are ours. */
static bool check_names(struct client *c, const struct http_head *h)
{
	const struct http_field *origin = http_find(h, SLICE("origin"));

	if (!h->host.ptr || !request_is_own_name(h->host))
		return refuse(c, 403, "this server has another name than the one in Host");
	if (origin && (!slice_starts(origin->value, SLICE("http://")) ||
		       !request_is_own_name(slice_sub(origin->value, 7, origin->value.len))))
		return refuse(c, 403, "requests of that Origin are not answered");
	return true;
}

/* The path of the target: an absolute one is fine when it names us. */
static bool check_target(struct client *c, const struct http_head *h)
{
	struct target t;
	const char *why;
	char host[HOST_MAX + 8];

	if (slice_eq(h->method, SLICE("CONNECT")) || !target_parse(h->method, h->target, &t, &why))
		return refuse(c, 400, "the request's target is none of this server's");
	if (t.form == TARGET_ABSOLUTE) {
		AUTO_BUF name = BUF_INIT;

		authority_format(&name, &t.authority, SCHEME_HTTP);
		if (name.len >= sizeof(host) || !request_is_own_name(buf_slice(&name)))
			return refuse(c, 403, "this is no proxy");
	}
	if (!slice_eq(t.path, SLICE("/")) && !slice_eq(t.path, SLICE("/mcp")))
		return refuse(c, 404, "there is only / and /mcp");
	return true;
}

/*
 * Whether a list of media types has this one: wildcards and parameters as in RFC 9110 §12.5.1, weights not looked at.
 */
static bool accepts(const struct http_head *h, struct slice type, struct slice any)
{
	bool named = false;

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice rest = h->fields[i].value;

		if (h->fields[i].id != HTTP_ACCEPT)
			continue;
		named = true;
		while (rest.len) {
			struct slice item = slice_cut(&rest, ',');
			struct slice name = slice_trim(slice_cut(&item, ';'), " \t");

			if (slice_eq_fold(name, type) || slice_eq_fold(name, any) || slice_eq(name, SLICE("*/*")))
				return true;
		}
	}
	return !named; /* no Accept: anything */
}

/* What the session's and the version's header say. */
static bool take_protocol(struct server *s, struct client *c, const struct http_head *h)
{
	const struct http_field *session = http_find(h, SLICE("mcp-session-id"));
	const struct http_field *version = http_find(h, SLICE("mcp-protocol-version"));
	enum mcp_version named;

	c->has_session = session != NULL;
	if (session && !session_find(&s->sessions, session->value, &c->version))
		return refuse(c, 404, "there is no such session; send initialize");
	snprintf(c->session, sizeof(c->session), "%.*s", session ? (int)session->value.len : 0,
		 session ? session->value.ptr : "");
	if (session && version && !mcp_version_find(version->value, &named))
		return refuse(c, 400, "MCP-Protocol-Version is none that this server speaks");
	return true;
}

/* POST: types, then the body. */
static bool take_post(struct client *c, const struct http_head *h)
{
	const struct http_field *type = http_find_id(h, HTTP_CONTENT_TYPE);
	struct slice rest = type ? type->value : SLICE("");
	bool json = accepts(h, SLICE("application/json"), SLICE("application/*"));

	if (http_find_id(h, HTTP_CONTENT_ENCODING))
		return refuse(c, 415, "a body with a Content-Encoding is not read");
	if (!slice_eq_fold(slice_trim(slice_cut(&rest, ';'), " \t"), SLICE("application/json")))
		return refuse(c, 415, "Content-Type has to be application/json");
	c->takes_stream = http_find_id(h, HTTP_ACCEPT) && accepts(h, SLICE("text/event-stream"), SLICE("text/*"));
	if (!json && !c->takes_stream)
		return refuse(c, 406, "Accept has to name application/json or text/event-stream");
	c->framing = h->body;
	c->left = h->body == HTTP_BODY_LENGTH ? h->length : 0;
	if (c->left > MCP_BODY_MAX)
		return refuse(c, 413, "the body is larger than 1 MiB");
	c->chunks = (struct chunk_decoder){ 0 };
	buf_truncate(&c->body, 0);
	if (h->expect_continue)
		buf_add_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->state = CLIENT_BODY;
	return true;
}

/* DELETE: the session ends. */
static bool take_delete(struct server *s, struct client *c, const struct http_head *h)
{
	const struct http_field *session = http_find(h, SLICE("mcp-session-id"));

	if (!session)
		return refuse(c, 400, "Mcp-Session-Id is missing");
	if (h->body != HTTP_BODY_NONE && h->length)
		return refuse(c, 400, "DELETE has no body");
	session_end(&s->sessions, session->value);
	add_head(c, 204, NULL, SLICE_NONE, "");
	c->state = CLIENT_ANSWERS;
	return true;
}

bool request_take_head(struct server *s, struct client *c, const struct http_head *h)
{
	c->minor_0 = h->minor == 0;
	c->close = !h->keep_alive || c->minor_0;
	if (!check_names(c, h) || !check_target(c, h))
		return false;
	if (!slice_eq(h->method, SLICE("POST")) && !slice_eq(h->method, SLICE("DELETE")))
		return refuse(c, 405, "this server has no stream of its own: use POST");
	if (!take_protocol(s, c, h))
		return false;
	return slice_eq(h->method, SLICE("POST")) ? take_post(c, h) : take_delete(s, c, h);
}

/* --- the answer --- */

/* Append a piece of the event stream. */
static void add_piece(struct client *c, struct slice piece)
{
	if (!c->minor_0)
		chunk_write_open(&c->out, piece.len);
	buf_add_slice(&c->out, piece);
	if (!c->minor_0)
		chunk_write_close(&c->out);
}

/* Append one message as an event: JSON on one line. */
static void add_event(void *ctx, struct slice text)
{
	AUTO_BUF piece = BUF_INIT;

	buf_add_str(&piece, "event: message\ndata: ");
	buf_add_slice(&piece, text);
	buf_add_str(&piece, "\n\n");
	add_piece(ctx, buf_slice(&piece));
}

/* Append all answers as one body. */
static void add_answers(struct client *c, unsigned status, const char *more)
{
	const struct exchange *x = &c->exchange;
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < x->n_answers; i++) {
		buf_add_str(&text, i ? "," : x->batch ? "[" : "");
		buf_add_slice(&text, buf_slice(&x->answers[i]));
	}
	if (x->batch)
		buf_add_char(&text, ']');
	add_json(c, status, &text, more);
}

void request_go_on(struct client *c)
{
	struct exchange *x = &c->exchange;

	if (!c->streaming) {
		if (!x->n_waiting && x->n_answers)
			add_answers(c, 200, "");
		else if (!x->n_waiting) { /* the calls were cancelled: there is nothing to say */
			add_head(c, 202, NULL, 0, "");
			c->state = CLIENT_ANSWERS;
		}
		return;
	}
	while (c->told < x->n_answers)
		add_event(c, buf_slice(&x->answers[c->told++]));
	if (!x->n_waiting) {
		if (!c->minor_0)
			chunk_write_end(&c->out);
		c->state = CLIENT_ANSWERS;
	}
}

void request_sign(struct server *s, struct client *c)
{
	c->next_sign = s->loop.now + PROGRESS_TIME;
	if (c->out.len - c->out_at > OUT_STALLED)
		return;
	add_piece(c, SLICE(": waiting for the operator\n\n"));
	rpc_progress(&c->exchange, s->loop.now, add_event, c);
}

/* Begin to wait: with a stream that shows that we live, where the client takes one. */
static void start_waiting(struct server *s, struct client *c)
{
	c->state = CLIENT_WAITS;
	c->told = 0;
	c->streaming = c->takes_stream;
	if (!c->streaming)
		return;
	add_head(c, 200, "text/event-stream", SLICE_NONE, "");
	request_sign(s, c);
	request_go_on(c);
}

/* Who sent a body: what a cancellation in it is about. */
struct sender {
	struct server *server;
	const char *session;
};

/* notifications/cancelled: the call waits on another connection of the same session. */
static bool cancel_call(void *ctx, const struct doc *id)
{
	const struct sender *from = ctx;
	struct server *s = from->server;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->state != CLIENT_WAITS || strcmp(c->session, from->session) != 0 || !rpc_cancel(&c->exchange, id))
			continue;
		request_go_on(c);
		client_step(s, c);
		return true;
	}
	return false;
}

/* Answer an initialize with the id of a new session. */
static void open_session(struct server *s, struct client *c, enum mcp_version version)
{
	char id[SESSION_ID_SIZE] = { 0 }, field[SESSION_ID_SIZE + 32];
	struct error e = ERROR_INIT;

	if (!session_new(&s->sessions, version, id, &e)) {
		program_warn("%s", e.text);
		request_refuse(c, 500, "no session can be opened just now");
		return;
	}
	snprintf(field, sizeof(field), "Mcp-Session-Id: %s\r\n", id);
	add_answers(c, 200, field);
}

void request_take_body(struct server *s, struct client *c)
{
	struct sender from = { s, c->session };
	struct rpc r = { .desk = &s->desk, .version = c->version, .in_session = c->has_session, .now = s->loop.now,
			 .cancel = cancel_call, .ctx = &from };

	exchange_release(&c->exchange);
	c->exchange = (struct exchange)EXCHANGE_INIT;
	c->streaming = false;
	switch (rpc_take(&r, buf_slice(&c->body), &c->exchange)) {
	case RPC_ACCEPTED:
		add_head(c, 202, NULL, 0, "");
		c->state = CLIENT_ANSWERS;
		break;
	case RPC_READY:
		add_answers(c, 200, "");
		break;
	case RPC_OPENED:
		open_session(s, c, r.version);
		break;
	case RPC_BAD:
		add_answers(c, 400, "");
		break;
	case RPC_WAITING:
		start_waiting(s, c);
		break;
	}
}
