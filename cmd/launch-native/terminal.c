#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"

#define ANSWER_MS 200 /* for the terminal to answer the last question */

/*
 * Modes off: synchronised output, mouse in all its ways, focus and paste reports,
 * the other screen; application keys, keyboard protocols of kitty and xterm, scroll
 * region, character set, attributes; cursor shown. A mode that is off already stays so.
 */
static const char modes_off[] = "\033[?2026l\033[?1000;1001;1002;1003;1004;1005;1006;1015;1016;2004;2031;2048l"
				"\033[?1047l"
				"\033[?1l\033>\033[<99u\033[>4m\0337\033[r\0338\033(B\017\033[0m\033[?7h\033[?25h";
static const char question[] = "\033[c"; /* primary device attributes: every terminal answers ESC [ ? … c */

bool terminal_present(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* Write bytes that may be lost. */
static void say(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Settings and modes; pending input is thrown away. */
static void put_back(int fd, const struct termios *saved)
{
	say(fd, modes_off, sizeof(modes_off) - 1);
	while (tcsetattr(fd, TCSAFLUSH, saved) < 0 && errno == EINTR)
		;
}

/* The guard: wait for a byte (all is well) or the end of the pipe (the launcher is dead). */
static void guard(int fd, int lifeline, const struct termios *saved) __attribute__((noreturn));

static void guard(int fd, int lifeline, const struct termios *saved)
{
	sigset_t all;
	ssize_t n;
	char c;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid(); /* not to be hit by what hits the launcher's group; and then nobody's background process */
	if (dup2(fd, 0) < 0 || dup2(lifeline, 1) < 0 || syscall(SYS_close_range, 2, ~0u, 0) < 0)
		_exit(1);
	if (chdir("/") < 0)
		_exit(1);
	do {
		n = read(1, &c, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		put_back(0, saved);
	_exit(0);
}

bool terminal_open(struct terminal *t, struct error *e)
{
	AUTO_FD theirs = -1;
	int ends[2];

	if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return error_sys(e, "unable to read the terminal's settings");
	if (!fd_pipe(ends, e))
		return false;
	theirs = ends[0];
	t->lifeline = ends[1];
	t->guard = fork();
	if (t->guard < 0)
		return error_sys(e, "unable to start a guard for the terminal");
	if (t->guard == 0) {
		fd_close(&t->lifeline);
		guard(STDIN_FILENO, theirs, &t->saved);
	}
	t->fd = STDIN_FILENO;
	return true;
}

bool terminal_raw(struct terminal *t, struct error *e)
{
	struct termios raw = t->saved;

	cfmakeraw(&raw);
	if (tcsetattr(t->fd, TCSADRAIN, &raw) < 0)
		return error_sys(e, "unable to change the terminal's settings");
	t->raw = true;
	return true;
}

/* Ask one last question and read until its answer: then all earlier answers have been read, too. */
static void drain_answers(int fd)
{
	int64_t deadline = loop_clock() + ANSWER_MS;
	struct pollfd p = { fd, POLLIN, 0 };
	bool escape = false;
	char c[256];

	say(fd, question, sizeof(question) - 1);
	for (;;) {
		int64_t left = deadline - loop_clock();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return;
		n = read(fd, c, sizeof(c));
		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++) {
			if (c[i] == '\033')
				escape = true;
			else if (escape && c[i] == 'c')
				return;
			else if (escape && c[i] >= '@' && c[i] != '[')
				escape = false;
		}
	}
}

void terminal_restore(struct terminal *t)
{
	if (t->fd < 0 || !t->raw)
		return;
	drain_answers(t->fd);
	put_back(t->fd, &t->saved);
	t->raw = false;
}

void terminal_copy_size(const struct terminal *t, int master)
{
	struct winsize size;

	if (ioctl(t->fd, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
}

void terminal_close(struct terminal *t)
{
	if (t->fd < 0)
		return;
	terminal_restore(t);
	say(t->lifeline, "q", 1);
	fd_close(&t->lifeline);
	while (t->guard > 0 && waitpid(t->guard, NULL, 0) < 0 && errno == EINTR)
		;
	t->fd = -1;
}
