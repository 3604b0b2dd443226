#include "git.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "fd.h"
#include "limits.h"
#include "loop.h"
#include "program.h"

#define FD_TOKEN 9 /* number of the descriptor on which git's credential helper finds the token */
#define EXPLAIN_LINES 3
#define EXPLAIN_BYTES 300

/* What every git gets. HOME does not exist: nothing of it is read. */
static const char *const environment[] = {
	"HOME=/nonexistent",	     "LC_ALL=C",
	"GIT_CONFIG_NOSYSTEM=1",     "GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
	"GIT_TERMINAL_PROMPT=0",     "GIT_ASKPASS=false",
	"SSH_ASKPASS=false",	     "SSH_ASKPASS_REQUIRE=never",
	"GIT_NO_REPLACE_OBJECTS=1",  "GIT_OPTIONAL_LOCKS=0",
	"GIT_PROTOCOL_FROM_USER=0",  "GIT_ADVICE=0",
	"GIT_AUTHOR_NAME=git-gate",  "GIT_AUTHOR_EMAIL=git-gate",
	"GIT_COMMITTER_NAME=git-gate", "GIT_COMMITTER_EMAIL=git-gate",
	"GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME=60",
};

/* Strings of our own, ended by NULL: an argument list or an environment. */
struct strings {
	char **list;
	size_t n;
};

#define STRINGS_INIT { NULL, 0 }
#define AUTO_STRINGS __attribute__((cleanup(strings_release))) struct strings

static void strings_release(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i]);
	free(s->list);
}

/* Add one; consumed. */
static void strings_add(struct strings *s, char *one)
{
	s->list = alloc_resize(s->list, s->n + 2, sizeof(*s->list));
	s->list[s->n++] = one;
	s->list[s->n] = NULL;
}

static void strings_copy(struct strings *s, const char *one)
{
	strings_add(s, alloc_copy(one, strlen(one)));
}

void git_arg(struct git_call *c, const char *arg)
{
	if (c->n_args + 1 < GIT_ARGS_MAX)
		c->args[c->n_args++] = arg;
}

/* Put a text in quotes for a shell. */
static void quote(struct buf *out, const char *text)
{
	buf_add_char(out, '\'');
	for (const char *c = text; *c; c++)
		buf_add_str(out, *c == '\'' ? "'\\''" : (char[]){ *c, '\0' });
	buf_add_char(out, '\'');
}

/* The helper through which git asks for the token of an https remote. */
static char *credential_helper(const struct gate *g, const struct repo *r)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_str(&text, "credential.helper=!");
	quote(&text, g->self);
	buf_add_format(&text, " credential --secrets %d --token ", FD_TOKEN);
	quote(&text, r->token);
	buf_add_str(&text, " --user ");
	quote(&text, r->token_user ? r->token_user : "git");
	return buf_steal(&text);
}

/* The command line. */
static void make_argv(const struct gate *g, const struct git_call *c, struct strings *argv)
{
	static const char *const fixed[] = { "core.hooksPath=/dev/null", "credential.helper=",
					     "http.followRedirects=false",
					     "core.askPass=false",	 "protocol.version=2", "gc.auto=0" };
	bool jailed = c->read || c->write;

	if (jailed) {
		strings_copy(argv, "bb-gitgate");
		strings_copy(argv, "jail");
		if (c->read) {
			strings_copy(argv, "--read");
			strings_copy(argv, c->read);
		}
		if (c->write) {
			strings_copy(argv, "--write");
			strings_copy(argv, c->write);
		}
	}
	strings_copy(argv, "git");
	for (size_t i = 0; !jailed && i < COUNT_OF(fixed); i++) {
		strings_copy(argv, "-c");
		strings_copy(argv, fixed[i]);
	}
	if (c->remote && c->remote->token) {
		strings_copy(argv, "-c");
		strings_add(argv, credential_helper(g, c->remote));
	}
	for (size_t i = 0; i < c->n_args; i++)
		strings_copy(argv, c->args[i]);
}

