/* A connection to an origin: opened, secured, used for one request after another, kept in between. */
#include "upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"

enum {
	READ_MAX = 64 << 10,   /* bytes read at once */
	KEEP_MAX = 64 << 10,   /* a larger buffer is given back when it is empty */
	PEEK_AFTER = 100,      /* milliseconds idle after which a kept connection is looked at before it is used */
};

/* --- life --- */

/* A free slot. There always is one: each job has one connection and the number of idle ones is bounded. */
static struct origin *claim(struct upstream *u)
{
	size_t i = u->first_free;

	while (u->origins[i].state != ORIGIN_FREE)
		i++;
	u->first_free = i + 1;
	return &u->origins[i];
}

static uint32_t index_of(const struct upstream *u, const struct origin *o)
{
	return (uint32_t)(o - u->origins);
}

/* Take it out of the list of kept connections. */
static void forget_idle(struct upstream *u, const struct origin *o)
{
	for (size_t i = 0; i < u->n_idle; i++) {
		if (u->idle[i] != index_of(u, o))
			continue;
		memmove(&u->idle[i], &u->idle[i + 1], (u->n_idle - i - 1) * sizeof(u->idle[0]));
		u->n_idle--;
		return;
	}
}

void origin_close(struct upstream *u, struct origin *o)
{
	uint8_t generation = o->generation;
	bool dirty = o->dirty;

	if (o->state == ORIGIN_IDLE)
		forget_idle(u, o);
	tls_release(&o->tls);
	buf_release(&o->in);
	buf_wipe(&o->ask);
	routing_release(o->place.rules);
	*o = (struct origin){ .generation = (uint8_t)(generation + 1), .dirty = dirty };
	if (index_of(u, o) < u->first_free)
		u->first_free = index_of(u, o);
}

void origin_close_idle(struct upstream *u)
{
	while (u->n_idle)
		origin_close(u, &u->origins[u->idle[u->n_idle - 1]]);
}

void origin_close_surplus(struct upstream *u)
{
	while (u->n_idle > QUIET_ORIGINS_MAX) {
		struct origin *oldest = &u->origins[u->idle[0]];

		if (u->loop.now - oldest->idle_since < TRIM_TIME)
			return;
		origin_close(u, oldest);
	}
}

void origin_touch(struct upstream *u, struct origin *o)
{
	if (o->dirty)
		return;
	o->dirty = true;
	u->dirty[u->n_dirty++] = index_of(u, o);
}

/* Join a connection and a job. */
static void join(struct upstream *u, struct origin *o, struct job *j)
{
	o->job = j;
	j->origin = o;
	o->in_body = o->complete = false;
	o->scanned = 0;
	origin_touch(u, o);
}

bool origin_dial(struct upstream *u, struct job *j, const struct sockaddr_storage *address)
{
	socklen_t len = address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	AUTO_FD fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct error e = ERROR_INIT;
	struct origin *o;

	if (fd < 0 || (connect(fd, (const struct sockaddr *)address, len) < 0 && errno != EINPROGRESS))
		return false;
	link_no_delay(fd);
	o = claim(u);
	if (!loop_add(&u->loop, fd, LOOP_READ | LOOP_WRITE | LOOP_EDGE,
		      (struct loop_ref){ REF_ORIGIN, o->generation, index_of(u, o) }, &e))
		return false;
	tls_init(&o->tls, fd_steal(&fd));
	o->state = ORIGIN_DIALING;
	o->place = j->place;
	routing_hold(o->place.rules);
	join(u, o, j);
	upstream_deadline(u, &o->deadline, j->addresses->next < j->addresses->count ? ADDRESS_TIME : CONNECT_TIME);
	return true;
}

/* --- keeping --- */

/* Can a connection for a serve b? */
static bool same_place(const struct place *a, const struct place *b)
{
	return a->rules == b->rules && a->route == b->route && a->scheme == b->scheme &&
	       a->authority.port == b->authority.port && strcmp(a->authority.host, b->authority.host) == 0;
}

/* Has the origin neither closed the connection nor sent what nobody asked for? */
static bool is_quiet(struct origin *o)
{
	char byte;

	return tls_read(&o->tls, &byte, 1) == LINK_WAIT;
}

/* Keep it for the next request to the same place. */
static void keep(struct upstream *u, struct origin *o)
{
	o->state = ORIGIN_IDLE;
	o->idle_since = u->loop.now;
	upstream_deadline(u, &o->deadline, ORIGIN_IDLE_TIME);
	if (u->n_idle == IDLE_ORIGINS_MAX)
		origin_close(u, &u->origins[u->idle[0]]);
	u->idle[u->n_idle++] = index_of(u, o);
	if (o->tls.link.readable && !is_quiet(o))
		origin_close(u, o);
}

