/* How a no is said: one line, as text or as the JSON that agents show to people. */
#include "front.h"

#include "log.h"

/* The reason phrase of a status that we answer with. */
static const char *phrase(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 413: return "Content Too Large";
	case 421: return "Misdirected Request";
	case 426: return "Upgrade Required";
	case 502: return "Bad Gateway";
	case 504: return "Gateway Timeout";
	default: return "Refused";
	}
}

void document_send(struct client *c, unsigned status, const char *type, struct slice body)
{
	struct buf *out = &c->out;

	buf_add_format(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status, phrase(status),
		       type, body.len);
	buf_add_str(out, "Cache-Control: no-store\r\n");
	if (status == 426)
		buf_add_str(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"); /* RFC 6455 §4.4 */
	if (!c->x.keep_alive)
		buf_add_str(out, "Connection: close\r\n");
	else if (status == 426)
		buf_add_str(out, "Connection: Upgrade\r\n");
	else if (c->x.minor == 0)
		buf_add_str(out, "Connection: keep-alive\r\n");
	buf_add_str(out, "\r\n");
	if (!c->x.head_request)
		buf_add_slice(out, body);
	c->x.response_started = true;
	c->x.status = status;
}

/* Is what is left of the request more than one reads to keep a connection? */
static bool too_much_left(const struct exchange *x)
{
	return !x->request_done && (x->body == HTTP_BODY_LENGTH ? x->left > DRAIN_MAX : x->received > DRAIN_MAX);
}

/* The text, and for what other routes would permit how to come by them. */
static void say(const struct front *f, const struct refusal *no, struct buf *out)
{
	buf_add_str(out, no->text);
	if (no->askable)
		buf_add_str(out, f->options.asker >= 0
					 ? "; ask for it with the tool 'egress-block' of the MCP server 'supervise'"
					 : "; only the operator can change the routes");
}

void refusal_send(struct front *f, struct client *c, const struct refusal *no, bool close)
{
	AUTO_BUF body = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	struct exchange *x = &c->x;

	say(f, no, &text);
	audit_refusal(f, c, no);
	websocket_decline(c);
	if (x->wants_json) {
		buf_add_format(&body, "{\"error\":{\"type\":\"egress_%s\",\"message\":", no->rule);
		log_json_string(&body, buf_slice(&text));
		buf_add_str(&body, "}}\n");
	} else {
		buf_add_slice(&body, buf_slice(&text));
		buf_add_char(&body, '\n');
	}
	if (close || too_much_left(x) || (x->expects && !x->request_done))
		x->keep_alive = false;
	document_send(c, no->status, x->wants_json ? "application/json" : "text/plain; charset=utf-8",
		      buf_slice(&body));
	x->refused = x->response_done = true;
	if (!x->keep_alive)
		client_end(c);
	else if (x->request_done)
		exchange_finish(f, c);
}
