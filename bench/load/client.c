/* The connections, each an enum of phases driven by one event loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "bench/pattern.h"
#include "fd.h"
#include "load.h"

#define READ_SIZE (64u << 10)
#define HEAD_MAX (64u << 10) /* bytes of an answer's head */

enum phase { PHASE_CONNECT, PHASE_TUNNEL, PHASE_HANDSHAKE, PHASE_SEND, PHASE_HEAD, PHASE_BODY };
enum step { STEP_ON, STEP_WAIT, STEP_FAILED };

struct conn {
	int fd; /* -1: idle */
	SSL *ssl;
	enum phase phase;
	uint8_t generation;
	unsigned want, watched;
	struct buf in;
	size_t sent;            /* bytes of the request, or of the CONNECT */
	int64_t opened, asked;  /* nanoseconds */
	struct body body;
	uint64_t body_len;
	uint64_t served;        /* requests that were counted */
	bool close;             /* the answer said so */
	struct buf event;       /* the line of an event that has not ended */
	const char *problem;
};

struct client {
	const struct load_options *o;
	struct figures *f;
	struct loop loop;
	SSL_CTX *tls;
	struct sockaddr_storage address;
	socklen_t address_len;
	char *host, *authority; /* of the URL: name, name:port */
	bool secure;
	struct buf tunnel;      /* the CONNECT request */
	struct buf request;     /* head; the body follows from the pattern */
	char *pattern;
	struct conn *conns;
	uint64_t begun;         /* requests */
	int64_t count_from, stop_at; /* nanoseconds */
};

int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- setting up --- */