bool origin_reuse(struct upstream *u, struct job *j)
{
	for (size_t i = u->n_idle; i-- > 0;) {
		struct origin *o = &u->origins[u->idle[i]];

		if (!same_place(&o->place, &j->place))
			continue;
		if (u->loop.now - o->idle_since >= PEEK_AFTER) {
			o->tls.link.readable = true;
			if (!is_quiet(o)) {
				origin_close(u, o);
				continue;
			}
		}
		forget_idle(u, o);
		o->state = ORIGIN_BUSY;
		o->uses++;
		j->state = JOB_RUNNING;
		upstream_deadline(u, &o->deadline, SILENCE_TIME);
		join(u, o, j);
		return true;
	}
	return false;
}

/* --- trouble --- */

/* The address does not answer: close and let the job try another. */
static void fail_dial(struct upstream *u, struct origin *o, unsigned status, const char *why)
{
	struct job *j = o->job;

	j->origin = NULL;
	origin_close(u, o);
	dial_next(u, j, status, why);
}

/* The connection is of no more use: once more on a new one, a failure, or an abort, by how far it came. */
static void lose(struct upstream *u, struct origin *o, const char *why)
{
	struct job *j = o->job;

	if (j->response_started) {
		job_abort(u, j, "the origin closed the connection before its end");
	} else if (o->uses > 1 && j->repeatable && !o->in.len && !j->interims) {
		j->origin = NULL;
		origin_close(u, o);
		j->out_at = 0;
		dial_start(u, j, true);
	} else {
		job_fail_with(u, j, 502, "response", why);
	}
}

void origin_expire(struct upstream *u, struct origin *o)
{
	switch (o->state) {
	case ORIGIN_DIALING:
		fail_dial(u, o, 504, "no answer");
		break;
	case ORIGIN_ASKING:
		job_fail_with(u, o->job, 504, "upstream-proxy", "the upstream proxy did not connect in time");
		break;
	case ORIGIN_SECURING:
		job_fail_with(u, o->job, 504, "connect", "the origin did not complete the TLS handshake in time");
		break;
	case ORIGIN_BUSY:
		if (o->job->response_started)
			job_abort(u, o->job, "nothing has moved for too long");
		else
			job_fail_with(u, o->job, 504, "silence", "the origin has not answered in time");
		break;
	case ORIGIN_IDLE:
		origin_close(u, o);
		break;
	case ORIGIN_FREE:
		break;
	}
}

/* --- the request --- */

/* Write what the job has. False when the connection was lost. */
static bool write_request(struct upstream *u, struct origin *o)
{
	struct job *j = o->job;

	while (j->out_at < j->out.len || tls_unsent(&o->tls)) {
		ssize_t n = tls_write(&o->tls, j->out.ptr + j->out_at, j->out.len - j->out_at);

		if (n == LINK_WAIT)
			break;
		if (n < 0) {
			lose(u, o, "the origin closed the connection while the request was sent");
			return false;
		}
		j->out_at += (size_t)n;
		o->progress = true;
	}
	job_credit(u, j);
	if (j->out_at < j->out.len || tls_unsent(&o->tls) || (j->repeatable && !j->response_started))
		return true;
	if (j->out.cap > KEEP_MAX)
		buf_wipe(&j->out);
	else
		buf_truncate(&j->out, 0);
	j->out_at = 0;
	return true;
}

/* --- the response --- */

enum outcome { OUTCOME_MORE, OUTCOME_DONE, OUTCOME_LOST };

/* Pass a head to the front, without what concerns this connection only. */
static bool pass_head(struct upstream *u, struct job *j, const struct http_head *h, uint32_t type)
{
	bool strip[HTTP_FIELDS_MAX];
	AUTO_BUF etag = BUF_INIT;
	struct http_extra add = { SLICE("ETag"), SLICE("") };
	struct http_rewrite r = { .strip = strip, .framing = h->body, .add = &add };
	struct buf *message;
	const char *why;
	size_t start;
	bool ok;

	r.upgrade = h->body == HTTP_BODY_TUNNEL;
	for (size_t i = 0; i < h->n_fields; i++)
		strip[i] = h->fields[i].id == HTTP_ALT_SVC; /* would lead the agent past the proxy */
	content_strip(&j->content, h, strip, &etag);
	add.value = buf_slice(&etag);
	r.n_add = etag.len > 0;
	if (h->body == HTTP_BODY_CLOSE || (h->body == HTTP_BODY_LENGTH && j->content.decodes))
		r.framing = HTTP_BODY_CHUNKED;
	message = channel_open(&u->front, type, j->stream);
	start = message->len;
	ok = http_write_response(message, h, &r, &why);
	if (j->content.guard.set)
		guard_mask_head(j->content.guard.set, message->ptr + start, message->len - start);
	channel_close(&u->front);
	return ok;
}

