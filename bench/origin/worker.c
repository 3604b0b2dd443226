/* One thread's connections: an event loop, and for each connection the phase it is in. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "origin.h"

enum phase { PHASE_HANDSHAKE, PHASE_HEAD, PHASE_BODY, PHASE_ANSWER };
enum step { STEP_ON, STEP_WAIT, STEP_END };
enum watched { WATCH_LISTENER, WATCH_DATAGRAMS, WATCH_CONN };

struct conn {
	int fd;              /* -1: the slot is free */
	SSL *ssl;            /* NULL: plain */
	enum phase phase;
	uint8_t generation;
	unsigned want, watched; /* what the current step waits for; what the loop watches for */
	int64_t wake;        /* loop time to go on at; 0: none */
	struct buf in;       /* bytes read, from the next message on */
	struct buf out;      /* bytes to write, from out_at on */
	size_t out_at;
	struct buf head;     /* of the request being served; r points into it */
	struct request r;
	struct body body;
	uint64_t body_len;
	struct buf echo;     /* the body, when the answer repeats it */
	EVP_MD_CTX *digest;
	struct answer a;
};

struct worker {
	const struct origin *o;
	struct loop loop;
	struct conn *conns;
	uint32_t n_conns;
	size_t n_waiting;    /* connections whose wake is set */
};

/* --- bytes in and out --- */

/* Turn what OpenSSL said into a step. */
static enum step tls_step(struct conn *c, int result)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		c->want = LOOP_READ;
		return STEP_WAIT;
	case SSL_ERROR_WANT_WRITE:
		c->want = LOOP_WRITE;
		return STEP_WAIT;
	default:
		ERR_clear_error();
		return STEP_END;
	}
}

/* Turn the errno of a plain read or write into a step. */
static enum step plain_step(struct conn *c, unsigned want)
{
	if (errno != EAGAIN && errno != EINTR)
		return STEP_END;
	c->want = want;
	return STEP_WAIT;
}

/* Read what there is, up to one buffer's worth. */
static enum step conn_read(struct conn *c)
{
	ssize_t n;

	buf_reserve(&c->in, OUT_LOW);
	if (c->ssl)
		n = SSL_read(c->ssl, c->in.ptr + c->in.len, OUT_LOW);
	else
		n = read(c->fd, c->in.ptr + c->in.len, OUT_LOW);
	if (n <= 0 && c->ssl)
		return tls_step(c, (int)n);
	if (n < 0)
		return plain_step(c, LOOP_READ);
	if (n == 0)
		return STEP_END;
	c->in.len += (size_t)n;
	c->in.ptr[c->in.len] = '\0';
	return STEP_ON;
}

/* Write some of what is waiting. */
static enum step conn_write(struct conn *c)
{
	size_t left = c->out.len - c->out_at;
	ssize_t n;

	if (c->ssl)
		n = SSL_write(c->ssl, c->out.ptr + c->out_at, (int)left);
	else
		n = send(c->fd, c->out.ptr + c->out_at, left, MSG_NOSIGNAL);
	if (n <= 0)
		return c->ssl ? tls_step(c, (int)n) : plain_step(c, LOOP_WRITE);
	c->out_at += (size_t)n;
	if (c->out_at == c->out.len) {
		buf_truncate(&c->out, 0);
		c->out_at = 0;
	}
	return STEP_ON;
}

/* --- the record --- */

/* Append a line to the record in one write. */
static void record(const struct origin *o, struct buf *line)
{
	struct error e = ERROR_INIT;

	if (o->record_fd >= 0 && !fd_write_all(o->record_fd, buf_slice(line), "record", &e))
		abort(); /* a record with a hole would prove something that is not so */
}

/* Append where the connection stands, as members of an object. */
static void describe_conn(const struct conn *c, struct buf *line)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);
	const char *sni = c->ssl ? SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name) : NULL;

	getsockname(c->fd, (struct sockaddr *)&a, &len);
	buf_add_format(line, "\"port\":%u,\"tls\":%s,\"sni\":", ntohs(a.sin_port), c->ssl ? "true" : "false");
	if (sni)
		json_bytes(line, slice_str(sni));
	else
		buf_add_str(line, "null");
	buf_add_str(line, "}\n");
}

static void record_event(const struct origin *o, const struct conn *c, const char *event)
{
	AUTO_BUF line = BUF_INIT;

	buf_add_format(&line, "{\"event\":\"%s\",", event);
	describe_conn(c, &line);
	record(o, &line);
}

/* Record one datagram, the start of its contents included. */
static void record_datagram(const struct origin *o)
{
	char bytes[512];
	ssize_t n = recv(o->datagrams, bytes, sizeof(bytes), 0);
	AUTO_BUF line = BUF_INIT;

	if (n < 0)
		return;
	buf_add_str(&line, "{\"event\":\"datagram\",\"bytes\":");
	json_bytes(&line, slice_of(bytes, (size_t)n));
	buf_add_format(&line, ",\"port\":%u}\n", o->port[0]);
	record(o, &line);
}