/* Resolve "HOST:PORT". */
static bool resolve(struct client *c, const char *name, struct error *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	const char *colon = strrchr(name, ':');
	AUTO_FREE char *host = colon ? alloc_copy(name, (size_t)(colon - name)) : NULL;
	int code;

	if (!colon)
		return error_set(e, STATUS_CALLER, "'%s' is not HOST:PORT", name);
	code = getaddrinfo(host, colon + 1, &hints, &found);
	if (code != 0)
		return error_set(e, STATUS_WORLD, "unable to resolve '%s': %s", name, gai_strerror(code));
	memcpy(&c->address, found->ai_addr, found->ai_addrlen);
	c->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* Take the URL apart and write the requests. */
static bool parse_url(struct client *c, struct error *e)
{
	const struct load_options *o = c->o;
	struct slice rest = slice_str(o->url), host, port;
	bool absolute;

	c->secure = slice_starts(rest, SLICE("https://"));
	if (!c->secure && !slice_starts(rest, SLICE("http://")))
		return error_set(e, STATUS_CALLER, "'%s' is not an http:// or https:// URL", o->url);
	rest = slice_sub(rest, c->secure ? 8 : 7, rest.len);
	port = slice_cut(&rest, '/');
	host = slice_cut(&port, ':');
	if (port.len == 0)
		port = c->secure ? SLICE("443") : SLICE("80");
	c->host = alloc_copy(host.ptr, host.len);
	c->authority = alloc_format("%.*s:%.*s", SLICE_ARG(host), SLICE_ARG(port));
	absolute = o->proxy && !c->secure;
	buf_add_format(&c->tunnel, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", c->authority, c->authority);
	buf_add_format(&c->request, "%s %s%s/%.*s HTTP/1.1\r\nHost: %s\r\n", o->body ? "POST" : "GET",
		       absolute ? "http://" : "", absolute ? c->authority : "", SLICE_ARG(rest), c->authority);
	for (size_t i = 0; i < o->n_headers; i++)
		buf_add_format(&c->request, "%s\r\n", o->headers[i]);
	if (o->body)
		buf_add_format(&c->request, "Content-Type: text/plain\r\nContent-Length: %llu\r\n",
			       (unsigned long long)o->body);
	buf_add_str(&c->request, "\r\n");
	return resolve(c, o->proxy ? o->proxy : o->connect ? o->connect : c->authority, e);
}

/* A verifying TLS context. */
static bool open_tls(struct client *c, struct error *e)
{
	c->tls = SSL_CTX_new(TLS_client_method());
	if (!c->tls || (c->o->ca_file ? SSL_CTX_load_verify_locations(c->tls, c->o->ca_file, NULL)
				      : SSL_CTX_set_default_verify_paths(c->tls)) != 1)
		return error_set(e, STATUS_WORLD, "unable to read certificates from '%s'",
				 c->o->ca_file ? c->o->ca_file : "the system");
	SSL_CTX_set_verify(c->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return true;
}

/* --- bytes in and out --- */

static enum step fail(struct conn *k, const char *problem)
{
	k->problem = problem;
	return STEP_FAILED;
}

/* Turn what OpenSSL said into a step. */
static enum step tls_step(struct conn *k, int result, const char *problem)
{
	switch (SSL_get_error(k->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		k->want = LOOP_READ;
		return STEP_WAIT;
	case SSL_ERROR_WANT_WRITE:
		k->want = LOOP_WRITE;
		return STEP_WAIT;
	default:
		ERR_clear_error();
		return fail(k, problem);
	}
}

/* Read what there is; tunnelled reads go around TLS. */
static enum step conn_read(struct conn *k)
{
	ssize_t n;

	buf_reserve(&k->in, READ_SIZE);
	n = k->ssl ? SSL_read(k->ssl, k->in.ptr + k->in.len, READ_SIZE)
		   : read(k->fd, k->in.ptr + k->in.len, READ_SIZE);
	if (n <= 0 && k->ssl)
		return tls_step(k, (int)n, "connection ended before the answer did");
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		k->want = LOOP_READ;
		return STEP_WAIT;
	}
	if (n <= 0)
		return fail(k, "connection ended before the answer did");
	k->in.len += (size_t)n;
	k->in.ptr[k->in.len] = '\0';
	return STEP_ON;
}

/* Write some bytes; k->sent goes forward. */
static enum step conn_write(struct conn *k, struct slice s)
{
	ssize_t n = k->ssl ? SSL_write(k->ssl, s.ptr, (int)s.len) : send(k->fd, s.ptr, s.len, MSG_NOSIGNAL);

	if (n <= 0 && k->ssl)
		return tls_step(k, (int)n, "connection ended while sending");
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		k->want = LOOP_WRITE;
		return STEP_WAIT;
	}
	if (n <= 0)
		return fail(k, "connection ended while sending");
	k->sent += (size_t)n;
	return STEP_ON;
}

/* --- the phases --- */

/* Whether a further request may begin now. */
static bool may_begin(const struct client *c)
{
	return clock_ns() < c->stop_at && (!c->o->requests || c->begun < c->o->requests);
}

/* Start on the next request of this connection, unless others have begun the last one meanwhile. */
static enum step begin_request(struct client *c, struct conn *k)
{
	if (!may_begin(c))
		return fail(k, NULL);
	c->begun++;
	k->sent = 0;
	k->body_len = 0;
	k->asked = clock_ns();
	buf_truncate(&k->event, 0);
	k->phase = PHASE_SEND;
	return STEP_ON;
}

/* The transport is there: TLS, or at once the request. */
static enum step begin_handshake(struct client *c, struct conn *k)
{
	if (!c->secure)
		return begin_request(c, k);
	k->ssl = SSL_new(c->tls);
	if (!k->ssl || SSL_set_fd(k->ssl, k->fd) != 1 || SSL_set_tlsext_host_name(k->ssl, c->host) != 1 ||
	    SSL_set1_host(k->ssl, c->host) != 1)
		return fail(k, "TLS could not be set up");
	k->phase = PHASE_HANDSHAKE;
	return STEP_ON;
}

static enum step step_connect(struct client *c, struct conn *k)
{
	int problem = 0;
	socklen_t len = sizeof(problem);

	if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &problem, &len) < 0 || problem != 0)
		return fail(k, "connection refused");
	k->sent = 0;
	if (!c->o->proxy || !c->secure)
		return begin_handshake(c, k);
	k->phase = PHASE_TUNNEL;
	return STEP_ON;
}

static enum step step_tunnel(struct client *c, struct conn *k)
{
	const char *end = k->in.len ? memmem(k->in.ptr, k->in.len, "\r\n\r\n", 4) : NULL;

	if (k->sent < c->tunnel.len)
		return conn_write(k, slice_sub(buf_slice(&c->tunnel), k->sent, c->tunnel.len));
	if (!end)
		return k->in.len > HEAD_MAX ? fail(k, "proxy answered too much") : conn_read(k);
	if (k->in.len < 12 || memcmp(k->in.ptr, "HTTP/1.", 7) != 0 || memcmp(k->in.ptr + 9, "200", 3) != 0)
		return fail(k, "proxy refused the tunnel");
	buf_truncate(&k->in, 0);
	return begin_handshake(c, k);
}

static enum step step_handshake(struct client *c, struct conn *k)
{
	int n = SSL_connect(k->ssl);

	if (n != 1)
		return tls_step(k, n, SSL_get_verify_result(k->ssl) == X509_V_OK ? "TLS handshake failed"
										  : "certificate not trusted");
	if (k->opened >= c->count_from)
		samples_add(&c->f->handshake, clock_ns() - k->opened);
	return begin_request(c, k);
}

static enum step step_send(struct client *c, struct conn *k)
{
	uint64_t total = c->request.len + c->o->body, at;