/* The final head. */
static enum outcome take_final(struct upstream *u, struct origin *o, struct http_head *h)
{
	struct job *j = o->job;
	struct refusal no;

	if (routing_look_at(j->place.rules, j->place.route, h) &&
	    !content_begin(&j->content, h, u->decoding == DECODING_MAX, &no)) {
		job_fail(u, j, &no);
		return OUTCOME_LOST;
	}
	u->decoding += j->content.decodes;
	j->request_done = j->request_done || j->upgrade; /* it was refused: a request without a body, then */
	o->in_body = true;
	o->keep = h->keep_alive && h->body != HTTP_BODY_CLOSE;
	o->body = h->body;
	o->left = h->length;
	o->chunks = (struct chunk_decoder){ 0 };
	j->response_started = true;
	if (policy_route(j->place.rules->policy, j->place.route)->auth)
		cookies_remember(&u->cookies, j->place.authority.host, h);
	if (h->body == HTTP_BODY_NONE && j->content.decodes)
		h->has_length = false; /* it is that of the coded body */
	pass_head(u, j, h, MESSAGE_RESPONSE);
	return h->body == HTTP_BODY_NONE || (h->body == HTTP_BODY_LENGTH && h->length == 0) ? OUTCOME_DONE
											    : OUTCOME_MORE;
}

/* The origin agrees to a WebSocket, if it does. */
static enum outcome take_switch(struct upstream *u, struct origin *o, const struct http_head *h)
{
	struct job *j = o->job;
	struct refusal no;
	const char *why;

	if (!upgrade_answer(j, h, &why)) {
		refuse(&no, 502, "upgrade", "the origin's answer to the upgrade is wrong: %s", why);
		job_fail(u, j, &no);
		return OUTCOME_LOST;
	}
	o->in_body = j->response_started = true;
	o->keep = false;
	o->body = HTTP_BODY_TUNNEL;
	pass_head(u, j, h, MESSAGE_RESPONSE);
	return OUTCOME_MORE;
}

/* A head, if it is whole. */
static enum outcome take_head(struct upstream *u, struct origin *o, struct slice input, size_t *used)
{
	struct job *j = o->job;
	struct http_head h;
	struct refusal no;
	const char *why;

	switch (http_parse_response(input, &o->scanned, j->head_request, &h, used, &why)) {
	case HTTP_MORE:
		*used = 0;
		return OUTCOME_MORE;
	case HTTP_BAD:
		refuse(&no, 502, "response", "the origin's response is malformed: %s", why);
		job_fail(u, j, &no);
		return OUTCOME_LOST;
	case HTTP_DONE:
		break;
	}
	o->scanned = 0;
	if (h.status >= 200)
		return take_final(u, o, &h);
	if (h.status == 101 && j->upgrade)
		return take_switch(u, o, &h);
	if (h.status == 101 || ++j->interims > INTERIMS_MAX) {
		job_fail_with(u, j, 502, "response",
			      h.status == 101 ? "the origin changed the protocol without being asked" :
						"the origin sends interim responses without end");
		return OUTCOME_LOST;
	}
	pass_head(u, j, &h, MESSAGE_INFORM);
	return OUTCOME_MORE;
}

/* Send a run of body to the front, or all that was held back of it. */
static void send_body(struct upstream *u, struct job *j, struct slice data, bool end)
{
	j->credit -= (uint32_t)data.len;
	data = guard_feed(&j->content.guard, data, end);
	while (data.len) {
		struct slice piece = slice_sub(data, 0, PIECE_MAX);

		channel_put(&u->front, MESSAGE_BODY, j->stream, piece);
		data = slice_sub(data, piece.len, data.len);
	}
}

/* Pass on a run of body as it came. */
static void pass_body(struct upstream *u, struct job *j, struct slice data)
{
	if (j->content.decodes)
		buf_add_slice(&j->content.coded, data); /* decode sends it */
	else
		send_body(u, j, data, false);
}

