/* The main process: accepts connections and gives each to a steward. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "gate.h"
#include "gitleaks.h"
#include "journal.h"
#include "keys.h"
#include "known.h"
#include "limits.h"
#include "log.h"
#include "loop.h"
#include "mirror.h"
#include "program.h"
#include "queue.h"
#include "steward.h"

#define END_MS 3000 /* from TERM to KILL for the stewards */

struct options {
	struct settings settings;
	const char *config, *dir;
	int http[LISTENERS_MAX];
	size_t n_http;
};

static const struct option_def option_defs[] = {
	{ "config", 0, "FILE", "the document of kind git-gate" },
	{ "dir", 0, "DIR", "directory for mirrors and pushes; made if missing" },
	{ "git", 0, "FD|ADDR:PORT", "listen for git://: an inherited socket, or an address (repeatable)" },
	{ "http", 0, "FD|ADDR:PORT", "the same for http:// (repeatable)" },
	{ "rules", 0, "FILE", "what a secret looks like; see bb-scan(1)" },
	{ "queue", 0, "DIR", "ask a person there about suppressed findings; made if missing (default: they are "
			     "refused)" },
	{ "bottle", 0, "NAME", "whose questions they are" },
	{ "secrets", 0, "FD", "descriptor to read keys and tokens from" },
	{ "ready", 0, "FD", "gets one newline when clients can connect" },
	{ .name = NULL },
};

static const struct program program = {
	"bb-gitgate",
	"stand between a bottle and its git remotes",
	"serve --config FILE --dir DIR [OPTION]...\n       bb-gitgate check [OPTION]... REPO OLD NEW REF",
	option_defs,
};

/* Listen at "ADDR:PORT" or "[ADDR]:PORT". */
static bool bind_listener(const char *text, int *out, struct error *e)
{
	struct slice all = slice_str(text);
	const char *colon = strrchr(text, ':');
	AUTO_FREE char *host = NULL;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	AUTO_FD fd = -1;
	uint64_t port;
	int on = 1;
	bool is_v4;

	if (!colon || !slice_to_u64(slice_str(colon + 1), &port) || port > 65535)
		return error_set(e, STATUS_CALLER, "'%s' is neither a descriptor nor ADDR:PORT", text);
	all = slice_trim(slice_sub(all, 0, (size_t)(colon - text)), "[]");
	host = alloc_copy(all.ptr, all.len);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
	if (!is_v4 && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return error_set(e, STATUS_CALLER, "'%s' is not a numeric address", host);
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return error_sys(e, "unable to listen on '%s'", text);
	*out = fd_steal(&fd);
	return true;
}

/* One listener: a number is an inherited socket. */
static bool take_listener(const char *arg, int *fds, size_t *n, struct error *e)
{
	socklen_t len = sizeof(int);
	int listening = 0;

	if (*n == LISTENERS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d listeners of one protocol", LISTENERS_MAX);
	if (strchr(arg, ':') ? !bind_listener(arg, &fds[*n], e) : !fd_parse(arg, &fds[*n], e))
		return false;
	if (getsockopt(fds[*n], SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return error_set(e, STATUS_CALLER, "descriptor %s is not a listening socket", arg);
	(*n)++;
	return true;
}

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;

	if (strcmp(name, "git") == 0)
		return take_listener(arg, o->settings.listeners, &o->settings.n_git, e);
	if (strcmp(name, "http") == 0)
		return take_listener(arg, o->http, &o->n_http, e);
	if (strcmp(name, "secrets") == 0)
		return fd_parse(arg, &o->settings.secrets, e);
	if (strcmp(name, "ready") == 0)
		return fd_parse(arg, &o->settings.ready, e);
	*(strcmp(name, "config") == 0	? &o->config
	  : strcmp(name, "dir") == 0	? &o->dir
	  : strcmp(name, "queue") == 0	? &o->settings.queue
	  : strcmp(name, "bottle") == 0 ? &o->settings.bottle
					: &o->settings.rules) = arg;
	return true;
}

/* Enter the directory and remove what pushes of an earlier life have left. */
static bool enter(const char *dir, struct error *e)
{
	struct stat st;

	umask(077);
	if (!file_make_dirs(dir, 0700, e))
		return false;
	if (chdir(dir) < 0 || stat(".", &st) < 0)
		return error_sys(e, "unable to use the directory '%s'", dir);
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return error_set(e, STATUS_CALLER,
				 "others may write to '%s'; wanted a directory of this user, mode 0700", dir);
	return file_make_dirs("approved", 0700, e) && file_remove_tree("push", e) && file_remove_tree("judged", e) &&
	       file_make_dirs("repos", 0700, e) && file_make_dirs("push", 0700, e) && file_make_dirs("judged", 0700, e);
}

/* Put every mirror in doubt. */
static bool begin_mirrors(const struct settings *s, struct error *e)
{
	for (size_t i = 0; i < s->n_repos; i++)
		if (!mirror_begin(&s->repos[i], e))
			return false;
	return true;
}

/* The path of this program, which starts itself again for each role. */
static char *own_path(struct error *e)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	if (n <= 0 || n == (ssize_t)sizeof(path)) {
		error_sys(e, "unable to find the path of this program");
		return NULL;
	}
	return alloc_copy(path, (size_t)n);
}

/* Nothing that runs from here gains privileges, is traced, or leaves its memory behind. */
static bool protect(struct error *e)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to give up privileges");
	return true;
}

/* Receive signals as readable data. */
static int open_signals(struct error *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
		error_sys(e, "unable to receive signals");
		return -1;
	}
	return fd;
}

