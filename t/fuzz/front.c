/*
 * Any messages of an upstream to a front that has a client's request under way: the
 * front ends by its word, or the client gets nothing but one well-formed answer.
 *
 * The first byte chooses the request; then come records (role.h): a type of message
 * and its body. Of the types that are none, some are for the client and the clock.
 */
#include "cmd/egress/role.h"

int orderly_front_main(int argc, char **argv);
#define front_main orderly_front_main
#include "cmd/egress/front.c"
#undef front_main

#include "t/fuzz/role.h"
#include "websocket.h"

enum { CLIENT_SENDS = 0x40, CLIENT_READS, TIME_PASSES, OTHER_STREAM = 0x80 };

#define WEBSOCKET_FIELDS                                                                       \
	"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: QUJDREVGR0hJSktMTU5PUA==\r\n"

/* What is asked for. */
static const struct asked {
	const char *request;
	bool head, websocket, close;
} requests[] = {
	{ "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", false, false, false },
	{ "HEAD http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", true, false, false },
	{ "GET http://a.test/ HTTP/1.0\r\nHost: a.test\r\n\r\n", false, false, true },
	{ "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nAccept: application/json\r\nContent-Length: 9\r\n\r\n123",
	  false, false, false },
	{ "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n", false,
	  false, false },
	{ "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n" WEBSOCKET_FIELDS "\r\n", false, true, false },
	{ "GET http://warn.test/ HTTP/1.1\r\nHost: warn.test\r\n\r\n", false, false, false },
	{ "GET http://blind.test/ HTTP/1.1\r\nHost: blind.test\r\n\r\n", false, false, false },
};

static const char routes[] = "[{\"host\":\"a.test\"},{\"host\":\"warn.test\",\"dlp\":{\"inbound_on_match\":\"warn\"}},"
			     "{\"host\":\"blind.test\",\"dlp\":{\"inbound_detectors\":false}}]";

static struct front f;
static int client;
static bool client_sent; /* more than its request: perhaps another, with an answer of its own */
static struct buf seen;  /* by the client */

void __wrap_role_send(struct channel *c);

/* What the front sends at once is log lines: they have to be whole. */
void __wrap_role_send(struct channel *c)
{
	struct message m;

	MUST(c == &f.control);
	buf_add_slice(&c->in, buf_slice(&c->out));
	buf_truncate(&c->out, 0);
	while (channel_next(c, &m) == CHANNEL_DONE) {
		struct error e = ERROR_INIT;
		AUTO_DOC *line = doc_parse(m.body, &e);

		MUST(m.type == MESSAGE_LOG && line && m.body.len <= LOG_LINE_MAX);
	}
	MUST(!c->in.len);
}

static void start(void)
{
	static const unsigned char key[FINGERPRINT_KEY] = "0123456789abcdef";
	struct error e = ERROR_INIT;
	struct policy *policy;

	document_seed_with(1);
	f.clients = alloc_zero(CONNECTIONS_MAX, sizeof(*f.clients));
	f.options.asker = -1;
	f.options.level = LEVEL_FULL;
	f.tls = tls_server_new(&e);
	MUST(f.tls && loop_init(&f.loop, &e));
	MUST(inspector_open(&f.inspector, role_file("rules: [{id: x, description: x, token: 'tok_[a-z]{9}', keywords: "
						    "[tok_]}]"),
			    role_file("rules: [{id: jailbreak-x, description: x, regex: 'ignore all', keywords: "
				      "[ignore all], at: keyword},"
				      "{id: jailbreak-y, description: x, regex: 'obey me', keywords: [obey me], at: "
				      "keyword}]"), &e) || (program_fail(&e), false));
	f.inspector.known = fingerprints_new(key);
	f.routes = doc_parse(slice_str(routes), &e);
	policy = policy_new(f.routes, &e);
	MUST(policy != NULL);
	inspector_use(&f.inspector, policy);
	f.policy = policy;
	channel_init(&f.control, -1, LOG_LINE_MAX);
	channel_init(&f.signer, -1, LEAF_MAX);
	channel_init(&f.upstream, -1, HEAD_MESSAGE_MAX);
}

/* All that one round of the loop does for the client. */
static void step(void)
{
	struct client *c = &f.clients[0];

	role_drain(client, &seen);
	if (c->state != CLIENT_FREE) {
		link_ready(&c->tls.link, LOOP_READ | LOOP_WRITE);
		client_step(&f, c);
	}
	step_dirty(&f);
	sweep(&f);
	step_dirty(&f);
	role_drain(client, &seen);
}

