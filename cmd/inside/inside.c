/*
 * bb-inside: the first process of an agent's container.
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/launch-native/filter.h"
#include "fd.h"
#include "loop.h"
#include "program.h"

#define DOOR_MS 20000         /* for the sidecar to open its door: it is a container that starts, too */
#define DOOR_PAUSE_MS 5       /* between two knocks */
#define PROVE "/opt/bot-bottle/bb-prove"
#define VERDICT_MAX (1u << 20) /* bytes */

static const struct option_def option_defs[] = { { .name = NULL } };
static const struct program program = {
	"bb-inside", "the first process of an agent's container; a launcher talks to it over standard input and output",
	"",
	option_defs,
};

static const struct doc_field inside_fields[] = {
	{ "argv", DOC_ARRAY, true }, { "env", DOC_ARRAY, true }, { "workdir", DOC_STR, true },
	{ "tty", DOC_BOOL, true }, { "setup", DOC_ARRAY, false }, { "verify", DOC_ARRAY, false },
	{ "ports", DOC_ARRAY, true }, { "door", DOC_STR, true }, { .name = NULL },
};

/* --- frames --- */

bool inside_receive(struct inside *in, struct frame *f, struct error *e)
{
	for (;;) {
		int whole = frame_peek(buf_slice(&in->in), f);
		ssize_t n;

		if (whole > 0)
			return true;
		if (whole < 0)
			return error_set(e, STATUS_CALLER, "standard input is no sequence of frames");
		buf_reserve(&in->in, 65536);
		n = read(STDIN_FILENO, in->in.ptr + in->in.len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read standard input");
		if (n == 0)
			return error_set(e, STATUS_WORLD, "the launcher is gone");
		in->in.len += (size_t)n;
		in->in.ptr[in->in.len] = '\0';
	}
}

void inside_drop(struct inside *in, const struct frame *f)
{
	buf_consume(&in->in, FRAME_HEAD + f->payload.len);
}

bool inside_expect(struct inside *in, enum frame_kind kind, struct frame *f, struct error *e)
{
	if (!inside_receive(in, f, e))
		return false;
	return f->kind == kind || error_set(e, STATUS_CALLER, "a frame '%c' came where '%c' was due", f->kind, kind);
}

bool inside_flush(struct inside *in, struct error *e)
{
	bool ok = fd_write_all(STDOUT_FILENO, buf_slice(&in->out), "standard output", e);

	buf_truncate(&in->out, 0);
	return ok;
}

bool inside_resize(struct inside *in, struct slice payload)
{
	struct winsize size = { 0 };
	int rows, columns;

	if (!frame_number(&payload, &rows) || !frame_number(&payload, &columns))
		return false;
	size.ws_row = (unsigned short)rows;
	size.ws_col = (unsigned short)columns;
	if (in->master >= 0)
		ioctl(in->master, TIOCSWINSZ, &size);
	return true;
}

/* --- what is to run --- */

/* Read the document and the secrets that its environment names. */
static bool take_orders(struct inside *in, struct error *e)
{
	AUTO_SECRETS secrets = SECRET_SET_INIT;
	AUTO_FD file = -1;
	struct frame f;

	if (!inside_expect(in, FRAME_BOTTLE, &f, e))
		return false;
	in->document = doc_parse(f.payload, e);
	if (!in->document || !doc_is(in->document, "inside", 1, e) ||
	    !doc_check(in->document, "inside", inside_fields, e))
		return false;
	inside_drop(in, &f);
	in->plan.bottle = in->document;
	in->plan.workdir = doc_get_cstr(in->document, "workdir");
	in->plan.tty = doc_get_bool(in->document, "tty");
	in->agent.plan = &in->plan;
	if (!inside_expect(in, FRAME_SECRETS, &f, e))
		return false;
	file = memfd_create("secrets", MFD_CLOEXEC);
	if (file < 0)
		return error_sys(e, "unable to make a memory file");
	if (!fd_write_all(file, f.payload, "secrets", e) || !secret_set_read(file, &secrets, e))
		return false;
	alloc_wipe(in->in.ptr, FRAME_HEAD + f.payload.len);
	buf_consume(&in->in, FRAME_HEAD + f.payload.len);
	return agent_prepare(&in->agent, &secrets, e);
}

/* --- the services' sockets --- */

/* A socket that listens on the loopback interface. Returns -1 with an error. */
static int listen_on(int64_t port, struct error *e)
{
	AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0 || listen(fd, SOMAXCONN) < 0) {
		error_sys(e, "unable to listen on port %d of the bottle", (int)port);
		return -1;
	}
	return fd_steal(&fd);
}