/* The environment. */
static void make_environment(const struct git_call *c, struct strings *env)
{
	const char *path = getenv("PATH"), *roots = getenv("SSL_CERT_FILE");

	for (size_t i = 0; i < COUNT_OF(environment); i++)
		strings_copy(env, environment[i]);
	strings_add(env, alloc_format("PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin"));
	if (c->dir)
		strings_add(env, alloc_format("GIT_DIR=%s", c->dir));
	if (c->objects)
		strings_add(env, alloc_format("GIT_ALTERNATE_OBJECT_DIRECTORIES=%s", c->objects));
	if (c->protocol)
		strings_add(env, alloc_format("GIT_PROTOCOL=version=%u", c->protocol));
	if (c->control)
		strings_add(env, alloc_format("BOT_BOTTLE_GATE=%s", c->control));
	strings_add(env, alloc_format("GIT_ALLOW_PROTOCOL=%s", !c->remote ? "none" : c->remote->ssh ? "ssh" : "https"));
	if (c->remote && c->remote->ssh) {
		strings_add(env, alloc_format("GIT_SSH_COMMAND=ssh -F ssh/%s.conf", c->remote->name));
		strings_copy(env, "GIT_SSH_VARIANT=ssh");
	}
	if (c->remote && !c->remote->ssh && roots)
		strings_add(env, alloc_format("GIT_SSL_CAINFO=%s", roots));
}

pid_t git_start(const struct gate *g, const struct git_call *c, struct error *e)
{
	AUTO_STRINGS argv = STRINGS_INIT;
	AUTO_STRINGS env = STRINGS_INIT;
	AUTO_FD token = -1;
	struct spawn_fd fds[6];
	struct spawn s = { .path = c->read || c->write ? g->self : "git", .fds = fds, .n_fds = c->n_fds,
			   .new_session = true,
			   .death_signal = c->read || c->write ? SIGTERM : SIGKILL };
				   /* the jail takes its session along */

	memcpy(fds, c->fds, c->n_fds * sizeof(fds[0]));
	if (c->remote && c->remote->token) {
		token = secret_set_memfd(&g->secrets, &c->remote->token, 1, e);
		if (token < 0)
			return -1;
		fds[s.n_fds++] = (struct spawn_fd){ token, FD_TOKEN };
	}
	make_argv(g, c, &argv);
	make_environment(c, &env);
	s.argv = (const char *const *)argv.list;
	s.env = (const char *const *)env.list;
	return spawn_start(&s, e);
}

/* Read what there is; what is beyond SAID_MAX is dropped. False at the end. */
static bool collect(int fd, struct buf *to)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (to && n > 0)
		buf_add(to, bytes, to->len + (size_t)n > SAID_MAX ? SAID_MAX - to->len : (size_t)n);
	return n > 0;
}

/* Collect both streams until they end or the time is up. */
static bool collect_all(int out_fd, int err_fd, int seconds, struct buf *out, struct buf *said)
{
	struct pollfd p[2] = { { out_fd, POLLIN, 0 }, { err_fd, POLLIN, 0 } };
	int64_t deadline = loop_clock() + (int64_t)seconds * 1000;

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		int64_t left = deadline - loop_clock();

		if (left <= 0)
			return false;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return false;
		if (p[0].revents && !collect(out_fd, out))
			p[0].fd = -1;
		if (p[1].revents && !collect(err_fd, said))
			p[1].fd = -1;
	}
	return true;
}

int git_run(const struct gate *g, const struct git_call *c, int seconds, struct buf *out, struct buf *said,
	    struct error *e)
{
	struct git_call with_pipes = *c;
	AUTO_FD out_in = -1;
	AUTO_FD err_in = -1;
	AUTO_FD out_child = -1;
	AUTO_FD err_child = -1;
	int ends[2], code;
	bool whole;
	pid_t pid;

	if (!fd_pipe(ends, e))
		return -1;
	out_in = ends[0];
	out_child = ends[1];
	if (!fd_pipe(ends, e))
		return -1;
	err_in = ends[0];
	err_child = ends[1];
	with_pipes.fds[with_pipes.n_fds++] = (struct spawn_fd){ out_child, STDOUT_FILENO };
	with_pipes.fds[with_pipes.n_fds++] = (struct spawn_fd){ err_child, STDERR_FILENO };
	pid = git_start(g, &with_pipes, e);
	if (pid < 0)
		return -1;
	fd_close(&out_child);
	fd_close(&err_child);
	whole = collect_all(out_in, err_in, seconds, out, said);
	if (!whole)
		kill(-pid, SIGKILL);
	code = spawn_wait(pid, e);
	kill(-pid, SIGKILL); /* what it may have left: an ssh that waits for nobody */
	return whole || code < 0 ? code : GIT_LATE;
}

