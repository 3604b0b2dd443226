#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "loop.h"
#include "sabotage.h"
#include "spawn.h"

/* Free an array of strings ended by NULL. */
static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* A list of strings of the plan as an array ended by NULL. */
static char **make_argv(const struct doc *list)
{
	size_t n = doc_count(list);
	char **argv = alloc_zero(n + 1, sizeof(*argv));

	for (size_t i = 0; i < n; i++) {
		struct slice s = doc_str(doc_at(list, i));

		argv[i] = alloc_copy(s.ptr, s.len);
	}
	return argv;
}

/* The value of one variable. */
static bool value_of(const struct doc *variable, const struct secret_set *secrets, struct slice *value, struct error *e)
{
	const char *name = doc_get_cstr(variable, "name"), *secret = doc_get_cstr(variable, "secret");

	*value = doc_get_str(variable, "value");
	if (secret && !secret_set_find(secrets, secret, value))
		return error_set(e, STATUS_CALLER, "the variable '%s' wants the secret '%s', which is not in the plan",
				 name, secret);
	if (value->len && memchr(value->ptr, 0, value->len))
		return error_set(e, STATUS_CALLER, "the value of the variable '%s' contains a NUL byte", name);
	return true;
}

bool agent_prepare(struct agent *a, const struct secret_set *secrets, struct error *e)
{
	const struct doc *list = doc_get(a->plan->bottle, "env");

	a->env = alloc_zero(doc_count(list) + 2, sizeof(*a->env));
	if (sabotaged("environment"))
		a->env[doc_count(list)] = alloc_format("OF_THE_HOST=1");
	for (size_t i = 0; i < doc_count(list); i++) {
		struct slice value;

		if (!value_of(doc_at(list, i), secrets, &value, e))
			return false;
		a->env[i] = alloc_format("%s=%.*s", doc_get_cstr(doc_at(list, i), "name"), SLICE_ARG(value));
	}
	return true;
}

void agent_release(struct agent *a)
{
	free_list(STEAL(a->env));
	if (a->landlock > 0)
		fd_close(&a->landlock);
}

/* Run a program as everything in the bottle is run; a missing one is explained. */
static pid_t start(const struct agent *a, struct spawn *s, struct error *e)
{
	pid_t pid;

	s->env = (const char *const *)a->env;
	s->landlock = a->landlock > 0 ? a->landlock : 0;
	pid = spawn_start(s, e);
	if (pid < 0 && e->status == STATUS_NOTFOUND)
		error_set(e, STATUS_NOTFOUND,
			  "'%s' is not in the bottle: install it below /usr, or name it in the provider's 'needs'",
			  s->path);
	return pid;
}

pid_t agent_start(const struct agent *a, int terminal, const int stdio[3], struct error *e)
{
	bool tty = terminal >= 0;
	struct spawn_fd fds[3] = { { tty ? terminal : stdio[0], 0 }, { tty ? terminal : stdio[1], 1 },
				   { tty ? terminal : stdio[2], 2 } };
	char **argv = make_argv(doc_get(a->plan->bottle, "argv"));
	struct spawn s = { .path = argv[0], .argv = (const char *const *)argv, .cwd = a->plan->workdir, .fds = fds,
			   .n_fds = 3,
			   .foreground = tty, .new_session = !tty };
	pid_t pid = start(a, &s, e);

	free_list(argv);
	return pid;
}

/* Has the process ended? It stays to be waited for. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == pid;
}

/* Take what there is to read; more than is wanted is lost, not wrong. False when nothing more will come. */
static bool take_output(int fd, struct buf *output)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0 && output->len + (size_t)n <= SETUP_OUTPUT_MAX)
		buf_add(output, chunk, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Collect the output until the process ends; false when it has not in time. */
static bool attend(pid_t pid, int out, int children, struct buf *output)
{
	struct pollfd p[2] = { { children, POLLIN, 0 }, { out, POLLIN, 0 } };
	int64_t deadline = loop_clock() + (sabotaged("patience") ? 1000 : SETUP_MS);
	struct signalfd_siginfo info;

	while (!has_ended(pid)) {
		int64_t left = deadline - loop_clock();

		if (left <= 0)
			return false;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return false;
		if (p[0].revents & POLLIN && read(children, &info, sizeof(info)) < 0)
			return false;
		if (p[1].revents && !take_output(out, output))
			p[1].fd = -1;
	}
	while (p[1].fd >= 0 && poll(&p[1], 1, 0) > 0 && take_output(out, output))
		;
	return true;
}

int agent_run(const struct agent *a, const struct doc *list, int children, struct buf *output, struct error *e)
{
	AUTO_FD out = -1;
	AUTO_FD in = -1;
	char **argv;
	int ends[2];
	pid_t pid;

	if (!fd_pipe(ends, e))
		return -1;
	out = ends[0];
	in = ends[1];
	argv = make_argv(list);
	pid = start(a,
		    &(struct spawn){ .path = argv[0], .argv = (const char *const *)argv, .cwd = a->plan->workdir,
				     .fds = (struct spawn_fd[]){ { in, 1 }, { in, 2 } }, .n_fds = 2,
				     .new_session = true },
		    e);
	free_list(argv);
	if (pid < 0)
		return -1;
	fd_close(&in);
	if (attend(pid, out, children, output))
		return spawn_wait(pid, e);
	kill(-pid, SIGKILL);
	spawn_wait(pid, e);
	error_set(e, STATUS_WORLD, "it has not ended within %d seconds", SETUP_MS / 1000);
	return -1;
}

int agent_prove(const struct agent *a, const char *program, int probe, int verdict, struct error *e)
{
	const char *const argv[] = { "bb-prove", NULL };
	struct spawn_fd fds[3] = { { probe, 0 }, { verdict, 1 }, { probe, 7 } };
	struct spawn s = { .path = program, .argv = argv, .cwd = "/", .fds = fds, .n_fds = sabotaged("descriptors") ?
			   3 : 2,
			   .new_session = true };
	pid_t pid = start(a, &s, e);

	return pid < 0 ? -1 : spawn_wait(pid, e);
}