/* Knock until the sidecar opens. Nothing tells when a socket appears in a file system that two containers share. */
static int knock(const char *door, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int64_t deadline = loop_clock() + DOOR_MS;
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd launcher = { STDIN_FILENO, 0, 0 };

	if (fd < 0 || strlen(door) >= sizeof(address.sun_path)) {
		error_set(e, STATUS_CALLER, "unable to knock at '%s'", door);
		return -1;
	}
	memcpy(address.sun_path, door, strlen(door) + 1);
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if ((errno != ENOENT && errno != ECONNREFUSED && errno != EACCES && errno != EINTR) ||
		    loop_clock() > deadline) {
			error_sys(e, "the sidecar does not open its door");
			return -1;
		}
		if (poll(&launcher, 1, DOOR_PAUSE_MS) > 0) {
			error_set(e, STATUS_WORLD, "the launcher is gone");
			return -1;
		}
	}
	return fd_steal(&fd);
}

/* Make the sockets and hand them to the sidecar: what is accepted there was connected to in here. */
static bool hand_out_listeners(const struct inside *in, struct error *e)
{
	const struct doc *ports = doc_get(in->document, "ports");
	size_t n = doc_count(ports);
	int fds[PLAN_LISTENERS_MAX];
	AUTO_FD door = -1;
	bool ok = true;

	if (n > PLAN_LISTENERS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d ports", PLAN_LISTENERS_MAX);
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	for (size_t i = 0; ok && i < n; i++)
		ok = (fds[i] = listen_on(doc_int(doc_at(ports, i)), e)) >= 0;
	if (ok && n) {
		door = knock(doc_get_cstr(in->document, "door"), e);
		ok = door >= 0 && fd_send(door, fds, n, e);
	}
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
	return ok;
}

/* --- confinement --- */

/* Lower a limit, soft and hard. */
static bool lower(int resource, rlim_t max, const char *what, struct error *e)
{
	struct rlimit r = { max, max };

	return setrlimit((__rlimit_resource_t)resource, &r) == 0 || error_sys(e, "unable to limit %s", what);
}

/* What the engine has taken already is made sure of; the filter of system calls is the native bottle's. */
static bool harden(struct error *e)
{
	struct filter *filter = filter_make(e);

	if (!filter || !lower(RLIMIT_CORE, 0, "core files", e))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(e, "unable to give up privileges");
	return filter_load(filter, e);
}

/* Signals come through a descriptor. */
static bool begin(struct inside *in, struct error *e)
{
	sigset_t set;

	if (getpid() != 1)
		return error_set(e, STATUS_CALLER, "this is for the first process of a container: it ends all others");
	if (getuid() == 0 || geteuid() == 0)
		return error_set(e, STATUS_CALLER, "this is for an ordinary user, not for root");
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	in->children = signalfd(-1, &set, SFD_CLOEXEC);
	umask(022);
	prctl(PR_SET_NAME, "bottle", 0, 0, 0);
	return in->children >= 0 || error_sys(e, "unable to watch processes");
}

/* A session of its own and, with a terminal, that terminal in control of it. */
static bool take_session(struct inside *in, struct error *e)
{
	AUTO_FD m = -1;
	int unlocked = 0;

	if (setsid() < 0 && errno != EPERM) /* the first process of a container leads one already */
		return error_sys(e, "unable to make a session in the bottle");
	if (!in->plan.tty)
		return true;
	m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (m < 0 || ioctl(m, TIOCSPTLCK, &unlocked) < 0)
		return error_sys(e, "unable to make a terminal in the bottle");
	in->slave = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in->slave < 0 || ioctl(in->slave, TIOCSCTTY, 0) < 0)
		return error_sys(e, "unable to take the bottle's terminal");
	in->master = fd_steal(&m);
	return true;
}

/* --- before the agent --- */

