/*
 * The gate's door over HTTP, on a real pair of sockets: whatever a client sends, what is asked of the steward is a
 * plain repository, what goes to git came out of a body, and what the client gets begins as an answer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/gitgate/http.h"
#include "fd.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static int steward = -1; /* its end of the pair */

/*
 * In place of door.c's: what is asked must be sound. Every second one is permitted, and gets a git that has spoken
 * already.
 */
bool door_ask(const struct git_request *r, struct answer *a)
{
	struct error e = ERROR_INIT;
	int ends[2];

	MUST(r->repo.len > 0 && r->repo.len <= GIT_REPO_NAME_MAX);
	for (size_t i = 0; i < r->repo.len; i++)
		MUST(r->repo.ptr[i] > ' ' && r->repo.ptr[i] <= '~' && r->repo.ptr[i] != '/');
	MUST(r->repo.ptr[0] != '-' && !slice_eq(r->repo, SLICE(".")) && !slice_eq(r->repo, SLICE("..")));
	MUST(r->phase == GIT_ADVERTISE || r->phase == GIT_RPC);
	*a = (struct answer){ .yes = r->repo.len % 2, .why = "not now" };
	if (!a->yes)
		return true;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	MUST(send(ends[1], "0000", 4, MSG_NOSIGNAL) == 4);
	shutdown(ends[1], SHUT_WR);
	if (r->repo.len % 4 == 1)
		shutdown(ends[1], SHUT_RD); /* one that wants no more */
	MUST(fd_send(steward, &ends[0], 1, &e));
	close(ends[0]);
	close(ends[1]);
	return true;
}

/* Unused by what is fuzzed. */
bool door_read(void *bytes, size_t len, int64_t deadline)
{
	(void)bytes;
	(void)len;
	(void)deadline;
	return false;
}

/* Put a pair at a fixed number; returns the other end. */
static int place(int number, int type)
{
	int ends[2], mine;

	MUST(socketpair(AF_UNIX, type, 0, ends) == 0);
	mine = fcntl(ends[1], F_DUPFD, 10);
	close(ends[1]);
	if (ends[0] != number) {
		MUST(dup2(ends[0], number) == number);
		close(ends[0]);
	}
	MUST(mine >= 0);
	return mine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char start[9];
	ssize_t n;
	int client;

	if (size > 60000) /* what a socket holds before anybody reads */
		return 0;
	close(DOOR_CLIENT);
	close(DOOR_STEWARD);
	client = place(DOOR_CLIENT, SOCK_STREAM);
	steward = place(DOOR_STEWARD, SOCK_SEQPACKET);
	MUST(send(client, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	shutdown(client, SHUT_WR);
	http_serve();
	shutdown(DOOR_CLIENT, SHUT_WR);
	n = recv(client, start, sizeof(start), MSG_DONTWAIT);
	MUST(n <= 0 || (n == sizeof(start) && memcmp(start, "HTTP/1.1 ", sizeof(start)) == 0));
	close(client);
	close(steward);
	return 0;
}
