#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "hatch.h"
#include "loop.h"
#include "program.h"
#include "screen.h"

/* Bytes on their way from one descriptor to another. */
struct flow {
	int from, to;
	bool owns_from, owns_to; /* close it at the end */
	struct screen *screen;   /* what a terminal gets passes through here */
	size_t start, len;
	char bytes[RELAY_BUFFER];
};

enum { FLOW_IN, FLOW_OUT, FLOW_ERR, FLOWS };

/* The state of a run. */
struct run {
	struct relay *r;
	struct flow flows[FLOWS];
	struct screen screens[2];
	int64_t deadline;  /* the next thing to happen by the clock; -1: none */
	int asked;         /* how often the agent was told to end */
	bool timed;        /* the deadline is the end of the agent's time */
	bool exited;
	int status;
	bool failed;
};

int relay_signals(struct error *e)
{
	static const int handled[] = { SIGCHLD, SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGTTOU, SIG_IGN); /* the terminal is put back also from the background */
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		error_sys(e, "unable to take signals");
	return fd;
}

/* A flow has no more to bring. */
static void flow_end(struct flow *f)
{
	if (f->owns_from)
		fd_close(&f->from);
	f->from = -1;
	if (f->len)
		return;
	if (f->owns_to)
		fd_close(&f->to);
	f->to = -1;
}

/* Take what is there. */
static void flow_read(struct flow *f)
{
	size_t room = f->screen ? screen_room(sizeof(f->bytes)) : sizeof(f->bytes);
	ssize_t n;

	f->start = 0;
	n = read(f->from, f->bytes, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* EIO: the last holder of the pseudo-terminal is gone */
		flow_end(f);
		return;
	}
	f->len = f->screen ? screen_filter(f->screen, f->bytes, (size_t)n, sizeof(f->bytes)) : (size_t)n;
}

/* Give as much as is taken, in pieces for which a poll that said "writable" holds. */
static void flow_write(struct flow *f)
{
	ssize_t n = write(f->to, f->bytes + f->start, f->len < 4096 ? f->len : 4096);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* nobody wants it any more; the writer at the other end is to know */
		f->len = 0;
		flow_end(f);
		return;
	}
	f->start += (size_t)n;
	f->len -= (size_t)n;
	if (!f->len && f->from < 0)
		flow_end(f);
}

/* Everything that was written has been passed on. */
static bool drained(const struct run *run)
{
	for (int i = FLOW_OUT; i < FLOWS; i++)
		if (run->flows[i].from >= 0 || run->flows[i].len)
			return false;
	return true;
}

/* Tell the agent to end: first with the signal, then by force, at last by ending the bottle. */
static void pass_on(struct run *run, int sig)
{
	struct error ignored = ERROR_INIT;

	run->timed = false;
	run->deadline = loop_clock() + (run->asked ? RELAY_FORCE_MS : RELAY_PATIENCE_MS);
	if (run->asked > 1)
		kill(run->r->bottle, SIGKILL);
	else
		hatch_say(run->r->hatch, HATCH_SIGNAL, run->asked ? SIGKILL : sig, &ignored);
	run->asked++;
}

/* Stop as a job stops, with the terminal as the shell wants it; go on when continued. */
static void suspend(struct run *run)
{
	struct error e = ERROR_INIT;
	sigset_t set;

	if (run->r->terminal)
		terminal_restore(run->r->terminal);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	kill(0, SIGTSTP); /* the whole job: the front end waits in the same group */
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it takes effect; SIGCONT goes on from here */
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (run->r->terminal) {
		if (!terminal_raw(run->r->terminal, &e))
			program_warn("%s", e.text);
		terminal_copy_size(run->r->terminal, run->r->master);
	}
	hatch_say(run->r->hatch, HATCH_CONTINUE, 0, &e);
	hatch_say(run->r->hatch, HATCH_SIGNAL, SIGWINCH, &e); /* what is full-screen draws itself again */
}

/* Signals that came. */
static void take_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
		case SIGHUP:
		case SIGQUIT:
			pass_on(run, (int)info.ssi_signo);
			break;
		case SIGTSTP:
			suspend(run);
			break;
		case SIGWINCH:
			if (run->r->terminal)
				terminal_copy_size(run->r->terminal, run->r->master);
			break;
		default:
			break;
		}
	}
}

/* What the bottle says. */
static void hear(struct run *run, struct error *e)
{
	struct hatch_message m;

	if (!hatch_receive(run->r->hatch, &m, e)) {
		run->failed = true;
		return;
	}
	for (size_t i = 0; i < m.n_fds; i++)
		fd_close(&m.fds[i]);
	if (m.kind == HATCH_STOPPED) {
		suspend(run);
	} else if (m.kind == HATCH_EXITED) {
		run->exited = true;
		run->status = m.value;
		run->deadline = loop_clock() + RELAY_DRAIN_MS;
	}
}

