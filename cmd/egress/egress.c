/*
 * bb-egress: the only way out of a bottle. This file is the main process, which
 * starts the others, gives them routes and otherwise only watches; it never has
 * a credential or the CA's key. See design in bb-egress(1).
 */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "listen.h"
#include "log.h"
#include "loop.h"
#include "processes.h"
#include "program.h"
#include "role.h"
#include "settings.h"

enum ref { REF_SIGNALS, REF_PROCESS };

struct egress {
	struct settings settings;
	struct processes processes;
	struct loop loop;
	int signals;
	struct buf addresses; /* of the listeners, for the log */
};

/* Receive signals as readable data; the roles start with none blocked. */
static bool open_signals(struct egress *g, struct error *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(e, "unable to block signals");
	g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return g->signals >= 0 ? true : error_sys(e, "unable to receive signals");
}

static bool open_loop(struct egress *g, struct error *e)
{
	if (!loop_init(&g->loop, e) ||
	    !loop_add(&g->loop, g->signals, LOOP_READ, (struct loop_ref){ REF_SIGNALS, 0, 0 }, e))
		return false;
	for (size_t i = 0; i < g->processes.count; i++)
		if (!loop_add(&g->loop, g->processes.list[i].control.fd, LOOP_READ,
			      (struct loop_ref){ REF_PROCESS, 0, (uint32_t)i }, e))
			return false;
	return true;
}

/*
 * After this main can read the directory of the routes file and those of the
 * ca_files it had at the start, and nothing else. It keeps its user, who may be
 * the only one that can read them, but none of root's powers.
 */
static bool confine_main(const struct egress *g, const struct doc *routes, struct error *e)
{
	static const struct confine_call own_calls[] = {
		CONFINE_ALLOW(__NR_openat),
		CONFINE_ALLOW(__NR_read),
		CONFINE_ALLOW(__NR_write),
		CONFINE_ALLOW(__NR_lseek),
		CONFINE_ALLOW(__NR_fstat),
		CONFINE_ALLOW(__NR_newfstatat),
		CONFINE_ALLOW(__NR_wait4),
		CONFINE_END,
	};
	static const struct confine_call *const calls[] = { own_calls, loop_calls, channel_calls, role_calls, NULL };
	const struct doc *list = doc_get(routes, "routes");
	AUTO_FREE const char **readable = alloc_zero(doc_count(list) + 2, sizeof(*readable));
	struct confinement c = { .role = "main process", .readable = readable, .calls = calls };
	AUTO_BUF paths = BUF_INIT; /* one after the other, each with its NUL */
	size_t n = 0;

	buf_add(&paths, g->settings.directory, strlen(g->settings.directory) + 1);
	for (size_t i = 0; i < doc_count(list); i++) {
		const char *path = doc_get_cstr(doc_get(doc_at(list, i), "upstream"), "ca_file");
		size_t start = paths.len;

		if (!path)
			continue;
		ca_file_path(&g->settings, path, &paths);
		buf_truncate(&paths, start + (size_t)(strrchr(paths.ptr + start, '/') - (paths.ptr + start)) + 1);
		buf_add_char(&paths, '\0');
	}
	for (size_t at = 0; at < paths.len; at += strlen(paths.ptr + at) + 1)
		readable[n++] = paths.ptr + at;
	return confine(&c, e);
}

/* Write one line to the log. */
static bool write_line(struct buf *line, struct error *e)
{
	log_end(line);
	return fd_write_all(STDOUT_FILENO, buf_slice(line), "the log", e);
}

/* Add how many routes are in force, the digest of their file, and which credentials they lack. */
static void describe_routes(struct buf *line, const struct doc *routes, const char *hash, const struct buf *missing)
{
	log_int(line, "routes", (int64_t)doc_count(doc_get(routes, "routes")));
	log_str(line, "sha256", hash);
	if (missing->len)
		log_text(line, "missing", slice_trim(buf_slice(missing), "\n"), LOG_TEXT_MAX);
}

static bool log_start(const struct egress *g, const struct doc *routes, const char *hash, const struct buf *missing,
		      struct error *e)
{
	AUTO_BUF line = BUF_INIT;

	log_begin(&line, "start");
	log_str(&line, "version", program_version);
	log_str(&line, "listen", buf_str(&g->addresses));
	if (g->settings.proxy)
		log_text(&line, "upstream_proxy", slice_str(g->settings.proxy), LOG_TEXT_MAX);
	log_int(&line, "workers", (int64_t)g->settings.workers);
	log_str(&line, "level", log_level_names[g->settings.level]);
	log_str(&line, "detectors", "token_patterns known_secrets entropy naive_injection_detection");
	describe_routes(&line, routes, hash, missing);
	return write_line(&line, e);
}

