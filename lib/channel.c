#include "channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fd.h"

enum {
	FILL = 64 << 10,       /* bytes asked for at once */
	KEEP = 256 << 10,      /* a larger buffer is given back once it is empty */
};

struct header {
	uint32_t length;
	uint32_t type;
	uint32_t stream;
};

const struct confine_call channel_calls[] = {
	CONFINE_ALLOW(__NR_recvfrom),
	CONFINE_ALLOW(__NR_sendto),
	CONFINE_END,
};

void channel_init(struct channel *c, int fd, uint32_t max)
{
	*c = (struct channel){ .fd = fd, .max = max, .in = BUF_INIT, .out = BUF_INIT };
}

void channel_release(struct channel *c)
{
	fd_close(&c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
}

struct buf *channel_open(struct channel *c, uint32_t type, uint32_t stream)
{
	struct header h = { 0, type, stream };

	c->open_at = c->out.len;
	buf_add(&c->out, &h, sizeof(h));
	return &c->out;
}

void channel_close(struct channel *c)
{
	uint32_t length = (uint32_t)(c->out.len - c->open_at - sizeof(struct header));

	memcpy(c->out.ptr + c->open_at, &length, sizeof(length));
}

void channel_put(struct channel *c, uint32_t type, uint32_t stream, struct slice body)
{
	buf_add_slice(channel_open(c, type, stream), body);
	channel_close(c);
}

/* Forget what was consumed; give a large buffer back when nothing is left in it. */
static void forget(struct buf *b, size_t *at)
{
	if (*at < b->len)
		return;
	if (b->cap > KEEP)
		buf_release(b);
	else
		buf_truncate(b, 0);
	*at = 0;
}

enum channel_result channel_flush(struct channel *c)
{
	while (channel_queued(c)) {
		ssize_t n = send(c->fd, c->out.ptr + c->out_at, channel_queued(c), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? CHANNEL_WAIT : CHANNEL_CLOSED;
		c->out_at += (size_t)n;
	}
	forget(&c->out, &c->out_at);
	return CHANNEL_DONE;
}

enum channel_result channel_fill(struct channel *c)
{
	ssize_t n;

	if (c->in_at) {
		buf_consume(&c->in, c->in_at);
		c->in_at = 0;
	}
	buf_reserve(&c->in, FILL);
	do {
		n = recv(c->fd, c->in.ptr + c->in.len, c->in.cap - c->in.len - 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? CHANNEL_WAIT : CHANNEL_CLOSED;
	if (n == 0)
		return CHANNEL_CLOSED;
	c->in.len += (size_t)n;
	return CHANNEL_DONE;
}

enum channel_result channel_next(struct channel *c, struct message *m)
{
	size_t left = c->in.len - c->in_at;
	struct header h;

	if (left >= sizeof(h)) {
		memcpy(&h, c->in.ptr + c->in_at, sizeof(h));
		if (h.length > c->max)
			return CHANNEL_BAD;
		if (left - sizeof(h) >= h.length) {
			*m = (struct message){ h.type, h.stream,
					       slice_of(c->in.ptr + c->in_at + sizeof(h), h.length) };
			c->in_at += sizeof(h) + h.length;
			return CHANNEL_DONE;
		}
	}
	forget(&c->in, &c->in_at);
	return CHANNEL_WAIT;
}

