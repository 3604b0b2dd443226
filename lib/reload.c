#include "reload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "watch.h"

/* Connect to the socket below dir, whose path may be longer than an address holds. */
static int connect_to(const char *dir, struct error *e)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RELOAD_SOCKET };
	AUTO_FD here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool connected;

	if (here < 0 || fd < 0 || !fd_set_cloexec(fd, true, e) || chdir(dir) < 0) {
		error_sys(e, "unable to ask the sidecar in '%s'", dir);
		return -1;
	}
	connected = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	if (!connected)
		error_sys(e, "unable to ask the sidecar in '%s'; is the bottle running?", dir);
	if (fchdir(here) < 0 && connected) {
		error_sys(e, "unable to return to the working directory");
		connected = false;
	}
	return connected ? fd_steal(&fd) : -1;
}

/* Read more; false at the end of the time or of the connection. */
static bool read_more(int fd, int64_t deadline, struct buf *in, struct error *e)
{
	int64_t left = deadline - watch_clock();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char bytes[4096];
	ssize_t n;

	if (left <= 0 || in->len > RELOAD_REPORT_MAX)
		return error_set(e, STATUS_WORLD, "no daemon of the bottle has confirmed the reload in %d seconds",
				 RELOAD_PATIENCE_MS / 1000);
	if (poll(&p, 1, (int)left) <= 0)
		return true; /* a signal, or the deadline: seen the next time */
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return error_set(e, STATUS_WORLD, "the sidecar has ended, or does not take requests of this user");
	buf_add(in, bytes, (size_t)n);
	return true;
}

enum answer { ANSWER_NONE, ANSWER_YES, ANSWER_NO };

/* What one report says about the file in question. */
static enum answer judge(struct slice line, const char *sha256, struct error *e)
{
	static const struct doc_field fields[] = {
		{ "daemon", DOC_STR, true }, { "event", DOC_STR, true },  { "ok", DOC_BOOL, true },
		{ "sha256", DOC_STR, false }, { "reason", DOC_STR, false }, { NULL, 0, false },
	};
	struct error malformed = ERROR_INIT;
	AUTO_DOC *d = doc_parse(line, &malformed);

	if (!d || !doc_is(d, "reload", 1, &malformed) || !doc_check(d, "reload", fields, &malformed))
		return ANSWER_NONE;
	if (sha256 && !slice_eq(doc_get_str(d, "sha256"), slice_str(sha256)))
		return ANSWER_NONE;
	if (doc_get_bool(d, "ok"))
		return ANSWER_YES;
	error_set(e, STATUS_NO, "%s", doc_get(d, "reason") ? doc_get_cstr(d, "reason") : "no reason was given");
	return ANSWER_NO;
}

bool reload_ask(const char *dir, const char *sha256, struct buf *report, struct error *e)
{
	int64_t deadline = watch_clock() + RELOAD_PATIENCE_MS;
	AUTO_FD fd = connect_to(dir, e);
	AUTO_BUF in = BUF_INIT;

	while (fd >= 0) {
		size_t end = slice_find(buf_slice(&in), '\n');
		enum answer answer;

		if (end == SLICE_NONE) {
			if (!read_more(fd, deadline, &in, e))
				return false;
			continue;
		}
		answer = judge(slice_sub(buf_slice(&in), 0, end), sha256, e);
		if (answer != ANSWER_NONE) {
			if (report)
				buf_add(report, in.ptr, end);
			return answer == ANSWER_YES;
		}
		buf_consume(&in, end + 1);
	}
	return false;
}