/* Record a request whose body has arrived. */
static void record_request(const struct origin *o, struct conn *c)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	AUTO_BUF line = BUF_INIT;
	unsigned n = 0;

	request_describe(&c->r, &line);
	EVP_DigestFinal_ex(c->digest, digest, &n);
	buf_add_format(&line, ",\"body\":{\"length\":%llu,\"sha256\":\"", (unsigned long long)c->body_len);
	for (unsigned i = 0; i < n; i++)
		buf_add_format(&line, "%02x", digest[i]);
	buf_add_str(&line, "\"},");
	describe_conn(c, &line);
	record(o, &line);
}

/* --- the phases --- */

static enum step step_handshake(struct worker *w, struct conn *c)
{
	int n = SSL_accept(c->ssl);
	enum step s;

	if (n == 1) {
		c->phase = PHASE_HEAD;
		return STEP_ON;
	}
	s = tls_step(c, n);
	if (s == STEP_END)
		record_event(w->o, c, "handshake-failed");
	return s;
}

/* Answer what cannot be read, and end. */
static enum step refuse(struct conn *c)
{
	c->a = (struct answer){ .close = true };
	buf_add_str(&c->out, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	c->phase = PHASE_ANSWER;
	return STEP_ON;
}

/* Whether this answer needs the bytes of the body. */
static bool keeps_body(const struct request *r)
{
	return slice_eq(r->path, SLICE("/echo"));
}

static enum step step_head(struct worker *w, struct conn *c)
{
	const char *end = c->in.len ? memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4) : NULL;
	struct error e = ERROR_INIT;
	size_t len;

	if (!end)
		return c->in.len > HEAD_MAX ? refuse(c) : conn_read(c);
	len = (size_t)(end - c->in.ptr) + 4;
	buf_truncate(&c->head, 0);
	buf_add(&c->head, c->in.ptr, len);
	buf_consume(&c->in, len);
	if (!request_parse(buf_slice(&c->head), &c->r, &e))
		return refuse(c);
	c->body = body_start(c->r.chunked, c->r.length);
	c->body_len = 0;
	buf_truncate(&c->echo, 0);
	if (w->o->record_fd >= 0)
		EVP_DigestInit_ex(c->digest, EVP_sha256(), NULL);
	if (c->r.expects_continue && c->body.phase != BODY_DONE)
		buf_add_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->phase = PHASE_BODY;
	return STEP_ON;
}

static enum step step_body(struct worker *w, struct conn *c)
{
	struct slice input = buf_slice(&c->in), data;
	bool more = true;

	if (c->out_at < c->out.len)
		return conn_write(c);
	while (more && c->body.phase < BODY_DONE) {
		more = body_take(&c->body, &input, &data);
		c->body_len += data.len;
		if (data.len && w->o->record_fd >= 0)
			EVP_DigestUpdate(c->digest, data.ptr, data.len);
		if (data.len && keeps_body(&c->r) && c->echo.len + data.len <= ECHO_MAX)
			buf_add_slice(&c->echo, data);
	}
	buf_consume(&c->in, c->in.len - input.len);
	if (c->body.phase == BODY_BAD)
		return refuse(c);
	if (c->body.phase != BODY_DONE)
		return conn_read(c);
	if (w->o->record_fd >= 0)
		record_request(w->o, c);
	answer_start(w->o, &c->r, buf_slice(&c->echo), w->loop.now, &c->a, &c->out);
	c->phase = PHASE_ANSWER;
	return STEP_ON;
}

/* Ask to be woken at a loop time. */
static enum step sleep_until(struct conn *c, int64_t when)
{
	c->want = 0;
	c->wake = when;
	return STEP_WAIT;
}

static enum step step_answer(struct worker *w, struct conn *c)
{
	struct answer *a = &c->a;

	if (a->hold > w->loop.now)
		return sleep_until(c, a->hold);
	while (c->out_at == 0 && c->out.len < OUT_LOW && answer_more(w->o, a, w->loop.now, &c->out))
		;
	if (c->out_at < c->out.len)
		return conn_write(c);
	if (a->source != SOURCE_NONE)
		return a->left ? sleep_until(c, a->not_before) : STEP_ON;
	c->phase = PHASE_HEAD;
	return a->close ? STEP_END : STEP_ON;
}

/* Run steps until the connection has to wait or is over. */
static enum step conn_run(struct worker *w, struct conn *c)
{
	enum step s = STEP_ON;

	while (s == STEP_ON) {
		switch (c->phase) {
		case PHASE_HANDSHAKE: s = step_handshake(w, c); break;
		case PHASE_HEAD: s = step_head(w, c); break;
		case PHASE_BODY: s = step_body(w, c); break;
		case PHASE_ANSWER: s = step_answer(w, c); break;
		}
	}
	return s;
}

/* --- the table of connections --- */

