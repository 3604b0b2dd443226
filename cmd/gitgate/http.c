#include "http.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "chunk.h"
#include "coding.h"
#include "fd.h"
#include "http1.h"
#include "loop.h"

#define PIECE (64 << 10)         /* bytes read at once; as many wait in each direction at most */
#define BODY_MAX (PUSH_BYTES_MAX + (16ull << 20)) /* bytes of one request's body, decoded */

/* One request and its answer on their way. */
struct exchange {
	struct http_head *head;
	struct chunk_decoder chunks;
	uint64_t left;        /* of a body with a length */
	bool body_ended;      /* all of the body has been read */
	bool coded;
	struct coding coding;
	uint64_t body;        /* bytes for git so far */
	bool git_told;        /* git knows that no more comes */
	bool git_ended;       /* git has sent its last byte */
	bool chunked;         /* the answer is */
	struct buf *in;       /* bytes of the client's that were not used yet */
	struct buf to_git;
	struct buf to_client;
	int git;
};

static const char *service_type(const struct git_request *r)
{
	static const char *const types[2][3] = {
		{ "", "application/x-git-upload-pack-advertisement", "application/x-git-upload-pack-result" },
		{ "", "application/x-git-receive-pack-advertisement", "application/x-git-receive-pack-result" },
	};

	return types[r->service][r->phase];
}

