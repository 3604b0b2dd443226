#include "link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fd.h"
#include "loop.h"

const struct confine_call link_calls[] = {
	CONFINE_ALLOW(__NR_recvfrom),
	CONFINE_ALLOW(__NR_sendto),
	CONFINE_ALLOW(__NR_shutdown),
	{ __NR_setsockopt, 1, ~(uint64_t)0, IPPROTO_TCP },
	{ __NR_setsockopt, 2, ~(uint64_t)0, SO_LINGER },
	CONFINE_END,
};

void link_no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on a Unix socket, which has no delay */
}

void link_init(struct link *l, int fd)
{
	*l = (struct link){ .fd = fd, .held = BUF_INIT };
}

void link_release(struct link *l)
{
	fd_close(&l->fd);
	buf_release(&l->held);
	*l = (struct link){ .fd = -1, .held = BUF_INIT };
}

void link_ready(struct link *l, unsigned ready)
{
	if (ready & (LOOP_READ | LOOP_HANGUP))
		l->readable = true;
	if (ready & (LOOP_WRITE | LOOP_HANGUP))
		l->writable = true;
	if (ready & (LOOP_END | LOOP_HANGUP))
		l->ended = true;
}

/* Serve a read from the bytes that were put back. */
static ssize_t read_held(struct link *l, void *bytes, size_t len)
{
	struct slice s = slice_sub(buf_slice(&l->held), l->held_at, l->held.len);

	if (len > s.len)
		len = s.len;
	memcpy(bytes, s.ptr, len);
	l->held_at += len;
	if (l->held_at == l->held.len) {
		buf_release(&l->held);
		l->held_at = 0;
	}
	return (ssize_t)len;
}

ssize_t link_read(struct link *l, void *bytes, size_t len)
{
	ssize_t n;

	if (l->held.len)
		return read_held(l, bytes, len);
	if (l->broken)
		return LINK_ERROR;
	if (!l->readable)
		return LINK_WAIT;
	do {
		n = recv(l->fd, bytes, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		l->readable = false;
		if (errno == EAGAIN)
			return LINK_WAIT;
		l->broken = true;
		return LINK_ERROR;
	}
	if (n == 0) {
		l->ended = true;
		return LINK_END;
	}
	if ((size_t)n < len && !l->ended)
		l->readable = false;
	return n;
}

ssize_t link_write(struct link *l, const void *bytes, size_t len)
{
	ssize_t n;

	if (l->broken)
		return LINK_ERROR;
	if (!l->writable)
		return LINK_WAIT;
	do {
		n = send(l->fd, bytes, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		l->writable = false;
		if (errno == EAGAIN)
			return LINK_WAIT;
		l->broken = true;
		return LINK_ERROR;
	}
	if ((size_t)n < len)
		l->writable = false;
	return n;
}

void link_unread(struct link *l, struct slice bytes)
{
	struct buf joined = BUF_INIT;

	buf_add_slice(&joined, bytes);
	buf_add_slice(&joined, slice_sub(buf_slice(&l->held), l->held_at, l->held.len));
	buf_release(&l->held);
	l->held = joined;
	l->held_at = 0;
}

void link_reset(struct link *l)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); /* if not, the peer sees an early end */
	l->broken = true;
}

void link_finish(struct link *l)
{
	shutdown(l->fd, SHUT_WR);
}
