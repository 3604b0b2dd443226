#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "listen.h"
#include "program.h"
#include "proxy.h"
#include "routes.h"
#include "state.h"

#define ASK_VARIABLE "EGRESS_TOKEN_ALLOW_TIMEOUT_SECONDS"

/* Environment variable: prefixes, separated by commas, of the names of variables whose values must not leave. */
#define SENSITIVE_PREFIXES "BOT_BOTTLE_SENSITIVE_PREFIXES"

static const struct option_def options[] = {
	{ "routes", 0, "FILE", "the routes: who may be talked to, and how" },
	{ "listen", 0, "ADDR:PORT", "accept the bottle's connections there; port 0 takes a free one; may be repeated" },
	{ "listener", 0, "FD", "the same on a socket that is listening already" },
	{ "state", 0, "DIR", "keep the certificate authority there" },
	{ "ca-store", 0, "FD", "keep it in this open file instead" },
	{ "ca-cert", 0, "FILE", "write the authority's certificate there, too" },
	{ "secrets", 0, "FD", "credentials, by the slots that token_ref names" },
	{ "ready", 0, "FD", "write a newline there when everything answers" },
	{ "log-level", 0, "LEVEL", "off, blocks (the default) or full" },
	{ "workers", 0, "NUMBER", "pairs of front and upstream processes; default 1" },
	{ "rules", 0, "FILE", "token rules to look for instead of those that come with bot-bottle" },
	{ "phrases", 0, "FILE", "phrases to look for in responses instead of those that come with bot-bottle" },
	{ "upstream-proxy", 0, "URL", "reach origins through this proxy: http://[USER@]HOST:PORT" },
	{ "upstream-proxy-password", 0, "FD", "read the password for that from there" },
	{ "queue", 0, "DIR", "ask the operator there before what must not leave is refused" },
	{ "bottle", 0, "NAME", "identity of the bottle, for the operator; with --queue" },
	{ "permits", 0, "FD", "file that keeps over a restart what the operator has approved" },
	{ "trust", 0, "PATH", "file or hashed directory of certificates to trust instead of the system's" },
	{ .name = NULL },
};

static const struct program program = {
	.name = "bb-egress",
	.purpose = "the only way out of a bottle: a proxy that judges every request and adds credentials",
	.usage = "--routes FILE {--listen ADDR:PORT | --listener FD} {--state DIR | --ca-store FD} [OPTION]...\n"
		 "       bb-egress env --state DIR\n"
		 "       bb-egress check --routes FILE [--json] 'METHOD URL' [-H 'NAME: VALUE']...\n"
		 "       bb-egress routes --routes FILE [--json]",
	.options = options,
};

/* Add a listening socket. */
static bool add_listener(struct settings *s, int fd, struct error *e)
{
	if (s->n_listeners == LISTENERS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d listeners", LISTENERS_MAX);
	s->listeners[s->n_listeners++] = fd;
	return fd_set_nonblocking(fd, true, e);
}

/* Take the number of workers. */
static bool take_workers(struct settings *s, const char *arg, struct error *e)
{
	uint64_t n;

	if (!slice_to_u64(slice_str(arg), &n) || n == 0 || n > WORKERS_MAX)
		return error_set(e, STATUS_CALLER, "the number of workers '%s' is not between 1 and %d", arg,
				 WORKERS_MAX);
	s->workers = (size_t)n;
	return true;
}

static bool take_option(void *context, const char *name, const char *arg, struct error *e)
{
	struct settings *s = context;
	int fd;

	if (strcmp(name, "routes") == 0)
		s->routes = arg;
	else if (strcmp(name, "state") == 0)
		s->state = arg;
	else if (strcmp(name, "ca-cert") == 0)
		s->ca_cert = arg;
	else if (strcmp(name, "trust") == 0)
		s->trust = arg;
	else if (strcmp(name, "rules") == 0)
		s->rules = arg;
	else if (strcmp(name, "phrases") == 0)
		s->phrases = arg;
	else if (strcmp(name, "upstream-proxy") == 0)
		s->proxy = arg;
	else if (strcmp(name, "upstream-proxy-password") == 0)
		return fd_parse(arg, &s->proxy_password, e);
	else if (strcmp(name, "queue") == 0)
		s->queue = arg;
	else if (strcmp(name, "bottle") == 0)
		s->bottle = arg;
	else if (strcmp(name, "permits") == 0)
		return fd_parse(arg, &s->permits, e);
	else if (strcmp(name, "log-level") == 0)
		return log_level_parse(arg, &s->level, e);
	else if (strcmp(name, "workers") == 0)
		return take_workers(s, arg, e);
	else if (strcmp(name, "listen") == 0)
		return listen_open(arg, &fd, e) && add_listener(s, fd, e);
	else if (strcmp(name, "listener") == 0)
		return fd_parse(arg, &fd, e) && listen_check(fd, e) && add_listener(s, fd, e);
	else if (strcmp(name, "ca-store") == 0)
		return fd_parse(arg, &s->store, e);
	else if (strcmp(name, "secrets") == 0)
		return fd_parse(arg, &s->secrets, e);
	else
		return fd_parse(arg, &s->ready, e);
	return true;
}

/* A file of rules that comes with the program: beside it, as built and as installed. */
static char *shipped_rules(const char *name)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	return alloc_format("%s/../share/bot-bottle/rules/%s", slash ? exe : "/usr/local/bin", name);
}

