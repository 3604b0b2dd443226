/* One connection of the bottle: what it waits for, its bytes in and out, its TLS. */
#include "front.h"

enum {
	READ_MAX = 64 << 10,  /* bytes read at once */
	KEEP_MAX = 16 << 10,  /* a larger buffer is given back when it is empty */
	TLS_HANDSHAKE = 0x16, /* first byte of a ClientHello's record, RFC 8446 §5.1 */
};

static const int64_t phase_times[] = {
	[PHASE_HEAD] = HEAD_TIME,
	[PHASE_IDLE] = IDLE_TIME,
	[PHASE_EXCHANGE] = SILENCE_TIME,
	[PHASE_HANDSHAKE] = HEAD_TIME,
	[PHASE_LINGER] = LINGER_TIME,
};

/* Start the clock of a phase. */
static void enter(struct front *f, struct client *c, enum phase phase)
{
	c->phase = phase;
	c->progress = false;
	c->deadline = f->loop.now + phase_times[phase];
	if (c->deadline < f->next_sweep)
		f->next_sweep = c->deadline;
}

/* The phase that follows from the state; only an exchange in which something moves gets more time. */
static void update_phase(struct front *f, struct client *c)
{
	enum phase phase = c->phase;

	switch (c->state) {
	case CLIENT_REQUESTS:
		phase = c->x.active || c->held || c->ending ? PHASE_EXCHANGE : c->in.len ? PHASE_HEAD :
			c->phase == PHASE_EXCHANGE ? PHASE_IDLE : phase;
		break;
	case CLIENT_TUNNEL:
	case CLIENT_HANDSHAKE:
		phase = PHASE_HANDSHAKE;
		break;
	case CLIENT_LINGER:
		phase = PHASE_LINGER;
		break;
	case CLIENT_FREE:
		return;
	}
	if (phase != c->phase || (phase == PHASE_EXCHANGE && c->progress))
		enter(f, c, phase);
}

void client_start(struct front *f, uint32_t slot, int fd)
{
	struct client *c = &f->clients[slot];
	struct loop_ref ref = { REF_CLIENT, c->generation, slot };
	struct error e = ERROR_INIT;

	link_no_delay(fd);
	tls_init(&c->tls, fd);
	if (!loop_add(&f->loop, fd, LOOP_READ | LOOP_WRITE | LOOP_EDGE, ref, &e)) {
		tls_release(&c->tls);
		return;
	}
	c->state = CLIENT_REQUESTS;
	c->tls.link.readable = c->tls.link.writable = true;
	f->n_clients++;
	enter(f, c, PHASE_HEAD);
	client_step(f, c);
}

void client_drop(struct front *f, struct client *c)
{
	uint32_t slot = client_slot(f, c), streams = c->streams;
	uint8_t generation = c->generation;
	bool dirty = c->dirty;

	exchange_cancel(f, c);
	tls_release(&c->tls);
	buf_release(&c->in);
	buf_release(&c->out);
	buf_release(&c->x.path);
	websocket_release(c->x.websocket);
	inbound_release(f, c);
	dlp_settled(c);
	*c = (struct client){ .generation = (uint8_t)(generation + 1), .streams = streams, .dirty = dirty };
	f->n_clients--;
	if (slot < f->first_free)
		f->first_free = slot;
}

void client_touch(struct front *f, struct client *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	f->dirty[f->n_dirty++] = client_slot(f, c);
}

void client_end(struct client *c)
{
	c->ending = true;
}

/* Is anything not yet with the kernel? */
static bool has_output(const struct client *c)
{
	return c->out_at < c->out.len || tls_unsent(&c->tls);
}

/* Write what is queued. False when the connection is broken. */
static bool flush(struct client *c)
{
	while (has_output(c)) {
		ssize_t n = tls_write(&c->tls, c->out.ptr + c->out_at, c->out.len - c->out_at);

		if (n == LINK_WAIT)
			return true;
		if (n < 0)
			return false;
		c->out_at += (size_t)n;
		c->progress = true;
	}
	if (c->out.cap > KEEP_MAX)
		buf_release(&c->out);
	else
		buf_truncate(&c->out, 0);
	c->out_at = 0;
	return true;
}

