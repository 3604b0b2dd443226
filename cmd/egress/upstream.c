/* The upstream's loop and its channels to front and main. */
#include "upstream.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "handover.h"
#include "program.h"

enum { FD_SPARE = 128 }; /* descriptors beside those of connections: channels, the resolver's, trusted certificates */

/* --- main --- */

/* Keep the text of a ca_file until the routes come that name it. */
static void take_ca_file(struct upstream *u, struct slice body)
{
	struct slice rest = body, path = slice_cut(&rest, '\0');
	struct ca_file *file;

	if (u->n_ca_files == CA_FILES_MAX)
		role_peer_broke("main process", "too many files of certificates");
	u->ca_files = alloc_resize(u->ca_files, u->n_ca_files + 1, sizeof(*u->ca_files));
	file = &u->ca_files[u->n_ca_files++];
	*file = (struct ca_file){ .path = alloc_copy(path.ptr, path.len), .pem = BUF_INIT };
	buf_add_slice(&file->pem, rest);
}

static void forget_ca_files(struct upstream *u)
{
	for (size_t i = 0; i < u->n_ca_files; i++) {
		free(u->ca_files[i].path);
		buf_release(&u->ca_files[i].pem);
	}
	free(u->ca_files);
	u->ca_files = NULL;
	u->n_ca_files = 0;
}

/*
 * Put new routes in force. Requests under way keep those they began with; kept
 * connections are closed, since they were opened by rules that may have changed.
 */
static void take_routes(struct upstream *u, struct slice text)
{
	AUTO_BUF missing = BUF_INIT;
	struct error e = ERROR_INIT;
	AUTO_DOC *routes = doc_parse(text, &e);
	struct routing *rules = routes ? routing_new(u, doc_get(routes, "routes"), &e) : NULL;

	forget_ca_files(u);
	if (rules) {
		origin_close_idle(u);
		routing_release(u->rules);
		u->rules = rules;
		credentials_missing(u, rules->policy, &missing);
		channel_put(&u->control, MESSAGE_TAKEN, 0, buf_slice(&missing));
	} else {
		channel_put(&u->control, MESSAGE_NOT_TAKEN, 0, slice_str(e.text));
	}
	role_send(&u->control);
}

static void take_control(struct upstream *u, const struct message *m)
{
	if (m->type == MESSAGE_CA_FILE)
		take_ca_file(u, m->body);
	else if (m->type == MESSAGE_ROUTES)
		take_routes(u, m->body);
	else
		role_peer_broke("main process", "an unknown message");
}

/* --- channels --- */

/* Read a channel; hand each message to the function for it. */
static void drain(struct upstream *u, struct channel *c, const char *peer,
		  void (*take)(struct upstream *, const struct message *))
{
	enum channel_result r = channel_fill(c);
	struct message m;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	while ((r = channel_next(c, &m)) == CHANNEL_DONE)
		take(u, &m);
	if (r == CHANNEL_BAD)
		role_peer_broke(peer, "a message that is too large");
}

/* Send what is queued for the front; when the kernel takes no more, watch for when it does. */
static void push(struct upstream *u)
{
	enum channel_result r = channel_queued(&u->front) ? channel_flush(&u->front) : CHANNEL_DONE;
	struct error e = ERROR_INIT;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	if (u->front_full == (r == CHANNEL_WAIT))
		return;
	u->front_full = r == CHANNEL_WAIT;
	if (!loop_change(&u->loop, u->front.fd, u->front_full ? LOOP_READ | LOOP_WRITE : LOOP_READ,
			 (struct loop_ref){ REF_FRONT, 0, 0 }, &e))
		_exit(program_fail(&e));
}

/* --- the loop --- */

static void handle(struct upstream *u, const struct loop_event *event)
{
	struct origin *o;

	switch ((enum ref)event->ref.type) {
	case REF_CONTROL:
		drain(u, &u->control, "main process", take_control);
		break;
	case REF_FRONT:
		if (event->ready & (LOOP_READ | LOOP_HANGUP))
			drain(u, &u->front, "front", job_take);
		break;
	case REF_RESOLVER:
		resolver_event(u->resolver, event);
		break;
	case REF_ORIGIN:
		o = &u->origins[event->ref.index];
		if (o->state == ORIGIN_FREE || o->generation != event->ref.generation)
			break;
		link_ready(&o->tls.link, event->ready);
		origin_step(u, o);
		break;
	}
}

static void step_dirty(struct upstream *u)
{
	while (u->n_dirty) {
		struct origin *o = &u->origins[u->dirty[--u->n_dirty]];

		o->dirty = false;
		origin_step(u, o);
	}
}

/* Take what the resolver has found. */
static void take_answers(struct upstream *u)
{
	struct resolve_answer answer;

	while (resolver_next(u->resolver, &answer))
		dial_answer(u, &answer);
}

/* End those whose time is up, and see when the next one's is. */
static void sweep(struct upstream *u)
{
	int64_t next = INT64_MAX;

	if (u->loop.now < u->next_sweep)
		return;
	u->next_sweep = INT64_MAX;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct job *j = &u->jobs[i];

		if ((j->state == JOB_RESOLVING || j->state == JOB_DIALING) && j->deadline <= u->loop.now)
			job_expire(u, j);
		if ((j->state == JOB_RESOLVING || j->state == JOB_DIALING) && j->deadline < next)
			next = j->deadline;
	}
	for (size_t i = 0; i < ORIGINS_MAX; i++) {
		struct origin *o = &u->origins[i];

		if (o->state != ORIGIN_FREE && o->deadline <= u->loop.now)
			origin_expire(u, o);
		if (o->state != ORIGIN_FREE && o->deadline < next)
			next = o->deadline;
	}
	if (next < u->next_sweep)
		u->next_sweep = next;
}

