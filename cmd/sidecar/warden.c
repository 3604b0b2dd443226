#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "health.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "spawn.h"

#define READ_AT_ONCE (64u << 10) /* bytes of one stream before others have their turn */
#define FLUSH_MS     1000	 /* for a slow reader of our output at the end */
#define AUDIT_AGAIN_MS 1000	 /* after an entry could not be written */

enum ref_type { REF_SIGNALS, REF_LIFELINE, REF_HEALTH, REF_SINK, REF_STREAM, REF_READY, REF_LISTENER, REF_ASKING,
		REF_PEER };

struct warden {
	const struct warden_options *options;
	const struct secret_set *secrets;
	struct daemon *daemons;
	size_t count;
	struct loop loop;
	int signals;
	struct sink sinks[STREAMS];
	bool sink_watched[STREAMS];
	bool streams_watched; /* false while a sink is full or the audit log cannot be written */
	struct buf reports;   /* of daemons, for the peers */
	int64_t audit_due;    /* when writing it is tried again, NEVER while it works */
	bool announced;	      /* all daemons have been ready */
	bool stopping;
	int64_t kill_due;
	int ready;  /* to be told, -1 after that */
	int status; /* of our own: the reason of a failed start */
};

/* --- what the operator reads --- */

#define EVENT_PREFIX "[sidecar] "

/* Begin a line of an event; d may be NULL. */
static void event_begin(struct buf *line, const char *event, const struct daemon *d)
{
	buf_add_str(line, EVENT_PREFIX);
	log_begin(line, event);
	if (d)
		log_str(line, "daemon", d->spec->name);
}

/* End the line and write it to standard output. */
static void event_end(struct warden *w, struct buf *line)
{
	log_end(line);
	buf_truncate(line, line->len - 1);
	sink_line(&w->sinks[STREAM_OUT], buf_slice(line));
	if (w->options->audit)
		audit_add_line(w->options->audit, "sidecar",
			       slice_sub(buf_slice(line), strlen(EVENT_PREFIX), line->len));
}

/* An event without further members. */
static void event(struct warden *w, const char *name, const struct daemon *d)
{
	AUTO_BUF line = BUF_INIT;

	event_begin(&line, name, d);
	event_end(w, &line);
}

/* Say something on standard error. */
static void say(struct warden *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct warden *w, const char *fmt, ...)
{
	AUTO_BUF line = BUF_INIT;
	va_list ap;

	buf_add_str(&line, EVENT_PREFIX);
	va_start(ap, fmt);
	buf_add_vformat(&line, fmt, ap);
	va_end(ap);
	sink_line(&w->sinks[STREAM_ERR], buf_slice(&line));
}

/* Put how a process ended into words. */
static void describe_death(int status, struct buf *out)
{
	if (status > 128 && status < 128 + NSIG)
		buf_add_format(out, "was killed by signal %d", status - 128);
	else
		buf_add_format(out, "ended with status %d", status);
}

/* --- what is watched --- */

static bool watch(struct warden *w, int fd, enum ref_type type, size_t index, uint8_t life, struct error *e)
{
	struct loop_ref ref = { (uint8_t)type, life, (uint32_t)index };

	return loop_add(&w->loop, fd, LOOP_READ, ref, e);
}

/* An index that names a daemon and one of its streams or listeners, and back. */
static size_t pair_index(size_t daemon, size_t item)
{
	return daemon * LISTENERS_MAX + item;
}

/* Watch a new life's descriptors. */
static bool watch_life(struct warden *w, size_t index, struct error *e)
{
	struct daemon *d = &w->daemons[index];

	for (size_t i = 0; i < STREAMS; i++)
		if (w->streams_watched && !watch(w, d->streams[i], REF_STREAM, pair_index(index, i), d->life, e))
			return false;
	return d->ready < 0 || watch(w, d->ready, REF_READY, index, d->life, e);
}

