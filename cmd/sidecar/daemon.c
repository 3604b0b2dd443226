#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "loop.h"
#include "spawn.h"

const char *daemon_state_name(enum daemon_state state)
{
	static const char *const names[] = { "waiting", "starting", "ready", "ended" };

	return names[state];
}

void daemon_enter(struct daemon *d, enum daemon_state state, int64_t due)
{
	d->state = state;
	d->since = loop_clock();
	d->due = due;
}

bool daemon_init(struct daemon *d, const struct daemon_spec *spec, struct error *e)
{
	*d = (struct daemon){ .spec = spec, .ready = -1, .delay = BACKOFF_FIRST_MS, .last_status = -1 };
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		d->listeners[i] = -1;
	for (size_t i = 0; i < KEEPS_MAX; i++)
		d->keeps[i] = -1;
	for (int i = 0; i < STREAMS; i++) {
		d->streams[i] = -1;
		d->lines[i] = (struct line){ .name = spec->name, .is_json = i == STREAM_OUT, .part = BUF_INIT };
	}
	daemon_enter(d, DAEMON_WAITING, loop_clock());
	for (size_t i = 0; i < spec->n_keeps; i++) {
		d->keeps[i] = memfd_create(spec->keeps[i], MFD_CLOEXEC);
		if (d->keeps[i] < 0)
			return error_sys(e, "unable to make the memory file '%s' of '%s'", spec->keeps[i], spec->name);
	}
	return true;
}

/* Close what belongs to one life. */
static void close_life(struct daemon *d)
{
	fd_close(&d->ready);
	for (int i = 0; i < STREAMS; i++)
		fd_close(&d->streams[i]);
}

void daemon_release(struct daemon *d)
{
	close_life(d);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		fd_close(&d->listeners[i]);
	for (size_t i = 0; i < KEEPS_MAX; i++)
		fd_close(&d->keeps[i]);
	for (int i = 0; i < STREAMS; i++)
		line_release(&d->lines[i]);
}

/* Modes that roster.c let through. */
static mode_t to_mode(struct slice text)
{
	mode_t mode = 0;

	if (!text.len)
		return 0600;
	for (size_t i = 0; i < text.len; i++)
		mode = (mode << 3) + (mode_t)(text.ptr[i] - '0');
	return mode;
}

bool daemon_furnish(const struct daemon_spec *spec, struct error *e)
{
	struct stat st;

	if (mkdir(spec->dir, 0700) < 0 && errno != EEXIST)
		return error_sys(e, "unable to make the directory '%s'", spec->dir);
	if (lstat(spec->dir, &st) < 0)
		return error_sys(e, "unable to use the directory '%s'", spec->dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return error_set(e, STATUS_WORLD, "unable to use '%s': not a directory of this user; remove it",
				 spec->dir);
	if (chmod(spec->dir, 0700) < 0)
		return error_sys(e, "unable to protect the directory '%s'", spec->dir);
	for (size_t i = 0; i < doc_count(spec->files); i++) {
		const struct doc *file = doc_at(spec->files, i);
		AUTO_FREE char *path = alloc_format("%s/%s", spec->dir, doc_get_cstr(file, "path"));

		if (!file_replace(path, doc_get_str(file, "content"), to_mode(doc_get_str(file, "mode")), e))
			return false;
	}
	return true;
}

/* The descriptors of one life while it is being started: the daemon's ends. */
struct ends {
	int out, err, ready, secrets;
};

#define AUTO_ENDS __attribute__((cleanup(ends_release))) struct ends

static void ends_release(struct ends *s)
{
	fd_close(&s->out);
	fd_close(&s->err);
	fd_close(&s->ready);
	fd_close(&s->secrets);
}

/* Make a pipe whose read end is ours and does not block. */
static bool open_stream(int *ours, int *theirs, struct error *e)
{
	int pair[2];

	if (!fd_pipe(pair, e))
		return false;
	*ours = pair[0];
	*theirs = pair[1];
	return fd_set_nonblocking(*ours, true, e);
}

/* Make everything that is new in each life, and rewind what is not. */
static bool open_life(struct daemon *d, const struct secret_set *secrets, struct ends *ends, struct error *e)
{
	const struct daemon_spec *spec = d->spec;

	if (!open_stream(&d->streams[STREAM_OUT], &ends->out, e) ||
	    !open_stream(&d->streams[STREAM_ERR], &ends->err, e))
		return false;
	if (spec->tells_ready && !open_stream(&d->ready, &ends->ready, e))
		return false;
	if (spec->takes_secrets) {
		ends->secrets = secret_set_memfd(secrets, spec->secrets, spec->n_secrets, e);
		if (ends->secrets < 0)
			return false;
	}
	for (size_t i = 0; i < spec->n_keeps; i++)
		if (lseek(d->keeps[i], 0, SEEK_SET) < 0)
			return error_sys(e, "unable to rewind the memory file '%s'", spec->keeps[i]);
	return true;
}

/* List what the daemon inherits, at the numbers that its arguments name. */
static size_t list_fds(const struct daemon *d, const struct ends *ends, struct spawn_fd fds[SPAWN_FDS_MAX])
{
	const struct daemon_spec *spec = d->spec;
	size_t n = 0;

	fds[n++] = (struct spawn_fd){ ends->out, STDOUT_FILENO };
	fds[n++] = (struct spawn_fd){ ends->err, STDERR_FILENO };
	for (size_t i = 0; i < spec->n_listeners; i++)
		fds[n++] = (struct spawn_fd){ d->listeners[i], spec_listener_fd(i) };
	for (size_t i = 0; i < spec->n_keeps; i++)
		fds[n++] = (struct spawn_fd){ d->keeps[i], spec_keep_fd(spec, i) };
	if (ends->secrets >= 0)
		fds[n++] = (struct spawn_fd){ ends->secrets, spec_secrets_fd(spec) };
	if (ends->ready >= 0)
		fds[n++] = (struct spawn_fd){ ends->ready, spec_ready_fd(spec) };
	return n;
}

bool daemon_start(struct daemon *d, const struct secret_set *secrets, int64_t ready_ms, struct error *e)
{
	AUTO_ENDS ends = { -1, -1, -1, -1 };
	struct spawn_fd fds[SPAWN_FDS_MAX];
	struct spawn s = { .path = d->spec->path,
			   .argv = (const char *const *)d->spec->argv,
			   .env = (const char *const *)d->spec->env,
			   .cwd = d->spec->dir,
			   .fds = fds,
			   .new_session = true,
			   .death_signal = SIGKILL };
	pid_t pid = -1;

	if (open_life(d, secrets, &ends, e)) {
		s.n_fds = list_fds(d, &ends, fds);
		pid = spawn_start(&s, e);
	}
	if (pid < 0) {
		close_life(d);
		return error_wrap(e, "unable to start '%s'", d->spec->name);
	}
	d->pid = pid;
	d->life++;
	d->reload_due = d->late = false;
	d->started = loop_clock();
	if (d->spec->tells_ready)
		daemon_enter(d, DAEMON_STARTING, d->started + ready_ms);
	else
		daemon_enter(d, DAEMON_READY, NEVER);
	return true;
}

void daemon_died(struct daemon *d, int status)
{
	int64_t now = loop_clock();

	if (d->state == DAEMON_READY && now - d->since >= STABLE_MS)
		d->delay = BACKOFF_FIRST_MS;
	close_life(d);
	d->pid = 0;
	d->last_status = status;
	daemon_enter(d, DAEMON_WAITING, now + d->delay);
	d->delay = d->delay * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : d->delay * 2;
}
