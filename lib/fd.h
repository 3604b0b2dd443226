/*
 * Descriptors: reading and writing whole messages, passing them to others.
 *
 * Every descriptor that this library makes is close-on-exec. Functions retry
 * EINTR. Those that read or write to the end block unless the descriptor is
 * non-blocking, in which case EAGAIN is an error of theirs.
 */
#ifndef BB_FD_H
#define BB_FD_H

#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* Close the descriptor when its variable goes out of scope; -1 is left alone. */
#define AUTO_FD __attribute__((cleanup(fd_auto_close))) int
void fd_auto_close(int *fd);

/* Take the descriptor out of an AUTO_FD variable. */
static inline int fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Close unless negative and set to -1; errno is kept. */
void fd_close(int *fd);

/* Read until end of file; more than max bytes is a caller's error that names what. Blocks. */
bool fd_read_all(int fd, size_t max, const char *what, struct buf *out, struct error *e);

/* Write everything. Blocks. */
bool fd_write_all(int fd, struct slice bytes, const char *what, struct error *e);

bool fd_set_nonblocking(int fd, bool on, struct error *e);
bool fd_set_cloexec(int fd, bool on, struct error *e);

/* A pipe or a stream socket pair, close-on-exec. */
bool fd_pipe(int ends[2], struct error *e);
bool fd_socketpair(int type, int ends[2], struct error *e);

/*
 * Send or receive count descriptors (at most FD_PASS_MAX) beside one byte, over
 * a Unix socket. A receiver that gets another count closes all and fails.
 * Blocks. Source: unix(7), SCM_RIGHTS.
 */
#define FD_PASS_MAX 16
bool fd_send(int sock, const int *fds, size_t count, struct error *e);
bool fd_receive(int sock, int *fds, size_t count, struct error *e);

/* Parse a descriptor number from text and check that it is open; sets close-on-exec. */
bool fd_parse(const char *text, int *fd, struct error *e);

#endif
