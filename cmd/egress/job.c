/* One request of the front: judged again, given a credential, and its body. */
#include "upstream.h"

#include <stdlib.h>

#include "alloc.h"

static void broke(const char *what) __attribute__((noreturn));

static void broke(const char *what)
{
	role_peer_broke("front", what);
}

/* --- the end --- */

void job_release(struct upstream *u, struct job *j)
{
	struct origin *o = j->origin;

	j->origin = NULL;
	if (o) {
		o->job = NULL;
		origin_close(u, o);
	}
	buf_wipe(&j->out);
	u->decoding -= j->content.decodes;
	content_release(&j->content);
	upgrade_release(j->upgrade);
	free(j->addresses);
	routing_release(j->place.rules);
	*j = (struct job){ .state = JOB_FREE };
}

void job_fail(struct upstream *u, struct job *j, const struct refusal *no)
{
	struct failure_start start = { (uint16_t)no->status, (uint16_t)strlen(no->rule) };
	struct buf *message = channel_open(&u->front, MESSAGE_FAIL, j->stream);

	buf_add(message, &start, sizeof(start));
	buf_add_str(message, no->rule);
	buf_add_str(message, no->text);
	channel_close(&u->front);
	job_release(u, j);
}

void job_abort(struct upstream *u, struct job *j, const char *why)
{
	channel_put(&u->front, MESSAGE_ABORT, j->stream, slice_str(why));
	job_release(u, j);
}

void job_end(struct upstream *u, struct job *j)
{
	channel_put(&u->front, MESSAGE_END, j->stream, SLICE(""));
	job_release(u, j);
}

void job_expire(struct upstream *u, struct job *j)
{
	if (j->state == JOB_RESOLVING)
		job_fail_with(u, j, 504, "resolve", "the name could not be resolved in time");
	else if (j->state == JOB_DIALING)
		job_fail_with(u, j, 504, "connect", "the origin could not be reached in time");
}

/* --- the beginning --- */

/* Is sending it twice the same as sending it once? RFC 9110 §9.2.2. */
static bool is_idempotent(struct slice method)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };

	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (slice_eq(method, slice_str(methods[i])))
			return true;
	return false;
}

/* Take a request message apart. */
static void parse_request(struct slice body, struct authority *a, enum scheme *scheme, struct http_head *h)
{
	struct request_start start;
	size_t scanned = 0, consumed = 0;
	const char *why;

	if (body.len < sizeof(start))
		broke("a short request");
	memcpy(&start, body.ptr, sizeof(start));
	body = slice_sub(body, sizeof(start), body.len);
	if (start.host_len == 0 || start.host_len > HOST_MAX || start.host_len > body.len ||
	    start.scheme > SCHEME_HTTPS || start.kind > HOST_IPV6)
		broke("a malformed request");
	*a = (struct authority){ .kind = (enum host_kind)start.kind, .port = start.port };
	memcpy(a->host, body.ptr, start.host_len);
	*scheme = (enum scheme)start.scheme;
	body = slice_sub(body, start.host_len, body.len);
	if (http_parse_request(body, &scanned, h, &consumed, &why) != HTTP_DONE || consumed != body.len)
		broke("a malformed request head");
}

/*
 * What takes the place of the client's credentials: ours, and of its cookies those
 * that the origin has set. Returns how many fields to add.
 */
static size_t replace_credentials(const struct upstream *u, const struct route *route, const struct http_head *h,
				  const struct request_facts *facts, struct verdict *v, struct buf *cookies,
				  struct http_extra add[2])
{
	size_t n = 1;

	add[0].name = slice_str(route->auth_header);
	for (size_t i = 0; i < h->n_fields; i++)
		v->strip[i] = v->strip[i] || h->fields[i].id == HTTP_COOKIE;
	cookies_filter(&u->cookies, facts->authority.host, h, cookies);
	if (cookies->len)
		add[n++] = (struct http_extra){ SLICE("Cookie"), buf_slice(cookies) };
	return n;
}

/* Write the head that the origin will get: what was judged, with the credential. */
static bool write_head(struct upstream *u, struct job *j, const struct http_head *h, const struct request_facts *facts,
		       struct verdict *v, struct refusal *no)
{
	const struct route *route = policy_route(j->place.rules->policy, j->place.route);
	struct http_extra add[4];
	size_t n_add = 0;
	struct buf value = BUF_INIT;
	AUTO_BUF accepted = BUF_INIT;
	AUTO_BUF cookies = BUF_INIT;
	AUTO_BUF target = BUF_INIT;
	AUTO_BUF host = BUF_INIT;
	const char *why;
	bool ok = true;

