/*
 * The hook: runs in the jail as receive-pack's pre-receive, hands refs and options
 * to the steward and shows what it says. Without a yes, the push is refused.
 */
#include "hook.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "limits.h"
#include "program.h"

/* Append "ref LINE" for each line of standard input, and "option TEXT" for each push option. */
static bool gather(struct buf *request, struct error *e)
{
	AUTO_BUF refs = BUF_INIT;
	const char *count = getenv("GIT_PUSH_OPTION_COUNT");
	struct slice rest;
	uint64_t n = 0;

	if (!fd_read_all(STDIN_FILENO, PUSH_REQUEST_MAX, "the list of refs (PUSH_REQUEST_MAX)", &refs, e))
		return false;
	rest = buf_slice(&refs);
	while (rest.len) {
		buf_add_str(request, "ref ");
		buf_add_slice(request, slice_cut(&rest, '\n'));
		buf_add_char(request, '\n');
	}
	if (count && (!slice_to_u64(slice_str(count), &n) || n > PUSH_OPTIONS_MAX))
		return error_set(e, STATUS_CALLER, "more than %d push options (PUSH_OPTIONS_MAX)", PUSH_OPTIONS_MAX);
	for (uint64_t i = 0; i < n; i++) {
		AUTO_FREE char *name = alloc_format("GIT_PUSH_OPTION_%llu", (unsigned long long)i);
		const char *option = getenv(name);

		buf_add_format(request, "option %s\n", option ? option : "");
	}
	return true;
}

/* Show the steward's lines, which begin with '=', until it says '+' or '-'. */
static int show(int steward)
{
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	char c;

	while (read(steward, &c, 1) == 1) {
		if (c != '\n') {
			buf_add_char(&text, c);
			continue;
		}
		if (text.len && text.ptr[0] != '=')
			return text.ptr[0] == '+' ? STATUS_YES : STATUS_NO;
		buf_add_char(&text, '\n');
		(void)fd_write_all(STDERR_FILENO, slice_sub(buf_slice(&text), 1, text.len), "standard error", &e);
		buf_truncate(&text, 0);
	}
	(void)fd_write_all(STDERR_FILENO, SLICE("git-gate: refused: the gate ended before it had judged the push\n"),
			   "standard error", &e);
	return STATUS_NO;
}

int hook_pre_receive(void)
{
	const char *number = getenv("BOT_BOTTLE_GATE");
	AUTO_BUF request = BUF_INIT;
	struct error e = ERROR_INIT;
	AUTO_FD steward = -1;

	if (!number)
		return program_usage("'hook pre-receive' is run by bb-gitgate serve");
	if (!fd_parse(number, &steward, &e))
		return program_fail(&e);
	if (!gather(&request, &e) || !fd_write_all(steward, buf_slice(&request), "the steward", &e))
		return program_fail(&e);
	shutdown(steward, SHUT_WR);
	return show(steward);
}

static const struct option_def no_options[] = { { .name = NULL } };
static const struct program program = { "bb-gitgate", "judge and forward a push (run by receive-pack)",
					"hook pre-receive",
					no_options };

int hook_main(int argc, char **argv)
{
	int first = program_start(&program, argc, argv, NULL, NULL);

	if (first + 1 != argc || strcmp(argv[first], "pre-receive") != 0)
		return program_usage("wanted pre-receive");
	return hook_pre_receive();
}
