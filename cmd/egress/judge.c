#include "judge.h"

#include "websocket.h"

/* The proxy's own pages: there is one, and it can be read. */
static bool judge_own_page(const struct request_facts *f, struct refusal *no)
{
	if (!slice_eq(f->path, SLICE("/allowlist")))
		return refuse(no, 404, "introspection", "there is only http://" HOST_INTROSPECTION "/allowlist");
	if (!slice_eq(f->method, SLICE("GET")) && !slice_eq(f->method, SLICE("HEAD")))
		return refuse(no, 405, "introspection", "the allowlist can only be read");
	return true;
}

bool judge_websocket(const struct http_head *h, bool *asked, struct refusal *no)
{
	const struct http_field *key = http_find(h, SLICE("sec-websocket-key"));
	const struct http_field *version = http_find(h, SLICE("sec-websocket-version"));

	*asked = http_list_has(h->upgrade, SLICE("websocket"));
	if (!*asked)
		return true;
	if (!slice_eq_fold(h->upgrade, SLICE("websocket")))
		return refuse(no, 426, "upgrade",
			      "an upgrade to WebSocket or to another protocol is not relayed; ask for one");
	if (!version || websocket_repeats(h, version->name) || !slice_eq(version->value, SLICE("13")))
		return refuse(no, 426, "upgrade", "only version 13 of WebSocket is relayed");
	if (!slice_eq(h->method, SLICE("GET")) || h->body != HTTP_BODY_NONE)
		return refuse(no, 400, "upgrade", "an upgrade to WebSocket is a GET without a body");
	if (!key || websocket_repeats(h, key->name) || !websocket_is_key(key->value))
		return refuse(no, 400, "upgrade",
			      "an upgrade to WebSocket has one Sec-WebSocket-Key, of 16 bytes in base64");
	return true;
}

/* What can be said against an allowed request before its body has come. */
static bool judge_extent(const struct http_head *h, const struct route *route, struct refusal *no)
{
	if (h->has_length && h->length > route->max_body)
		return refuse(no, 413, "max-body", "the request's body is larger than 'max_body' of the route permits");
	return true;
}

bool judge_request(const struct policy *p, const struct http_head *h, const struct authority *tunnel, bool misdirected,
		   struct judgement *j)
{
	struct refusal *no = &j->verdict.refusal;

	*j = (struct judgement){ .verdict.route = SLICE_NONE };
	j->named = request_gather(h, tunnel, &j->facts, no);
	if (!j->named)
		return false;
	if (misdirected)
		return refuse(no, 421, "tls-name",
			      "the name in the TLS handshake is not '%s', which this connection was opened for",
			      tunnel->host);
	j->own_page = strcmp(j->facts.authority.host, HOST_INTROSPECTION) == 0;
	if (j->own_page)
		return judge_own_page(&j->facts, no);
	policy_decide(p, &j->facts, &j->verdict);
	return j->verdict.allowed && judge_websocket(h, &j->websocket, no) &&
	       judge_extent(h, policy_route(p, j->verdict.route), no);
}