/*
 * Turn the reading of all streams on or off: off while an output or the audit log does not
 * take what was read before, so that a slow reader slows the daemons down and costs no memory.
 */
static bool watch_streams(struct warden *w, bool on, struct error *e)
{
	if (w->streams_watched == on)
		return true;
	w->streams_watched = on;
	for (size_t i = 0; i < w->count; i++)
		for (size_t s = 0; s < STREAMS; s++) {
			struct daemon *d = &w->daemons[i];

			if (d->streams[s] < 0)
				continue;
			if (!on)
				loop_remove(&w->loop, d->streams[s]);
			else if (!watch(w, d->streams[s], REF_STREAM, pair_index(i, s), d->life, e))
				return false;
		}
	return true;
}

/* Watch outputs that have something waiting, and read from the daemons only when none is full. */
static bool tend_sinks(struct warden *w, struct error *e)
{
	bool full = false;

	for (size_t i = 0; i < STREAMS; i++) {
		struct sink *s = &w->sinks[i];
		bool waits = sink_drain(s);

		if (waits && !w->sink_watched[i] &&
		    !loop_add(&w->loop, s->fd, LOOP_WRITE, (struct loop_ref){ REF_SINK, 0, (uint32_t)i }, e))
			return false;
		if (!waits && w->sink_watched[i])
			loop_remove(&w->loop, s->fd);
		w->sink_watched[i] = waits;
		full = full || sink_is_full(s);
	}
	return watch_streams(w, !full && w->audit_due == NEVER, e);
}

/* Record what this turn has brought. */
static void tend_audit(struct warden *w)
{
	struct audit *a = w->options->audit;
	struct error why = ERROR_INIT;

	if (!a || !audit_is_pending(a) || (w->audit_due != NEVER && loop_clock() < w->audit_due))
		return;
	if (audit_commit(a, &why)) {
		if (w->audit_due != NEVER)
			say(w, "the audit log is written again");
		w->audit_due = NEVER;
		return;
	}
	if (w->audit_due == NEVER)
		say(w, "%s; until the audit log can be written, the daemons wait", why.text);
	w->audit_due = loop_clock() + AUDIT_AGAIN_MS;
}

/* Begin or end resetting the connections that reach a daemon's listeners. */
static bool set_refusing(struct warden *w, size_t index, bool on, struct error *e)
{
	struct daemon *d = &w->daemons[index];

	if (d->refusing == on)
		return true;
	d->refusing = on;
	for (size_t i = 0; i < d->spec->n_listeners; i++) {
		int fd = d->listeners[i];

		if (fcntl(fd, F_SETFL, on ? d->listener_flags[i] | O_NONBLOCK : d->listener_flags[i]) < 0)
			return error_sys(e, "unable to change the mode of a listener of '%s'", d->spec->name);
		if (!on)
			loop_remove(&w->loop, fd);
		else if (!watch(w, fd, REF_LISTENER, pair_index(index, i), d->life, e))
			return false;
	}
	if (on)
		event(w, "refusing", d);
	return true;
}

/* --- the daemons' lives --- */

/* Send a signal to a daemon's main process. */
static void signal_daemon(const struct daemon *d, int sig)
{
	if (d->pid)
		kill(d->pid, sig);
}

/* Kill a daemon with all that it started; the group exists as long as its leader was not reaped. */
static void kill_daemon(const struct daemon *d)
{
	if (d->pid)
		kill(-d->pid, SIGKILL);
}

/* Close the listeners. Others may hold them too, so closing alone would not stop the watching. */
static void close_listeners(struct warden *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct daemon *d = &w->daemons[i];

		for (size_t k = 0; k < d->spec->n_listeners; k++) {
			if (d->refusing)
				loop_remove(&w->loop, d->listeners[k]);
			fd_close(&d->listeners[k]);
		}
		d->refusing = false;
	}
}

