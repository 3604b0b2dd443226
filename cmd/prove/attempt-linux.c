#include "attempt-linux.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child writes and the parent reads. */
struct board {
	volatile size_t at; /* the attempt that is being made; those before it came back */
};

#define CRASHED 99 /* exit status of a child that crashed: caught, or the kernel would log it */

/* Signal handler of a child. */
static _Noreturn void crashed(int signal)
{
	(void)signal;
	_exit(CRASHED);
}

/* Child: make the attempts from first on, until one succeeds. Never returns. */
static _Noreturn void make_attempts(const struct attempt *table, size_t first, size_t count, const struct probe *p,
				    int *outcomes, struct board *board)
{
	const struct itimerval limit = { .it_value = { ATTEMPT_MS / 1000, ATTEMPT_MS % 1000 * 1000 } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	signal(SIGSEGV, crashed);
	signal(SIGILL, crashed);
	for (size_t i = first; i < count; i++) {
		board->at = i;
		setitimer(ITIMER_REAL, &limit, NULL);
		outcomes[i] = table[i].try(p);
		board->at = i + 1;
		if (outcomes[i] == 0)
			break;
	}
	_exit(0);
}

/* Does this errno say that the caller has no right to it? */
static bool is_refusal(const struct attempt *a, int outcome)
{
	return outcome == EPERM || outcome == EACCES || outcome == ENOSYS || (a->refusal && outcome == a->refusal);
}

/* Report an attempt that came back. */
static void report_outcome(const struct attempt *a, int outcome, struct verdict *v)
{
	if (outcome == 0)
		verdict_set(v, a->check, RESULT_OPEN, "%s worked", a->call);
	else if (outcome == ATTEMPT_ABSENT)
		verdict_set(v, a->check, RESULT_HELD, "%s: there is none here", a->call);
	else if (is_refusal(a, outcome))
		verdict_set(v, a->check, RESULT_HELD, "%s: %s", a->call, strerror(outcome));
	else
		verdict_set(v, a->check, RESULT_OPEN, "%s was let through to its arguments: %s", a->call,
			    strerror(outcome));
}

/* Report an attempt during which the child died. */
static void report_death(const struct attempt *a, int status, struct verdict *v)
{
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (signal == SIGSYS)
		verdict_set(v, a->check, RESULT_HELD, "%s: killed by the filter", a->call);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CRASHED && a->crash_refuses)
		verdict_set(v, a->check, RESULT_HELD, "%s: the kernel has no such entry", a->call);
	else if (signal == SIGALRM)
		verdict_set(v, a->check, RESULT_UNKNOWN, "%s: no answer in %d ms", a->call, ATTEMPT_MS);
	else
		verdict_set(v, a->check, RESULT_UNKNOWN, "%s: died with status 0x%x", a->call, (unsigned)status);
}

/* Run one child from attempt first on; returns the attempt to go on with. */
static size_t run_child(const struct attempt *table, size_t first, size_t count, const struct probe *p, int *outcomes,
			struct board *board, struct verdict *v)
{
	size_t stopped;
	pid_t pid;
	int status = 0;

	board->at = first;
	pid = fork();
	if (pid == 0)
		make_attempts(table, first, count, p, outcomes, board);
	if (pid < 0) {
		verdict_set(v, table[first].check, RESULT_UNKNOWN, "unable to start a process: %s", strerror(errno));
		return first + 1;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	stopped = board->at;
	for (size_t i = first; i < stopped; i++)
		report_outcome(&table[i], outcomes[i], v);
	if (stopped < count && (status != 0 || stopped == first))
		report_death(&table[stopped++], status, v);
	return stopped;
}

void attempt_run(const struct attempt *table, size_t count, const struct probe *p, struct verdict *v)
{
	size_t size = sizeof(struct board) + count * sizeof(int);
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct board *board = shared;
	int *outcomes;

	if (shared == MAP_FAILED)
		return; /* what nobody reports on does not hold */
	outcomes = (int *)(board + 1);
	for (size_t i = 0; i < count;)
		i = run_child(table, i, count, p, outcomes, board, v);
	munmap(shared, size);
}
