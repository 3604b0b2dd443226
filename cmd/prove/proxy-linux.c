#include "network-linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "loop.h"

#define ANSWER_MAX 512 /* bytes of an answer that are looked at: the status line is in front */
#define METADATA_ADDRESS "169.254.169.254"
#define CLOSED_PORT 1 /* tcpmux: no route has it */

/*
 * One conversation. What is asked for is refused inside TLS as well as in clear
 * by the same rules, so that the requests are sent as absolute-form in clear
 * (RFC 9112 §3.2.2); a CONNECT is always accepted and what comes after it is
 * what gets judged, so that the tunnel is tried with bytes that are not TLS.
 */
struct ask {
	enum check check;
	bool tunnel;
	bool accepted; /* the CONNECT was */
	int fd;
	size_t sent;
	size_t len; /* of answer */
	char *request;
	char answer[ANSWER_MAX];
};

#define ASKS 4

/* Status code of the answer; 0 while its line is not complete; -1 when it is none. */
static int status_of(const struct ask *a)
{
	struct slice line = slice_of(a->answer, a->len);
	struct slice code;
	uint64_t value;

	if (slice_find(line, '\n') == SLICE_NONE)
		return a->len == ANSWER_MAX ? -1 : 0;
	line = slice_cut(&line, '\n');
	if (!slice_starts(line, SLICE("HTTP/1.")))
		return -1;
	slice_cut(&line, ' ');
	code = slice_cut(&line, ' ');
	return code.len == 3 && slice_to_u64(slice_trim(code, "\r"), &value) ? (int)value : -1;
}

/* Start a conversation with the proxy. */
static void open_ask(struct ask *a, const struct probe *p, struct verdict *v)
{
	struct sockaddr_storage to = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;
	socklen_t len = sizeof(*v4);

	if (inet_pton(AF_INET, p->proxy_address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)p->proxy_port);
	} else if (inet_pton(AF_INET6, p->proxy_address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)p->proxy_port);
		len = sizeof(*v6);
	}
	a->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd >= 0 && (connect(a->fd, (const struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS))
		return;
	verdict_set(v, a->check, RESULT_UNKNOWN, "unable to reach the proxy: %s", strerror(errno));
	fd_close(&a->fd);
}

/* End a conversation with a result. */
static void close_ask(struct ask *a, struct verdict *v, enum result result, const char *what, int status)
{
	verdict_set(v, a->check, result, "%s (status %d)", what, status);
	fd_close(&a->fd);
}

/* The CONNECT was answered: go on inside the tunnel, or be done. */
static void enter_tunnel(struct ask *a, const struct probe *p, struct verdict *v, int status)
{
	if (status == 403) {
		close_ask(a, v, RESULT_HELD, "refused at the CONNECT", status);
	} else if (status == 200) {
		a->accepted = true;
		a->sent = 0;
		a->len = 0;
		alloc_auto_free(&a->request);
		a->request = alloc_format("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", p->unlisted);
	} else {
		close_ask(a, v, RESULT_OPEN, "the proxy did not answer 200 or 403: it went looking for the name",
			  status);
	}
}

/* Judge what came so far; end is true when no more will come. */
static void judge(struct ask *a, const struct probe *p, struct verdict *v, bool end)
{
	int status = status_of(a);

	if (a->accepted && (end || status == 400 || status == 403))
		close_ask(a, v, RESULT_HELD, end ? "closed" : "refused", status);
	else if (a->accepted && status)
		close_ask(a, v, RESULT_OPEN, "something answered inside the tunnel", status);
	else if (status == 0 && end)
		close_ask(a, v, RESULT_UNKNOWN, "closed without an answer", status);
	else if (status && a->tunnel)
		enter_tunnel(a, p, v, status);
	else if (status == 403)
		close_ask(a, v, RESULT_HELD, "refused", status);
	else if (status)
		close_ask(a, v, RESULT_OPEN, "the proxy did not refuse it", status);
}

/* Send what is left of the request; read what has come. */
static void step(struct ask *a, const struct probe *p, struct verdict *v)
{
	size_t left = strlen(a->request) - a->sent;
	ssize_t n;

	if (left) {
		n = send(a->fd, a->request + a->sent, left, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && !a->accepted) {
			verdict_set(v, a->check, RESULT_UNKNOWN, "unable to ask the proxy: %s", strerror(errno));
			fd_close(&a->fd);
			return;
		}
		a->sent += n > 0 ? (size_t)n : 0;
	}
	n = recv(a->fd, a->answer + a->len, ANSWER_MAX - a->len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	a->len += n > 0 ? (size_t)n : 0;
	judge(a, p, v, n <= 0);
}

/* Go through all conversations until they end or the deadline comes. */
static void converse(struct ask *asks, const struct probe *p, struct verdict *v, int64_t deadline)
{
	for (;;) {
		struct pollfd fds[ASKS];
		int64_t left = deadline - loop_clock();
		size_t waiting = 0;

		for (size_t i = 0; i < ASKS; i++) {
			short want = asks[i].fd >= 0 && asks[i].sent < strlen(asks[i].request) ? POLLOUT : POLLIN;

			fds[i] = (struct pollfd){ asks[i].fd, want, 0 };
			waiting += asks[i].fd >= 0;
		}
		if (!waiting || left <= 0 || poll(fds, ASKS, (int)left) <= 0)
			break;
		for (size_t i = 0; i < ASKS; i++)
			if (asks[i].fd >= 0 && fds[i].revents)
				step(&asks[i], p, v);
	}
	for (size_t i = 0; i < ASKS; i++)
		if (asks[i].fd >= 0)
			close_ask(&asks[i], v, RESULT_UNKNOWN, "no answer in time", 0);
}

/* An absolute-form request. */
static char *request_for(const char *host, const char *port)
{
	return alloc_format("GET http://%s%s/ HTTP/1.1\r\nHost: %s%s\r\nConnection: close\r\n\r\n", host, port, host,
			    port);
}

void proxy_prove(const struct probe *p, struct verdict *v)
{
	static const enum check checks[ASKS] = { CHECK_PROXY_HOST, CHECK_PROXY_ADDRESS, CHECK_PROXY_TUNNEL,
						 CHECK_PROXY_PORT };
	AUTO_FREE struct ask *asks = alloc_zero(ASKS, sizeof(*asks));
	AUTO_FREE char *port = alloc_format(":%d", CLOSED_PORT);
	size_t used = p->listed ? ASKS : ASKS - 1;

	for (size_t i = 0; i < ASKS; i++)
		asks[i].fd = -1;
	if (!p->proxy_address || !p->listed)
		verdict_set(v, CHECK_PROXY_PORT, RESULT_HELD, "no name is listed");
	for (size_t i = 0; !p->proxy_address && i < ASKS; i++)
		verdict_set(v, checks[i], RESULT_HELD, "there is no proxy");
	if (!p->proxy_address)
		return;
	asks[0].request = request_for(p->unlisted, "");
	asks[1].request = request_for(METADATA_ADDRESS, "");
	asks[2].request = alloc_format("CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", p->unlisted, p->unlisted);
	asks[2].tunnel = true;
	asks[3].request = request_for(p->listed ? p->listed : "", port);
	for (size_t i = 0; i < used; i++) {
		asks[i].check = checks[i];
		open_ask(&asks[i], p, v);
	}
	converse(asks, p, v, loop_clock() + PROXY_MS);
	for (size_t i = 0; i < ASKS; i++)
		alloc_auto_free(&asks[i].request);
}