/* Tell every daemon to end. */
static void stop(struct warden *w, const char *why)
{
	AUTO_BUF line = BUF_INIT;

	if (w->stopping)
		return;
	w->stopping = true;
	w->kill_due = loop_clock() + w->options->grace_ms;
	event_begin(&line, "stop", NULL);
	log_str(&line, "reason", why);
	event_end(w, &line);
	close_listeners(w);
	for (size_t i = 0; i < w->count; i++) {
		signal_daemon(&w->daemons[i], SIGTERM);
		if (!w->daemons[i].pid)
			daemon_enter(&w->daemons[i], DAEMON_ENDED, NEVER);
	}
}

/* The start has failed: end everything with a status that is not 0. */
static void fail_start(struct warden *w, int status)
{
	if (status > w->status)
		w->status = status;
	if (!w->status)
		w->status = STATUS_WORLD;
	stop(w, "start failed");
}

/* Write the event of a death; again_in negative: it is not started again. */
static void announce_death(struct warden *w, const struct daemon *d, int status, int64_t again_in)
{
	AUTO_BUF line = BUF_INIT;

	event_begin(&line, "died", d);
	log_int(&line, "status", status);
	if (again_in >= 0)
		log_int(&line, "again_in_ms", again_in);
	event_end(w, &line);
}

/* Say that a daemon is down and when it is tried again; from there on it is the timers' business. */
static bool announce_restart(struct warden *w, size_t index, int status, struct error *e)
{
	struct daemon *d = &w->daemons[index];
	int64_t wait = d->due - loop_clock();

	if (wait < 0)
		wait = 0;
	announce_death(w, d, status, wait);
	return wait < REFUSE_FROM_MS || set_refusing(w, index, true, e);
}

static bool all_are(const struct warden *w, enum daemon_state state)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->daemons[i].state != state)
			return false;
	return true;
}

/* Tell the one who waits. */
static void tell(struct warden *w, struct slice mark)
{
	struct error e = ERROR_INIT;

	if (w->ready >= 0 && !fd_write_all(w->ready, mark, "readiness", &e))
		say(w, "%s", e.text);
}

/* All daemons are ready; once. */
static void announce_ready(struct warden *w)
{
	if (w->announced || w->stopping || !all_are(w, DAEMON_READY))
		return;
	w->announced = true;
	event(w, "ready", NULL);
	tell(w, SLICE("\n"));
	fd_close(&w->ready);
}

static void daemon_is_ready(struct warden *w, size_t index)
{
	struct daemon *d = &w->daemons[index];
	AUTO_BUF line = BUF_INIT;

	event_begin(&line, "ready", d);
	log_int(&line, "after_ms", loop_clock() - d->started);
	event_end(w, &line);
	if (d->restarts)
		say(w, "'%s' is ready again", d->spec->name);
	daemon_enter(d, DAEMON_READY, NEVER);
	fd_close(&d->ready);
	if (d->reload_due)
		signal_daemon(d, SIGHUP);
	d->reload_due = false;
	announce_ready(w);
}

/* Start a daemon whose time has come. */
static bool start_daemon(struct warden *w, size_t index, struct error *e)
{
	struct daemon *d = &w->daemons[index];
	struct error failure = ERROR_INIT;
	AUTO_BUF line = BUF_INIT;

	if (!set_refusing(w, index, false, e))
		return false;
	if (daemon_start(d, w->secrets, w->options->ready_ms, &failure)) {
		event_begin(&line, "start", d);
		log_int(&line, "pid", d->pid);
		event_end(w, &line);
		if (!watch_life(w, index, e))
			return false;
		if (d->state == DAEMON_READY)
			daemon_is_ready(w, index);
		return true;
	}
	say(w, "%s", failure.text);
	if (!w->announced) {
		daemon_enter(d, DAEMON_ENDED, NEVER);
		fail_start(w, (int)failure.status);
		return true;
	}
	d->restarts++;
	daemon_died(d, (int)failure.status);
	return announce_restart(w, index, (int)failure.status, e);
}

