#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void fd_auto_close(int *fd)
{
	fd_close(fd);
}

bool fd_read_all(int fd, size_t max, const char *what, struct buf *out, struct error *e)
{
	size_t start = out->len;

	for (;;) {
		ssize_t n;

		buf_reserve(out, 16384);
		n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read %s", what);
		if (n == 0)
			return true;
		out->len += (size_t)n;
		out->ptr[out->len] = '\0';
		if (out->len - start > max)
			return error_set(e, STATUS_CALLER, "%s is larger than %zu bytes", what, max);
	}
}

bool fd_write_all(int fd, struct slice bytes, const char *what, struct error *e)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to write %s", what);
		bytes = slice_sub(bytes, (size_t)n, bytes.len);
	}
	return true;
}

bool fd_set_nonblocking(int fd, bool on, struct error *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return error_sys(e, "unable to change the mode of descriptor %d", fd);
	return true;
}

bool fd_set_cloexec(int fd, bool on, struct error *e)
{
	if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
		return error_sys(e, "unable to change the flags of descriptor %d", fd);
	return true;
}

bool fd_pipe(int ends[2], struct error *e)
{
	if (pipe(ends) < 0)
		return error_sys(e, "unable to make a pipe");
	if (!fd_set_cloexec(ends[0], true, e) || !fd_set_cloexec(ends[1], true, e)) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return false;
	}
	return true;
}

bool fd_socketpair(int type, int ends[2], struct error *e)
{
	if (socketpair(AF_UNIX, type, 0, ends) < 0)
		return error_sys(e, "unable to make a socket pair");
	if (!fd_set_cloexec(ends[0], true, e) || !fd_set_cloexec(ends[1], true, e)) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return false;
	}
	return true;
}

/* Room for FD_PASS_MAX descriptors, aligned as cmsg(3) asks. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

bool fd_send(int sock, const int *fds, size_t count, struct error *e)
{
	char byte = 'f';
	struct iovec iov = { &byte, 1 };
	union control control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes };
	struct cmsghdr *c;
	ssize_t n;

	if (count == 0 || count > FD_PASS_MAX)
		return error_set(e, STATUS_WORLD, "unable to pass %zu descriptors at once", count);
	msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	do {
		n = sendmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? true : error_sys(e, "unable to pass descriptors");
}

/* Copy the descriptors of one control message out; returns how many. */
static size_t take_rights(struct cmsghdr *c, int *got)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	memcpy(got, CMSG_DATA(c), n * sizeof(int));
	return n;
}

bool fd_receive(int sock, int *fds, size_t count, struct error *e)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int got[FD_PASS_MAX];
	size_t n_got = 0;
	bool ok = true;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(e, "unable to receive descriptors");
	if (n == 0)
		return error_set(e, STATUS_WORLD, "unable to receive descriptors: the sender went away");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && n_got == 0)
			n_got = take_rights(c, got);
	for (size_t i = 0; i < n_got; i++)
		ok = fd_set_cloexec(got[i], true, e) && ok;
	if (ok && n_got == count && !(msg.msg_flags & MSG_CTRUNC)) {
		memcpy(fds, got, count * sizeof(int));
		return true;
	}
	for (size_t i = 0; i < n_got; i++)
		fd_close(&got[i]);
	return error_set(e, STATUS_WORLD, "received %zu descriptors where %zu were due", n_got, count);
}

bool fd_parse(const char *text, int *fd, struct error *e)
{
	uint64_t v;

	if (!slice_to_u64(slice_str(text), &v) || v > 65535 || fcntl((int)v, F_GETFD) < 0)
		return error_set(e, STATUS_CALLER, "'%s' is not the number of an open descriptor", text);
	*fd = (int)v;
	return fd_set_cloexec(*fd, true, e);
}