/* Run bb-prove on a document, from one memory file into another; the launcher judges, and its patience is the limit. */
static bool prove(struct inside *in, struct slice probe, struct error *e)
{
	AUTO_FD file = memfd_create("probe", MFD_CLOEXEC);
	AUTO_FD verdict = memfd_create("verdict", MFD_CLOEXEC);
	AUTO_BUF text = BUF_INIT;
	int code;

	if (file < 0 || verdict < 0)
		return error_sys(e, "unable to make a memory file");
	if (!fd_write_all(file, probe, "probe", e))
		return false;
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(e, "unable to rewind a memory file");
	code = agent_prove(&in->agent, PROVE, file, verdict, e);
	if (code < 0)
		return error_wrap(e, "bb-prove");
	buf_add_format(&text, "%d\n", code);
	if (lseek(verdict, 0, SEEK_SET) < 0)
		return error_sys(e, "unable to rewind a memory file");
	if (!fd_read_all(verdict, VERDICT_MAX, "the verdict of bb-prove", &text, e))
		return false;
	frame_put(&in->out, FRAME_VERDICT, buf_slice(&text));
	return inside_flush(in, e);
}

/* Answer probes until the word to go on. */
static bool await_go(struct inside *in, struct error *e)
{
	for (;;) {
		struct frame f;
		bool ok;

		if (!inside_receive(in, &f, e))
			return false;
		ok = f.kind == FRAME_GO || (f.kind == FRAME_PROBE && prove(in, f.payload, e)) ||
		     (f.kind == FRAME_SIZE && inside_resize(in, f.payload));
		if (!ok && e->status == STATUS_YES)
			error_set(e, STATUS_CALLER, "a frame '%c' came where a probe was due", f.kind);
		inside_drop(in, &f);
		if (!ok || f.kind == FRAME_GO)
			return ok;
	}
}

/* Run one command before the agent; its last words go with the report. The launcher says whether to go on. */
static bool run_command(struct inside *in, const struct doc *argv, int index, struct error *e)
{
	struct error failure = ERROR_INIT;
	AUTO_BUF output = BUF_INIT;
	struct slice text;
	int code = agent_run(&in->agent, argv, in->children, &output, &failure);

	text = code < 0 ? slice_str(failure.text) : slice_trim(buf_slice(&output), " \r\n\t");
	if (text.len > ERROR_TEXT_MAX / 2)
		text = slice_sub(text, text.len - ERROR_TEXT_MAX / 2, text.len);
	frame_say(&in->out, FRAME_COMMAND, "%d %d\n%.*s", index, code, SLICE_ARG(text));
	return inside_flush(in, e) && await_go(in, e);
}

/* The commands of the document, the provider's own check last (index -1). */
static bool run_commands(struct inside *in, struct error *e)
{
	const struct doc *setup = doc_get(in->document, "setup"), *verify = doc_get(in->document, "verify");

	for (size_t i = 0; i < doc_count(setup); i++)
		if (!run_command(in, doc_get(doc_at(setup, i), "argv"), (int)i, e))
			return false;
	return !verify || run_command(in, verify, -1, e);
}

/* Say that all stands. */
static bool report(struct inside *in, struct error *e)
{
	frame_put(&in->out, FRAME_STANDS, SLICE(""));
	return inside_flush(in, e);
}

/* From the first byte to the agent's end. */
static bool live(struct inside *in, struct error *e)
{
	return begin(in, e) && take_orders(in, e) && hand_out_listeners(in, e) && take_session(in, e) && harden(e) &&
	       report(in, e) && await_go(in, e) && run_commands(in, e) && inside_attend(in, e);
}

int main(int argc, char **argv)
{
	struct inside in = { .in = BUF_INIT, .out = BUF_INIT, .children = -1, .master = -1, .slave = -1 };
	struct error e = ERROR_INIT, gone = ERROR_INIT;

	if (program_start(&program, argc, argv, NULL, NULL) < argc)
		return program_usage("unexpected operand");
	document_seed();
	if (live(&in, &e))
		return STATUS_YES;
	if (getpid() == 1)
		kill(-1, SIGKILL);
	frame_say(&in.out, FRAME_FAILED, "%d\n%s", (int)e.status, e.text);
	inside_flush(&in, &gone);
	return (int)e.status;
}