/* The clock has reached the deadline. */
static void strike(struct run *run)
{
	if (run->exited) {
		run->failed = false;
		for (int i = 0; i < FLOWS; i++) {
			run->flows[i].len = 0;
			flow_end(&run->flows[i]);
		}
		run->deadline = -1;
		return;
	}
	if (run->timed)
		program_warn("the agent has had the %lld seconds that 'limits.wall' gives it",
			     (long long)run->r->wall_ms / 1000);
	pass_on(run, SIGTERM);
}

enum { POLL_SIGNALS, POLL_HATCH, POLL_SIDECAR, POLL_FLOWS, POLLS = POLL_FLOWS + 2 * FLOWS };

/* What to wait for. */
static void set_polls(const struct run *run, struct pollfd p[POLLS])
{
	p[POLL_SIGNALS] = (struct pollfd){ run->r->signals, POLLIN, 0 };
	p[POLL_HATCH] = (struct pollfd){ run->exited ? -1 : run->r->hatch, POLLIN, 0 };
	p[POLL_SIDECAR] = (struct pollfd){ run->exited ? -1 : run->r->sidecar, POLLIN, 0 };
	for (int i = 0; i < FLOWS; i++) {
		const struct flow *f = &run->flows[i];
		bool idle = i == FLOW_IN && run->exited;

		p[POLL_FLOWS + 2 * i] = (struct pollfd){ f->len || idle ? -1 : f->from, POLLIN, 0 };
		p[POLL_FLOWS + 2 * i + 1] = (struct pollfd){ f->len && !idle ? f->to : -1, POLLOUT, 0 };
	}
}

/* Wait once and do what is to be done. */
static bool turn(struct run *run, struct error *e)
{
	int64_t left = run->deadline < 0 ? -1 : run->deadline - loop_clock();
	struct pollfd p[POLLS];
	int n;

	set_polls(run, p);
	n = poll(p, POLLS, left < 0 ? (run->deadline < 0 ? -1 : 0) : left > 1 << 30 ? 1 << 30 : (int)left);
	if (n < 0 && errno != EINTR)
		return error_sys(e, "unable to wait for the bottle");
	if (n == 0 && run->deadline >= 0 && loop_clock() >= run->deadline)
		strike(run);
	if (n <= 0)
		return true;
	for (int i = 0; i < FLOWS; i++) {
		if (p[POLL_FLOWS + 2 * i + 1].revents)
			flow_write(&run->flows[i]);
		if (p[POLL_FLOWS + 2 * i].revents)
			flow_read(&run->flows[i]);
	}
	if (p[POLL_SIGNALS].revents)
		take_signals(run);
	if (p[POLL_HATCH].revents)
		hear(run, e);
	if (p[POLL_SIDECAR].revents && !run->exited && !run->failed) {
		error_set(e, STATUS_WORLD, "the sidecar ended");
		run->failed = true;
	}
	return true;
}

/* Connect descriptors. */
static void connect_flows(struct run *run)
{
	struct relay *r = run->r;
	bool tty = r->terminal != NULL;

	for (int i = 0; i < FLOWS; i++) {
		run->flows[i].from = run->flows[i].to = -1;
		run->flows[i].start = run->flows[i].len = 0;
		run->flows[i].owns_from = run->flows[i].owns_to = false;
		run->flows[i].screen = NULL;
	}
	run->flows[FLOW_IN].from = tty || !isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	run->flows[FLOW_IN].to = tty ? r->master : r->input;
	run->flows[FLOW_IN].owns_to = !tty;
	if (run->flows[FLOW_IN].from < 0)
		flow_end(&run->flows[FLOW_IN]); /* the user's terminal is not for an agent without one */
	run->flows[FLOW_OUT].from = tty ? r->master : r->output;
	run->flows[FLOW_OUT].owns_from = !tty;
	run->flows[FLOW_OUT].to = STDOUT_FILENO;
	run->flows[FLOW_ERR].from = r->errors;
	run->flows[FLOW_ERR].owns_from = !tty;
	run->flows[FLOW_ERR].to = STDERR_FILENO;
	for (int i = FLOW_OUT; i < FLOWS; i++) {
		if (!isatty(run->flows[i].to))
			continue;
		screen_init(&run->screens[i - FLOW_OUT]);
		run->flows[i].screen = &run->screens[i - FLOW_OUT];
	}
}

enum relay_end relay_run(struct relay *r, int *status, struct error *e)
{
	static struct run run; /* large: two hundred kilobytes */

	memset(&run, 0, sizeof(run));
	run.r = r;
	run.deadline = r->wall_ms ? loop_clock() + r->wall_ms : -1;
	run.timed = r->wall_ms > 0;
	connect_flows(&run);
	if (r->terminal) {
		terminal_copy_size(r->terminal, r->master);
		if (!terminal_raw(r->terminal, e))
			return RELAY_FAILED;
	}
	while (!run.failed && !(run.exited && drained(&run)))
		if (!turn(&run, e))
			return RELAY_FAILED;
	*status = run.status;
	return run.failed ? RELAY_FAILED : RELAY_EXITED;
}