/* Read one stream until it has nothing more, or for its turn. Returns false at its end. */
static bool read_stream(struct warden *w, struct daemon *d, size_t stream)
{
	char bytes[16384];

	for (size_t total = 0; total < READ_AT_ONCE;) {
		ssize_t n = read(d->streams[stream], bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		line_feed(&d->lines[stream], slice_of(bytes, (size_t)n), &w->sinks[stream]);
		total += (size_t)n;
	}
	return true;
}

/* Take what a dead daemon's streams still hold, a bounded amount of it, and end its lines. */
static void finish_streams(struct warden *w, struct daemon *d)
{
	for (size_t i = 0; i < STREAMS; i++) {
		if (d->streams[i] >= 0)
			read_stream(w, d, i);
		line_end(&d->lines[i], &w->sinks[i]);
	}
}

/* A daemon's process has ended and was reaped. */
static bool daemon_ended(struct warden *w, size_t index, int status, struct error *e)
{
	struct daemon *d = &w->daemons[index];
	bool was_ready = d->state == DAEMON_READY;
	AUTO_BUF how = BUF_INIT;

	finish_streams(w, d);
	if (d->late)
		status = STATUS_WORLD;
	daemon_died(d, status);
	describe_death(status, &how);
	if (w->stopping) {
		daemon_enter(d, DAEMON_ENDED, NEVER);
		announce_death(w, d, status, NEVER);
		return true;
	}
	if (!w->announced) {
		say(w, "'%s' %s before %s; the start is given up", d->spec->name, buf_str(&how),
		    was_ready ? "all daemons were ready" : "it was ready");
		daemon_enter(d, DAEMON_ENDED, NEVER);
		announce_death(w, d, status, NEVER);
		fail_start(w, status);
		return true;
	}
	d->restarts++;
	say(w, "'%s' %s; until it runs again, what needs it is refused; next start in %" PRId64 " ms", d->spec->name,
	    buf_str(&how), d->due - loop_clock() < 0 ? 0 : d->due - loop_clock());
	return announce_restart(w, index, status, e);
}

/* --- events --- */

/* Reap whatever has ended: daemons, and, as process 1, anything that was left to us. */
static bool reap(struct warden *w, struct error *e)
{
	for (;;) {
		siginfo_t info = { 0 };
		int status;
		size_t i;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return true;
		for (i = 0; i < w->count && w->daemons[i].pid != info.si_pid; i++)
			;
		if (i < w->count)
			kill_daemon(&w->daemons[i]);
		if (waitpid(info.si_pid, &status, 0) < 0)
			return error_sys(e, "unable to wait for process %ld", (long)info.si_pid);
		if (i < w->count && !daemon_ended(w, i, spawn_exit_code(status), e))
			return false;
	}
}

/* Pass a reload on. */
static void reload(struct warden *w)
{
	event(w, "reload", NULL);
	for (size_t i = 0; i < w->count; i++) {
		struct daemon *d = &w->daemons[i];

		if (!d->spec->reload)
			continue;
		if (d->state == DAEMON_READY)
			signal_daemon(d, SIGHUP);
		else if (d->state == DAEMON_STARTING)
			d->reload_due = true;
	}
}

/* Somebody asks for a reload: from here on it hears of every one. */
static bool take_peer(struct warden *w, struct error *e)
{
	struct peers *p = w->options->peers;
	int place = peers_accept(p);

	if (place < 0)
		return true;
	if (!watch(w, p->fds[place], REF_PEER, (size_t)place, p->lives[place], e))
		return false;
	reload(w);
	return true;
}

/* Hand the reports of this turn on. */
static void tell_peers(struct warden *w)
{
	if (w->reports.len)
		peers_tell(w->options->peers, buf_slice(&w->reports));
	buf_truncate(&w->reports, 0);
}

static bool take_signals(struct warden *w, struct error *e)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(w);
		else if (info.ssi_signo != SIGCHLD)
			stop(w, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	}
	return reap(w, e);
}