static void conn_end(struct conn *c)
{
	struct linger reset = { 1, 0 };

	if (c->a.abrupt)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	else if (c->ssl && c->phase != PHASE_HANDSHAKE)
		SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	EVP_MD_CTX_free(c->digest);
	fd_close(&c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
	buf_release(&c->head);
	buf_release(&c->echo);
	*c = (struct conn){ .fd = -1, .generation = (uint8_t)(c->generation + 1) };
}

/* Let a connection go on, then watch for what it waits for. */
static bool conn_turn(struct worker *w, uint32_t index, struct error *e)
{
	struct conn *c = &w->conns[index];

	if (c->wake)
		w->n_waiting--;
	c->wake = 0;
	if (conn_run(w, c) == STEP_END) {
		conn_end(c);
		return true;
	}
	if (c->wake)
		w->n_waiting++;
	if (c->want == c->watched)
		return true;
	c->watched = c->want;
	return loop_change(&w->loop, c->fd, c->want, (struct loop_ref){ WATCH_CONN, c->generation, index }, e);
}

/* Index of a free slot, the table grown when there is none. */
static uint32_t free_slot(struct worker *w)
{
	uint32_t i = 0, n = w->n_conns ? w->n_conns * 2 : 64;

	while (i < w->n_conns && w->conns[i].fd >= 0)
		i++;
	if (i < w->n_conns)
		return i;
	w->conns = alloc_resize(w->conns, n, sizeof(*w->conns));
	for (uint32_t k = w->n_conns; k < n; k++)
		w->conns[k] = (struct conn){ .fd = -1 };
	w->n_conns = n;
	return i;
}

/* Take one connection off a listener. */
static bool accept_one(struct worker *w, uint32_t which, struct error *e)
{
	AUTO_FD fd = accept4(w->o->listener[which], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int on = 1;
	uint32_t i;
	struct conn *c;

	if (fd < 0) /* another worker was faster, or the peer has gone */
		return true;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	i = free_slot(w);
	c = &w->conns[i];
	c->phase = PHASE_HEAD;
	c->digest = EVP_MD_CTX_new();
	c->want = c->watched = LOOP_READ;
	if (which == 1) {
		c->phase = PHASE_HANDSHAKE;
		c->ssl = SSL_new(w->o->tls);
		if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1)
			return error_set(e, STATUS_WORLD, "unable to set up TLS for a connection");
	}
	c->fd = fd_steal(&fd);
	if (w->o->record_fd >= 0)
		record_event(w->o, c, "connection");
	return loop_add(&w->loop, c->fd, LOOP_READ, (struct loop_ref){ WATCH_CONN, c->generation, i }, e) &&
	       conn_turn(w, i, e);
}

/* Loop time of the nearest sleeper; -1: nobody sleeps. */
static int64_t nearest_wake(const struct worker *w)
{
	int64_t best = -1;

	for (uint32_t i = 0; w->n_waiting && i < w->n_conns; i++)
		if (w->conns[i].wake && (best < 0 || w->conns[i].wake < best))
			best = w->conns[i].wake;
	return best;
}

static bool wake_sleepers(struct worker *w, struct error *e)
{
	for (uint32_t i = 0; w->n_waiting && i < w->n_conns; i++)
		if (w->conns[i].wake && w->conns[i].wake <= w->loop.now && !conn_turn(w, i, e))
			return false;
	return true;
}

/* Deal with one event. */
static bool dispatch(struct worker *w, const struct loop_event *ev, struct error *e)
{
	struct conn *c;

	if (ev->ref.type == WATCH_LISTENER)
		return accept_one(w, ev->ref.index, e);
	if (ev->ref.type == WATCH_DATAGRAMS) {
		record_datagram(w->o);
		return true;
	}
	c = &w->conns[ev->ref.index];
	if (c->fd < 0 || c->generation != ev->ref.generation)
		return true;
	if (c->wake && (ev->ready & LOOP_HANGUP)) {
		w->n_waiting--;
		conn_end(c);
		return true;
	}
	return conn_turn(w, ev->ref.index, e);
}

bool worker_run(const struct origin *o, struct error *e)
{
	struct worker w = { .o = o };
	struct loop_event events[LOOP_EVENTS_MAX];
	bool ok = loop_init(&w.loop, e);

	for (uint32_t i = 0; i < 2 && ok; i++)
		ok = loop_add(&w.loop, o->listener[i], LOOP_READ, (struct loop_ref){ WATCH_LISTENER, 0, i }, e);
	if (ok && o->datagrams >= 0)
		ok = loop_add(&w.loop, o->datagrams, LOOP_READ, (struct loop_ref){ WATCH_DATAGRAMS, 0, 0 }, e);
	while (ok) {
		int n = loop_wait(&w.loop, nearest_wake(&w), events, e);

		ok = n >= 0;
		for (int i = 0; i < n && ok; i++)
			ok = dispatch(&w, &events[i], e);
		ok = ok && wake_sleepers(&w, e);
	}
	loop_release(&w.loop);
	free(w.conns);
	return false;
}