/* The directory part of a path. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return alloc_copy(".", 1);
	return slash == path ? alloc_copy("/", 1) : alloc_copy(path, (size_t)(slash - path));
}

/* How long a request is held for an answer: what the environment says, or the default. */
static bool take_ask_seconds(struct settings *s)
{
	const char *text = getenv(ASK_VARIABLE);
	uint64_t n = ASK_SECONDS;

	if (text && *text && (!slice_to_u64(slice_str(text), &n) || n > ASK_SECONDS_MAX))
		return false;
	s->ask_seconds = (int)n;
	return true;
}

void settings_parse(struct settings *s, int argc, char **argv)
{
	*s = (struct settings){ .store = -1, .secrets = -1, .permits = -1, .ready = -1, .proxy_password = -1,
				.level = LEVEL_BLOCKS, .workers = 1 };
	if (program_start(&program, argc, argv, take_option, s) != argc)
		exit(program_usage("unexpected operand"));
	if (!s->routes)
		exit(program_usage("no routes file: say --routes FILE"));
	if (s->n_listeners == 0)
		exit(program_usage("nowhere to listen: say --listen ADDR:PORT"));
	if (!s->state && s->store < 0)
		exit(program_usage("nowhere to keep the certificate authority: say --state DIR"));
	if (s->state && s->store >= 0)
		exit(program_usage("--state and --ca-store exclude each other"));
	if (s->queue && (*s->queue != '/' || !s->bottle || !state_is_identity(slice_str(s->bottle))))
		exit(program_usage("--queue wants an absolute path, and --bottle the identity of a bottle"));
	if (!take_ask_seconds(s))
		exit(program_usage("$" ASK_VARIABLE " is not between 0 and %d", ASK_SECONDS_MAX));
	s->alone = s->secrets < 0;
	if (!s->rules)
		s->rules = shipped_rules("tokens.yaml");
	if (!s->phrases)
		s->phrases = shipped_rules("injection.yaml");
	s->directory = directory_of(s->routes);
}

struct doc *routes_read(const struct settings *s, char hash[DIGEST_HEX], struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF words = BUF_INIT;
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_PROBLEMS notes = PROBLEMS_INIT;
	struct doc *routes, *file;

	hash[0] = '\0';
	if (!file_read(s->routes, YAML_BYTES_MAX, &text, e))
		return NULL;
	digest_text(buf_slice(&text), hash);
	if (!routes_load(buf_slice(&text), s->routes, s->alone ? ROUTES_ALONE : ROUTES_BOTTLE, &routes, &problems,
			 &notes)) {
		for (size_t i = 0; i < problems.count; i++) {
			if (i)
				buf_add_str(&words, "; ");
			problem_format(&problems.list[i], &words);
		}
		error_set(e, STATUS_CALLER, "%s", buf_str(&words));
		return NULL;
	}
	file = doc_new_object();
	doc_put(file, "routes", routes);
	return file;
}

void ca_file_path(const struct settings *s, const char *path, struct buf *out)
{
	if (*path != '/')
		buf_add_format(out, "%s/", s->directory);
	buf_add_str(out, path);
}

bool ca_file_read(const struct settings *s, const char *path, struct buf *pem, struct error *e)
{
	AUTO_BUF full = BUF_INIT;

	ca_file_path(s, path, &full);
	return file_read(buf_str(&full), CA_FILE_MAX, pem, e);
}