/* The lifeline: bytes mean nothing, its end means ours. */
static void take_lifeline(struct warden *w)
{
	char bytes[256];
	ssize_t n = read(w->options->lifeline, bytes, sizeof(bytes));

	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	loop_remove(&w->loop, w->options->lifeline);
	stop(w, "lifeline");
}

/* A daemon may have written its plus sign, which is passed on, or its newline. */
static void take_readiness(struct warden *w, size_t index)
{
	struct daemon *d = &w->daemons[index];
	char bytes[64];
	ssize_t n = read(d->ready, bytes, sizeof(bytes));

	if (n < 0)
		return;
	if (n > 0 && memchr(bytes, '+', (size_t)n))
		tell(w, SLICE("+"));
	if (n > 0 && memchr(bytes, '\n', (size_t)n)) {
		daemon_is_ready(w, index);
		return;
	}
	if (n == 0)
		fd_close(&d->ready); /* it will be late, or is dead */
}

static void take_stream(struct warden *w, size_t index, size_t stream)
{
	struct daemon *d = &w->daemons[index];

	if (d->streams[stream] < 0 || read_stream(w, d, stream))
		return;
	line_end(&d->lines[stream], &w->sinks[stream]);
	fd_close(&d->streams[stream]);
}

/* Serve one event; those of an earlier life of a daemon are void. */
static bool serve(struct warden *w, const struct loop_event *ev, struct error *e)
{
	size_t index = ev->ref.index;
	size_t first = index / LISTENERS_MAX, second = index % LISTENERS_MAX;

	switch ((enum ref_type)ev->ref.type) {
	case REF_SIGNALS:
		return take_signals(w, e);
	case REF_LIFELINE:
		take_lifeline(w);
		return true;
	case REF_HEALTH:
		health_answer(w->options->health, w->daemons, w->count, all_are(w, DAEMON_READY) && !w->stopping);
		return true;
	case REF_ASKING:
		return take_peer(w, e);
	case REF_PEER:
		if (ev->ref.generation == w->options->peers->lives[index] && w->options->peers->fds[index] >= 0)
			peers_hear(w->options->peers, index);
		return true;
	case REF_SINK:
		return true; /* tend_sinks drains */
	case REF_STREAM:
		if (ev->ref.generation == w->daemons[first].life)
			take_stream(w, first, second);
		return true;
	case REF_READY:
		if (ev->ref.generation == w->daemons[index].life && w->daemons[index].ready >= 0)
			take_readiness(w, index);
		return true;
	case REF_LISTENER:
		if (w->daemons[first].refusing && w->daemons[first].listeners[second] >= 0)
			listener_refuse_waiting(w->daemons[first].listeners[second]);
		return true;
	}
	return true;
}

/* --- time --- */

/* Do what is due: starts, daemons that are late, the end of the grace. */
static bool serve_deadlines(struct warden *w, struct error *e)
{
	int64_t now = loop_clock();

	for (size_t i = 0; i < w->count; i++) {
		struct daemon *d = &w->daemons[i];

		if (d->due == NEVER || d->due > now || w->stopping)
			continue;
		if (d->state == DAEMON_WAITING && !start_daemon(w, i, e))
			return false;
		if (d->state == DAEMON_STARTING && d->due <= now) {
			say(w, "'%s' is not ready after %" PRId64 " ms and is killed", d->spec->name,
			    w->options->ready_ms);
			event(w, "late", d);
			d->due = NEVER;
			d->late = true;
			kill_daemon(d);
		}
	}
	if (w->stopping && w->kill_due != NEVER && now >= w->kill_due) {
		w->kill_due = NEVER;
		for (size_t i = 0; i < w->count; i++) {
			if (w->daemons[i].pid)
				event(w, "kill", &w->daemons[i]);
			kill_daemon(&w->daemons[i]);
		}
	}
	return true;
}