/* Let the client's request come in. */
static void ask(const struct asked *asked)
{
	struct error e = ERROR_INIT;
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	client = ends[1];
	MUST(send(client, asked->request, strlen(asked->request), 0) == (ssize_t)strlen(asked->request));
	f.loop.now = 1000000;
	f.next_sweep = INT64_MAX;
	f.n_dirty = 0;
	f.first_free = 0;
	client_start(&f, find_slot(&f), ends[0]);
	step();
	MUST(f.clients[0].x.open && channel_queued(&f.upstream) && e.status == 0);
}

/* Take one record. */
static void take_record(unsigned what, struct slice bytes)
{
	struct client *c = &f.clients[0];
	struct message m = { what & ~(unsigned)OTHER_STREAM,
			     c->x.stream ^ (what & OTHER_STREAM ? 1 << STREAM_SLOT_BITS : 0), bytes };

	if (what == CLIENT_SENDS)
		client_sent |= send(client, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
	else if (what == TIME_PASSES)
		f.loop.now += (int64_t)(bytes.len * bytes.len * 100);
	else if (what != CLIENT_READS && bytes.len <= HEAD_MESSAGE_MAX)
		reply_take(&f, &m);
	step();
}

static void *take(void *input)
{
	struct slice rest = *(struct slice *)input, bytes;
	unsigned what;

	while (role_record(&rest, &what, &bytes))
		take_record(what, bytes);
	return NULL;
}

/* --- what the client has got --- */

/* A body in chunks, perhaps not to its end. */
static void check_chunks(struct slice rest)
{
	struct chunk_decoder d = { 0 };
	enum http_result r = HTTP_MORE;
	struct slice data;
	const char *why;
	size_t used;

	while (rest.len && r == HTTP_MORE) {
		r = chunk_decode(&d, rest, &used, &data, &why);
		rest = slice_sub(rest, used, rest.len);
	}
	MUST(r != HTTP_BAD && (!rest.len || client_sent));
}

/* Frames of a server, perhaps not to the end. */
static void check_frames(struct slice rest)
{
	struct websocket_reader r = { .masked = false };
	AUTO_BUF message = BUF_INIT;
	struct websocket_piece p;
	enum websocket_result got;

	while ((got = websocket_read(&r, &rest, &message, &p)) != WEBSOCKET_MORE) {
		if (got != WEBSOCKET_BAD)
			continue;
		MUST(p.code == WEBSOCKET_BAD_DATA ||
		     strstr(p.why, "a close frame")); /* texts that are not UTF-8 are the client's to refuse */
		return;
	}
}

/* Interim heads, then one answer, of which the end may be missing. */
static void check(const struct asked *asked, struct slice rest)
{
	static struct http_head h;
	unsigned interims = 0;

	while (rest.len) {
		size_t scanned = 0, consumed = 0;
		const char *why;
		enum http_result r = http_parse_response(rest, &scanned, asked->head, &h, &consumed, &why);

		MUST(r == HTTP_DONE);
		rest = slice_sub(rest, consumed, rest.len);
		if (h.status >= 200 || h.status == 101)
			break;
		MUST(++interims <= INTERIMS_MAX && !asked->close);
	}
	if (!rest.len)
		return;
	MUST(h.status != 101 || asked->websocket);
	if (h.status == 101)
		check_frames(rest);
	else if (h.body == HTTP_BODY_CHUNKED)
		check_chunks(rest);
	else
		MUST(h.body == HTTP_BODY_CLOSE ? asked->close
					       : client_sent || (h.body == HTTP_BODY_LENGTH && rest.len <= h.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct asked *asked = &requests[size ? data[0] % COUNT_OF(requests) : 0];
	struct slice input = slice_of(data, size);

	if (size > 200000)
		return 0;
	if (!f.clients)
		start();
	client_sent = false;
	ask(asked);
	input = slice_sub(input, 1, input.len);
	role_run(take, &input);
	check(asked, buf_slice(&seen));
	if (f.clients[0].state != CLIENT_FREE)
		client_drop(&f, &f.clients[0]);
	MUST(f.n_clients == 0 && f.inspector.inbound == 0 && f.inspector.bodies == 0);
	close(client);
	buf_release(&seen);
	channel_release(&f.control);
	channel_release(&f.upstream);
	return 0;
}
