/* The front's loop: who is ready, who has something to say, whose time is up. */
#include "front.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "handover.h"
#include "program.h"

enum {
	ACCEPT_MAX = 16,       /* connections taken at once, so that those that are open get their turn */
	RETRY_TIME = 200,      /* until listeners are tried again after descriptors ran out */
	FD_SPARE = 64,         /* descriptors beside those of clients */
};

/* --- connections --- */

/* Watch the listeners, or leave new connections in their backlogs. */
static bool set_listening(struct front *f, bool on, struct error *e)
{
	if (f->listening == on)
		return true;
	f->listening = on;
	for (size_t i = 0; i < f->options.n_listeners; i++) {
		if (!on)
			loop_remove(&f->loop, f->options.listeners[i]);
		else if (!loop_add(&f->loop, f->options.listeners[i], LOOP_READ,
				   (struct loop_ref){ REF_LISTENER, 0, (uint32_t)i }, e))
			return false;
	}
	return true;
}

/* The lowest free slot. */
static uint32_t find_slot(struct front *f)
{
	size_t slot = f->first_free;

	while (f->clients[slot].state != CLIENT_FREE)
		slot++;
	f->first_free = slot + 1;
	return (uint32_t)slot;
}

/* Accept what waits at one listener. */
static void accept_clients(struct front *f, int listener)
{
	struct error e = ERROR_INIT;

	for (int i = 0; i < ACCEPT_MAX && f->n_clients < CONNECTIONS_MAX; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			client_start(f, find_slot(f), fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			set_listening(f, false, &e);
			f->listen_again = f->loop.now + RETRY_TIME;
		}
		return;
	}
	if (f->n_clients == CONNECTIONS_MAX)
		set_listening(f, false, &e);
}

/* Something happened on a client's socket. */
static void client_event(struct front *f, const struct loop_event *event)
{
	struct client *c = &f->clients[event->ref.index];

	if (c->state == CLIENT_FREE || c->generation != event->ref.generation)
		return;
	link_ready(&c->tls.link, event->ready);
	if ((event->ready & LOOP_HANGUP) && c->state != CLIENT_LINGER)
		client_drop(f, c); /* reset, or gone in both directions: nobody would read an answer */
	else
		client_step(f, c);
}

/* End those whose time is up, and see when the next one's is. */
static void sweep(struct front *f)
{
	int64_t next = INT64_MAX;

	if (f->loop.now < f->next_sweep)
		return;
	f->next_sweep = INT64_MAX;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct client *c = &f->clients[i];

		if (c->state != CLIENT_FREE && c->deadline <= f->loop.now)
			client_expire(f, c);
		if (c->state != CLIENT_FREE && inbound_due(c) <= f->loop.now) {
			inbound_flush(f, c);
			client_touch(f, c);
		}
		if (c->state != CLIENT_FREE && c->deadline < next)
			next = c->deadline;
		if (c->state != CLIENT_FREE && inbound_due(c) < next)
			next = inbound_due(c);
	}
	if (next < f->next_sweep)
		f->next_sweep = next;
}

/* --- peers --- */

/* Put new routes in force. */
static void take_routes(struct front *f, struct slice text)
{
	struct error e = ERROR_INIT;
	struct doc *routes = doc_parse(text, &e);
	struct policy *policy = routes ? policy_new(doc_get(routes, "routes"), &e) : NULL;

	if (!policy)
		_exit(program_fail(&e)); /* main has checked them */
	inspector_use(&f->inspector, policy);
	policy_release(f->policy);
	doc_release(f->routes);
	f->policy = policy;
	f->routes = routes;
	channel_put(&f->control, MESSAGE_TAKEN, 0, SLICE(""));
	role_send(&f->control);
}

/* Read a channel; hand each message to the function for it. */
static void drain(struct front *f, struct channel *c, const char *peer,
		  void (*take)(struct front *, const struct message *))
{
	enum channel_result r = channel_fill(c);
	struct message m;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	while ((r = channel_next(c, &m)) == CHANNEL_DONE)
		take(f, &m);
	if (r == CHANNEL_BAD)
		role_peer_broke(peer, "a message that is too large");
}