struct server {
	struct gate *gate;
	int signals;
	pid_t stewards[CONNECTIONS_MAX];
	size_t count;
	uint64_t number; /* of the last connection */
	bool stop;
};

/* Become a steward: nothing of main's but the gate and the connection. */
static void become_steward(struct server *s, int client, bool http) __attribute__((noreturn));

static void become_steward(struct server *s, int client, bool http)
{
	struct settings *settings = &s->gate->settings;
	sigset_t none;
	pid_t parent = getppid();

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(STATUS_WORLD);
	for (size_t i = 0; i < settings->n_listeners; i++)
		fd_close(&settings->listeners[i]);
	fd_close(&s->signals);
	_exit(steward_serve(s->gate, client, http, s->number));
}

/* Take one connection. */
static void take_connection(struct server *s, int listener, bool http)
{
	AUTO_FD client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (client < 0)
		return;
	s->number++;
	pid = fork();
	if (pid == 0)
		become_steward(s, client, http);
	if (pid > 0)
		s->stewards[s->count++] = pid;
	else
		program_warn("unable to start a process for a connection: %s", strerror(errno));
}

/* Forget the stewards that have ended; the agent's end is the end of all. */
static bool reap(struct server *s, struct error *e)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		if (pid == s->gate->agent) {
			s->gate->agent = 0;
			return error_set(e, STATUS_WORLD, "ssh-agent has ended");
		}
		for (size_t i = 0; i < s->count; i++)
			if (s->stewards[i] == pid)
				s->stewards[i--] = s->stewards[--s->count];
	}
	return true;
}

static bool take_signals(struct server *s, struct error *e)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->stop = s->stop || info.ssi_signo != SIGCHLD;
	return reap(s, e);
}

/* One round: signals first, then connections as far as there is room. */
static bool serve_round(struct server *s, struct error *e)
{
	const struct settings *settings = &s->gate->settings;
	struct pollfd p[1 + 2 * LISTENERS_MAX] = { { s->signals, POLLIN, 0 } };
	size_t n = 1;

	for (size_t i = 0; i < settings->n_listeners && s->count < CONNECTIONS_MAX; i++)
		p[n++] = (struct pollfd){ settings->listeners[i], POLLIN, 0 };
	if (poll(p, (nfds_t)n, -1) < 0)
		return errno == EINTR || error_sys(e, "unable to wait for connections");
	if (p[0].revents && !take_signals(s, e))
		return false;
	for (size_t i = 1; i < n && !s->stop && s->count < CONNECTIONS_MAX; i++)
		if (p[i].revents & POLLIN)
			take_connection(s, p[i].fd, i - 1 >= settings->n_git);
	return true;
}

/* End the stewards: by asking, then by force. What they have started dies with them. */
static void end_stewards(struct server *s)
{
	int64_t deadline = loop_clock() + END_MS;
	struct pollfd p = { s->signals, POLLIN, 0 };
	struct error ignored = ERROR_INIT;

	for (size_t i = 0; i < s->count; i++)
		kill(s->stewards[i], SIGTERM);
	while (s->count && loop_clock() < deadline) {
		poll(&p, 1, (int)(deadline - loop_clock()));
		take_signals(s, &ignored);
	}
	for (size_t i = 0; i < s->count; i++)
		kill(s->stewards[i], SIGKILL);
}

