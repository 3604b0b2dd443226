/*
 * Any messages of a front, and any bytes of the origins that it is sent to: the
 * upstream ends by its word when the front breaks the rules, and never for what an
 * origin does; no origin gets what no route allows, nor the credential of another
 * route; and the front gets messages that it may believe.
 *
 * The input is records (role.h): a type of message and its body, which goes to the
 * stream that the type's high bits name. Of the types that are none, some are for
 * the origin whose connection is the newest, and the clock.
 */
#include "cmd/egress/role.h"

int orderly_upstream_main(int argc, char **argv);
#define upstream_main orderly_upstream_main
#include "cmd/egress/upstream.c"
#undef upstream_main

#include <netinet/in.h>

#include "t/fuzz/role.h"

enum { ORIGIN_SENDS = 0x3c, ORIGIN_ENDS, TIME_PASSES, LOOP_RUNS, TYPE_BITS = 6, ENDS_MAX = 64 };

#define TOKEN "tok-fuzz-0123456789"

static const char routes[] =
	"[{\"host\":\"key.test\",\"auth\":{\"scheme\":\"Bearer\",\"token_ref\":\"T\"},"
	"\"upstream\":{\"connect\":\"127.0.0.1:9\"},"
	"\"matches\":[{\"paths\":[{\"value\":\"/allowed\"}],\"methods\":[\"GET\",\"POST\"]}]},"
	"{\"host\":\"open.test\",\"ports\":[80],\"upstream\":{\"connect\":\"127.0.0.1:9\"},"
	"\"matches\":[{\"paths\":[{\"value\":\"/allowed\"}]}]}]";

static struct upstream u;
static int ends[ENDS_MAX]; /* the origins' ends of connections */
static size_t n_ends;
static struct buf heard[ENDS_MAX]; /* what each origin got */

int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);

/* A connection of the upstream goes to us. */
int __wrap_socket(int family, int type, int protocol)
{
	int pair[2];

	MUST(family == AF_INET && protocol == 0);
	if (n_ends == ENDS_MAX || socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	ends[n_ends++] = pair[1];
	return pair[0];
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)to;

	MUST(fd >= 0 && len == sizeof(*v4) && ntohl(v4->sin_addr.s_addr) == INADDR_LOOPBACK &&
	     ntohs(v4->sin_port) == 9);
	return 0;
}

static void start(void)
{
	struct error e = ERROR_INIT;
	struct doc *d;

	document_seed_with(1);
	cookies_prepare();
	u.jobs = alloc_zero(CONNECTIONS_MAX, sizeof(*u.jobs));
	u.origins = alloc_zero(ORIGINS_MAX, sizeof(*u.origins));
	MUST(secret_set_add(&u.secrets, "T", SLICE(TOKEN), &e));
	u.trust = tls_client_new("/dev/null", SLICE(""), &e);
	if (!u.trust)
		u.trust = tls_client_new(NULL, SLICE(""), &e);
	MUST(u.trust && loop_init(&u.loop, &e) && (u.resolver = resolver_new(&u.loop, REF_RESOLVER, &e)));
	d = doc_parse(slice_str(routes), &e);
	u.rules = routing_new(&u, d, &e);
	MUST(u.rules != NULL);
	channel_init(&u.control, -1, ROUTES_MESSAGE_MAX);
	channel_init(&u.front, -1, HEAD_MESSAGE_MAX);
}

/* One round of the loop, as far as there is something for it. */
static void step(void)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	struct error e = ERROR_INIT;
	int64_t now = u.loop.now;
	int n = loop_wait(&u.loop, 0, events, &e);

	MUST(n >= 0);
	u.loop.now = now;
	for (int i = 0; i < n; i++)
		handle(&u, &events[i]);
	step_dirty(&u);
	sweep(&u);
	step_dirty(&u);
}

/* --- what came of it --- */

/* Bytes that may carry the credential go to its route only, and there to where it allows. */
static void check_job(const struct job *j)
{
	struct slice out = buf_slice(&j->out);

	if (j->state == JOB_FREE || j->out_at || !out.len || j->response_started)
		return;
	MUST(slice_starts(out, SLICE("GET /allowed")) || slice_starts(out, SLICE("POST /allowed")) ||
	     strcmp(j->place.authority.host, "open.test") == 0);
	if (slice_search(out, SLICE(TOKEN)) != SLICE_NONE)
		MUST(strcmp(j->place.authority.host, "key.test") == 0 && j->place.scheme == SCHEME_HTTPS &&
		     j->place.authority.port == 443);
}

