#include "steward.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "door.h"
#include "escape.h"
#include "fd.h"
#include "git.h"
#include "journal.h"
#include "limits.h"
#include "loop.h"
#include "mirror.h"
#include "program.h"
#include "push.h"

#define REFRESHED_MS 30000 /* over HTTP: how long after its "info/refs" a client's requests are about what it saw */

struct steward {
	const struct gate *gate;
	int client, door;
	pid_t door_pid;
	bool http;
	uint64_t number;
	const struct repo *seen; /* over HTTP: what the client was last shown, */
	int64_t seen_at;         /* and when */
};

/* Start the door, with the connection and a pair to us. */
static bool start_door(struct steward *s, struct error *e)
{
	const char *const argv[] = { "bb-gitgate", "door", s->http ? "http" : "git", NULL };
	static const char *const env[] = { "LC_ALL=C", NULL };
	struct spawn_fd fds[2];
	struct spawn spawn = { .path = s->gate->self, .argv = argv, .env = env, .cwd = "/", .fds = fds, .n_fds = 2,
			       .death_signal = SIGKILL };
	AUTO_FD theirs = -1;
	int ends[2];

	if (!fd_socketpair(SOCK_SEQPACKET, ends, e))
		return false;
	s->door = ends[0];
	theirs = ends[1];
	fds[0] = (struct spawn_fd){ s->client, DOOR_CLIENT };
	fds[1] = (struct spawn_fd){ theirs, DOOR_STEWARD };
	s->door_pid = spawn_start(&spawn, e);
	return s->door_pid > 0;
}

/* Answer the door. */
static bool reply(const struct steward *s, bool yes, const char *why)
{
	struct answer a = { .yes = yes };
	AUTO_BUF text = BUF_INIT;

	escape_cut(&text, slice_str(why), sizeof(a.why) - 1);
	memcpy(a.why, buf_str(&text), text.len + 1);
	return send(s->door, &a, sizeof(a), MSG_NOSIGNAL) == (ssize_t)sizeof(a);
}

/* The repository that is asked for; false with the refusal. */
static const struct repo *find_repo(const struct gate *g, const struct ask *ask, struct error *e)
{
	const struct repo *r = settings_repo(&g->settings, slice_str(ask->repo));
	AUTO_BUF names = BUF_INIT;

	if (r)
		return r;
	settings_names(&g->settings, &names);
	error_set(e, STATUS_CALLER, "there is no repository '%s' here; there is: %s", ask->repo, buf_str(&names));
	return NULL;
}

/* Bring the mirror up to date as far as this request needs it. */
static bool refresh(struct steward *s, const struct repo *r, const struct ask *ask, struct error *e)
{
	bool shown = s->seen == r && loop_clock() - s->seen_at < REFRESHED_MS;

	if (ask->service == GIT_RECEIVE_PACK)
		return mirror_ensure(s->gate, r, e);
	if (ask->phase == GIT_RPC && shown) {
		s->seen_at = loop_clock();
		return true;
	}
	if (!mirror_refresh(s->gate, r, e))
		return false;
	s->seen = r;
	s->seen_at = loop_clock();
	return true;
}

/* Start upload-pack on the mirror with this socket as its standard input and output. */
static pid_t start_upload(const struct steward *s, const struct repo *r, const struct ask *ask, int socket,
			  struct error *e)
{
	AUTO_FREE char *path = mirror_path(r);
	struct git_call call = { .read = path, .protocol = ask->version };

	git_arg(&call, "upload-pack");
	git_arg(&call, "--strict");
	git_arg(&call, "--timeout=600");
	if (ask->phase != GIT_WHOLE)
		git_arg(&call, "--stateless-rpc");
	if (ask->phase == GIT_ADVERTISE)
		git_arg(&call, "--advertise-refs");
	git_arg(&call, path);
	call.fds[call.n_fds++] = (struct spawn_fd){ socket, STDIN_FILENO };
	call.fds[call.n_fds++] = (struct spawn_fd){ socket, STDOUT_FILENO };
	return git_start(s->gate, &call, e);
}

