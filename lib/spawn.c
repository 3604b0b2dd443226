#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "alloc.h"
#include "fd.h"

extern char **environ;

enum stage { STAGE_NAMESPACE, STAGE_FDS, STAGE_CWD, STAGE_SESSION, STAGE_LANDLOCK, STAGE_EXEC };

/* What the child tells its parent when it cannot become the program. */
struct failure {
	enum stage stage;
	int errnum;
};

static void report_and_exit(int report, enum stage stage) __attribute__((noreturn));

static void report_and_exit(int report, enum stage stage)
{
	struct failure f = { stage, errno };

	if (write(report, &f, sizeof(f)) != (ssize_t)sizeof(f))
		_exit(STATUS_NOEXEC);
	_exit(STATUS_NOEXEC);
}

/* Close all descriptors from first on. */
static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
		return;
#endif
	for (int fd = first, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
		close(fd);
}

/*
 * Bring the listed descriptors to their numbers. They are first moved above all
 * targets so that none is overwritten before it was used.
 */
static void place_fds(const struct spawn *s, int *report)
{
	int moved[SPAWN_FDS_MAX], top = 3;
	bool used[3] = { false, false, false };

	for (size_t i = 0; i < s->n_fds; i++)
		if (s->fds[i].to >= top)
			top = s->fds[i].to + 1;
	*report = fcntl(*report, F_DUPFD_CLOEXEC, top);
	if (*report < 0)
		_exit(STATUS_NOEXEC);
	for (size_t i = 0; i < s->n_fds; i++) {
		moved[i] = fcntl(s->fds[i].from, F_DUPFD_CLOEXEC, top);
		if (moved[i] < 0)
			report_and_exit(*report, STAGE_FDS);
	}
	for (size_t i = 0; i < s->n_fds; i++) {
		if (dup2(moved[i], s->fds[i].to) < 0)
			report_and_exit(*report, STAGE_FDS);
		if (s->fds[i].to < 3)
			used[s->fds[i].to] = true;
	}
	for (int fd = 0; fd < 3; fd++) {
		int null;

		if (used[fd])
			continue;
		null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
		if (null < 0 || (null != fd && (dup2(null, fd) < 0 || close(null) < 0)))
			report_and_exit(*report, STAGE_FDS);
	}
	for (int fd = 3; fd < top; fd++) {
		bool keep = false;

		for (size_t i = 0; i < s->n_fds; i++)
			keep = keep || s->fds[i].to == fd;
		if (!keep)
			close(fd);
	}
	if (*report != top) {
		if (dup2(*report, top) < 0)
			report_and_exit(*report, STAGE_FDS);
		*report = top;
		fcntl(top, F_SETFD, FD_CLOEXEC);
	}
	close_from(top + 1);
}

/* Take a process group and the terminal; the signal that a background process gets for that is held off meanwhile. */
static bool come_to_front(void)
{
	sigset_t ttou, before;
	bool ok;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &before);
	ok = setpgid(0, 0) == 0 && tcsetpgrp(STDIN_FILENO, getpid()) == 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ok;
}

#ifdef __linux__
/* Write one short line to a file of /proc. */
static bool write_line(const char *path, const char *line)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
}

/* In a new user namespace: give the ids that the process had the same numbers. Source: user_namespaces(7). */
static bool keep_ids(uid_t uid, gid_t gid)
{
	char line[64];

	if (!write_line("/proc/self/setgroups", "deny"))
		return false;
	snprintf(line, sizeof(line), "%u %u 1", (unsigned)uid, (unsigned)uid);
	if (!write_line("/proc/self/uid_map", line))
		return false;
	snprintf(line, sizeof(line), "%u %u 1", (unsigned)gid, (unsigned)gid);
	return write_line("/proc/self/gid_map", line);
}

/* Tie the child to its parent, who may have died before there was a tie: then no one reads the report any more. */
static bool tie_to_parent(int sig, int report)
{
	struct pollfd parent = { report, 0, 0 };

	if (prctl(PR_SET_PDEATHSIG, sig) < 0)
		return false;
	if (poll(&parent, 1, 0) > 0 && parent.revents & POLLERR)
		_exit(STATUS_WORLD);
	return true;
}
#endif

/* fork(2), into new namespaces where asked. */
static pid_t fork_into(const struct spawn *s)
{
#ifdef __linux__
	if (s->namespaces)
		return (pid_t)syscall(SYS_clone, (unsigned long)(unsigned)s->namespaces | SIGCHLD, NULL, NULL, NULL,
				      NULL);
#endif
	return fork();
}