/* What an origin got in the clear: requests that our strict reader takes, to the path that is allowed. */
static void check_heard(struct slice rest)
{
	static struct http_head h;

	MUST(slice_search(rest, SLICE(TOKEN)) == SLICE_NONE);
	if (rest.len && rest.ptr[0] == 0x16)
		return; /* TLS */
	while (rest.len) {
		size_t scanned = 0, consumed = 0;
		const char *why;
		struct chunk_decoder d = { 0 };
		enum http_result r = http_parse_request(rest, &scanned, &h, &consumed, &why);

		if (r == HTTP_MORE)
			return;
		MUST(r == HTTP_DONE && slice_starts(h.target, SLICE("/allowed")));
		rest = slice_sub(rest, consumed, rest.len);
		if (h.body == HTTP_BODY_LENGTH)
			rest = slice_sub(rest, h.length < rest.len ? (size_t)h.length : rest.len, rest.len);
		if (http_find(&h, SLICE("upgrade")))
			return; /* frames may follow */
		r = HTTP_MORE;
		while (h.body == HTTP_BODY_CHUNKED && r == HTTP_MORE && rest.len) {
			struct slice data;

			r = chunk_decode(&d, rest, &consumed, &data, &why);
			MUST(r != HTTP_BAD);
			rest = slice_sub(rest, consumed, rest.len);
		}
	}
}

/* What the front is told: heads that it can read, none of them with the credential. */
static void check_told(struct slice told)
{
	static struct http_head h;
	struct channel c;
	struct message m;

	channel_init(&c, -1, HEAD_MESSAGE_MAX);
	buf_add_slice(&c.in, told);
	while (channel_next(&c, &m) == CHANNEL_DONE) {
		size_t scanned = 0, consumed = 0;
		const char *why;

		MUST(m.type >= MESSAGE_BODY && m.type <= MESSAGE_ABORT && m.type != MESSAGE_KNOWN &&
		     m.type != MESSAGE_CANARIES);
		MUST(slice_search(m.body, SLICE(TOKEN)) == SLICE_NONE);
		if (m.type == MESSAGE_BODY)
			MUST(m.body.len > 0 && m.body.len <= PIECE_MAX);
		if (m.type != MESSAGE_INFORM && m.type != MESSAGE_RESPONSE)
			continue;
		MUST(http_parse_response(m.body, &scanned, true, &h, &consumed, &why) == HTTP_DONE &&
		     consumed == m.body.len);
		MUST(m.type == MESSAGE_RESPONSE ? h.status >= 200 || h.status == 101
						: h.status < 200 && h.status != 101);
		MUST(http_find(&h, SLICE("alt-svc")) == NULL);
	}
	MUST(c.in_at == c.in.len);
	channel_release(&c);
}

/* --- one input --- */

static void take_record(unsigned what, struct slice bytes)
{
	unsigned type = what & ((1 << TYPE_BITS) - 1), slot = what >> TYPE_BITS;
	struct message m = { type, slot | 1 << STREAM_SLOT_BITS, bytes };

	if (type == ORIGIN_SENDS && n_ends)
		(void)!send(ends[n_ends - 1], bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (type == ORIGIN_ENDS && n_ends)
		shutdown(ends[n_ends - 1], SHUT_WR);
	else if (type == TIME_PASSES)
		u.loop.now += (int64_t)(bytes.len * bytes.len * 100);
	else if (type < ORIGIN_SENDS && bytes.len <= HEAD_MESSAGE_MAX)
		job_take(&u, &m);
	check_job(&u.jobs[slot]);
	step();
	for (size_t i = 0; i < n_ends; i++)
		role_drain(ends[i], &heard[i]);
}

static void *take(void *input)
{
	struct slice rest = *(struct slice *)input, bytes;
	unsigned what;

	while (role_record(&rest, &what, &bytes))
		take_record(what, bytes);
	return NULL;
}

/* Forget all of it. */
static void clean(void)
{
	for (size_t i = 0; i < 4; i++)
		if (u.jobs[i].state != JOB_FREE)
			job_release(&u, &u.jobs[i]);
	origin_close_idle(&u);
	for (size_t i = 0; i < n_ends; i++) {
		close(ends[i]);
		buf_release(&heard[i]);
	}
	n_ends = u.n_dirty = 0;
	channel_release(&u.front);
	MUST(u.decoding == 0 && u.rules->holders == 1);
	for (size_t i = 0; i < ENDS_MAX; i++)
		MUST(u.origins[i].state == ORIGIN_FREE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	bool whole;

	if (size > 200000 || slice_search(input, SLICE(TOKEN)) != SLICE_NONE) /* nobody outside knows it */
		return 0;
	if (!u.jobs)
		start();
	u.loop.now = 1000000;
	u.next_sweep = INT64_MAX;
	whole = role_run(take, &input);
	for (size_t i = 0; i < n_ends; i++)
		check_heard(buf_slice(&heard[i]));
	if (whole)
		check_told(buf_slice(&u.front.out));
	clean();
	return 0;
}