/* Run what was asked for on a socket. Returns git's exit status. */
static int run(const struct steward *s, const struct repo *r, const struct ask *ask, int socket, struct error *e)
{
	struct push push = { .gate = s->gate, .repo = r, .number = s->number, .socket = socket,
			     .phase = (enum git_phase)ask->phase };
	pid_t pid;

	if (ask->service == GIT_RECEIVE_PACK)
		return push_serve(&push, e);
	pid = start_upload(s, r, ask, socket, e);
	return pid < 0 ? -1 : spawn_wait(pid, e);
}

/*
 * git has ended, perhaps before it had read all that the client sends: closing now
 * would make the kernel reset the connection, and the client would not read why.
 * The kernel throws the rest away (tcp(7), MSG_TRUNC); nothing of it is read.
 */
static void drain(int client)
{
	struct pollfd p = { client, POLLIN, 0 };
	int64_t deadline = loop_clock() + DRAIN_SECONDS * 1000;
	uint64_t left = PUSH_BYTES_MAX;
	ssize_t n;

	shutdown(client, SHUT_WR);
	while (left && loop_clock() < deadline && poll(&p, 1, (int)(deadline - loop_clock())) > 0) {
		n = recv(client, NULL, DRAIN_PIECE, MSG_TRUNC | MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
		left -= n > 0 && (uint64_t)n < left ? (uint64_t)n : n > 0 ? left : 0;
	}
}

/* git://: git gets the connection itself once the door is done with it. */
static void serve_whole(const struct steward *s, const struct repo *r, const struct ask *ask)
{
	struct error e = ERROR_INIT;

	if (!reply(s, true, "") || spawn_wait(s->door_pid, &e) != STATUS_YES)
		return;
	if (run(s, r, ask, s->client, &e) < 0)
		journal_failure(r->name, e.text);
	drain(s->client);
}

/* HTTP: git gets one end of a pair, the door the other. */
static bool serve_request(const struct steward *s, const struct repo *r, const struct ask *ask)
{
	struct error e = ERROR_INIT;
	AUTO_FD theirs = -1;
	AUTO_FD gits = -1;
	int ends[2];

	if (!fd_socketpair(SOCK_STREAM, ends, &e))
		return reply(s, false, e.text);
	theirs = ends[0];
	gits = ends[1];
	if (!reply(s, true, "") || !fd_send(s->door, &theirs, 1, &e))
		return false;
	fd_close(&theirs);
	if (run(s, r, ask, gits, &e) < 0)
		journal_failure(r->name, e.text);
	return true;
}

/* The door is a parser of hostile bytes: believe nothing of its form. */
static bool is_ask(const struct ask *a, ssize_t len, bool http)
{
	return len == (ssize_t)sizeof(*a) && a->service <= GIT_RECEIVE_PACK && a->phase <= GIT_RPC &&
	       (a->phase == GIT_WHOLE) == !http && a->version <= 2 && a->repo[sizeof(a->repo) - 1] == '\0';
}

/* Serve one request; false when the connection is done. */
static bool serve_one(struct steward *s)
{
	struct error e = ERROR_INIT;
	struct ask ask;
	const struct repo *r;
	ssize_t len;

	do {
		len = recv(s->door, &ask, sizeof(ask), 0);
	} while (len < 0 && errno == EINTR);
	if (!is_ask(&ask, len, s->http))
		return false;
	r = find_repo(s->gate, &ask, &e);
	if (!r || !refresh(s, r, &ask, &e)) {
		journal_request(&ask, e.text);
		return reply(s, false, e.text);
	}
	journal_request(&ask, NULL);
	if (s->http)
		return serve_request(s, r, &ask);
	serve_whole(s, r, &ask);
	return false;
}

int steward_serve(const struct gate *g, int client, bool http, uint64_t number)
{
	struct steward s = { .gate = g, .client = client, .door = -1, .http = http, .number = number };
	struct error e = ERROR_INIT;

	if (!start_door(&s, &e))
		return program_fail(&e);
	while (serve_one(&s))
		;
	fd_close(&s.door);
	return STATUS_YES;
}