static void log_start(const struct settings *settings)
{
	AUTO_BUF line = BUF_INIT;
	AUTO_BUF names = BUF_INIT;

	settings_names(settings, &names);
	log_begin(&line, "start");
	log_str(&line, "version", program_version);
	log_text(&line, "repos", buf_slice(&names), JOURNAL_TEXT_MAX);
	journal_write(&line);
}

/* The rule file, absolute: the one that was named, or the one that is installed with this program. */
static bool find_rules(struct gate *g, struct error *e)
{
	const char *slash = strrchr(g->self, '/'), *given = g->settings.rules;
	AUTO_FREE char *installed =
		alloc_format("%.*s/../share/bot-bottle/rules/tokens.yaml", (int)(slash - g->self), g->self);

	g->settings.rules = realpath(given ? given : installed, NULL);
	return g->settings.rules || error_sys(e, "unable to find the rules '%s'", given ? given : installed);
}

/* The queue, made and usable, under a name that holds in the gate's directory too; and how long an answer may take. */
static bool find_queue(struct settings *s, struct error *e)
{
	const char *seconds = getenv("SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS");
	AUTO_QUEUE q = QUEUE_INIT;
	uint64_t n = ASK_SECONDS;

	if (seconds && *seconds && (!slice_to_u64(slice_str(seconds), &n) || n < 1 || n > ASK_SECONDS_MAX))
		return error_set(e, STATUS_CALLER,
				 "SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS is '%s'; wanted a number from 1 to %d",
				 seconds, ASK_SECONDS_MAX);
	s->ask_seconds = (int)n;
	if (!s->queue)
		return true;
	if (!s->bottle)
		return error_set(e, STATUS_CALLER, "'--queue' needs '--bottle'");
	if (!queue_open(&q, s->queue, true, e))
		return false;
	s->queue = realpath(s->queue, NULL);
	return s->queue || error_sys(e, "unable to find the queue");
}

/* Everything before the first connection. */
static bool start(struct gate *g, const char *config, const char *dir, struct error *e)
{
	struct settings *settings = &g->settings;

	if (!protect(e) || !settings_read(settings, config, e))
		return false;
	if (settings->secrets >= 0 && !secret_set_read(settings->secrets, &g->secrets, e))
		return false;
	if (!known_make(&g->secrets, &g->known, e))
		return false;
	fd_close(&settings->secrets);
	g->self = own_path(e);
	if (!g->self || !find_rules(g, e) || !find_queue(settings, e))
		return false;
	if (settings->gitleaks && !(g->gitleaks = gitleaks_find(e)))
		return false;
	return enter(dir, e) && begin_mirrors(settings, e) && keys_start(g, e);
}

/* Serve until a signal says so. */
static int run(struct gate *g, struct error *e)
{
	struct server s = { .gate = g, .signals = open_signals(e) };
	struct error why = ERROR_INIT;
	bool good = s.signals >= 0;

	if (!good)
		return program_fail(e);
	log_start(&g->settings);
	if (g->settings.ready >= 0)
		good = fd_write_all(g->settings.ready, SLICE("\n"), "the descriptor for readiness", &why);
	fd_close(&g->settings.ready);
	while (good && !s.stop)
		good = serve_round(&s, &why);
	end_stewards(&s);
	fd_close(&s.signals);
	return good ? STATUS_YES : program_fail(&why);
}

int serve_main(int argc, char **argv)
{
	struct options o = { .settings = { .secrets = -1, .ready = -1 } };
	struct gate g = { .secrets = SECRET_SET_INIT, .known = BUF_INIT };
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, &o), status;

	if (first < argc)
		return program_usage("unexpected argument '%s'", argv[first]);
	if (!o.config || !o.dir)
		return program_usage("option '--%s' is missing", o.config ? "dir" : "config");
	if (!o.settings.n_git && !o.n_http)
		return program_usage("no listener: give '--git' or '--http'");
	for (size_t i = 0; i < o.n_http; i++)
		o.settings.listeners[o.settings.n_git + i] = o.http[i];
	o.settings.n_listeners = o.settings.n_git + o.n_http;
	g.settings = o.settings;
	document_seed();
	status = start(&g, o.config, o.dir, &e) ? run(&g, &e) : program_fail(&e);
	keys_end(&g);
	secret_set_release(&g.secrets);
	buf_wipe(&g.known);
	settings_release(&g.settings);
	free(g.self);
	free(g.gitleaks);
	return status;
}
