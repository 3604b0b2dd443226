#include "daemons.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "fd.h"
#include "loop.h"
#include "spawn.h"

#define LOG_TAIL 4096 /* bytes of the log that are looked at for a last line */

/* Where descriptors are in the sidecar. */
enum { FD_DOCUMENT = 3, FD_SECRETS, FD_READY, FD_LISTENERS };

/* What daemons get of the operator's environment; the sidecar passes on no more than this either. */
static const char *const passed_on[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE",
					 "SSL_CERT_DIR", "BOT_BOTTLE_SIDECAR_DAEMONS",
					 "SUPERVISE_RESPONSE_TIMEOUT_SECONDS",
					 "SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS",
					 "EGRESS_TOKEN_ALLOW_TIMEOUT_SECONDS" };

/* A memory file holding a document. Returns -1 with an error. */
static int document_file(const struct doc *d, struct error *e)
{
	AUTO_FD fd = memfd_create("document", MFD_CLOEXEC);

	if (fd < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	if (!doc_write(d, fd, e))
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		error_sys(e, "unable to rewind a memory file");
		return -1;
	}
	return fd_steal(&fd);
}

/* A memory file with the secrets that the daemons name, each once. Returns -1 with an error. */
static int secrets_file(const struct doc *sidecar, const struct secret_set *secrets, struct error *e)
{
	const struct doc *daemons = doc_get(sidecar, "daemons");
	const char *names[SECRET_COUNT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *list = doc_get(doc_at(daemons, i), "secrets");

		for (size_t j = 0; j < doc_count(list) && n < SECRET_COUNT_MAX; j++) {
			const char *name = doc_cstr(doc_at(list, j));
			bool known = !name;

			for (size_t k = 0; k < n && !known; k++)
				known = strcmp(names[k], name) == 0;
			if (!known)
				names[n++] = name;
		}
	}
	return secret_set_memfd(secrets, names, n, e);
}

/* Open the log of this run. Returns -1 with an error. */
static int open_log(const struct state *s, struct error *e)
{
	AUTO_FREE char *dir = state_path(s, "logs");
	AUTO_FREE char *path = state_path(s, "logs/sidecar.log");
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		error_sys(e, "unable to make '%s'", dir);
		return -1;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		error_sys(e, "unable to open '%s'", path);
	return fd;
}

/* The sidecar's environment, ended by NULL; the strings are the caller's. */
static void make_environment(char *env[COUNT_OF(passed_on) + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(passed_on); i++) {
		const char *value = getenv(passed_on[i]);

		if (value)
			env[n++] = alloc_format("%s=%s", passed_on[i], value);
	}
	env[n] = NULL;
}

struct descriptors {
	int document, secrets, log, ready;
	const int *listeners;
};

/* Run bb-sidecar with everything in its place. */
static pid_t run_sidecar(const char *programs, const struct plan *p, const struct state *s, const struct descriptors *d,
			 struct error *e)
{
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	size_t n = plan_listeners(p, listeners), n_argv = 0, n_fds = 0;
	AUTO_FREE char *path = alloc_format("%s/bb-sidecar", programs);
	AUTO_FREE char *audit = audit_path(p->home, p->identity);
	char *named[PLAN_LISTENERS_MAX], *env[COUNT_OF(passed_on) + 1];
	const char *argv[12 + 2 * PLAN_LISTENERS_MAX];
	struct spawn_fd fds[6 + PLAN_LISTENERS_MAX];
	const char *const fixed[] = { "bb-sidecar", "--document", "3", "--secrets", "4", "--ready", "5", "--dir",
				      s->dir,
				"--audit", audit };
	struct spawn sp = { .path = path, .argv = argv, .env = (const char *const *)env, .cwd = "/", .fds = fds,
			    .new_session = true, .death_signal = SIGKILL,
			    .namespaces = CLONE_NEWPID | (geteuid() == 0 ? 0 : CLONE_NEWUSER) };
	pid_t pid;

	for (; n_argv < COUNT_OF(fixed); n_argv++)
		argv[n_argv] = fixed[n_argv];
	fds[n_fds++] = (struct spawn_fd){ d->log, 1 };
	fds[n_fds++] = (struct spawn_fd){ d->log, 2 };
	fds[n_fds++] = (struct spawn_fd){ d->document, FD_DOCUMENT };
	fds[n_fds++] = (struct spawn_fd){ d->secrets, FD_SECRETS };
	fds[n_fds++] = (struct spawn_fd){ d->ready, FD_READY };
	for (size_t i = 0; i < n; i++) {
		named[i] = alloc_format("%s=%d", listeners[i].name, FD_LISTENERS + (int)i);
		argv[n_argv++] = "--listener";
		argv[n_argv++] = named[i];
		fds[n_fds++] = (struct spawn_fd){ d->listeners[i], FD_LISTENERS + (int)i };
	}
	argv[n_argv] = NULL;
	sp.n_fds = n_fds;
	make_environment(env);
	pid = spawn_start(&sp, e);
	for (size_t i = 0; i < n; i++)
		free(named[i]);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	return pid;
}