void client_break(struct client *c)
{
	flush(c);
	if (c->x.framing == HTTP_BODY_CLOSE && !c->secure)
		link_reset(&c->tls.link); /* here a mere end would look like the body's */
	c->tls.link.broken = true;
}

/* Keep what was not used of the input: it is the end of c->in, or of the shared buffer. */
static void keep(struct client *c, struct slice input, size_t used)
{
	if (c->in.len)
		buf_consume(&c->in, used);
	else
		buf_add_slice(&c->in, slice_sub(input, used, input.len));
	if (c->in.len == 0 && c->in.cap)
		buf_release(&c->in);
}

/* Read once, to behind what is kept. The result is the bytes in *input, or what link_read says when there are none. */
static ssize_t receive(struct client *c, size_t room, struct slice *input)
{
	static char shared[READ_MAX];
	ssize_t n;

	if (room > READ_MAX)
		room = READ_MAX;
	if (c->in.len == 0) {
		n = tls_read(&c->tls, shared, room);
		*input = slice_of(shared, n > 0 ? (size_t)n : 0);
	} else {
		buf_reserve(&c->in, room);
		n = tls_read(&c->tls, c->in.ptr + c->in.len, room);
		if (n > 0)
			c->in.len += (size_t)n;
		*input = buf_slice(&c->in);
	}
	c->progress |= n > 0;
	return n;
}

/*
 * How many bytes to ask for: what an exchange can take, or anything while a request is
 * awaited, but none while one is held, nor while the answers to earlier ones pile up.
 */
static size_t read_room(const struct client *c)
{
	if (c->held)
		return 0;
	if (c->x.active)
		return exchange_room(c);
	return c->out.len - c->out_at < ANSWERS_MAX ? READ_MAX : 0;
}

/* Use kept bytes, or read more, as far as the exchange can take them. */
static enum step step_requests(struct front *f, struct client *c)
{
	struct slice input = buf_slice(&c->in);
	size_t used;

	if (read_room(c) == 0)
		return STEP_WAIT;
	if (input.len) {
		used = exchange_take(f, c, input);
		keep(c, input, used);
		if (used || c->held)
			return STEP_AGAIN;
	}
	switch (receive(c, read_room(c), &input)) {
	case LINK_WAIT:
		return STEP_WAIT;
	case LINK_END:
	case LINK_ERROR:
		client_drop(f, c);
		return STEP_GONE;
	}
	keep(c, input, exchange_take(f, c, input));
	return STEP_AGAIN;
}

/* The CONNECT has been answered: what follows must be TLS. */
static enum step step_tunnel(struct front *f, struct client *c)
{
	struct slice input = buf_slice(&c->in);
	struct error e = ERROR_INIT;
	struct refusal no;

	if (input.len == 0) {
		ssize_t n = receive(c, READ_MAX, &input);

		if (n == LINK_WAIT)
			return STEP_WAIT;
		if (n < 0) {
			client_drop(f, c);
			return STEP_GONE;
		}
	}
	if ((unsigned char)input.ptr[0] != TLS_HANDSHAKE) {
		refuse(&no, 400, "not-tls",
		       "only TLS may follow a CONNECT; use a plain http:// request for what is not secured");
		exchange_of_tunnel(f, c);
		refusal_send(f, c, &no, true);
		return STEP_AGAIN;
	}
	link_unread(&c->tls.link, input);
	buf_release(&c->in);
	if (!tls_accept(&c->tls, f->tls, &e)) {
		client_drop(f, c);
		return STEP_GONE;
	}
	c->state = CLIENT_HANDSHAKE;
	return STEP_AGAIN;
}

