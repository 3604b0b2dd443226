#include "server.h"

#include <errno.h>
#include <sys/socket.h>

#include "fd.h"
#include "program.h"

enum ref { REF_CLIENT, REF_LISTENER, REF_QUEUE };

/* Watch the listener, or leave new connections in its backlog. */
static bool set_listening(struct server *s, bool on, struct error *e)
{
	if (s->listening == on)
		return true;
	s->listening = on;
	if (on)
		return loop_add(&s->loop, s->listener, LOOP_READ, (struct loop_ref){ REF_LISTENER, 0, 0 }, e);
	loop_remove(&s->loop, s->listener);
	return true;
}

bool server_init(struct server *s, int listener, struct error *e)
{
	s->listener = listener;
	if (!fd_set_nonblocking(listener, true, e) || !loop_init(&s->loop, e))
		return false;
	if (s->desk.queue.watch.fd >= 0 &&
	    !loop_add(&s->loop, s->desk.queue.watch.fd, LOOP_READ, (struct loop_ref){ REF_QUEUE, 0, 0 }, e))
		return false;
	return set_listening(s, true, e);
}

static struct client *free_client(struct server *s)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (s->clients[i].state == CLIENT_FREE)
			return &s->clients[i];
	return NULL;
}

/* Accept what waits, as far as there is room. */
static bool accept_clients(struct server *s, struct error *e)
{
	while (s->n_clients < CLIENTS_MAX) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			client_start(s, free_client(s), fd);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		return true; /* none left, or no descriptors: there are fewer connections than those */
	}
	return set_listening(s, false, e);
}

/* Something happened on a connection. */
static void client_event(struct server *s, const struct loop_event *event)
{
	struct client *c = &s->clients[event->ref.index];

	if (c->state == CLIENT_FREE || c->generation != event->ref.generation)
		return;
	link_ready(&c->link, event->ready);
	if (event->ready & LOOP_HANGUP)
		client_drop(s, c);
	else
		client_step(s, c);
}

/* Let every waiting call look for its answer. */
static void look_all(struct server *s)
{
	watch_drain(&s->desk.queue.watch);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		client_look(s, &s->clients[i]);
	s->next_look = s->loop.now + WATCH_POLL_MS;
}

/* When to wake up at the latest; -1: not before something happens. */
static int64_t next_due(const struct server *s)
{
	int64_t due = INT64_MAX;
	bool waits = false;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		int64_t one = client_due(&s->clients[i]);

		waits = waits || s->clients[i].state == CLIENT_WAITS;
		if (one < due)
			due = one;
	}
	if (waits && s->desk.queue.watch.fd < 0 && s->next_look < due)
		due = s->next_look;
	return due == INT64_MAX ? -1 : due;
}

bool server_run(struct server *s, struct error *e)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	int n;

	while ((n = loop_wait(&s->loop, next_due(s), events, e)) >= 0) {
		for (int i = 0; i < n; i++) {
			switch ((enum ref)events[i].ref.type) {
			case REF_CLIENT:
				client_event(s, &events[i]);
				break;
			case REF_LISTENER:
				if (!accept_clients(s, e))
					return false;
				break;
			case REF_QUEUE:
				look_all(s);
				break;
			}
		}
		if (s->desk.queue.watch.fd < 0 && s->loop.now >= s->next_look)
			look_all(s);
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (client_due(&s->clients[i]) <= s->loop.now)
				client_tick(s, &s->clients[i]);
		if (s->n_clients < CLIENTS_MAX && !set_listening(s, true, e))
			return false;
	}
	return false;
}