/* What the child does about its place in the system before it looks for the program. */
static void take_place(const struct spawn *s, int report, uid_t uid, gid_t gid)
{
#ifdef __linux__
	if (s->namespaces & CLONE_NEWUSER && !keep_ids(uid, gid))
		report_and_exit(report, STAGE_NAMESPACE);
	if (s->death_signal && !tie_to_parent(s->death_signal, report))
		report_and_exit(report, STAGE_SESSION);
#else
	(void)uid;
	(void)gid;
#endif
	if (s->new_session && setsid() < 0)
		report_and_exit(report, STAGE_SESSION);
	if (s->foreground && !come_to_front())
		report_and_exit(report, STAGE_SESSION);
}

static void become(const struct spawn *s, int report, uid_t uid, gid_t gid) __attribute__((noreturn));

/* The child's side, from fork to exec; uid and gid are what the parent has. */
static void become(const struct spawn *s, int report, uid_t uid, gid_t gid)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
#ifdef __linux__
	if (s->landlock && syscall(SYS_landlock_restrict_self, s->landlock, 0) < 0)
		report_and_exit(report, STAGE_LANDLOCK);
#endif
	place_fds(s, &report);
	take_place(s, report, uid, gid);
	if (s->cwd && chdir(s->cwd) < 0)
		report_and_exit(report, STAGE_CWD);
	if (s->env)
		environ = (char **)(uintptr_t)s->env;
	execvp(s->path, (char *const *)(uintptr_t)s->argv);
	report_and_exit(report, STAGE_EXEC);
}

/* Turn the child's report into an error. */
static bool explain(const struct spawn *s, const struct failure *f, struct error *e)
{
	errno = f->errnum;
	switch (f->stage) {
	case STAGE_NAMESPACE:
		return error_sys(e, "unable to keep the user's ids in a new user namespace for '%s'", s->path);
	case STAGE_FDS:
		return error_sys(e, "unable to pass descriptors to '%s'", s->path);
	case STAGE_CWD:
		return error_sys(e, "unable to run '%s' in '%s'", s->path, s->cwd);
	case STAGE_SESSION:
		return error_sys(e, "unable to set up the session of '%s'", s->path);
	case STAGE_LANDLOCK:
		return error_sys(e, "unable to restrict '%s' (Landlock)", s->path);
	case STAGE_EXEC:
		error_sys(e, "unable to run '%s'", s->path);
		e->status = f->errnum == ENOENT ? STATUS_NOTFOUND : STATUS_NOEXEC;
		return false;
	}
	return error_set(e, STATUS_WORLD, "unable to run '%s'", s->path);
}

pid_t spawn_start(const struct spawn *s, struct error *e)
{
	AUTO_FD report_in = -1;
	AUTO_FD report_out = -1;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct failure f;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (s->n_fds > SPAWN_FDS_MAX) {
		error_set(e, STATUS_WORLD, "unable to run '%s': too many descriptors", s->path);
		return -1;
	}
	if (!fd_pipe(ends, e))
		return -1;
	report_in = ends[0];
	report_out = ends[1];
	pid = fork_into(s);
	if (pid < 0) {
		error_sys(e, "unable to start '%s'", s->path);
		return -1;
	}
	if (pid == 0)
		become(s, report_out, uid, gid);
	fd_close(&report_out);
	do {
		n = read(report_in, &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return pid;
	waitpid(pid, NULL, 0);
	if (n == (ssize_t)sizeof(f))
		explain(s, &f, e);
	else
		error_set(e, STATUS_WORLD, "unable to run '%s'", s->path);
	return -1;
}

int spawn_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int spawn_wait(pid_t pid, struct error *e)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		error_sys(e, "unable to wait for process %ld", (long)pid);
		return -1;
	}
	return spawn_exit_code(status);
}

int spawn_capture(const struct spawn *s, size_t max, struct buf *out, struct error *e)
{
	struct spawn_fd fds[SPAWN_FDS_MAX];
	struct spawn with_pipe = *s;
	AUTO_FD in = -1;
	AUTO_FD child_out = -1;
	int ends[2], code;
	bool ok;
	pid_t pid;

	if (s->n_fds >= SPAWN_FDS_MAX || !fd_pipe(ends, e))
		return -1;
	in = ends[0];
	child_out = ends[1];
	if (s->n_fds)
		memcpy(fds, s->fds, s->n_fds * sizeof(fds[0]));
	fds[s->n_fds] = (struct spawn_fd){ child_out, 1 };
	with_pipe.fds = fds;
	with_pipe.n_fds = s->n_fds + 1;
	pid = spawn_start(&with_pipe, e);
	if (pid < 0)
		return -1;
	fd_close(&child_out);
	ok = fd_read_all(in, max, s->path, out, e);
	if (!ok)
		kill(pid, SIGKILL);
	code = spawn_wait(pid, e);
	return ok ? code : -1;
}