/* Ask for the certificate that the held handshake needs; true when it is there already. */
static bool provide_leaf(struct front *f, struct client *c)
{
	struct tls_certificate *leaf;
	char name[HOST_MAX + 3];

	leaf_name(c, name);
	leaf = leaf_get(f, name);
	c->waits_for_leaf = !leaf;
	if (leaf)
		tls_use_certificate(&c->tls, leaf);
	return leaf;
}

static enum step step_handshake(struct front *f, struct client *c)
{
	struct error e = ERROR_INIT;

	if (c->waits_for_leaf)
		return STEP_WAIT;
	switch (tls_handshake(&c->tls, &e)) {
	case TLS_WAIT:
		return STEP_WAIT;
	case TLS_NEED_CERTIFICATE:
		return provide_leaf(f, c) ? STEP_AGAIN : STEP_WAIT;
	case TLS_FAILED:
		client_drop(f, c);
		return STEP_GONE;
	case TLS_DONE:
		break;
	}
	c->misdirected = c->tls.bad_name || (*c->tls.name && strcmp(c->tls.name, c->tunnel.host) != 0);
	c->secure = true;
	c->state = CLIENT_REQUESTS;
	enter(f, c, PHASE_HEAD);
	return STEP_AGAIN;
}

void client_leaf_came(struct front *f, struct client *c, struct tls_certificate *leaf, const char *why)
{
	struct refusal no;

	c->waits_for_leaf = false;
	if (leaf) {
		tls_use_certificate(&c->tls, leaf);
		client_touch(f, c);
		return;
	}
	refuse(&no, 502, "certificate", "no certificate for this connection: %s", why);
	exchange_of_tunnel(f, c);
	audit_refusal(f, c, &no);
	client_drop(f, c);
}

/*
 * Everything was written: say so, and read what the client may still be sending, lest its kernel throws our words away.
 */
static enum step step_ending(struct front *f, struct client *c)
{
	struct slice input;
	ssize_t n;

	if (c->state != CLIENT_LINGER) {
		if (has_output(c))
			return STEP_WAIT;
		exchange_cancel(f, c);
		tls_finish(&c->tls);
		c->state = CLIENT_LINGER;
	}
	buf_release(&c->in);
	do {
		n = receive(c, READ_MAX, &input);
		buf_release(&c->in);
	} while (n > 0);
	if (n == LINK_WAIT)
		return STEP_WAIT;
	client_drop(f, c);
	return STEP_GONE;
}

/* One move of the state machine. */
static enum step step_once(struct front *f, struct client *c)
{
	if (c->ending)
		return step_ending(f, c);
	switch (c->state) {
	case CLIENT_REQUESTS:
		return step_requests(f, c);
	case CLIENT_TUNNEL:
		return step_tunnel(f, c);
	case CLIENT_HANDSHAKE:
		return step_handshake(f, c);
	case CLIENT_FREE:
	case CLIENT_LINGER:
		break;
	}
	return STEP_WAIT;
}

void client_step(struct front *f, struct client *c)
{
	enum step step;
	size_t queued;

	if (c->state == CLIENT_FREE)
		return;
	do {
		if (c->tls.link.broken || !flush(c)) {
			client_drop(f, c);
			return;
		}
		queued = c->out.len;
		reply_credit(f, c);
		exchange_push(f, c);
		step = step_once(f, c);
		if (step == STEP_GONE)
			return;
	} while (step == STEP_AGAIN || c->out.len != queued);
	update_phase(f, c);
}

void client_expire(struct front *f, struct client *c)
{
	struct refusal no;

	if (c->phase != PHASE_EXCHANGE || !c->x.active || c->x.response_started || c->ending) {
		client_drop(f, c);
		return;
	}
	refuse(&no, 504, "silence", "the origin has not answered within %d minutes", SILENCE_TIME / 60000);
	exchange_cancel(f, c);
	refusal_send(f, c, &no, true);
	client_step(f, c);
}