/* Lines that say nothing to someone who reads another line with them. */
static bool is_filler(struct slice line)
{
	static const char *const fillers[] = { "Please make sure you have", "and the repository exists",
					       "Could not read from remote repository",
					       "the remote end hung up", "To ", "error: failed to push some refs",
					       "Done", "Pushing to" };

	if (slice_starts(line, SLICE("fatal: ")))
		line = slice_sub(line, 7, line.len);
	for (size_t i = 0; i < COUNT_OF(fillers); i++)
		if (slice_starts(line, slice_str(fillers[i])))
			return true;
	return line.len == 0;
}

/* What git or ssh say about the few things that the operator can mend at once, and how we say it. */
static const struct {
	const char *said, *why;
} causes[] = {
	{ "Host key verification failed", "the host's key is not the one that the manifest pins (host_key)" },
	{ "Authentication failed for", "the remote did not accept the token; check auth.token_ref and auth.user in the "
				       "manifest" },
	{ "could not read Username", "the remote asks for a token; name one in the manifest (auth.token_ref)" },
	{ "returned error: 30", "it redirects elsewhere, where the token must not follow; write the new address in the "
				"manifest" },
};

void git_explain(struct slice said, struct buf *out)
{
	struct slice rest = said;
	AUTO_BUF text = BUF_INIT;
	size_t lines = 0;

	for (size_t i = 0; i < COUNT_OF(causes); i++)
		if (slice_search(said, slice_str(causes[i].said)) != SLICE_NONE) {
			buf_add_str(out, causes[i].why);
			return;
		}
	while (rest.len && lines < EXPLAIN_LINES) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'), " \t\r");

		if (is_filler(line))
			continue;
		if (slice_starts(line, SLICE("fatal: ")))
			line = slice_sub(line, 7, line.len);
		if (lines++)
			buf_add_str(&text, "; ");
		buf_add_slice(&text, line);
	}
	if (!lines)
		buf_add_slice(&text, slice_trim(slice_sub(said, 0, slice_find(said, '\n')), " \t\r\n"));
	if (!text.len)
		buf_add_str(&text, "git said nothing");
	escape_cut(out, buf_slice(&text), EXPLAIN_BYTES);
}

/* --- the helper through which git gets a token --- */

struct credential_options {
	int secrets;
	const char *token, *user;
};

static const struct option_def credential_defs[] = {
	{ "secrets", 0, "FD", "descriptor of the secrets" },
	{ "token", 0, "NAME", "the secret's name" },
	{ "user", 0, "NAME", "user name that goes with it" },
	{ .name = NULL },
};

static const struct program credential_program = {
	"bb-gitgate",
	"git's credential helper: see gitcredentials(7)",
	"credential --secrets FD --token NAME --user NAME get|store|erase",
	credential_defs,
};

static bool take_credential_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct credential_options *o = ctx;

	if (strcmp(name, "secrets") == 0)
		return fd_parse(arg, &o->secrets, e);
	*(strcmp(name, "token") == 0 ? &o->token : &o->user) = arg;
	return true;
}

int credential_main(int argc, char **argv)
{
	struct credential_options o = { -1, NULL, NULL };
	AUTO_SECRETS secrets = SECRET_SET_INIT;
	AUTO_BUF answer = BUF_INIT;
	struct error e = ERROR_INIT;
	struct slice value;
	int first = program_start(&credential_program, argc, argv, take_credential_option, &o);
	bool ok;

	if (first + 1 != argc || o.secrets < 0 || !o.token || !o.user)
		return program_usage("wanted the options and one of get, store, erase");
	if (strcmp(argv[first], "get") != 0)
		return STATUS_YES;
	if (!secret_set_read(o.secrets, &secrets, &e))
		return program_fail(&e);
	if (!secret_set_find(&secrets, o.token, &value))
		return STATUS_NO;
	buf_add_format(&answer, "username=%s\npassword=", o.user);
	buf_add_slice(&answer, slice_trim(value, " \t\r\n"));
	buf_add_char(&answer, '\n');
	ok = slice_find(slice_trim(value, " \t\r\n"), '\n') == SLICE_NONE &&
	     fd_write_all(STDOUT_FILENO, buf_slice(&answer), "standard output", &e);
	buf_wipe(&answer);
	return ok ? STATUS_YES : STATUS_NO;
}
