/*
 * bb-supervise: the MCP server with which an agent asks the operator for what
 * was refused. It writes questions to the queue and reads answers from it; it
 * can neither decide nor change anything else.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "fd.h"
#include "listen.h"
#include "program.h"
#include "server.h"
#include "state.h"

#define TIMEOUT_VARIABLE "SUPERVISE_RESPONSE_TIMEOUT_SECONDS"

struct options {
	int listener, session_key, ready;
	const char *queue, *routes, *bottle;
	const char *timeout;
};

static const struct option_def option_defs[] = {
	{ "listen", 0, "ADDRESS:PORT", "listen here" },
	{ "listener", 0, "FD", "an inherited listening socket, instead" },
	{ "queue", 0, "DIR", "directory of the questions; made if it is not there" },
	{ "routes", 0, "FILE", "the routes in force" },
	{ "bottle", 0, "NAME", "identity of the bottle, for the operator" },
	{ "response-timeout", 0, "SECONDS", "time that a call waits for the operator (30, or $" TIMEOUT_VARIABLE ")" },
	{ "session-key", 0, "FD", "file that keeps the key of the sessions over a restart" },
	{ "ready", 0, "FD", "gets one newline when the server answers" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-supervise",
	"let an agent ask its operator, over MCP",
	"--queue DIR --routes FILE --bottle NAME {--listen ADDRESS:PORT | --listener FD} [OPTION]...",
	option_defs,
};

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;
	int *fd = strcmp(name, "listener") == 0	     ? &o->listener
		  : strcmp(name, "session-key") == 0 ? &o->session_key
		  : strcmp(name, "ready") == 0	     ? &o->ready
						     : NULL;

	if (fd)
		return fd_parse(arg, fd, e) || error_wrap(e, "'--%s'", name);
	if (strcmp(name, "listen") == 0)
		return listen_open(arg, &o->listener, e);
	*(strcmp(name, "queue") == 0	? &o->queue
	  : strcmp(name, "routes") == 0 ? &o->routes
	  : strcmp(name, "bottle") == 0 ? &o->bottle
					: &o->timeout) = arg;
	return true;
}

/* What is missing; NULL when all is there. */
static const char *find_fault(const struct options *o)
{
	return o->listener < 0 ? "option '--listen' is missing"
	       : !o->queue     ? "option '--queue' is missing"
	       : !o->routes    ? "option '--routes' is missing"
	       : !o->bottle    ? "option '--bottle' is missing"
	       : !state_is_identity(slice_str(o->bottle)) ? "'--bottle' wants the identity of a bottle"
							  : NULL;
}

/* Seconds that a call waits, in milliseconds: the option's, the environment's, or the default. */
static bool find_timeout(const struct options *o, int64_t *ms, struct error *e)
{
	const char *text = o->timeout ? o->timeout : getenv(TIMEOUT_VARIABLE);
	uint64_t seconds = RESPONSE_TIMEOUT;

	if (text && *text && (!slice_to_u64(slice_str(text), &seconds) || seconds > RESPONSE_TIMEOUT_MAX))
		return error_set(e, STATUS_CALLER, "the response time-out is '%s', wanted 0 to %d seconds", text,
				 RESPONSE_TIMEOUT_MAX);
	*ms = (int64_t)seconds * 1000;
	return true;
}

/* Reading the routes, and the queue: nothing else. It keeps its user, who owns both, but none of root's powers. */
static bool confine_server(const struct options *o, struct error *e)
{
	static const struct confine_call own_calls[] = { CONFINE_ALLOW(__NR_accept4), CONFINE_END };
	static const struct confine_call *const calls[] = { own_calls, loop_calls, link_calls, queue_calls, watch_calls,
							    NULL };
	const char *slash = strrchr(o->routes, '/');
	AUTO_FREE char *directory = slash ? alloc_copy(o->routes, (size_t)(slash - o->routes) + 1) : alloc_copy(".", 1);
	const char *const readable[] = { directory, NULL }, *const writable[] = { o->queue, NULL };
	const struct confinement c = { .role = "server", .readable = readable, .writable = writable, .calls = calls,
				       .descriptors = CLIENTS_MAX + 32 };

	return confine(&c, e);
}

static bool serve(const struct options *o, struct server *s, struct error *e)
{
	s->desk.routes = o->routes;
	s->desk.bottle = o->bottle;
	if (!find_timeout(o, &s->desk.timeout, e) || !listen_check(o->listener, e) ||
	    !sessions_open(&s->sessions, o->session_key, e) || !desk_open(&s->desk, o->queue, e) ||
	    !server_init(s, o->listener, e) || !confine_server(o, e))
		return false;
	if (o->ready >= 0 && !fd_write_all(o->ready, SLICE("\n"), "the descriptor for readiness", e))
		return false;
	return server_run(s, e);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct options o = { .listener = -1, .session_key = -1, .ready = -1 };
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, &o);

	if (first < argc)
		return program_usage("unexpected argument '%s'", argv[first]);
	if (find_fault(&o))
		return program_usage("%s", find_fault(&o));
	document_seed();
	digest_init();
	serve(&o, &server, &e);
	return program_fail(&e);
}