/* The nearest deadline, NEVER when there is none. */
static int64_t next_deadline(const struct warden *w)
{
	int64_t next = w->stopping ? w->kill_due : NEVER;

	if (w->audit_due != NEVER && (next == NEVER || w->audit_due < next))
		next = w->audit_due;
	for (size_t i = 0; i < w->count && !w->stopping; i++) {
		int64_t due = w->daemons[i].due;

		if (due != NEVER && (next == NEVER || due < next))
			next = due;
	}
	return next;
}

/* --- from the first start to the last death --- */

bool warden_block_signals(struct error *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	return sigprocmask(SIG_SETMASK, &set, NULL) == 0 ? true : error_sys(e, "unable to block signals");
}

/* Make the loop and watch what is there from the beginning. */
static bool warden_init(struct warden *w, struct error *e)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	for (int i = 0; i < STREAMS; i++)
		sink_init(&w->sinks[i], i == STREAM_OUT ? STDOUT_FILENO : STDERR_FILENO);
	if (!loop_init(&w->loop, e))
		return false;
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return error_sys(e, "unable to receive signals");
	return watch(w, w->signals, REF_SIGNALS, 0, 0, e) && watch(w, w->options->health, REF_HEALTH, 0, 0, e) &&
	       watch(w, w->options->peers->listener, REF_ASKING, 0, 0, e) &&
	       (w->options->lifeline < 0 || watch(w, w->options->lifeline, REF_LIFELINE, 0, 0, e));
}

static bool turn(struct warden *w, struct error *e)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	int n;

	if (!serve_deadlines(w, e))
		return false;
	tend_audit(w);
	tell_peers(w);
	if (!tend_sinks(w, e))
		return false;
	if (all_are(w, DAEMON_ENDED))
		return true;
	n = loop_wait(&w->loop, next_deadline(w), events, e);
	for (int i = 0; i < n; i++)
		if (!serve(w, &events[i], e))
			return false;
	return n >= 0;
}

static void warden_release(struct warden *w)
{
	w->audit_due = NEVER; /* whether due or not: for the last time */
	tend_audit(w);
	for (int i = 0; i < STREAMS; i++) {
		sink_flush(&w->sinks[i], FLUSH_MS);
		sink_release(&w->sinks[i]);
	}
	buf_release(&w->reports);
	fd_close(&w->ready);
	fd_close(&w->signals);
	loop_release(&w->loop);
}

/* The status to end with. */
static int final_status(const struct warden *w)
{
	int status = w->status;

	for (size_t i = 0; i < w->count; i++) {
		int last = w->daemons[i].last_status;

		if (last != 128 + SIGTERM && last > status)
			status = last;
	}
	return status;
}

int warden_run(struct daemon *daemons, size_t count, const struct secret_set *secrets,
	       const struct warden_options *options, struct error *e)
{
	struct warden w = { .options = options,
			    .secrets = secrets,
			    .daemons = daemons,
			    .count = count,
			    .loop = { .epoll = -1 },
			    .signals = -1,
			    .ready = options->ready,
			    .reports = BUF_INIT,
			    .audit_due = NEVER,
			    .streams_watched = true };
	bool ok = warden_init(&w, e);

	for (size_t i = 0; i < count; i++) {
		daemons[i].lines[STREAM_OUT].audit = options->audit;
		daemons[i].lines[STREAM_OUT].reports = daemons[i].spec->reload ? &w.reports : NULL;
	}
	while (ok && !all_are(&w, DAEMON_ENDED))
		ok = turn(&w, e);
	for (size_t i = 0; i < count; i++)
		kill_daemon(&daemons[i]);
	if (getpid() == 1)
		kill(-1, SIGKILL); /* orphans of daemons */
	warden_release(&w);
	return ok ? final_status(&w) : STATUS_WORLD;
}
