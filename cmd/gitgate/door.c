#include "door.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "fd.h"
#include "http.h"
#include "loop.h"
#include "program.h"

enum { UID_DOOR = 65524 }; /* what the door becomes when it starts as root: a number that no system assigns */

static const struct confine_call own_calls[] = {
	CONFINE_ALLOW(__NR_read),     CONFINE_ALLOW(__NR_write),   CONFINE_ALLOW(__NR_recvfrom),
	CONFINE_ALLOW(__NR_recvmsg),  CONFINE_ALLOW(__NR_sendto),  CONFINE_ALLOW(__NR_sendmsg),
	CONFINE_ALLOW(__NR_shutdown), CONFINE_ALLOW(__NR_fcntl),
#ifdef __NR_poll
	CONFINE_ALLOW(__NR_poll),
#endif
	CONFINE_ALLOW(__NR_ppoll),    CONFINE_END,
};

bool door_ask(const struct git_request *r, struct answer *a)
{
	struct ask ask = { .service = (uint8_t)r->service, .phase = (uint8_t)r->phase, .version = (uint8_t)r->version };

	memcpy(ask.repo, r->repo.ptr, r->repo.len); /* at most GIT_REPO_NAME_MAX: the parser has seen to it */
	if (send(DOOR_STEWARD, &ask, sizeof(ask), MSG_NOSIGNAL) != (ssize_t)sizeof(ask))
		return false;
	return recv(DOOR_STEWARD, a, sizeof(*a), 0) == (ssize_t)sizeof(*a);
}

bool door_read(void *bytes, size_t len, int64_t deadline)
{
	struct pollfd p = { DOOR_CLIENT, POLLIN, 0 };
	size_t have = 0;

	while (have < len) {
		int64_t left = deadline - loop_clock();
		ssize_t n;

		if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
			return false;
		n = recv(DOOR_CLIENT, (char *)bytes + have, len - have, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		have += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Tell a client of git:// why not. */
static void refuse(const char *why)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF packet = BUF_INIT;
	struct error e = ERROR_INIT;

	buf_add_format(&text, "ERR git-gate: %s\n", why);
	pkt_add(&packet, buf_slice(&text));
	(void)fd_write_all(DOOR_CLIENT, buf_slice(&packet), "the client", &e); /* who is gone is not told */
}

/* git://: one packet, one question. */
static int serve_git(void)
{
	char packet[PKT_REQUEST_MAX];
	int64_t deadline = loop_clock() + HEAD_SECONDS * 1000;
	struct git_request r;
	struct answer a;
	const char *why = NULL;
	size_t len;

	if (!door_read(packet, PKT_HEAD, deadline))
		return STATUS_NO;
	if (!pkt_length(slice_of(packet, PKT_HEAD), &len) || len <= PKT_HEAD || len > sizeof(packet)) {
		refuse("this is no request of git");
		return STATUS_NO;
	}
	if (!door_read(packet + PKT_HEAD, len - PKT_HEAD, deadline))
		return STATUS_NO;
	if (!git_request_parse(slice_of(packet + PKT_HEAD, len - PKT_HEAD), &r, &why)) {
		refuse(why);
		return STATUS_NO;
	}
	if (!door_ask(&r, &a))
		return STATUS_WORLD;
	if (!a.yes)
		refuse(a.why);
	return a.yes ? STATUS_YES : STATUS_NO;
}

static const struct option_def no_options[] = { { .name = NULL } };

static const struct program program = { "bb-gitgate", "read a client's requests (started by serve)", "door git|http",
					no_options };

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	(void)ctx;
	(void)arg;
	return error_set(e, STATUS_CALLER, "unknown option '--%s'", name);
}

int door_main(int argc, char **argv)
{
	static const struct confine_call *const calls[] = { own_calls, NULL };
	const struct confinement c = { .role = "door", .uid = UID_DOOR, .descriptors = 16, .tied = true,
				       .calls = calls };
	int first = program_start(&program, argc, argv, take_option, NULL);
	bool http = first + 1 == argc && strcmp(argv[first], "http") == 0;
	struct error e = ERROR_INIT;

	if (first + 1 != argc || (!http && strcmp(argv[first], "git") != 0))
		return program_usage("wanted git or http");
	if (!confine(&c, &e))
		return program_fail(&e);
	return http ? http_serve() : serve_git();
}