/* Copy one variable into the set, unless another route has done so. */
static bool take_variable(struct secret_set *set, const char *name, struct error *e)
{
	const char *value = getenv(name);
	struct slice found;

	if (secret_set_find(set, name, &found))
		return true;
	if (!value)
		return error_set(e, STATUS_CALLER, "the variable '%s', which a route's token_env names, is not set",
				 name);
	return secret_set_add(set, name, slice_str(value), e);
}

/* Does a variable's name begin with one of the prefixes? */
static bool is_sensitive(struct slice name, struct slice prefixes)
{
	while (prefixes.len) {
		struct slice prefix = slice_trim(slice_cut(&prefixes, ','), " ");

		if (prefix.len && slice_starts(name, prefix))
			return !slice_eq(name, slice_str(SENSITIVE_PREFIXES));
	}
	return false;
}

/* Copy the variables that must not leave although no route uses them: their names begin as SENSITIVE_PREFIXES says. */
static bool take_sensitive(struct secret_set *set, struct error *e)
{
	struct slice prefixes = slice_str(getenv(SENSITIVE_PREFIXES)), found;

	for (char **one = environ; prefixes.len && *one; one++) {
		struct slice value = slice_str(*one), name = slice_cut(&value, '=');
		AUTO_FREE char *key = alloc_format("host:%.*s", SLICE_ARG(name));

		if (!value.len || !is_sensitive(name, prefixes) || secret_set_find(set, key + strlen("host:"), &found))
			continue;
		if (!secret_set_add(set, key, value, e))
			return false;
	}
	return true;
}

/* Overwrite the values that were taken where the kernel put them, so that neither we nor /proc still has them. */
static void wipe_variables(const struct secret_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *name = set->list[i].name;
		char *value = getenv(strncmp(name, "host:", 5) == 0 ? name + 5 : name);

		if (value)
			alloc_wipe(value, strlen(value));
	}
}

bool credentials_take(struct settings *s, const struct doc *routes, struct error *e)
{
	AUTO_SECRETS set = SECRET_SET_INIT;
	AUTO_FREE const char **names = NULL;
	const struct doc *list = doc_get(routes, "routes");

	if (!s->alone)
		return true;
	for (size_t i = 0; i < doc_count(list); i++) {
		const char *name = doc_get_cstr(doc_get(doc_at(list, i), "auth"), "token_env");

		if (name && !take_variable(&set, name, e))
			return false;
	}
	if (!take_sensitive(&set, e))
		return false;
	names = alloc_zero(set.count + 1, sizeof(*names));
	for (size_t i = 0; i < set.count; i++)
		names[i] = set.list[i].name;
	s->secrets = secret_set_memfd(&set, names, set.count, e);
	wipe_variables(&set);
	return s->secrets >= 0;
}

/* Move the password from its descriptor to a memory file that each upstream process reads. */
static bool take_password(struct settings *s, struct error *e)
{
	static const char *const names[] = { PROXY_PASSWORD };
	AUTO_SECRETS set = SECRET_SET_INIT;
	struct buf text = BUF_INIT;
	bool ok;

	buf_reserve(&text, PROXY_PASSWORD_MAX + 2); /* so that no copy is left behind by growing */
	ok = fd_read_all(s->proxy_password, PROXY_PASSWORD_MAX, "the upstream proxy's password", &text, e);
	fd_close(&s->proxy_password);
	ok = ok && secret_set_add(&set, PROXY_PASSWORD, slice_trim(buf_slice(&text), "\r\n"), e);
	buf_wipe(&text);
	if (ok)
		s->proxy_password = secret_set_memfd(&set, names, 1, e);
	return ok && s->proxy_password >= 0;
}

bool proxy_take(struct settings *s, struct error *e)
{
	struct proxy proxy = { .user = BUF_INIT };
	bool ok, named;

	if (!s->proxy)
		return s->proxy_password < 0
			       ? true
			       : error_set(e, STATUS_CALLER,
					   "a password without a proxy: say --upstream-proxy http://USER@HOST:PORT");
	ok = proxy_parse(slice_str(s->proxy), &proxy, e);
	named = proxy.user.len;
	buf_release(&proxy.user);
	buf_wipe(&proxy.authorization);
	if (!ok || s->proxy_password < 0)
		return ok;
	if (!named)
		return error_set(e, STATUS_CALLER,
				 "the upstream proxy has a password and no user: say http://USER@HOST:PORT");
	return take_password(s, e);
}
