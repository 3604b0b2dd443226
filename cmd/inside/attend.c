#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "inside.h"
#include "loop.h"

#define CHUNK 32768       /* bytes that are read at once */
#define OUT_MAX 131072    /* bytes that may wait for the launcher before the agent has to */
#define DRAIN_MS 5000     /* for the last output to come after the agent's end */

/* The agent's time. */
struct attendance {
	struct inside *in;
	struct buf input;       /* what the agent has not taken */
	bool input_ended;
	int to;                 /* its standard input, or the terminal; -1: closed */
	int output, errors;     /* where it writes; -1: ended */
	bool exited, gone;      /* the agent has; the launcher has */
	int status;
	int64_t deadline;       /* -1: none */
};

/* Pipes for an agent without a terminal; stdio gets its ends. */
static bool make_pipes(struct attendance *a, int stdio[3], struct error *e)
{
	int *ours[3] = { &a->to, &a->output, &a->errors };
	int ends[2];

	for (int i = 0; i < 3; i++) {
		if (!fd_pipe(ends, e))
			return false;
		stdio[i] = ends[i == 0 ? 0 : 1];
		*ours[i] = ends[i == 0 ? 1 : 0];
		if (!fd_set_nonblocking(*ours[i], true, e))
			return false;
	}
	return true;
}

/* Start the agent with its terminal or its pipes. */
static bool start(struct attendance *a, struct error *e)
{
	struct inside *in = a->in;
	int stdio[3] = { -1, -1, -1 };

	if (in->plan.tty) {
		if (!fd_set_nonblocking(in->master, true, e))
			return false;
		a->to = a->output = in->master;
	} else if (!make_pipes(a, stdio, e)) {
		return false;
	}
	in->pid = agent_start(&in->agent, in->slave, stdio, e);
	for (int i = 0; i < 3; i++)
		fd_close(&stdio[i]);
	fd_close(&in->slave);
	agent_release(&in->agent);
	if (in->pid < 0)
		return false;
	frame_put(&in->out, FRAME_STARTED, SLICE(""));
	return true;
}

/* The agent takes no more input. A terminal stays: it is where the output comes from. */
static void end_input(struct attendance *a)
{
	if (!a->in->plan.tty)
		fd_close(&a->to);
	a->to = -1;
	buf_truncate(&a->input, 0);
}

/* Do what one frame says; false when it is out of place. */
static bool obey(struct attendance *a, const struct frame *f)
{
	struct slice rest = f->payload;
	int number;

	switch (f->kind) {
	case FRAME_INPUT:
		if (a->input.len + rest.len > 2 * FRAME_WINDOW)
			return false;
		buf_add_slice(&a->input, rest);
		return true;
	case FRAME_END_OF_INPUT:
		a->input_ended = true;
		return true;
	case FRAME_SIZE:
		return inside_resize(a->in, rest);
	case FRAME_SIGNAL:
		if (!frame_number(&rest, &number) || number <= 0 || number >= NSIG)
			return false;
		if (!a->exited) {
			kill(-a->in->pid, number);
			kill(-a->in->pid, SIGCONT); /* a stopped process takes no other signal */
		}
		return true;
	default:
		return false;
	}
}

/* Do what the frames say that have come whole. */
static bool obey_all(struct attendance *a, struct error *e)
{
	struct inside *in = a->in;
	struct frame f;
	int whole;

	while ((whole = frame_peek(buf_slice(&in->in), &f)) > 0) {
		bool ok = obey(a, &f);

		inside_drop(in, &f);
		if (!ok)
			return error_set(e, STATUS_CALLER, "a frame '%c' is out of place", f.kind);
	}
	return whole == 0 || error_set(e, STATUS_CALLER, "standard input is no sequence of frames");
}

/* Read what the launcher says. */
static bool hear(struct attendance *a, struct error *e)
{
	struct inside *in = a->in;
	ssize_t n;

	buf_reserve(&in->in, CHUNK);
	n = read(STDIN_FILENO, in->in.ptr + in->in.len, CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		a->gone = true;
		return true;
	}
	in->in.len += (size_t)n;
	return obey_all(a, e);
}