	if (k->sent == total) {
		k->phase = PHASE_HEAD;
		return STEP_ON;
	}
	if (k->sent < c->request.len)
		return conn_write(k, slice_sub(buf_slice(&c->request), k->sent, c->request.len));
	at = (k->sent - c->request.len) % PATTERN_SIZE;
	total -= k->sent;
	if (total > PATTERN_SIZE - at)
		total = PATTERN_SIZE - at;
	return conn_write(k, slice_of(c->pattern + at, (size_t)total));
}

/* Read the fields of an answer that matter here. */
static bool parse_head(struct slice head, struct conn *k)
{
	uint64_t length = 0;
	bool chunked = false, has_length = false;

	slice_cut(&head, '\n');
	k->close = false;
	while (head.len > 0) {
		struct slice value = slice_trim(slice_cut(&head, '\n'), "\r"), name = slice_cut(&value, ':');

		value = slice_trim(value, " \t");
		if (slice_eq_fold(name, SLICE("content-length")))
			has_length = slice_to_u64(value, &length);
		else if (slice_eq_fold(name, SLICE("transfer-encoding")))
			chunked = slice_eq_fold(value, SLICE("chunked"));
		else if (slice_eq_fold(name, SLICE("connection")))
			k->close = slice_eq_fold(value, SLICE("close"));
	}
	k->body = body_start(chunked, length);
	return chunked || has_length;
}

static enum step step_head(struct client *c, struct conn *k)
{
	const char *end = k->in.len ? memmem(k->in.ptr, k->in.len, "\r\n\r\n", 4) : NULL;
	size_t len;

	if (!end)
		return k->in.len > HEAD_MAX ? fail(k, "answer's head is too long") : conn_read(k);
	if (k->asked >= c->count_from)
		samples_add(&c->f->first_byte, clock_ns() - k->asked);
	len = (size_t)(end - k->in.ptr) + 4;
	if (k->in.len < 12 || memcmp(k->in.ptr + 9, "200", 3) != 0)
		return fail(k, "answer is not 200");
	if (!parse_head(slice_of(k->in.ptr, len), k))
		return fail(k, "answer has no length");
	buf_consume(&k->in, len);
	k->phase = PHASE_BODY;
	return STEP_ON;
}

/* Take the events out of a piece of the stream: the time each was sent is in it. */
static void take_events(struct client *c, struct conn *k, struct slice data)
{
	size_t line;

	buf_add_slice(&k->event, data);
	while ((line = slice_find(buf_slice(&k->event), '\n')) != SLICE_NONE) {
		const char *at = strstr(buf_str(&k->event), "\"at\":");

		if (at && at < k->event.ptr + line && k->asked >= c->count_from)
			samples_add(&c->f->event_delay, clock_ns() - strtoll(at + 5, NULL, 10));
		buf_consume(&k->event, line + 1);
	}
}

/* The whole answer is here: count it, and say whether this connection goes on. */
static enum step finish_request(struct client *c, struct conn *k)
{
	int64_t now = clock_ns();

	if (c->o->check_body && k->body_len != c->o->expect)
		return fail(k, "answer has another length than expected");
	if (k->in.len > 0)
		return fail(k, "bytes after the answer");
	if (k->asked >= c->count_from) {
		if (c->f->requests++ == 0)
			c->f->started = k->asked;
		c->f->ended = now;
		c->f->bytes_in += k->body_len;
		c->f->bytes_out += c->o->body;
		k->served++;
		samples_add(&c->f->latency, now - k->asked);
	}
	return c->o->fresh || k->close ? fail(k, NULL) : begin_request(c, k);
}

static enum step step_body(struct client *c, struct conn *k)
{
	struct slice input = buf_slice(&k->in), data;
	bool more = true;

	while (more && k->body.phase < BODY_DONE) {
		more = body_take(&k->body, &input, &data);
		if (c->o->check_body && !pattern_matches(c->pattern, k->body_len, data.ptr, data.len))
			return fail(k, "answer has other bytes than expected");
		if (c->o->events && data.len)
			take_events(c, k, data);
		k->body_len += data.len;
	}
	buf_consume(&k->in, k->in.len - input.len);
	if (k->body.phase == BODY_BAD)
		return fail(k, "answer's chunks are malformed");
	return k->body.phase == BODY_DONE ? finish_request(c, k) : conn_read(k);
}

/* --- the table of connections --- */

static void conn_close(struct conn *k)
{
	if (k->ssl)
		SSL_shutdown(k->ssl);
	ERR_clear_error();
	SSL_free(k->ssl);
	fd_close(&k->fd);
	buf_release(&k->in);
	buf_release(&k->event);
	*k = (struct conn){ .fd = -1, .generation = (uint8_t)(k->generation + 1), .served = k->served };
}