bool daemons_start(struct daemons *d, const char *programs, const struct plan *p, const struct state *s,
		   const struct secret_set *secrets, const int *listeners, struct error *e)
{
	AUTO_FD document = -1;
	AUTO_FD secret = -1;
	AUTO_FD log = -1;
	AUTO_FD ready = -1;
	int ends[2];

	if (!doc_count(doc_get(p->sidecar, "daemons")))
		return true; /* nothing is served: nothing can be reached */
	document = document_file(p->sidecar, e);
	secret = document < 0 ? -1 : secrets_file(p->sidecar, secrets, e);
	log = secret < 0 ? -1 : open_log(s, e);
	if (log < 0 || !fd_pipe(ends, e))
		return false;
	d->ready = ends[0];
	ready = ends[1];
	d->pid = run_sidecar(programs, p, s, &(struct descriptors){ document, secret, log, ready, listeners }, e);
	if (d->pid < 0) {
		d->pid = 0;
		return false;
	}
	d->handle = (int)syscall(SYS_pidfd_open, d->pid, 0);
	return d->handle >= 0 || error_sys(e, "unable to watch the sidecar");
}

bool daemons_explain(const struct state *s, struct error *e)
{
	AUTO_FREE char *path = state_path(s, "logs/sidecar.log");
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char tail[LOG_TAIL];
	struct slice text = { tail, 0 }, line = { NULL, 0 };
	struct stat st;
	ssize_t n = 0;

	if (fd >= 0 && fstat(fd, &st) == 0)
		n = pread(fd, tail, sizeof(tail),
			  st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0);
	text.len = n > 0 ? (size_t)n : 0;
	while (text.len) {
		struct slice next = slice_cut(&text, '\n');

		/*
		 * Lines of JSON are for programs; between them a daemon says why, and then the sidecar that it ended.
		 */
		if (next.len && slice_search(next, SLICE("] {")) == SLICE_NONE &&
		    (!line.len || !slice_starts(next, SLICE("[sidecar]"))))
			line = next;
	}
	if (!line.len)
		return error_set(e, STATUS_WORLD, "the sidecar ended without a word");
	return error_set(e, STATUS_WORLD, "the sidecar ended: %.*s", SLICE_ARG(slice_sub(line, 0, ERROR_TEXT_MAX / 2)));
}

bool daemons_wait(struct daemons *d, enum daemons_stage stage, const struct state *s, struct error *e)
{
	struct pollfd p[2] = { { d->ready, POLLIN, 0 }, { d->handle, POLLIN, 0 } };
	int64_t deadline = loop_clock() + DAEMONS_READY_MS;
	unsigned char c;

	while (d->ready >= 0) {
		int64_t left = deadline - loop_clock();
		int n = left > 0 ? poll(p, 2, (int)left) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to wait for the sidecar");
		if (n == 0)
			return error_set(e, STATUS_WORLD, "the sidecar is not ready after %d seconds",
					 DAEMONS_READY_MS / 1000);
		if (p[0].revents & POLLIN && read(d->ready, &c, 1) == 1) {
			if ((enum daemons_stage)c == DAEMONS_READY)
				fd_close(&d->ready);
			if ((enum daemons_stage)c == stage)
				return true;
			continue;
		}
		if (p[1].revents)
			return daemons_explain(s, e);
		p[0].fd = -1; /* closed without a newline: the end follows */
	}
	return true;
}

void daemons_end(struct daemons *d)
{
	struct pollfd p = { d->handle, POLLIN, 0 };
	int64_t deadline = loop_clock() + DAEMONS_END_MS;
	int64_t left = DAEMONS_END_MS;

	if (d->pid > 0) {
		kill(d->pid, SIGTERM);
		while (d->handle >= 0 && left > 0 && poll(&p, 1, (int)left) < 0 && errno == EINTR)
			left = deadline - loop_clock();
		kill(d->pid, SIGKILL);
		while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	d->pid = 0;
	fd_close(&d->handle);
	fd_close(&d->ready);
}