/* Decode what has come, as far as the front takes it. False when it is bad. */
static bool decode(struct upstream *u, struct job *j, const char **why)
{
	struct content *c = &j->content;
	struct slice coded = buf_slice(&c->coded), piece;
	enum coding_result r = CODING_PIECE;

	while (c->decodes && j->credit >= CODING_PIECE_MAX && r == CODING_PIECE) {
		r = coding_feed(&c->coding, &coded, &piece, why);
		if (r == CODING_PIECE)
			send_body(u, j, piece, false);
	}
	buf_consume(&c->coded, c->coded.len - coded.len);
	return r != CODING_BAD;
}

/* Must the front take more before more is read: is there still something to decode, or no room for a frame? */
static bool waits_for_front(const struct job *j)
{
	return (j->content.decodes && j->credit < CODING_PIECE_MAX) || (upgrade_is_open(j) && !upgrade_has_room(j));
}

/* Some of the body; the input is no longer than what the front has given credit for. */
static enum outcome take_body(struct upstream *u, struct origin *o, struct slice input, size_t *used)
{
	struct job *j = o->job;
	enum http_result r = HTTP_MORE;
	const char *why;

	*used = 0;
	if (o->body == HTTP_BODY_TUNNEL) {
		if (upgrade_take(u, j, input, used, &why))
			return OUTCOME_MORE;
		job_abort(u, j, why);
		return OUTCOME_LOST;
	}
	if (o->body == HTTP_BODY_CLOSE) {
		*used = input.len;
		pass_body(u, j, input);
		return OUTCOME_MORE;
	}
	if (o->body == HTTP_BODY_LENGTH) {
		input = slice_sub(input, 0, o->left < input.len ? (size_t)o->left : input.len);
		*used = input.len;
		o->left -= input.len;
		pass_body(u, j, input);
		return o->left ? OUTCOME_MORE : OUTCOME_DONE;
	}
	while (*used < input.len && r == HTTP_MORE) {
		struct slice data;
		size_t consumed;

		r = chunk_decode(&o->chunks, slice_sub(input, *used, input.len), &consumed, &data, &why);
		*used += consumed;
		pass_body(u, j, data);
	}
	if (r == HTTP_BAD) {
		job_abort(u, j, why);
		return OUTCOME_LOST;
	}
	return r == HTTP_DONE ? OUTCOME_DONE : OUTCOME_MORE;
}

/* The response is complete: the job is over, the connection perhaps not. */
static void finish(struct upstream *u, struct origin *o)
{
	struct job *j = o->job;
	bool reusable = o->keep && j->request_done && j->out_at == j->out.len && !tls_unsent(&o->tls) &&
			o->in.len == 0 && !o->tls.link.ended;
	const char *why;

	if (j->content.decodes && o->body != HTTP_BODY_NONE && !coding_finish(&j->content.coding, &why)) {
		job_abort(u, j, why);
		return;
	}
	o->job = NULL;
	j->origin = NULL;
	send_body(u, j, SLICE(""), true);
	job_end(u, j);
	if (reusable)
		keep(u, o);
	else
		origin_close(u, o);
}

/* Bytes to work on: kept ones, or what can be read now. Returns what link_read does when there are none. */
static ssize_t receive(struct origin *o, size_t room, struct slice *input, bool fresh)
{
	static char shared[READ_MAX];
	ssize_t n;

	if (o->in.len && !fresh) {
		*input = buf_slice(&o->in);
		return (ssize_t)input->len;
	}
	if (o->in.len == 0) {
		n = tls_read(&o->tls, shared, room);
		*input = slice_of(shared, n > 0 ? (size_t)n : 0);
	} else {
		buf_reserve(&o->in, room);
		n = tls_read(&o->tls, o->in.ptr + o->in.len, room);
		o->in.len += n > 0 ? (size_t)n : 0;
		*input = buf_slice(&o->in);
	}
	o->progress |= n > 0;
	return n;
}

/* Drop what was used of the input, keep the rest. */
static void retain(struct origin *o, struct slice input, size_t used)
{
	if (o->in.len) {
		buf_consume(&o->in, used);
		if (o->in.len == 0)
			buf_release(&o->in);
	} else if (used < input.len) {
		buf_add_slice(&o->in, slice_sub(input, used, input.len));
	}
}