	if (route->auth) {
		ok = credential_value(u, route, &value, no);
		n_add = replace_credentials(u, route, h, facts, v, &cookies, add);
		add[0].value = buf_slice(&value);
		j->content.guard.set = j->place.rules->guards[j->place.route];
	}
	if (routing_look(j->place.rules, j->place.route) && (route->auth || http_find_id(h, HTTP_ACCEPT_ENCODING))) {
		content_accept(&accepted, h);
		for (size_t i = 0; i < h->n_fields; i++)
			v->strip[i] = v->strip[i] || h->fields[i].id == HTTP_ACCEPT_ENCODING;
		add[n_add++] = (struct http_extra){ SLICE("Accept-Encoding"), buf_slice(&accepted) };
	}
	if (j->upgrade)
		add[n_add++] = upgrade_replace(j, h, v->strip);
	request_target(&target, facts);
	authority_format(&host, &facts->authority, facts->scheme);
	if (ok && !http_write_request(&j->out, h,
				      &(struct http_rewrite){ .target = buf_slice(&target),
							      .host = buf_slice(&host),
							      .strip = v->strip,
							      .add = add,
							      .n_add = n_add,
							      .framing = h->body,
							      .upgrade = j->upgrade,
							      .expect_continue = h->expect_continue },
				      &why))
		ok = refuse(no, 403, "credential", "the request cannot be sent: %s", why);
	buf_wipe(&value);
	return ok;
}

/* A new stream. */
static void begin(struct upstream *u, struct job *j, const struct message *m)
{
	struct request_facts facts;
	struct authority authority;
	struct http_head h;
	struct refusal no;
	enum scheme scheme;
	struct verdict v;

	parse_request(m->body, &authority, &scheme, &h);
	*j = (struct job){
		.state = JOB_RESOLVING,
		.stream = m->stream,
		.place = { .rules = routing_hold(u->rules), .scheme = scheme },
		.body = h.body,
		.left = h.length,
		.window = WINDOW,
		.credit = WINDOW,
		.head_request = slice_eq(h.method, SLICE("HEAD")),
		.repeatable = h.body == HTTP_BODY_NONE && is_idempotent(h.method),
	};
	if (!request_gather(&h, scheme == SCHEME_HTTPS ? &authority : NULL, &facts, &no)) {
		job_fail(u, j, &no);
		return;
	}
	policy_decide(j->place.rules->policy, &facts, &v);
	if (!v.allowed) {
		job_fail(u, j, &v.refusal);
		return;
	}
	j->place.route = v.route;
	j->place.authority = facts.authority;
	if (!upgrade_begin(j, &h, &no) || !write_head(u, j, &h, &facts, &v, &no)) {
		job_fail(u, j, &no);
		return;
	}
	dial_start(u, j, false);
}

/* --- the body --- */

/* Take a piece of the request's body. */
static void take_body(struct upstream *u, struct job *j, struct slice piece)
{
	if (j->request_done || j->body == HTTP_BODY_NONE || piece.len == 0 || piece.len > j->window ||
	    (j->body == HTTP_BODY_LENGTH && piece.len > j->left))
		broke("body out of turn");
	j->window -= (uint32_t)piece.len;
	j->owed += (uint32_t)piece.len;
	j->left -= j->body == HTTP_BODY_LENGTH ? piece.len : 0;
	if (j->body == HTTP_BODY_CHUNKED)
		chunk_write_open(&j->out, piece.len);
	buf_add_slice(&j->out, piece);
	if (j->body == HTTP_BODY_CHUNKED)
		chunk_write_close(&j->out);
	if (j->state == JOB_RUNNING)
		origin_touch(u, j->origin);
}

/* The request's body is complete. */
static void take_end(struct upstream *u, struct job *j)
{
	if (j->request_done || (j->body == HTTP_BODY_LENGTH && j->left))
		broke("an end before the end");
	j->request_done = true;
	if (j->body == HTTP_BODY_CHUNKED)
		chunk_write_end(&j->out);
	if (j->state == JOB_RUNNING)
		origin_touch(u, j->origin);
}

/* The front will take more of the response. */
static void take_credit(struct upstream *u, struct job *j, struct slice body)
{
	uint32_t n;

	if (body.len != sizeof(n))
		broke("malformed credit");
	memcpy(&n, body.ptr, sizeof(n));
	if (n > WINDOW - j->credit)
		broke("more credit than there is");
	j->credit += n;
	if (j->state == JOB_RUNNING)
		origin_touch(u, j->origin);
}

void job_credit(struct upstream *u, struct job *j)
{
	size_t queued = j->out.len - j->out_at;
	uint32_t n;

	if (j->request_done || j->owed < queued + WINDOW / 4)
		return;
	n = j->owed - (uint32_t)queued;
	j->owed -= n;
	j->window += n;
	channel_put(&u->front, MESSAGE_CREDIT, j->stream, slice_of(&n, sizeof(n)));
}

void job_take(struct upstream *u, const struct message *m)
{
	struct job *j = &u->jobs[stream_slot(m->stream)];

	if (m->type == MESSAGE_REQUEST) {
		if (j->state != JOB_FREE)
			broke("a request in the place of another");
		begin(u, j, m);
		return;
	}
	/* What was on its way when the stream ended is nobody's. */
	if (j->state == JOB_FREE || j->stream != m->stream)
		return;
	switch (m->type) {
	case MESSAGE_BODY:
		take_body(u, j, m->body);
		break;
	case MESSAGE_FRAME:
		if (!upgrade_write(j, m->body))
			broke("a frame out of turn");
		origin_touch(u, j->origin);
		break;
	case MESSAGE_END:
		take_end(u, j);
		break;
	case MESSAGE_CREDIT:
		take_credit(u, j, m->body);
		break;
	case MESSAGE_CANCEL:
		job_release(u, j);
		break;
	default:
		broke("an unknown message");
	}
}
