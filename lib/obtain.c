#include "obtain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "alloc.h"
#include "base64.h"
#include "escape.h"
#include "fd.h"
#include "file.h"

/* Signals that end or stop a program at the terminal's or its owner's wish. */
static const int caught[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };

/* The one that came while a question was open; 0: none. */
static volatile sig_atomic_t came;

/* Remember the signal; pselect(2) then returns EINTR. */
static void remember(int number)
{
	came = number;
}

/* What the signals did before a question, to be put back after it. */
struct signals {
	struct sigaction actions[COUNT_OF(caught)];
	sigset_t mask;
};

/* Let the signals through only while pselect waits with the old mask, so that none falls between test and read. */
static void catch_signals(struct signals *saved)
{
	struct sigaction action = { .sa_handler = remember };
	sigset_t block;

	sigemptyset(&action.sa_mask);
	sigemptyset(&block);
	for (size_t i = 0; i < COUNT_OF(caught); i++)
		sigaddset(&block, caught[i]);
	sigprocmask(SIG_BLOCK, &block, &saved->mask);
	came = 0;
	for (size_t i = 0; i < COUNT_OF(caught); i++)
		sigaction(caught[i], &action, &saved->actions[i]);
}

static void release_signals(const struct signals *saved)
{
	for (size_t i = 0; i < COUNT_OF(caught); i++)
		sigaction(caught[i], &saved->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &saved->mask, NULL);
}

/* Show the question, made safe, and ": ". */
static bool show_question(int tty, const char *question, struct error *e)
{
	AUTO_BUF line = BUF_INIT;

	escape_line(&line, slice_str(question));
	buf_add_str(&line, ": ");
	return fd_write_all(tty, buf_slice(&line), "'/dev/tty'", e);
}

enum outcome { ANSWERED, INTERRUPTED, FAILED };

/* Read up to the newline, or until a signal comes. */
static enum outcome read_line(int tty, const sigset_t *mask, struct buf *value, struct error *e)
{
	for (;;) {
		fd_set set;
		char byte;
		ssize_t n;

		FD_ZERO(&set);
		FD_SET(tty, &set);
		n = pselect(tty + 1, &set, NULL, NULL, NULL, mask);
		if (came)
			return INTERRUPTED;
		if (n > 0)
			n = read(tty, &byte, 1);
		else if (n == 0 || errno == EINTR)
			continue;
		if (n < 0) {
			error_sys(e, "unable to read '/dev/tty'");
			return FAILED;
		}
		if (n == 0 || byte == '\n')
			return ANSWERED;
		if (value->len == OBTAIN_LINE_MAX) {
			error_set(e, STATUS_CALLER, "longer than a terminal line (%d bytes); put it in a variable",
				  OBTAIN_LINE_MAX);
			return FAILED;
		}
		buf_add_char(value, byte);
	}
}

/* One attempt: echo off, question, answer, terminal as it was. */
static enum outcome ask_once(int tty, const char *question, struct buf *value, struct error *e)
{
	struct termios saved, silent;
	struct signals signals;
	enum outcome outcome = FAILED;

	if (tcgetattr(tty, &saved) < 0) {
		error_sys(e, "unable to read the settings of '/dev/tty'");
		return FAILED;
	}
	silent = saved;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	silent.c_lflag |= ICANON | ECHONL | ISIG;
	catch_signals(&signals);
	if (tcsetattr(tty, TCSAFLUSH, &silent) < 0)
		error_sys(e, "unable to turn off the echo of '/dev/tty'");
	else if (show_question(tty, question, e))
		outcome = read_line(tty, &signals.mask, value, e);
	tcsetattr(tty, TCSAFLUSH, &saved);
	release_signals(&signals);
	return outcome;
}

bool obtain_answer(const char *question, struct buf *value, struct error *e)
{
	AUTO_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	enum outcome outcome;
	size_t before = value->len;

	if (tty < 0)
		return error_sys(e, "there is no terminal to ask on");
	buf_reserve(value, OBTAIN_LINE_MAX + 1); /* so that no copy of it is left behind by growing */
	while ((outcome = ask_once(tty, question, value, e)) == INTERRUPTED) {
		int number = came;

		alloc_wipe(value->ptr + before, value->len - before);
		buf_truncate(value, before);
		raise(number); /* ends or stops us, the terminal being as it was */
		if (number != SIGTSTP)
			return error_set(e, STATUS_WORLD, "interrupted by a signal");
	}
	return outcome == ANSWERED;
}

/* Copy one host variable into the set. */
static bool obtain_host(const struct doc *entry, struct secret_set *set, struct error *e)
{
	const char *name = doc_get_cstr(entry, "name"), *variable = doc_get_cstr(entry, "host");
	const char *value = variable ? getenv(variable) : NULL;

	if (!value)
		return error_set(e, STATUS_CALLER, "the host variable '%s' is not set, and the secret '%s' needs it",
				 variable ? variable : "", name);
	return secret_set_add(set, name, slice_str(value), e);
}

