#include "role.h"

#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "program.h"

const struct confine_call role_calls[] = {
#ifdef __NR_poll
	CONFINE_ALLOW(__NR_poll),
#endif
	CONFINE_ALLOW(__NR_ppoll),
	CONFINE_END,
};

const char *const log_level_names[] = { "off", "blocks", "full" };

bool log_level_parse(const char *text, enum log_level *level, struct error *e)
{
	for (size_t i = 0; i < COUNT_OF(log_level_names); i++) {
		if (strcmp(text, log_level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return error_set(e, STATUS_CALLER, "the log level '%s' is none of off, blocks, full", text);
}

static const struct option_def options[] = {
	{ "control", 0, "FD", "channel to the main process" },
	{ "peer", 0, "FD", "channel to the role that this one serves or is served by" },
	{ "signer", 0, "FD", "channel to the signer" },
	{ "store", 0, "FD", "what the certificate authority keeps" },
	{ "secrets", 0, "FD", "credentials" },
	{ "rules", 0, "FD", "token rules" },
	{ "phrases", 0, "FD", "phrases of injected instructions" },
	{ "spread", 0, "FD", "memory that the fronts share" },
	{ "listener", 0, "FD", "listening socket" },
	{ "worker", 0, "NUMBER", "number of this pair of front and upstream" },
	{ "log-level", 0, "LEVEL", "off, blocks or full" },
	{ "asker", 0, "FD", "channel to the role that asks the operator" },
	{ "queue", 0, "DIR", "directory of the questions" },
	{ "bottle", 0, "NAME", "identity of the bottle" },
	{ "permits", 0, "FD", "what the operator has approved" },
	{ "ask-seconds", 0, "NUMBER", "time for an answer" },
	{ "trust", 0, "PATH", "certificates to trust instead of the system's" },
	{ "proxy", 0, "URL", "another proxy on the way to origins" },
	{ "proxy-password", 0, "FD", "its password" },
	{ .name = NULL },
};

/* Parse a descriptor into the next free place of a list. */
static bool add_fd(int *list, size_t *n, size_t max, const char *arg, struct error *e)
{
	if (*n >= max)
		return error_set(e, STATUS_CALLER, "too many descriptors");
	return fd_parse(arg, &list[(*n)++], e);
}

/* Take one option of a role. */
static bool take_option(void *context, const char *name, const char *arg, struct error *e)
{
	struct role_options *o = context;
	const struct {
		const char *name, **value;
	} texts[] = { { "trust", &o->trust }, { "proxy", &o->proxy }, { "queue", &o->queue },
		      { "bottle", &o->bottle } };
	uint64_t n;

	if (strcmp(name, "control") == 0)
		return fd_parse(arg, &o->control, e);
	if (strcmp(name, "peer") == 0)
		return add_fd(o->peers, &o->n_peers, WORKERS_MAX, arg, e);
	if (strcmp(name, "signer") == 0)
		return fd_parse(arg, &o->signer, e);
	if (strcmp(name, "store") == 0)
		return fd_parse(arg, &o->store, e);
	if (strcmp(name, "secrets") == 0)
		return fd_parse(arg, &o->secrets, e);
	if (strcmp(name, "rules") == 0)
		return fd_parse(arg, &o->rules, e);
	if (strcmp(name, "phrases") == 0)
		return fd_parse(arg, &o->phrases, e);
	if (strcmp(name, "spread") == 0)
		return fd_parse(arg, &o->spread, e);
	if (strcmp(name, "listener") == 0)
		return add_fd(o->listeners, &o->n_listeners, LISTENERS_MAX, arg, e);
	if (strcmp(name, "log-level") == 0)
		return log_level_parse(arg, &o->level, e);
	if (strcmp(name, "asker") == 0)
		return fd_parse(arg, &o->asker, e);
	if (strcmp(name, "permits") == 0)
		return fd_parse(arg, &o->permits, e);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (strcmp(name, texts[i].name) != 0)
			continue;
		*texts[i].value = arg;
		return true;
	}
	if (strcmp(name, "proxy-password") == 0)
		return fd_parse(arg, &o->proxy_password, e);
	if (strcmp(name, "ask-seconds") == 0) {
		o->ask_seconds = slice_to_u64(slice_str(arg), &n) && n <= ASK_SECONDS_MAX ? (int)n : 0;
		return true;
	}
	if (!slice_to_u64(slice_str(arg), &n) || n >= WORKERS_MAX)
		return error_set(e, STATUS_CALLER, "there is no worker '%s'", arg);
	o->worker = (int)n;
	return true;
}

void role_start(const char *name, int argc, char **argv, struct role_options *o)
{
	AUTO_FREE char *full = alloc_format("bb-egress %s", name);
	const struct program program = {
		.name = STEAL(full), /* kept: error texts begin with it */
		.purpose = "one of the processes of bb-egress, which starts it; not for people",
		.usage = "[OPTION]...",
		.options = options,
	};

	*o = (struct role_options){ .control = -1, .signer = -1, .store = -1, .secrets = -1, .rules = -1,
				    .phrases = -1, .spread = -1, .proxy_password = -1, .asker = -1, .permits = -1,
				    .level = LEVEL_BLOCKS };
	if (program_start(&program, argc, argv, take_option, o) != argc || o->control < 0 || o->n_peers == 0)
		exit(program_usage("this is started by bb-egress, not by people"));
}

void role_peer_gone(void)
{
	_exit(STATUS_BEREFT);
}

void role_peer_broke(const char *peer, const char *what)
{
	struct error e = ERROR_INIT;

	error_set(&e, STATUS_WORLD, "the %s sent what it must not: %s", peer, what);
	_exit(program_fail(&e));
}

bool role_trim_due(struct trim *t, int64_t now, bool busy)
{
	if (busy && !t->at)
		t->latest = now + TRIM_LATEST;
	if (busy && now < t->latest) {
		t->at = now + TRIM_TIME < t->latest ? now + TRIM_TIME : t->latest;
		return false;
	}
	if (!t->at || now < t->at)
		return false;
	*t = (struct trim){ 0, 0 };
	return true;
}

void role_trim(void)
{
	malloc_trim(0);
}

void role_send(struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	enum channel_result r;

	while ((r = channel_flush(c)) == CHANNEL_WAIT)
		poll(&p, 1, -1);
	if (r == CHANNEL_CLOSED)
		role_peer_gone();
}

void role_receive(struct channel *c, struct message *m, const char *peer)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	enum channel_result r;

	while ((r = channel_next(c, m)) == CHANNEL_WAIT) {
		r = channel_fill(c);
		if (r == CHANNEL_CLOSED)
			role_peer_gone();
		if (r == CHANNEL_WAIT)
			poll(&p, 1, -1);
	}
	if (r == CHANNEL_BAD)
		role_peer_broke(peer, "a message that is too large");
}