/* Give the agent what it takes, and tell the launcher how much that was. */
static void give_input(struct attendance *a)
{
	ssize_t n = write(a->to, a->input.ptr, a->input.len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		n = (ssize_t)a->input.len; /* it wants no more: what was meant for it is taken all the same */
	frame_say(&a->in->out, FRAME_TAKEN, "%zd", n);
	buf_consume(&a->input, (size_t)n);
}

/* Take what the agent writes. */
static void take_output(struct attendance *a, int *fd, enum frame_kind kind)
{
	char chunk[CHUNK];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		frame_put(&a->in->out, kind, slice_of(chunk, (size_t)n));
		return;
	}
	if (*fd == a->in->master) { /* EIO: nobody holds the terminal any more */
		fd_close(&a->in->master);
		a->to = -1;
		*fd = -1;
		return;
	}
	fd_close(fd);
}

/* Write to the launcher what it takes. */
static void speak(struct attendance *a)
{
	ssize_t n = write(STDOUT_FILENO, a->in->out.ptr, a->in->out.len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		a->gone = true;
		return;
	}
	buf_consume(&a->in->out, (size_t)n);
}

/* Collect the dead and the stopped; with the agent's end comes everybody's. */
static void collect(struct attendance *a)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int s;

	if (read(a->in->children, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &s, WNOHANG | WUNTRACED)) > 0) {
		if (pid != a->in->pid || a->exited)
			continue;
		if (WIFSTOPPED(s)) {
			frame_put(&a->in->out, FRAME_STOPPED, SLICE(""));
			continue;
		}
		a->exited = true;
		a->status = s;
		a->deadline = loop_clock() + DRAIN_MS;
		kill(-1, SIGKILL);
	}
}

enum { POLL_CHILDREN, POLL_HEAR, POLL_SPEAK, POLL_TO, POLL_OUTPUT, POLL_ERRORS, POLLS };

/* Wait once and do what is to be done. */
static bool turn(struct attendance *a, struct error *e)
{
	bool room = a->in->out.len < OUT_MAX;
	int64_t left = a->deadline < 0 ? -1 : a->deadline - loop_clock();
	struct pollfd p[POLLS] = {
		[POLL_CHILDREN] = { a->in->children, POLLIN, 0 },
		[POLL_HEAR] = { STDIN_FILENO, POLLIN, 0 },
		[POLL_SPEAK] = { a->in->out.len ? STDOUT_FILENO : -1, POLLOUT, 0 },
		[POLL_TO] = { a->input.len ? a->to : -1, POLLOUT, 0 },
		[POLL_OUTPUT] = { room ? a->output : -1, POLLIN, 0 },
		[POLL_ERRORS] = { room ? a->errors : -1, POLLIN, 0 },
	};

	if (poll(p, POLLS, a->deadline < 0 ? -1 : left > 0 ? (int)left : 0) < 0 && errno != EINTR)
		return error_sys(e, "unable to wait for the agent");
	if (p[POLL_SPEAK].revents)
		speak(a);
	if (p[POLL_HEAR].revents && !hear(a, e))
		return false;
	if (p[POLL_TO].revents)
		give_input(a);
	if (p[POLL_OUTPUT].revents)
		take_output(a, &a->output, FRAME_OUTPUT);
	if (p[POLL_ERRORS].revents)
		take_output(a, &a->errors, FRAME_ERRORS);
	if (p[POLL_CHILDREN].revents)
		collect(a);
	if (a->input_ended && !a->input.len && a->to >= 0)
		end_input(a);
	if (a->to < 0 && a->input.len) { /* nobody will take it */
		frame_say(&a->in->out, FRAME_TAKEN, "%zu", a->input.len);
		buf_truncate(&a->input, 0);
	}
	return true;
}

/* Has all been passed on that will ever come? */
static bool done(const struct attendance *a)
{
	if (a->gone)
		return true;
	return a->exited && ((a->output < 0 && a->errors < 0) || loop_clock() >= a->deadline);
}

bool inside_attend(struct inside *in, struct error *e)
{
	struct attendance a = { .in = in, .input = BUF_INIT, .to = -1, .output = -1, .errors = -1, .deadline = -1 };
	bool ok = fd_set_nonblocking(STDIN_FILENO, true, e) && fd_set_nonblocking(STDOUT_FILENO, true, e) &&
		  start(&a, e) && obey_all(&a, e); /* what came right behind the word to go */

	while (ok && !done(&a))
		ok = turn(&a, e);
	kill(-1, SIGKILL);
	buf_release(&a.input);
	fd_set_nonblocking(STDOUT_FILENO, false, e);
	if (!ok || a.gone)
		return ok;
	frame_say(&in->out, FRAME_EXITED, "%d", a.status);
	return inside_flush(in, e);
}