/* Start to connect. */
static bool conn_open(struct client *c, uint32_t index, struct error *e)
{
	struct conn *k = &c->conns[index];
	int on = 1;

	k->opened = k->asked = clock_ns();
	k->phase = PHASE_CONNECT;
	k->want = k->watched = LOOP_WRITE;
	k->fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return error_sys(e, "unable to make a socket");
	setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(k->fd, (struct sockaddr *)&c->address, c->address_len) < 0 && errno != EINPROGRESS)
		return error_sys(e, "unable to connect");
	return loop_add(&c->loop, k->fd, LOOP_WRITE, (struct loop_ref){ 0, k->generation, index }, e);
}

/* Count a failure, and keep the words of the first. */
static void count_error(struct client *c, const char *problem)
{
	if (c->f->errors++ == 0)
		snprintf(c->f->first_error, sizeof(c->f->first_error), "%s", problem);
}

/* Run steps until the connection has to wait; open it anew when it is over and more is to do. */
static bool conn_turn(struct client *c, uint32_t index, struct error *e)
{
	struct conn *k = &c->conns[index];
	enum step s = STEP_ON;

	while (s == STEP_ON) {
		switch (k->phase) {
		case PHASE_CONNECT: s = step_connect(c, k); break;
		case PHASE_TUNNEL: s = step_tunnel(c, k); break;
		case PHASE_HANDSHAKE: s = step_handshake(c, k); break;
		case PHASE_SEND: s = step_send(c, k); break;
		case PHASE_HEAD: s = step_head(c, k); break;
		case PHASE_BODY: s = step_body(c, k); break;
		}
	}
	if (s == STEP_FAILED) {
		if (k->problem)
			count_error(c, k->problem);
		conn_close(k);
		return may_begin(c) && c->f->errors < ERRORS_MAX ? conn_open(c, index, e) : true;
	}
	if (k->want == k->watched)
		return true;
	k->watched = k->want;
	return loop_change(&c->loop, k->fd, k->want, (struct loop_ref){ 0, k->generation, index }, e);
}

/* Close what has taken too long; returns how many connections are open. */
static unsigned expire(struct client *c, int64_t now)
{
	unsigned open = 0;

	for (uint32_t i = 0; i < c->o->connections; i++) {
		struct conn *k = &c->conns[i];

		if (k->fd < 0)
			continue;
		if (now - k->asked > (int64_t)c->o->limit * 1000000) {
			count_error(c, "no whole answer within the limit");
			conn_close(k);
			continue;
		}
		open++;
	}
	return open;
}

/* Serve events until no connection is open. */
static bool run(struct client *c, struct error *e)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	int64_t looked = 0;

	for (uint32_t i = 0; i < c->o->connections && may_begin(c); i++)
		if (!conn_open(c, i, e))
			return false;
	for (;;) {
		int n;

		if (c->loop.now - looked >= 100 || looked == 0) {
			looked = c->loop.now;
			if (expire(c, clock_ns()) == 0)
				return true;
		}
		n = loop_wait(&c->loop, loop_clock() + 20, events, e);
		if (n < 0)
			return false;
		for (int i = 0; i < n; i++) {
			struct conn *k = &c->conns[events[i].ref.index];

			if (k->fd >= 0 && k->generation == events[i].ref.generation &&
			    !conn_turn(c, events[i].ref.index, e))
				return false;
		}
	}
}

/* How evenly the connections were served: fewest and most requests of one. */
static void count_served(struct client *c)
{
	c->f->served_least = UINT64_MAX;
	for (uint32_t i = 0; i < c->o->connections; i++) {
		uint64_t n = c->conns[i].served;

		c->f->served_least = n < c->f->served_least ? n : c->f->served_least;
		c->f->served_most = n > c->f->served_most ? n : c->f->served_most;
	}
}

static void client_release(struct client *c)
{
	for (uint32_t i = 0; i < c->o->connections; i++)
		if (c->conns[i].fd >= 0)
			conn_close(&c->conns[i]);
	SSL_CTX_free(c->tls);
	loop_release(&c->loop);
	buf_release(&c->tunnel);
	buf_release(&c->request);
	free(c->conns);
	free(c->pattern);
	free(c->host);
	free(c->authority);
}

bool client_run(const struct load_options *o, struct figures *f, struct error *e)
{
	struct client c = { .o = o, .f = f, .tunnel = BUF_INIT, .request = BUF_INIT };
	bool ok;

	c.pattern = alloc_zero(PATTERN_SIZE, 1);
	pattern_fill(c.pattern);
	c.conns = alloc_zero(o->connections, sizeof(*c.conns));
	for (uint32_t i = 0; i < o->connections; i++)
		c.conns[i].fd = -1;
	c.count_from = clock_ns() + (int64_t)o->warm_up * 1000000;
	c.stop_at = o->requests ? INT64_MAX : c.count_from + (int64_t)o->milliseconds * 1000000;
	ok = loop_init(&c.loop, e) && parse_url(&c, e) && open_tls(&c, e) && run(&c, e);
	count_served(&c);
	client_release(&c);
	return ok;
}