/* Read the routes file again. A file that does not load changes nothing. False when the processes cannot go on. */
static bool reload(struct egress *g, struct error *e)
{
	AUTO_DOC *routes = NULL;
	AUTO_BUF missing = BUF_INIT;
	AUTO_BUF line = BUF_INIT;
	char hash[DIGEST_HEX];
	struct error why = ERROR_INIT;
	bool ok;

	routes = routes_read(&g->settings, hash, &why);
	ok = routes && processes_give(&g->processes, &g->settings, routes, &missing, &why);
	if (!ok && why.status != STATUS_CALLER && routes)
		return error_set(e, why.status, "%s", why.text);
	log_begin(&line, "reload");
	log_bool(&line, "ok", ok);
	if (ok) {
		describe_routes(&line, routes, hash, &missing);
	} else {
		if (*hash)
			log_str(&line, "sha256", hash);
		log_text(&line, "reason", slice_str(why.text), LOG_TEXT_MAX);
		program_warn("the routes stay as they were: %s", why.text);
	}
	return write_line(&line, e);
}

/* Act on the signals that have come. Sets *stop when it is time to end. */
static bool take_signals(struct egress *g, bool *stop, struct error *e)
{
	struct signalfd_siginfo info;

	while (read(g->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			*stop = true;
		else if (!reload(g, e))
			return false;
	}
	return true;
}

/* Until a signal says so or a process ends. */
static int watch(struct egress *g)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	struct error e = ERROR_INIT;
	bool stop = false, ok = true;

	while (!stop && ok) {
		int n = loop_wait(&g->loop, -1, events, &e);

		ok = n >= 0;
		for (int i = 0; ok && !stop && i < n; i++) {
			if (events[i].ref.type == REF_SIGNALS)
				ok = take_signals(g, &stop, &e);
			else
				ok = process_listen(&g->processes, &g->processes.list[events[i].ref.index], &e);
		}
	}
	return ok ? STATUS_YES : program_fail(&e);
}

/*
 * Tell the one who waits for it how far this is: a '+' when the certificate is there, a newline when everything
 * answers.
 */
static bool tell(const struct egress *g, struct slice mark, struct error *e)
{
	return g->settings.ready < 0 || fd_write_all(g->settings.ready, mark, "the descriptor for readiness", e);
}

/* Nothing more is waited for. */
static bool say_ready(struct egress *g, struct error *e)
{
	if (!tell(g, SLICE("\n"), e))
		return false;
	fd_close(&g->settings.ready);
	return true;
}

/* Write down where the listeners are while the kernel may still be asked. */
static bool note_addresses(struct egress *g)
{
	for (size_t i = 0; i < g->settings.n_listeners; i++) {
		if (i)
			buf_add_char(&g->addresses, ' ');
		listen_format(g->settings.listeners[i], &g->addresses);
	}
	return true;
}

/* From the routes file to a running set of processes. */
static bool start(struct egress *g, struct error *e)
{
	char hash[DIGEST_HEX];
	AUTO_DOC *routes = routes_read(&g->settings, hash, e);
	AUTO_BUF missing = BUF_INIT;
	AUTO_BUF pem = BUF_INIT;

	if (!routes || !credentials_take(&g->settings, routes, e))
		return false;
	return proxy_take(&g->settings, e) &&
	       note_addresses(g) &&
	       store_open(&g->settings, e) &&
	       open_signals(g, e) &&
	       processes_start(&g->processes, &g->settings, e) &&
	       processes_authority(&g->processes, &pem, e) &&
	       certificate_publish(&g->settings, buf_slice(&pem), e) &&
	       tell(g, SLICE("+"), e) &&
	       processes_ready(&g->processes, e) &&
	       open_loop(g, e) &&
	       confine_main(g, routes, e) &&
	       processes_give(&g->processes, &g->settings, routes, &missing, e) &&
	       log_start(g, routes, hash, &missing, e) &&
	       say_ready(g, e);
}

static int egress_main(int argc, char **argv)
{
	static struct egress g;
	struct error e = ERROR_INIT;

	document_seed();
	settings_parse(&g.settings, argc, argv);
	if (!start(&g, &e))
		return program_fail(&e);
	return watch(&g);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "front") == 0)
		return front_main(argc - 1, argv + 1);
	if (strcmp(verb, "upstream") == 0)
		return upstream_main(argc - 1, argv + 1);
	if (strcmp(verb, "asker") == 0)
		return asker_main(argc - 1, argv + 1);
	if (strcmp(verb, "signer") == 0)
		return signer_main(argc - 1, argv + 1);
	if (strcmp(verb, "env") == 0)
		return env_main(argc - 1, argv + 1);
	if (strcmp(verb, "check") == 0)
		return check_main(argc - 1, argv + 1);
	if (strcmp(verb, "routes") == 0)
		return routes_main(argc - 1, argv + 1);
	return egress_main(argc, argv);
}