/* Append the head of an answer of 200; without a length it ends in chunks or with the connection. */
static void add_head(struct buf *out, const struct git_request *r, const struct http_head *h)
{
	buf_add_format(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-cache\r\n", service_type(r));
	buf_add_str(out, h->minor == 0 ? "Connection: close\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
}

/* Send all of it, however slow the client is, within limits. */
static bool send_all(const struct buf *b)
{
	struct pollfd p = { DOOR_CLIENT, POLLOUT, 0 };
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = send(DOOR_CLIENT, b->ptr + at, b->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n < 0 && poll(&p, 1, STILL_SECONDS * 1000) <= 0)
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Answer with a status and a line of text, and end the connection. */
static void fail(unsigned status, const char *reason, const char *why)
{
	AUTO_BUF out = BUF_INIT;

	buf_add_format(&out,
		       "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
		       "close\r\n\r\ngit-gate: %s\n",
		       status, reason, strlen(why) + 11, why);
	send_all(&out);
}

/* Answer what git shows as "remote error": one packet. The connection stays good when there was no body. */
static bool refuse(const struct git_request *r, const struct http_head *h, const char *why)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF packets = BUF_INIT;
	AUTO_BUF out = BUF_INIT;

	buf_add_format(&text, "ERR git-gate: %s\n", why);
	pkt_add(&packets, buf_slice(&text));
	buf_add_format(&out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-cache\r\nContent-Length: "
			     "%zu\r\n%s\r\n",
		       service_type(r), packets.len, h->body == HTTP_BODY_NONE &&
			       h->minor ? "" : "Connection: close\r\n");
	buf_add_slice(&out, buf_slice(&packets));
	return send_all(&out) && h->body == HTTP_BODY_NONE && h->minor;
}

/* --- body: from the client to git --- */

/* Hand body bytes on, decoded. */
static bool take_body(struct exchange *x, struct slice data)
{
	enum coding_result result = CODING_MORE;
	struct slice piece;
	const char *why;

	if (!x->coded) {
		buf_add_slice(&x->to_git, data);
		x->body += data.len;
		return x->body <= BODY_MAX;
	}
	while (data.len && (result = coding_feed(&x->coding, &data, &piece, &why)) == CODING_PIECE) {
		buf_add_slice(&x->to_git, piece);
		x->body += piece.len;
		if (x->body > BODY_MAX)
			return false;
	}
	return result != CODING_BAD;
}

/* Take one run of the body off the front of what was read. False when it is malformed. */
static bool take_run(struct exchange *x)
{
	struct slice input = buf_slice(x->in), data = { NULL, 0 };
	enum http_result result = HTTP_MORE;
	size_t used = 0;
	const char *why;

	if (x->head->body == HTTP_BODY_CHUNKED) {
		result = chunk_decode(&x->chunks, input, &used, &data, &why);
	} else {
		used = x->left < input.len ? (size_t)x->left : input.len;
		data = slice_sub(input, 0, used);
		x->left -= used;
		result = x->left ? HTTP_MORE : HTTP_DONE;
	}
	if (result == HTTP_BAD || !take_body(x, data))
		return false;
	buf_consume(x->in, used);
	x->body_ended = result == HTTP_DONE;
	return !x->body_ended || !x->coded || coding_finish(&x->coding, &why);
}

/* Take what was read as far as git has room. */
static bool take_input(struct exchange *x)
{
	while (!x->body_ended && x->in->len && x->to_git.len < PIECE) {
		size_t before = x->in->len;

		if (!take_run(x))
			return false;
		if (x->in->len == before && !x->body_ended)
			return true;
	}
	return true;
}

/* --- the answer: from git to the client --- */

/* Read what git has made and wrap it. */
static bool take_output(struct exchange *x)
{
	static char bytes[PIECE];
	ssize_t n = recv(x->git, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n > 0 && x->chunked)
		chunk_write_open(&x->to_client, (size_t)n);
	buf_add(&x->to_client, bytes, (size_t)n);
	if (n > 0 && x->chunked)
		chunk_write_close(&x->to_client);
	if (n == 0) {
		x->git_ended = true;
		if (x->chunked)
			chunk_write_end(&x->to_client);
	}
	return true;
}

/* Send as much of a buffer as is taken now; false when the other side is gone. */
static bool drain(int fd, struct buf *b)
{
	ssize_t n = send(fd, b->ptr, b->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_consume(b, (size_t)n);
	return true;
}

/* Read more of the client's bytes; false when it is gone. */
static bool read_client(struct exchange *x)
{
	static char bytes[PIECE];
	ssize_t n = recv(DOOR_CLIENT, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		buf_add(x->in, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Pass bytes both ways until git has ended and the client has its answer. */
static bool relay(struct exchange *x)
{
	while (!x->git_ended || x->to_client.len) {
		struct pollfd p[2] = { { DOOR_CLIENT, 0, 0 }, { x->git, 0, 0 } };
		bool wants_body = !x->body_ended && !x->git_ended;

		if (!take_input(x))
			return false;
		if (x->body_ended && !x->to_git.len && !x->git_told) {
			shutdown(x->git, SHUT_WR);
			x->git_told = true;
		}
		p[0].events =
			(short)((wants_body && x->in->len < PIECE ? POLLIN : 0) | (x->to_client.len ? POLLOUT : 0));
		p[1].events = (short)((!x->git_ended && x->to_client.len < PIECE ? POLLIN : 0) |
				      (x->to_git.len ? POLLOUT : 0));
		if (x->git_ended)
			p[1].fd = -1;
		if (poll(p, 2, STILL_SECONDS * 1000) <= 0)
			return false;
		if (p[0].revents & (POLLERR | POLLNVAL) || (p[0].revents & POLLHUP && !x->to_client.len))
			return false;
		if (p[0].revents & POLLIN && !read_client(x))
			return false;
		if (x->to_client.len && p[0].revents & POLLOUT && !drain(DOOR_CLIENT, &x->to_client))
			return false;
		if (x->to_git.len && p[1].revents & POLLOUT && !drain(x->git, &x->to_git)) {
			buf_truncate(&x->to_git, 0); /* git wants no more; it says why in its answer */
			x->body_ended = x->git_told = true;
		}
		if (p[1].revents & (POLLIN | POLLHUP) && x->to_client.len < PIECE && !take_output(x))
			return false;
	}
	return x->body_ended;
}

/* --- requests --- */

/* What a POST of git's has: its type, and perhaps gzip. */
static const char *check_body(const struct git_request *r, const struct http_head *h, struct coding_list *codings)
{
	const struct http_field *type = http_find_id(h, HTTP_CONTENT_TYPE),
				*coding = http_find_id(h, HTTP_CONTENT_ENCODING);
	const char *wanted = r->service == GIT_UPLOAD_PACK ? "application/x-git-upload-pack-request"
							   : "application/x-git-receive-pack-request";

	if (r->phase == GIT_ADVERTISE)
		return h->body == HTTP_BODY_NONE || (h->body == HTTP_BODY_LENGTH && !h->length) ? NULL
												: "a GET has no body";
	if (h->body != HTTP_BODY_LENGTH && h->body != HTTP_BODY_CHUNKED)
		return "a POST has a body";
	if (!type || !slice_eq(type->value, slice_str(wanted)))
		return "the body's type is not git's";
	if (coding && (!coding_parse(codings, coding->value) || codings->n > 1 ||
		       (codings->n == 1 && codings->kinds[0] != CODING_GZIP)))
		return "only gzip is decoded";
	return NULL;
}

/* Serve one request that the steward permits. */
static bool serve(struct http_head *h, const struct git_request *r, const struct coding_list *codings, struct buf *in)
{
	struct exchange x = { .head = h, .left = h->length, .in = in, .coded = codings->n > 0, .chunked = h->minor > 0,
			      .to_git = BUF_INIT, .to_client = BUF_INIT, .git = -1 };
	struct error e = ERROR_INIT;
	bool good;

	x.body_ended = h->body == HTTP_BODY_NONE || (h->body == HTTP_BODY_LENGTH && !h->length);
	coding_init(&x.coding, codings, CODING_LOOK, &coding_limits);
	if (!fd_receive(DOOR_STEWARD, &x.git, 1, &e))
		return false;
	if (h->expect_continue)
		buf_add_str(&x.to_client, "HTTP/1.1 100 Continue\r\n\r\n");
	add_head(&x.to_client, r, h);
	if (r->phase == GIT_ADVERTISE && r->version < 2) {
		AUTO_BUF packets = BUF_INIT;
		AUTO_FREE char *line = alloc_format("# service=%s\n", git_service_name(r->service));

		pkt_add(&packets, slice_str(line));
		pkt_add_flush(&packets);
		if (x.chunked)
			chunk_write_open(&x.to_client, packets.len);
		buf_add_slice(&x.to_client, buf_slice(&packets));
		if (x.chunked)
			chunk_write_close(&x.to_client);
	}
	good = relay(&x);
	coding_release(&x.coding);
	buf_release(&x.to_git);
	buf_release(&x.to_client);
	fd_close(&x.git);
	return good && h->keep_alive && h->minor;
}

/* Answer one request; false when the connection is done. */
static bool answer(struct http_head *h, struct buf *in)
{
	const struct http_field *protocol = http_find(h, SLICE("Git-Protocol"));
	struct coding_list codings = { .n = 0 };
	struct git_request r;
	struct answer a;
	const char *why = NULL;

	if (!git_request_parse_http(h->method, h->target, protocol ? protocol->value : SLICE(""), &r, &why)) {
		fail(404, "Not Found", why);
		return false;
	}
	why = check_body(&r, h, &codings);
	if (why) {
		fail(400, "Bad Request", why);
		return false;
	}
	if (!door_ask(&r, &a)) {
		fail(500, "Internal Server Error", "the gate is ending");
		return false;
	}
	return a.yes ? serve(h, &r, &codings, in) : refuse(&r, h, a.why);
}

/* Read until a head is whole. */
static bool read_head(struct buf *in, struct http_head *h, size_t *consumed)
{
	struct pollfd p = { DOOR_CLIENT, POLLIN, 0 };
	int64_t deadline = loop_clock() + KEEP_ALIVE_SECONDS * 1000;
	struct exchange x = { .in = in };
	bool begun = false;
	size_t scanned = 0;
	const char *why = NULL;

	for (;;) {
		enum http_result result =
			in->len ? http_parse_request(buf_slice(in), &scanned, h, consumed, &why) : HTTP_MORE;
		int64_t left;

		if (result == HTTP_DONE)
			return true;
		if (result == HTTP_BAD) {
			fail(400, "Bad Request", why);
			return false;
		}
		if (in->len && !begun) {
			begun = true;
			deadline = loop_clock() + HEAD_SECONDS * 1000;
		}
		left = deadline - loop_clock();
		if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR) || !read_client(&x))
			return false;
	}
}

int http_serve(void)
{
	static struct http_head head;
	AUTO_BUF in = BUF_INIT;
	AUTO_BUF text = BUF_INIT; /* the head's bytes, which must stay where they are */
	size_t consumed, scanned;
	const char *why;
	bool more = true;

	while (more && read_head(&in, &head, &consumed)) {
		buf_truncate(&text, 0);
		buf_add(&text, in.ptr, consumed);
		buf_consume(&in, consumed);
		scanned = 0; /* parsed again where it stays: what follows it moves */
		if (http_parse_request(buf_slice(&text), &scanned, &head, &consumed, &why) != HTTP_DONE)
			return STATUS_WORLD;
		more = answer(&head, &in);
	}
	return STATUS_YES;
}
