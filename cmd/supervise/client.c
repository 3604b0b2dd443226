#include <stdlib.h>

#include "alloc.h"
#include "program.h"
#include "server.h"

#define READ_PIECE (64 << 10) /* bytes read at once */

static uint32_t slot_of(const struct server *s, const struct client *c)
{
	return (uint32_t)(c - s->clients);
}

void client_start(struct server *s, struct client *c, int fd)
{
	struct error e = ERROR_INIT;
	uint8_t generation = (uint8_t)(c->generation + 1);

	*c = (struct client){ .state = CLIENT_HEAD, .generation = generation, .deadline = s->loop.now + READ_TIME };
	link_init(&c->link, fd);
	s->n_clients++;
	if (!loop_add(&s->loop, fd, LOOP_READ | LOOP_WRITE | LOOP_EDGE,
		      (struct loop_ref){ 0, generation, slot_of(s, c) }, &e)) {
		program_warn("%s", e.text);
		client_drop(s, c);
		return;
	}
	link_no_delay(fd);
}

void client_drop(struct server *s, struct client *c)
{
	if (c->state == CLIENT_FREE)
		return;
	link_release(&c->link);
	exchange_release(&c->exchange);
	buf_release(&c->in);
	buf_release(&c->body);
	buf_release(&c->out);
	c->state = CLIENT_FREE;
	s->n_clients--;
}

/* Read what has come, as long as there is use for it. False when the peer is gone. */
static bool fill(struct client *c)
{
	ssize_t n;

	do {
		buf_reserve(&c->in, READ_PIECE);
		n = link_read(&c->link, c->in.ptr + c->in.len, READ_PIECE);
		if (n > 0) {
			c->in.len += (size_t)n;
			c->in.ptr[c->in.len] = '\0';
		}
	} while (n > 0 && c->in.len < HTTP_HEAD_MAX);
	return n > 0 || n == LINK_WAIT;
}

/* Parse a head if one is there. */
static bool step_head(struct server *s, struct client *c)
{
	struct http_head *h = alloc_zero(1, sizeof(*h));
	const char *why = NULL;
	size_t consumed = 0;
	enum http_result r = http_parse_request(buf_slice(&c->in), &c->scanned, h, &consumed, &why);

	if (r == HTTP_DONE) {
		c->scanned = 0;
		c->deadline = s->loop.now + READ_TIME;
		request_take_head(s, c, h);
		buf_consume(&c->in, consumed);
	} else if (r == HTTP_BAD) {
		request_refuse(c, 400, why);
	}
	free(h);
	return r != HTTP_MORE;
}

/* Take the body's bytes out of what has come. */
static bool step_body(struct server *s, struct client *c)
{
	enum http_result r = HTTP_MORE;
	const char *why = NULL;

	if (c->framing == HTTP_BODY_CHUNKED) {
		while (r == HTTP_MORE && c->in.len) {
			struct slice data;
			size_t consumed;

			r = chunk_decode(&c->chunks, buf_slice(&c->in), &consumed, &data, &why);
			buf_add_slice(&c->body, data);
			buf_consume(&c->in, consumed);
			if (c->body.len > MCP_BODY_MAX) {
				request_refuse(c, 413, "the body is larger than 1 MiB");
				return true;
			}
		}
	} else {
		size_t n = c->left < c->in.len ? (size_t)c->left : c->in.len;

		buf_add(&c->body, buf_str(&c->in), n);
		buf_consume(&c->in, n);
		c->left -= n;
		r = c->left ? HTTP_MORE : HTTP_DONE;
	}
	if (r == HTTP_BAD)
		request_refuse(c, 400, why);
	else if (r == HTTP_DONE)
		request_take_body(s, c);
	return r != HTTP_MORE;
}