static void take_control(struct front *f, const struct message *m)
{
	if (m->type != MESSAGE_ROUTES)
		role_peer_broke("main process", "an unknown message");
	take_routes(f, m->body);
}

/* Send what is queued for a peer; when the kernel takes no more, watch for when it does. */
static void push(struct front *f, struct channel *c, bool *full, enum ref ref)
{
	enum channel_result r = channel_queued(c) ? channel_flush(c) : CHANNEL_DONE;
	struct error e = ERROR_INIT;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	if (*full == (r == CHANNEL_WAIT))
		return;
	*full = r == CHANNEL_WAIT;
	if (!loop_change(&f->loop, c->fd, *full ? LOOP_READ | LOOP_WRITE : LOOP_READ,
			 (struct loop_ref){ (uint8_t)ref, 0, 0 }, &e))
		_exit(program_fail(&e));
}

/* --- the loop --- */

static void handle(struct front *f, const struct loop_event *event)
{
	switch ((enum ref)event->ref.type) {
	case REF_CONTROL:
		drain(f, &f->control, "main process", take_control);
		break;
	case REF_SIGNER:
		if (event->ready & (LOOP_READ | LOOP_HANGUP))
			drain(f, &f->signer, "signer", leaf_take);
		break;
	case REF_ASKER:
		if (event->ready & (LOOP_READ | LOOP_HANGUP))
			drain(f, &f->asker, "asker", answer_take);
		break;
	case REF_UPSTREAM:
		if (event->ready & (LOOP_READ | LOOP_HANGUP))
			drain(f, &f->upstream, "upstream", reply_take);
		break;
	case REF_LISTENER:
		if (f->listening)
			accept_clients(f, f->options.listeners[event->ref.index]);
		break;
	case REF_CLIENT:
		client_event(f, event);
		break;
	}
}

/* Step every client for which something has come. */
static void step_dirty(struct front *f)
{
	while (f->n_dirty) {
		struct client *c = &f->clients[f->dirty[--f->n_dirty]];

		c->dirty = false;
		client_step(f, c);
	}
}

/* Accept again when there is room again. */
static void resume_listening(struct front *f)
{
	struct error e = ERROR_INIT;

	if (f->listening || f->n_clients == CONNECTIONS_MAX || f->loop.now < f->listen_again)
		return;
	f->listen_again = 0;
	set_listening(f, true, &e);
}

/* When to wake up at the latest. */
static int64_t next_deadline(const struct front *f)
{
	int64_t deadline = f->next_sweep == INT64_MAX ? -1 : f->next_sweep;

	if (f->listen_again && (deadline < 0 || f->listen_again < deadline))
		deadline = f->listen_again;
	if (f->trim.at && (deadline < 0 || f->trim.at < deadline))
		deadline = f->trim.at;
	return deadline;
}

static int run(struct front *f)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	struct error e = ERROR_INIT;
	int n;

	while ((n = loop_wait(&f->loop, next_deadline(f), events, &e)) >= 0) {
		for (int i = 0; i < n; i++)
			handle(f, &events[i]);
		step_dirty(f);
		sweep(f);
		step_dirty(f);
		push(f, &f->signer, &f->signer_full, REF_SIGNER);
		push(f, &f->upstream, &f->upstream_full, REF_UPSTREAM);
		if (f->options.asker >= 0)
			push(f, &f->asker, &f->asker_full, REF_ASKER);
		resume_listening(f);
		if (role_trim_due(&f->trim, f->loop.now, n > 0))
			role_trim();
	}
	return program_fail(&e);
}

/* --- the start --- */