/* When to wake up at the latest. */
static int64_t next_deadline(struct upstream *u)
{
	int64_t deadline = u->next_sweep == INT64_MAX ? -1 : u->next_sweep;
	int64_t names = resolver_deadline(u->resolver, u->loop.now);

	if (names >= 0 && (deadline < 0 || names < deadline))
		deadline = names;
	return u->trim.at && (deadline < 0 || u->trim.at < deadline) ? u->trim.at : deadline;
}

static int run(struct upstream *u)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	struct error e = ERROR_INIT;
	int n;

	while ((n = loop_wait(&u->loop, next_deadline(u), events, &e)) >= 0) {
		for (int i = 0; i < n; i++)
			handle(u, &events[i]);
		resolver_tick(u->resolver);
		take_answers(u);
		step_dirty(u);
		sweep(u);
		step_dirty(u);
		push(u);
		if (role_trim_due(&u->trim, u->loop.now, n > 0)) {
			origin_close_surplus(u);
			role_trim();
		}
	}
	return program_fail(&e);
}

/* --- the start --- */

/* The proxy on the way to origins, if there is one. */
static bool prepare_proxy(struct upstream *u, struct error *e)
{
	AUTO_SECRETS set = SECRET_SET_INIT;
	struct slice password;

	if (!u->options.proxy)
		return true;
	if (!proxy_parse(slice_str(u->options.proxy), &u->proxy, e))
		return false;
	if (u->options.proxy_password < 0)
		return true;
	if (!secret_set_read(u->options.proxy_password, &set, e))
		return false;
	if (!secret_set_find(&set, PROXY_PASSWORD, &password))
		return error_set(e, STATUS_WORLD, "the upstream proxy's password was not handed over");
	proxy_password(&u->proxy, password);
	fd_close(&u->options.proxy_password);
	return true;
}

/* Everything that needs power, or is large. */
static bool prepare(struct upstream *u, struct error *e)
{
	struct role_options *o = &u->options;

	document_seed();
	cookies_prepare();
	u->jobs = alloc_zero(CONNECTIONS_MAX, sizeof(*u->jobs));
	u->origins = alloc_zero(ORIGINS_MAX, sizeof(*u->origins));
	u->next_sweep = INT64_MAX;
	if (o->secrets < 0 || !secret_set_read(o->secrets, &u->secrets, e))
		return false;
	fd_close(&o->secrets);
	if (!known_make(&u->secrets, &u->known, e))
		return false;
	if (!prepare_proxy(u, e))
		return false;
	u->trust = tls_client_new(o->trust, SLICE(""), e);
	if (!u->trust || !loop_init(&u->loop, e))
		return false;
	u->resolver = resolver_new(&u->loop, REF_RESOLVER, e);
	if (!u->resolver || !fd_set_nonblocking(o->peers[0], true, e))
		return false;
	channel_init(&u->control, o->control, ROUTES_MESSAGE_MAX);
	channel_init(&u->front, o->peers[0], HEAD_MESSAGE_MAX);
	return loop_add(&u->loop, o->control, LOOP_READ, (struct loop_ref){ REF_CONTROL, 0, 0 }, e) &&
	       loop_add(&u->loop, o->peers[0], LOOP_READ, (struct loop_ref){ REF_FRONT, 0, 0 }, e);
}

static bool confine_upstream(const struct upstream *u, struct error *e)
{
	static const struct confine_call own_calls[] = {
		{ __NR_getsockopt, 2, ~(uint64_t)0, SO_ERROR },
		CONFINE_END,
	};
	static const struct confine_call *const calls[] = { own_calls, loop_calls, link_calls, channel_calls,
							    role_calls,
							    resolver_calls, tls_trust_calls, NULL };
	const char *readable[32];
	struct confinement c = {
		.role = "upstream",
		.tied = true,
		.uid = UID_UPSTREAM,
		.descriptors = ORIGINS_MAX + FD_SPARE,
		.readable = readable,
		.connect = true,
		.calls = calls,
	};
	size_t n = 0;

	for (const char *const *p = tls_trust_paths; *p; p++)
		readable[n++] = *p;
	for (const char *const *p = resolver_paths; *p; p++)
		readable[n++] = *p;
	if (u->options.trust)
		readable[n++] = u->options.trust;
	readable[n] = NULL;
	return confine(&c, e);
}

/* Tell main that we are confined, then wait for the routes. */
static void introduce(struct upstream *u)
{
	struct message m;

	channel_put(&u->control, MESSAGE_READY, 0, SLICE(""));
	role_send(&u->control);
	known_send(&u->front, &u->secrets, buf_slice(&u->known));
	role_send(&u->front);
	buf_wipe(&u->known);
	do {
		role_receive(&u->control, &m, "main process");
		take_control(u, &m);
	} while (!u->rules);
}

int upstream_main(int argc, char **argv)
{
	static struct upstream u;
	struct error e = ERROR_INIT;

	role_start("upstream", argc, argv, &u.options);
	if (!prepare(&u, &e) || !confine_upstream(&u, &e))
		return program_fail(&e);
	introduce(&u);
	return run(&u);
}
