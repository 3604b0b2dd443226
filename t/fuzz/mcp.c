/*
 * Any bytes as what an agent sends to bb-supervise, in two pieces on one
 * connection: nothing may crash, and whatever is answered is HTTP that our own
 * strict reader takes, with JSON or events in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/supervise/server.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/bb-mcp.XXXXXX"; /* in memory: the disk is not what is tested */
static struct server server;

/* End the run with a report when an invariant does not hold. */
static void must(bool good)
{
	if (!good)
		abort();
}

static void clean(void)
{
	struct error e = ERROR_INIT;

	file_remove_tree(directory, &e);
}

static void start(void)
{
	static char queue[64], routes[64];
	struct error e = ERROR_INIT;

	document_seed_with(1);
	digest_init();
	must(mkdtemp(directory) != NULL);
	atexit(clean);
	snprintf(queue, sizeof(queue), "%s/queue", directory);
	snprintf(routes, sizeof(routes), "%s/routes.yaml", directory);
	must(file_replace(routes, SLICE("routes: [{host: a.test}]\n"), 0600, &e));
	server.desk.routes = routes;
	server.desk.bottle = "fuzz";
	server.desk.timeout = 1;
	must(sessions_open(&server.sessions, -1, &e) && desk_open(&server.desk, queue, &e) &&
	     loop_init(&server.loop, &e));
}

/* Read what was answered. The client may wait: then its stream has no end. */
static void check_answers(int fd)
{
	static char text[4 << 20];
	struct http_head h;
	size_t len = 0, at = 0;
	ssize_t n;

	while (len < sizeof(text) && (n = recv(fd, text + len, sizeof(text) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	while (at < len && len < sizeof(text)) {
		size_t scanned = 0, consumed = 0;
		const char *why = NULL;
		struct error e = ERROR_INIT;
		AUTO_DOC *body = NULL;

		must(http_parse_response(slice_of(text + at, len - at), &scanned, false, &h, &consumed, &why) ==
		     HTTP_DONE);
		at += consumed;
		if (h.body != HTTP_BODY_LENGTH)
			return; /* a stream of events: what follows belongs to it */
		must(h.length <= len - at);
		if (h.length)
			must((body = doc_parse(slice_of(text + at, (size_t)h.length), &e)) != NULL);
		at += (size_t)h.length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct client *c = &server.clients[0];
	size_t cut = size ? data[0] % size : 0;
	int ends[2];

	if (!started)
		start();
	started = true;
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	client_start(&server, c, ends[0]);
	for (size_t part = 0; part < 2 && c->state != CLIENT_FREE; part++) {
		size_t from = part ? cut : 0, to = part ? size : cut;

		if (to > from)
			must(send(ends[1], data + from, to - from, MSG_NOSIGNAL) == (ssize_t)(to - from));
		link_ready(&c->link, LOOP_READ | LOOP_WRITE);
		client_step(&server, c);
	}
	if (c->state == CLIENT_WAITS) {
		server.loop.now = INT64_MAX / 2;
		client_tick(&server, c);
		server.loop.now = loop_clock();
	}
	check_answers(ends[1]);
	client_drop(&server, c);
	close(ends[1]);
	return 0;
}