/* Everything that needs power, or is large. */
static bool prepare(struct front *f, struct error *e)
{
	struct role_options *o = &f->options;

	document_seed();
	f->clients = alloc_zero(CONNECTIONS_MAX, sizeof(*f->clients));
	f->next_sweep = INT64_MAX;
	f->tls = tls_server_new(e);
	if (!f->tls || !loop_init(&f->loop, e) || !inspector_open(&f->inspector, o->rules, o->phrases, e))
		return false;
	f->inspector.spread = mmap(NULL, spread_size(), PROT_READ | PROT_WRITE, MAP_SHARED, o->spread, 0);
	if (f->inspector.spread == MAP_FAILED)
		return error_sys(e, "no memory that the fronts share");
	fd_close(&o->spread);
	role_trim(); /* reading the rules takes as much again as they do */
	if (!fd_set_nonblocking(o->signer, true, e) || !fd_set_nonblocking(o->peers[0], true, e))
		return false;
	channel_init(&f->control, o->control, ROUTES_MESSAGE_MAX);
	channel_init(&f->signer, o->signer, LEAF_MAX);
	channel_init(&f->upstream, o->peers[0], HEAD_MESSAGE_MAX);
	channel_init(&f->asker, o->asker, DIGEST_SIZE + QUESTION_MAX);
	if (o->asker >= 0 && (!fd_set_nonblocking(o->asker, true, e) ||
			      !loop_add(&f->loop, o->asker, LOOP_READ, (struct loop_ref){ REF_ASKER, 0, 0 }, e)))
		return false;
	return loop_add(&f->loop, o->control, LOOP_READ, (struct loop_ref){ REF_CONTROL, 0, 0 }, e) &&
	       loop_add(&f->loop, o->signer, LOOP_READ, (struct loop_ref){ REF_SIGNER, 0, 0 }, e) &&
	       loop_add(&f->loop, o->peers[0], LOOP_READ, (struct loop_ref){ REF_UPSTREAM, 0, 0 }, e);
}

static bool confine_front(struct error *e)
{
	static const struct confine_call own_calls[] = {
		CONFINE_ALLOW(__NR_accept4),
		CONFINE_ALLOW(__NR_sched_yield), /* spread.h waits for another front */
		CONFINE_ALLOW(__NR_sysinfo), /* qsort asks how much memory there is */
		CONFINE_END,
	};
	static const struct confine_call *const calls[] = { own_calls, loop_calls, link_calls, channel_calls,
							    role_calls, NULL };
	static const struct confinement c = {
		.role = "front",
		.tied = true,
		.uid = UID_FRONT,
		.descriptors = CONNECTIONS_MAX + FD_SPARE,
		.calls = calls,
	};

	return confine(&c, e);
}

/* Somebody can be asked: take the key of the digests. */
static void take_permits_key(struct front *f)
{
	struct message m;

	role_receive(&f->asker, &m, "asker");
	if (m.type != MESSAGE_PERMITS_KEY || m.body.len != DIGEST_SIZE)
		role_peer_broke("asker", "no key");
	memcpy(f->inspector.permits.key, m.body.ptr, DIGEST_SIZE);
	f->inspector.permits.asks = true;
}

/* Tell main that we are confined and the signer what our key is, then wait for the routes. */
static bool introduce(struct front *f, struct error *e)
{
	AUTO_BUF key = BUF_INIT;
	struct message m;

	tls_server_key(f->tls, &key);
	channel_put(&f->signer, MESSAGE_KEY, 0, buf_slice(&key));
	role_send(&f->signer);
	f->inspector.known = known_receive(&f->upstream, &f->inspector.canaries);
	if (f->options.asker >= 0)
		take_permits_key(f);
	channel_put(&f->control, MESSAGE_READY, 0, SLICE(""));
	role_send(&f->control);
	role_receive(&f->control, &m, "main process");
	take_control(f, &m);
	return set_listening(f, true, e);
}

int front_main(int argc, char **argv)
{
	static struct front f;
	struct error e = ERROR_INIT;

	role_start("front", argc, argv, &f.options);
	if (!prepare(&f, &e) || !confine_front(&e) || !introduce(&f, &e))
		return program_fail(&e);
	return run(&f);
}
