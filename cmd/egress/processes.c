#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "loop.h"
#include "message.h"
#include "program.h"
#include "role.h"
#include "spawn.h"
#include "spread.h"

enum {
	ARGUMENTS_MAX = 2 * SPAWN_FDS_MAX + 16,
	SIGNER = 0, /* its place in the list: it is the first to be started */
};

/* The command line of a role while it is put together. */
struct command {
	const char *argv[ARGUMENTS_MAX];
	size_t n;
	char numbers[SPAWN_FDS_MAX][12];
	struct spawn_fd fds[SPAWN_FDS_MAX];
	size_t n_fds;
};

static void add_word(struct command *c, const char *word)
{
	c->argv[c->n++] = word;
}

/* Pass a descriptor, with the option that says what it is. */
static void add_fd(struct command *c, const char *option, int fd)
{
	int number = 3 + (int)c->n_fds;

	snprintf(c->numbers[c->n_fds], sizeof(c->numbers[0]), "%d", number);
	add_word(c, option);
	add_word(c, c->numbers[c->n_fds]);
	c->fds[c->n_fds++] = (struct spawn_fd){ fd, number };
}

/* Begin the command of a role: this program once more, saying what it has to say on our standard error. */
static void begin(struct command *c, const char *role)
{
	*c = (struct command){ .n = 0 };
	add_word(c, "bb-egress");
	add_word(c, role);
}

/* Run the command with a new control channel. */
static bool run(struct processes *p, struct command *c, const char *role, struct error *e)
{
	static const char *const empty[] = { NULL };
	struct process *one = &p->list[p->count];
	struct spawn_fd fds[SPAWN_FDS_MAX];
	AUTO_FD theirs = -1;
	int ends[2];
	struct spawn s = {
		.path = "/proc/self/exe",
		.argv = c->argv,
		.env = empty,
		.cwd = "/",
		.fds = fds,
		.new_session = true, /* what a terminal sends to us is ours to pass on */
		.death_signal = SIGKILL,
	};

	if (!fd_socketpair(SOCK_STREAM, ends, e))
		return false;
	theirs = ends[1];
	*one = (struct process){ .role = role, .pid = -1, .refused = BUF_INIT, .missing = BUF_INIT };
	channel_init(&one->control, ends[0], LOG_LINE_MAX);
	p->count++;
	add_fd(c, "--control", theirs);
	add_word(c, NULL);
	memcpy(fds, c->fds, c->n_fds * sizeof(fds[0]));
	fds[c->n_fds] = (struct spawn_fd){ STDERR_FILENO, STDERR_FILENO };
	s.n_fds = c->n_fds + 1;
	one->pid = spawn_start(&s, e);
	return one->pid < 0 ? error_wrap(e, "while starting the %s", role)
			    : fd_set_nonblocking(one->control.fd, true, e);
}

/*
 * The sockets between the roles: front and signer, front and upstream, front and asker if there is one. And what the
 * fronts share.
 */
struct pairs {
	int front_signer[WORKERS_MAX][2];
	int front_upstream[WORKERS_MAX][2];
	int front_asker[WORKERS_MAX][2];
	int spread;
};

static void pairs_release(struct pairs *t)
{
	fd_close(&t->spread);
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		for (size_t side = 0; side < 2; side++) {
			fd_close(&t->front_signer[i][side]);
			fd_close(&t->front_upstream[i][side]);
			fd_close(&t->front_asker[i][side]);
		}
	}
}

static bool pairs_make(struct pairs *t, const struct settings *s, struct error *e)
{
	memset(t, -1, sizeof(*t));
	t->spread = memfd_create("spread", MFD_CLOEXEC);
	if (t->spread < 0 || ftruncate(t->spread, (off_t)spread_size()) < 0)
		return error_sys(e, "no memory for the fronts to share");
	for (size_t i = 0; i < s->workers; i++)
		if (!fd_socketpair(SOCK_STREAM, t->front_signer[i], e) ||
		    !fd_socketpair(SOCK_STREAM, t->front_upstream[i], e) ||
		    (s->queue && !fd_socketpair(SOCK_STREAM, t->front_asker[i], e)))
			return false;
	return true;
}

