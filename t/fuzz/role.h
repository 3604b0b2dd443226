/*
 * One role of bb-egress in a fuzzer. A role ends its process when a peer breaks the
 * rules of a channel; here that ends only the thread in which it takes an input
 * (linked with --wrap), and what its functions hold is released on the way, as
 * everything is compiled with -fexceptions.
 */
#ifndef BB_FUZZ_ROLE_H
#define BB_FUZZ_ROLE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void __wrap_role_peer_broke(const char *peer, const char *what) __attribute__((noreturn));
void __wrap_role_peer_gone(void) __attribute__((noreturn));

static bool role_ended;

/* The peer has said what it must not. */
void __wrap_role_peer_broke(const char *peer, const char *what)
{
	MUST(*peer && *what);
	role_ended = true;
	pthread_exit(NULL);
}

/* A peer does not go in here. */
void __wrap_role_peer_gone(void)
{
	abort();
}

/* Have the role take an input. False when it ended over it. */
static inline bool role_run(void *(*take)(void *), struct slice *input)
{
	pthread_t thread;

	role_ended = false;
	MUST(pthread_create(&thread, NULL, take, input) == 0 && pthread_join(thread, NULL) == 0);
	return !role_ended;
}

/* Take a record off the front of an input: what it is, and its bytes. False at the end. */
static inline bool role_record(struct slice *input, unsigned *what, struct slice *bytes)
{
	size_t len;

	if (input->len < 3)
		return false;
	*what = (unsigned char)input->ptr[0];
	len = (size_t)(unsigned char)input->ptr[1] << 8 | (unsigned char)input->ptr[2];
	*bytes = slice_sub(*input, 3, 3 + len);
	*input = slice_sub(*input, 3 + bytes->len, input->len);
	return true;
}

/* A descriptor of a file in memory. */
static inline int role_file(const char *text)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* Append what can be read now; what is behind the first few megabytes is dropped. */
static inline void role_drain(int fd, struct buf *out)
{
	static char bytes[64 << 10];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		if (out->len < 4 << 20)
			buf_add(out, bytes, (size_t)n);
}

#endif