/* The stream has ended, or broken: that is the end of a body without other end, and else one too early. */
static void end_of_stream(struct upstream *u, struct origin *o, ssize_t how)
{
	if (how == LINK_END && upgrade_is_closing(o->job)) {
		job_end(u, o->job);
	} else if (how == LINK_END && o->in_body && o->body == HTTP_BODY_CLOSE) {
		o->keep = false;
		finish(u, o);
	} else {
		lose(u, o, "the origin closed the connection without a response");
	}
}

/* Read as far as it gets. */
static void read_response(struct upstream *u, struct origin *o)
{
	bool fresh = false; /* what is kept is not enough by itself */

	for (;;) {
		struct job *j = o->job;
		size_t room = !o->in_body || j->credit > READ_MAX || j->content.decodes ||
			upgrade_is_open(j) ? READ_MAX : j->credit, used;
		enum outcome outcome;
		struct slice input;
		const char *why;
		ssize_t n;

		if (!decode(u, j, &why)) {
			job_abort(u, j, why);
			return;
		}
		if (waits_for_front(j))
			return;
		if (o->complete) {
			finish(u, o);
			return;
		}
		if (room == 0)
			return;
		n = receive(o, room, &input, fresh);
		if (n == LINK_WAIT)
			return;
		if (n < 0) {
			end_of_stream(u, o, n);
			return;
		}
		outcome =
			o->in_body ? take_body(u, o, slice_sub(input, 0, room), &used) : take_head(u, o, input, &used);
		if (outcome == OUTCOME_LOST)
			return;
		retain(o, input, used);
		fresh = used == 0;
		o->complete = outcome == OUTCOME_DONE;
	}
}

/* --- steps --- */

void origin_begin(struct upstream *u, struct origin *o)
{
	const struct place *place = &o->place;
	struct tls_client *trust = place->rules->trust[place->route];
	struct error e = ERROR_INIT;

	o->uses = 1;
	if (place->scheme == SCHEME_HTTP) {
		o->state = ORIGIN_BUSY;
		o->job->state = JOB_RUNNING;
	} else if (tls_connect(&o->tls, trust ? trust : u->trust, place->authority.host, &e)) {
		o->state = ORIGIN_SECURING;
		o->deadline = o->job->deadline;
	} else {
		job_fail_with(u, o->job, 502, "tls", e.text);
		return;
	}
	origin_touch(u, o);
}

/* The connection is open, or not: go on with what comes first on it. */
static void step_dialing(struct upstream *u, struct origin *o)
{
	const struct proxy *proxy = dial_proxy(u, policy_route(o->place.rules->policy, o->place.route));
	int error = 0;
	socklen_t len = sizeof(error);

	if (!o->tls.link.writable)
		return;
	if (getsockopt(o->tls.link.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		fail_dial(u, o, 502, strerror(error ? error : errno));
		return;
	}
	if (!proxy) {
		origin_begin(u, o);
		return;
	}
	proxy_ask(proxy, &o->place.authority, &o->ask);
	o->state = ORIGIN_ASKING;
	o->deadline = o->job->deadline;
	origin_touch(u, o);
}

static void step_securing(struct upstream *u, struct origin *o)
{
	struct error e = ERROR_INIT;
	struct refusal no;

	switch (tls_handshake(&o->tls, &e)) {
	case TLS_DONE:
		o->state = ORIGIN_BUSY;
		o->job->state = JOB_RUNNING;
		upstream_deadline(u, &o->deadline, SILENCE_TIME);
		origin_touch(u, o);
		break;
	case TLS_FAILED:
		refuse(&no, 502, "certificate", "'%s' did not prove who it is: %s", o->place.authority.host, e.text);
		job_fail(u, o->job, &no);
		break;
	default:
		break;
	}
}

void origin_step(struct upstream *u, struct origin *o)
{
	switch (o->state) {
	case ORIGIN_DIALING:
		step_dialing(u, o);
		break;
	case ORIGIN_ASKING:
		dial_ask(u, o);
		break;
	case ORIGIN_SECURING:
		step_securing(u, o);
		break;
	case ORIGIN_BUSY:
		if (write_request(u, o))
			read_response(u, o);
		if (o->state == ORIGIN_BUSY && upgrade_is_over(o->job) && !tls_unsent(&o->tls))
			job_end(u, o->job);
		if (o->state == ORIGIN_BUSY && o->progress) {
			o->progress = false;
			upstream_deadline(u, &o->deadline, SILENCE_TIME);
		}
		break;
	case ORIGIN_IDLE:
		if (!is_quiet(o))
			origin_close(u, o);
		break;
	case ORIGIN_FREE:
		break;
	}
}