/* Ask for one secret and add the answer to the set. */
static bool obtain_prompt(const struct doc *entry, struct secret_set *set, struct error *e)
{
	const char *name = doc_get_cstr(entry, "name"), *question = doc_get_cstr(entry, "prompt");
	struct buf value = BUF_INIT;
	bool ok;

	if (!question || !*question)
		question = strchr(name, ':') ? strchr(name, ':') + 1 : name;
	ok = obtain_answer(question, &value, e);
	if (ok && !value.len)
		ok = error_set(e, STATUS_CALLER, "the answer is empty");
	if (!ok)
		error_wrap(e, "unable to obtain the secret '%s'", name);
	ok = ok && secret_set_add(set, name, buf_slice(&value), e);
	buf_wipe(&value);
	return ok;
}

/* Read a file of the operator's, which nobody else may read. "~/" is the home directory. */
static bool obtain_file(const struct doc *entry, struct secret_set *set, struct error *e)
{
	const char *name = doc_get_cstr(entry, "name"), *given = doc_get_cstr(entry, "file"), *home = getenv("HOME");
	bool below_home = given && given[0] == '~' && given[1] == '/';
	AUTO_FREE char *path = NULL;
	struct buf value = BUF_INIT;
	struct stat st;
	bool ok;

	if (!given || (below_home && !home))
		return error_set(e, STATUS_CALLER, "the secret '%s' has no file, or HOME is not set", name);
	path = alloc_format("%s%s", below_home ? home : "", below_home ? given + 1 : given);
	if (stat(path, &st) < 0) {
		error_sys(e, "unable to read '%s', which the secret '%s' needs", path, name);
		e->status = STATUS_CALLER;
		return false;
	}
	if (st.st_mode & 077)
		return error_set(e, STATUS_CALLER, "others may read '%s'; run: chmod 600 %s", path, path);
	buf_reserve(&value, SECRET_VALUE_MAX + 1); /* so that no copy of it is left behind by growing */
	ok = file_read(path, SECRET_VALUE_MAX, &value, e) && secret_set_add(set, name, buf_slice(&value), e);
	buf_wipe(&value);
	return ok;
}

/* A value that nobody knows: as many random bytes as the entry says, in base64. */
static bool obtain_random(const struct doc *entry, struct secret_set *set, struct error *e)
{
	AUTO_FD fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	struct buf value = BUF_INIT;
	char bytes[OBTAIN_RANDOM_MAX];
	uint64_t count;
	bool ok;

	if (!slice_to_u64(doc_get_str(entry, "random"), &count) || count == 0 || count > sizeof(bytes))
		return error_set(e, STATUS_CALLER, "the secret '%s' wants 1 to %d random bytes",
				 doc_get_cstr(entry, "name"), OBTAIN_RANDOM_MAX);
	if (fd < 0 || read(fd, bytes, count) != (ssize_t)count)
		return error_sys(e, "unable to read '/dev/urandom'");
	buf_reserve(&value, 2 * sizeof(bytes));
	base64_encode(&value, slice_of(bytes, (size_t)count));
	ok = secret_set_add(set, doc_get_cstr(entry, "name"), buf_slice(&value), e);
	alloc_wipe(bytes, sizeof(bytes));
	buf_wipe(&value);
	return ok;
}

bool obtain_secrets(const struct doc *list, struct secret_set *set, struct error *e)
{
	static const struct doc_field fields[] = { { "name", DOC_STR, true },
						   { "source", DOC_STR, true },
						   { "host", DOC_STR, false },
						   { "prompt", DOC_STR, false },
						   { "file", DOC_STR, false },
						   { "random", DOC_STR, false },
						   { NULL, 0, false } };

	for (size_t i = 0; i < doc_count(list); i++) {
		struct slice source;

		if (!doc_check(doc_at(list, i), "secrets", fields, e))
			return false;
		source = doc_get_str(doc_at(list, i), "source");
		if (!slice_eq(source, SLICE("host")) && !slice_eq(source, SLICE("prompt")) &&
		    !slice_eq(source, SLICE("file")) && !slice_eq(source, SLICE("random")))
			return error_set(e, STATUS_CALLER, "the secret '%s' has the unknown source '%s'",
					 doc_get_cstr(doc_at(list, i), "name"),
					 doc_get_cstr(doc_at(list, i), "source"));
	}
	for (size_t i = 0; i < doc_count(list); i++)
		if (slice_eq(doc_get_str(doc_at(list, i), "source"), SLICE("host")) &&
		    !obtain_host(doc_at(list, i), set, e))
			return false;
	for (size_t i = 0; i < doc_count(list); i++)
		if (slice_eq(doc_get_str(doc_at(list, i), "source"), SLICE("file")) &&
		    !obtain_file(doc_at(list, i), set, e))
			return false;
	for (size_t i = 0; i < doc_count(list); i++)
		if (slice_eq(doc_get_str(doc_at(list, i), "source"), SLICE("random")) &&
		    !obtain_random(doc_at(list, i), set, e))
			return false;
	for (size_t i = 0; i < doc_count(list); i++)
		if (slice_eq(doc_get_str(doc_at(list, i), "source"), SLICE("prompt")) &&
		    !obtain_prompt(doc_at(list, i), set, e))
			return false;
	return true;
}