/* Write as much as the peer takes. False when it is gone. */
static bool flush(struct server *s, struct client *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = link_write(&c->link, c->out.ptr + c->out_at, c->out.len - c->out_at);

		if (n == LINK_WAIT)
			return true;
		if (n < 0)
			return false;
		c->out_at += (size_t)n;
		if (c->state == CLIENT_ANSWERS)
			c->deadline = s->loop.now + WRITE_TIME;
	}
	buf_truncate(&c->out, 0);
	c->out_at = 0;
	return true;
}

/* An answer is written: get ready for the next request, or for the end. */
static void finish(struct server *s, struct client *c)
{
	exchange_release(&c->exchange);
	buf_release(&c->body);
	c->streaming = false;
	if (c->close) {
		c->state = CLIENT_LINGERS;
		c->deadline = s->loop.now + LINGER_TIME;
		link_finish(&c->link);
		return;
	}
	c->state = CLIENT_HEAD;
	c->deadline = s->loop.now + IDLE_TIME;
}

/* Read and throw away. False at the end. */
static bool linger(struct client *c)
{
	bool alive = fill(c);

	buf_truncate(&c->in, 0);
	return alive;
}

/* Read until there is more than there was. False when there is nothing more now, or (alive) nobody. */
static bool fill_more(struct client *c, bool *alive)
{
	size_t before = c->in.len;
	bool open = fill(c);

	*alive = open || c->in.len > before; /* what came before the end is looked at first */
	return c->in.len > before;
}

/* One step in the present state. False when nothing more can be done now. */
static bool step_once(struct server *s, struct client *c, bool *alive)
{
	switch (c->state) {
	case CLIENT_HEAD:
		return step_head(s, c) || fill_more(c, alive);
	case CLIENT_BODY:
		return step_body(s, c) || fill_more(c, alive);
	case CLIENT_ANSWERS:
		if (c->out.len)
			return false;
		finish(s, c);
		return true;
	case CLIENT_LINGERS:
		*alive = linger(c);
		return false;
	case CLIENT_WAITS:
		*alive = !c->link.ended && !c->link.broken;
		return false;
	case CLIENT_FREE:
		break;
	}
	return false;
}

void client_step(struct server *s, struct client *c)
{
	bool alive = true, more = true;

	while (alive && more && c->state != CLIENT_FREE) {
		alive = flush(s, c);
		more = alive && step_once(s, c, &alive);
	}
	if (alive && c->state != CLIENT_FREE)
		alive = flush(s, c);
	if (!alive)
		client_drop(s, c);
}

void client_look(struct server *s, struct client *c)
{
	if (c->state != CLIENT_WAITS || !rpc_look(&s->desk, &c->exchange, s->loop.now))
		return;
	request_go_on(c);
	client_step(s, c);
}

/* When the first of its calls gives up. */
static int64_t next_call(const struct client *c)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < BATCH_MAX; i++)
		if (c->exchange.calls[i].id && c->exchange.calls[i].deadline < due)
			due = c->exchange.calls[i].deadline;
	return due;
}

int64_t client_due(const struct client *c)
{
	int64_t call;

	if (c->state != CLIENT_WAITS)
		return c->state == CLIENT_FREE ? INT64_MAX : c->deadline;
	call = next_call(c);
	return c->streaming && c->next_sign < call ? c->next_sign : call;
}

void client_tick(struct server *s, struct client *c)
{
	if (c->state != CLIENT_WAITS) {
		if (c->deadline > s->loop.now)
			return;
		if ((c->state == CLIENT_HEAD && !c->in.len) || c->state == CLIENT_ANSWERS ||
		    c->state == CLIENT_LINGERS) {
			client_drop(s, c);
			return;
		}
		request_refuse(c, 408, "the request did not arrive in time");
		client_step(s, c);
		return;
	}
	if (next_call(c) <= s->loop.now) {
		client_look(s, c);
	} else if (c->streaming && c->next_sign <= s->loop.now) {
		request_sign(s, c);
		client_step(s, c);
	}
}
