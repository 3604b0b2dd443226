#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/launch-native/screen.h"
#include "fd.h"
#include "loop.h"
#include "program.h"

#define INPUT_CHUNK 4096  /* bytes of the user's that go at once */
#define OUTPUT_CHUNK 4096 /* for which a poll that said "writable" holds */

/* Where the agent's output goes. */
struct sink {
	int fd;               /* -1: nobody wants it any more */
	bool filtered;        /* it is a terminal: the screen filter is in between */
	struct screen screen;
	struct buf pending;
};

/* The state of a run. */
struct run {
	struct relay *r;
	struct sink out, err;
	int from;             /* the user's input; -1: ended */
	size_t under_way;     /* bytes of it that the agent has not taken */
	int64_t deadline;     /* the next thing to happen by the clock; -1: none */
	int asked;            /* how often the agent was told to end */
	bool timed;           /* the deadline is the end of the agent's time */
	bool exited;
	int status;
};

int relay_signals(struct error *e)
{
	static const int handled[] = { SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT };
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

/* Take bytes of the agent's, through the filter where a terminal will see them. */
static void sink_add(struct sink *s, struct slice bytes)
{
	char chunk[OUTPUT_CHUNK];
	size_t room = screen_room(sizeof(chunk));

	if (s->fd < 0)
		return;
	if (!s->filtered) {
		buf_add_slice(&s->pending, bytes);
		return;
	}
	while (bytes.len) {
		struct slice part = slice_sub(bytes, 0, room);

		memcpy(chunk, part.ptr, part.len);
		buf_add(&s->pending, chunk, screen_filter(&s->screen, chunk, part.len, sizeof(chunk)));
		bytes = slice_sub(bytes, part.len, bytes.len);
	}
}

/* Give as much as is taken. */
static void sink_write(struct sink *s)
{
	ssize_t n = write(s->fd, s->pending.ptr, s->pending.len < OUTPUT_CHUNK ? s->pending.len : OUTPUT_CHUNK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		s->fd = -1;
		buf_truncate(&s->pending, 0);
		return;
	}
	buf_consume(&s->pending, (size_t)n);
}

bool relay_size(struct bottle *b, const struct terminal *t, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct winsize size;

	if (ioctl(t->fd, TIOCGWINSZ, &size) < 0)
		return true;
	buf_add_format(&text, "%u %u", size.ws_row, size.ws_col);
	return bottle_say(b, FRAME_SIZE, buf_slice(&text), e);
}

/* Pass a signal on. */
static bool send_signal(struct run *run, int number, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_format(&text, "%d", number);
	return bottle_say(run->r->bottle, FRAME_SIGNAL, buf_slice(&text), e);
}

/* Tell the agent to end: first with the signal, then by force, at last by ending the bottle. */
static bool pass_on(struct run *run, int number, struct error *e)
{
	run->timed = false;
	run->deadline = loop_clock() + (run->asked ? RELAY_FORCE_MS : RELAY_PATIENCE_MS);
	if (run->asked++ > 1)
		return error_set(e, STATUS_WORLD,
				 "the agent does not end, not even by force; its container is removed");
	return send_signal(run, run->asked > 1 ? SIGKILL : number, e);
}

/* Stop as a job stops, with the terminal as the shell wants it; go on when continued. */
static bool suspend(struct run *run, struct error *e)
{
	sigset_t set;

	if (run->r->terminal)
		terminal_restore(run->r->terminal);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	kill(0, SIGTSTP); /* the whole job: the front end waits in the same group */
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it takes effect; SIGCONT goes on from here */
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (run->r->terminal &&
	    (!terminal_raw(run->r->terminal, e) || !relay_size(run->r->bottle, run->r->terminal, e)))
		return false;
	/* what is full-screen draws itself again */
	return send_signal(run, SIGCONT, e) && send_signal(run, SIGWINCH, e);
}

/* Signals that came. */
static bool take_signals(struct run *run, struct error *e)
{
	struct signalfd_siginfo info;

	while (read(run->r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		bool ok = true;

		if (info.ssi_signo == SIGTSTP)
			ok = suspend(run, e);
		else if (info.ssi_signo == SIGWINCH)
			ok = !run->r->terminal || relay_size(run->r->bottle, run->r->terminal, e);
		else if (info.ssi_signo != SIGCONT)
			ok = pass_on(run, (int)info.ssi_signo, e);
		if (!ok)
			return false;
	}
	return true;
}

/* One frame of the bottle's. Its numbers and texts are foreign. */
static bool take_frame(struct run *run, const struct frame *f, struct error *e)
{
	struct slice rest = f->payload;
	int number;

	switch (f->kind) {
	case FRAME_OUTPUT:
		sink_add(&run->out, rest);
		return true;
	case FRAME_ERRORS:
		sink_add(&run->err, rest);
		return true;
	case FRAME_TAKEN:
		if (!frame_number(&rest, &number) || number < 0)
			break;
		run->under_way -= (size_t)number < run->under_way ? (size_t)number : run->under_way;
		return true;
	case FRAME_STOPPED:
		return suspend(run, e);
	case FRAME_EXITED:
		if (!frame_number(&rest, &run->status))
			break;
		run->exited = true;
		run->deadline = loop_clock() + RELAY_DRAIN_MS;
		return true;
	default:
		break;
	}
	return error_set(e, STATUS_WORLD, "the bottle's first process is not understood: '%c'", f->kind);
}

/* Take the frames that are there whole: also those that came in one read with the last of the start. */
static bool take_frames(struct run *run, struct error *e)
{
	struct bottle *b = run->r->bottle;
	struct frame f;

	while (!run->exited && bottle_next(b, &f, e)) {
		bool ok = take_frame(run, &f, e);

		bottle_drop(b, &f);
		if (!ok)
			return false;
	}
	return run->exited || e->status == STATUS_YES;
}

/* What the bottle says. */
static bool hear_bottle(struct run *run, struct error *e)
{
	return stream_fill(&run->r->bottle->stream, e) && take_frames(run, e);
}

/* What the sidecar says; its end is the end of the bottle. */
static bool hear_sidecar(struct run *run, struct error *e)
{
	return stream_fill(&run->r->sidecar->stream, e) && sidecar_hear(run->r->sidecar, e);
}

/* The user's input. */
static bool take_input(struct run *run, struct error *e)
{
	char chunk[INPUT_CHUNK];
	ssize_t n = read(run->from, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		run->from = -1;
		return bottle_say(run->r->bottle, FRAME_END_OF_INPUT, SLICE(""), e);
	}
	run->under_way += (size_t)n;
	return bottle_say(run->r->bottle, FRAME_INPUT, slice_of(chunk, (size_t)n), e);
}

/* The clock has reached the deadline. */
static bool strike(struct run *run, struct error *e)
{
	if (run->exited) { /* nobody takes the rest */
		buf_truncate(&run->out.pending, 0);
		buf_truncate(&run->err.pending, 0);
		return true;
	}
	if (run->timed)
		program_warn("the agent has had the %lld seconds that 'limits.wall' gives it",
			     (long long)run->r->wall_ms / 1000);
	return pass_on(run, SIGTERM, e);
}

enum { POLL_SIGNALS, POLL_BOTTLE, POLL_SIDECAR, POLL_FROM, POLL_TO_OUT, POLL_TO_ERR, POLLS };

/* What to wait for. */
static void set_polls(const struct run *run, struct pollfd p[POLLS])
{
	bool room = run->out.pending.len + run->err.pending.len < RELAY_PENDING_MAX;

	p[POLL_SIGNALS] = (struct pollfd){ run->r->signals, POLLIN, 0 };
	p[POLL_BOTTLE] = (struct pollfd){ room && !run->exited ? run->r->bottle->stream.fd : -1, POLLIN, 0 };
	p[POLL_SIDECAR] = (struct pollfd){ run->exited ? -1 : run->r->sidecar->stream.fd, POLLIN, 0 };
	p[POLL_FROM] = (struct pollfd){ run->exited || run->under_way >= FRAME_WINDOW ? -1 : run->from, POLLIN, 0 };
	p[POLL_TO_OUT] = (struct pollfd){ run->out.pending.len ? run->out.fd : -1, POLLOUT, 0 };
	p[POLL_TO_ERR] = (struct pollfd){ run->err.pending.len ? run->err.fd : -1, POLLOUT, 0 };
}

/* Wait once and do what is to be done. */
static bool turn(struct run *run, struct error *e)
{
	int64_t left = run->deadline < 0 ? -1 : run->deadline - loop_clock();
	struct pollfd p[POLLS];
	int n;

	set_polls(run, p);
	n = poll(p, POLLS, run->deadline < 0 ? -1 : left < 0 ? 0 : left > 1 << 30 ? 1 << 30 : (int)left);
	if (n < 0 && errno != EINTR)
		return error_sys(e, "unable to wait for the bottle");
	if (n == 0 && run->deadline >= 0 && loop_clock() >= run->deadline)
		return strike(run, e);
	if (n <= 0)
		return true;
	if (p[POLL_TO_OUT].revents)
		sink_write(&run->out);
	if (p[POLL_TO_ERR].revents)
		sink_write(&run->err);
	return (!p[POLL_SIGNALS].revents || take_signals(run, e)) && (!p[POLL_BOTTLE].revents || hear_bottle(run, e)) &&
	       (run->exited || !p[POLL_SIDECAR].revents || hear_sidecar(run, e)) &&
	       (run->exited || !p[POLL_FROM].revents || take_input(run, e));
}

/* Open a sink. */
static void sink_open(struct sink *s, int fd)
{
	*s = (struct sink){ .fd = fd, .filtered = isatty(fd) };
	screen_init(&s->screen);
}

/* Begin: terminal and input. The user's terminal is not for an agent without one. */
static bool begin(struct run *run, struct error *e)
{
	if (run->r->terminal)
		return terminal_raw(run->r->terminal, e);
	if (!isatty(STDIN_FILENO))
		return true;
	run->from = -1;
	return bottle_say(run->r->bottle, FRAME_END_OF_INPUT, SLICE(""), e);
}

bool relay_run(struct relay *r, int *status, struct error *e)
{
	struct run run = { .r = r, .from = STDIN_FILENO, .deadline = r->wall_ms ? loop_clock() + r->wall_ms : -1,
			   .timed = r->wall_ms > 0 };
	bool ok;

	sink_open(&run.out, STDOUT_FILENO);
	sink_open(&run.err, STDERR_FILENO);
	ok = begin(&run, e) && take_frames(&run, e);
	while (ok && !(run.exited && !run.out.pending.len && !run.err.pending.len))
		ok = turn(&run, e);
	buf_release(&run.out.pending);
	buf_release(&run.err.pending);
	*status = run.status;
	return ok;
}