static bool start_signer(struct processes *p, const struct settings *s, const struct pairs *t, struct error *e)
{
	struct command c;

	begin(&c, "signer");
	add_fd(&c, "--store", s->store);
	for (size_t i = 0; i < s->workers; i++)
		add_fd(&c, "--peer", t->front_signer[i][1]);
	return run(p, &c, "signer", e);
}

static bool start_upstream(struct processes *p, const struct settings *s, const struct pairs *t, size_t i,
			   struct error *e)
{
	struct command c;

	begin(&c, "upstream");
	add_fd(&c, "--peer", t->front_upstream[i][1]);
	add_fd(&c, "--secrets", s->secrets);
	if (s->trust) {
		add_word(&c, "--trust");
		add_word(&c, s->trust);
	}
	if (s->proxy) {
		add_word(&c, "--proxy");
		add_word(&c, s->proxy);
	}
	if (s->proxy_password >= 0)
		add_fd(&c, "--proxy-password", s->proxy_password);
	return run(p, &c, "upstream", e);
}

static bool start_front(struct processes *p, const struct settings *s, const struct pairs *t, size_t i, struct error *e)
{
	AUTO_FD rules = open(s->rules, O_RDONLY | O_CLOEXEC | O_NOCTTY); /* each front reads it from the start */
	AUTO_FD phrases = open(s->phrases, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct command c;
	char worker[24];

	if (rules < 0)
		return error_sys(e, "unable to read the token rules '%s'", s->rules);
	if (phrases < 0)
		return error_sys(e, "unable to read the phrases '%s'", s->phrases);

	begin(&c, "front");
	add_fd(&c, "--peer", t->front_upstream[i][0]);
	add_fd(&c, "--signer", t->front_signer[i][0]);
	add_fd(&c, "--rules", rules);
	add_fd(&c, "--phrases", phrases);
	add_fd(&c, "--spread", t->spread);
	for (size_t n = 0; n < s->n_listeners; n++)
		add_fd(&c, "--listener", s->listeners[n]);
	snprintf(worker, sizeof(worker), "%zu", i);
	add_word(&c, "--worker");
	add_word(&c, worker);
	add_word(&c, "--log-level");
	add_word(&c, log_level_names[s->level]);
	if (s->queue)
		add_fd(&c, "--asker", t->front_asker[i][0]);
	return run(p, &c, "front", e);
}

static bool start_asker(struct processes *p, const struct settings *s, const struct pairs *t, struct error *e)
{
	struct command c;
	char seconds[24];

	begin(&c, "asker");
	for (size_t i = 0; i < s->workers; i++)
		add_fd(&c, "--peer", t->front_asker[i][1]);
	if (s->permits >= 0)
		add_fd(&c, "--permits", s->permits);
	snprintf(seconds, sizeof(seconds), "%d", s->ask_seconds);
	add_word(&c, "--ask-seconds");
	add_word(&c, seconds);
	add_word(&c, "--queue");
	add_word(&c, s->queue);
	add_word(&c, "--bottle");
	add_word(&c, s->bottle);
	return run(p, &c, "asker", e);
}

bool processes_start(struct processes *p, struct settings *s, struct error *e)
{
	__attribute__((cleanup(pairs_release))) struct pairs t;

	p->count = 0;
	if (!pairs_make(&t, s, e) || !start_signer(p, s, &t, e))
		return false;
	for (size_t i = 0; i < s->workers; i++) /* the fronts first: they have the most to read */
		if (!start_front(p, s, &t, i, e))
			return false;
	for (size_t i = 0; i < s->workers; i++)
		if (!start_upstream(p, s, &t, i, e))
			return false;
	fd_close(&s->secrets);
	fd_close(&s->proxy_password);
	return !s->queue || start_asker(p, s, &t, e);
}

/* Did it end only because another one had ended? */
static bool is_bereft(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_BEREFT;
}

/* Does it end before the deadline? Then its status. */
static bool await_end(const struct process *one, int64_t deadline, int *status)
{
	struct pollfd p = { .fd = one->control.fd, .events = 0 };
	int64_t left = deadline - loop_clock();

	return poll(&p, 1, left > 0 ? (int)left : 0) == 1 && waitpid(one->pid, status, 0) == one->pid;
}

/*
 * Say that a process has ended, and how; when that was for want of another, which is the first to be said, how that one
 * did.
 */
static bool process_ended(const struct processes *p, const struct process *one, struct error *e)
{
	int64_t deadline = loop_clock() + CAUSE_TIME;
	int status, other;

	if (waitpid(one->pid, &status, 0) != one->pid)
		return error_set(e, STATUS_WORLD, "the %s is gone", one->role);
	for (size_t i = 0; i < p->count && is_bereft(status); i++) {
		if (&p->list[i] == one || !await_end(&p->list[i], deadline, &other) || is_bereft(other))
			continue;
		one = &p->list[i];
		status = other;
	}
	if (WIFSIGNALED(status))
		return error_set(e, STATUS_WORLD, "the %s was ended by signal %d", one->role, WTERMSIG(status));
	return error_set(e, STATUS_WORLD, "the %s has ended with status %d", one->role, WEXITSTATUS(status));
}

/* Deal with one message of a process. */
static bool take_message(struct process *one, const struct message *m, struct error *e)
{
	switch (m->type) {
	case MESSAGE_LOG:
		return fd_write_all(STDOUT_FILENO, m->body, "the log", e);
	case MESSAGE_TAKEN:
		one->answered = true;
		buf_truncate(&one->missing, 0);
		buf_add_slice(&one->missing, m->body);
		return true;
	case MESSAGE_NOT_TAKEN:
		one->answered = true;
		buf_add_slice(&one->refused, m->body);
		return true;
	default:
		return error_set(e, STATUS_WORLD, "the %s sent an unknown message", one->role);
	}
}

bool process_listen(const struct processes *p, struct process *one, struct error *e)
{
	enum channel_result r = channel_fill(&one->control);
	struct message m;

	if (r == CHANNEL_CLOSED)
		return process_ended(p, one, e);
	while ((r = channel_next(&one->control, &m)) == CHANNEL_DONE)
		if (!take_message(one, &m, e))
			return false;
	return r == CHANNEL_BAD ? error_set(e, STATUS_WORLD, "the %s sent a message that is too large", one->role)
				: true;
}

/* Wait until the control channel can be read, or written if something is queued. */
static bool wait_for(struct process *one, int64_t deadline, struct error *e)
{
	struct pollfd p = { .fd = one->control.fd, .events = POLLIN };
	int64_t left = deadline - loop_clock();
	int r;

	if (channel_queued(&one->control))
		p.events |= POLLOUT;
	r = poll(&p, 1, left > 0 ? (int)left : 0);
	if (r < 0 && errno != EINTR)
		return error_sys(e, "unable to wait for the %s", one->role);
	return r == 0 ? error_set(e, STATUS_WORLD, "the %s does not answer", one->role) : true;
}

/* Wait for a process's first message, whose body is of use if body is not NULL. */
static bool await_ready(const struct processes *p, struct process *one, struct buf *body, struct error *e)
{
	int64_t deadline = loop_clock() + START_TIME;
	enum channel_result r;
	struct message m;

	while ((r = channel_next(&one->control, &m)) == CHANNEL_WAIT) {
		if (!wait_for(one, deadline, e))
			return false;
		if (channel_fill(&one->control) == CHANNEL_CLOSED)
			return process_ended(p, one, e);
	}
	if (r != CHANNEL_DONE || m.type != MESSAGE_READY)
		return error_set(e, STATUS_WORLD, "the %s sent an unknown message", one->role);
	if (body)
		buf_add_slice(body, m.body);
	return true;
}

bool processes_authority(struct processes *p, struct buf *pem, struct error *e)
{
	return await_ready(p, &p->list[SIGNER], pem, e);
}

bool processes_ready(struct processes *p, struct error *e)
{
	for (size_t i = SIGNER + 1; i < p->count; i++)
		if (!await_ready(p, &p->list[i], NULL, e))
			return false;
	return true;
}

/* Append the text of each ca_file of the routes as messages of a channel. */
static bool queue_ca_files(struct channel *c, const struct settings *s, const struct doc *routes, struct error *e)
{
	const struct doc *list = doc_get(routes, "routes");
	size_t count = 0;

	for (size_t i = 0; i < doc_count(list); i++) {
		const char *path = doc_get_cstr(doc_get(doc_at(list, i), "upstream"), "ca_file");
		struct buf *body;

		if (!path)
			continue;
		if (++count > CA_FILES_MAX)
			return error_set(e, STATUS_CALLER, "more than %d routes have a ca_file", CA_FILES_MAX);
		body = channel_open(c, MESSAGE_CA_FILE, 0);
		buf_add(body, path, strlen(path) + 1);
		if (!ca_file_read(s, path, body, e)) {
			e->status = STATUS_CALLER; /* of the one who wrote the route, however it failed */
			return false;
		}
		channel_close(c);
	}
	return true;
}

/* Give one process the messages and wait until it says that the routes are in force. */
static bool give(const struct processes *p, struct process *one, struct slice ca_files, struct slice routes,
		 struct error *e)
{
	int64_t deadline = loop_clock() + START_TIME;

	one->answered = false;
	buf_truncate(&one->refused, 0);
	buf_add_slice(&one->control.out, ca_files);
	channel_put(&one->control, MESSAGE_ROUTES, 0, routes);
	while (!one->answered) {
		if (channel_flush(&one->control) == CHANNEL_CLOSED)
			return process_ended(p, one, e);
		if (!wait_for(one, deadline, e) || !process_listen(p, one, e))
			return false;
	}
	return one->refused.len ? error_set(e, STATUS_CALLER, "%s", buf_str(&one->refused)) : true;
}

/*
 * Give the routes to all processes of a role; what the first of them says is missing is of use if missing is not NULL.
 */
static bool give_role(struct processes *p, const char *role, struct slice ca_files, struct slice routes,
		      struct buf *missing, struct error *e)
{
	for (size_t i = 0; i < p->count; i++) {
		struct process *one = &p->list[i];

		if (strcmp(one->role, role) != 0)
			continue;
		if (!give(p, one, ca_files, routes, e))
			return false;
		if (missing)
			buf_add_slice(missing, buf_slice(&one->missing));
		missing = NULL;
	}
	return true;
}

bool processes_give(struct processes *p, const struct settings *s, const struct doc *routes, struct buf *missing,
		    struct error *e)
{
	struct channel ca_files; /* only its queue is used */
	AUTO_BUF text = BUF_INIT;
	bool ok;

	channel_init(&ca_files, -1, CA_FILE_MAX);
	doc_format(routes, false, &text);
	if (text.len > ROUTES_MESSAGE_MAX)
		return error_set(e, STATUS_CALLER, "the routes are larger than %d bytes", ROUTES_MESSAGE_MAX);
	ok = queue_ca_files(&ca_files, s, routes, e);
	/* What a front lets through, its upstream must know; signer and asker have no use for them. */
	ok = ok && give_role(p, "upstream", buf_slice(&ca_files.out), buf_slice(&text), missing, e) &&
	     give_role(p, "front", SLICE(""), buf_slice(&text), NULL, e);
	channel_release(&ca_files);
	return ok;
}
