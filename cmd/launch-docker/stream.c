#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"

#define CHUNK 65536 /* bytes that are read at once */

bool stream_open(struct stream *s, struct engine *en, const char *container, struct error *e)
{
	s->fd = engine_attach(en, container, e);
	return s->fd >= 0;
}

void stream_close(struct stream *s)
{
	fd_close(&s->fd);
	buf_wipe(&s->raw);
	buf_wipe(&s->output);
	buf_wipe(&s->errors);
}

/* Take the whole pieces apart. */
static bool sort_pieces(struct stream *s, struct error *e)
{
	struct slice bytes;
	size_t consumed;
	int stream, whole;

	while ((whole = engine_piece(buf_slice(&s->raw), &stream, &bytes, &consumed)) > 0) {
		buf_add_slice(stream == 1 ? &s->output : &s->errors, bytes);
		buf_consume(&s->raw, consumed);
	}
	return whole == 0 || error_set(e, STATUS_WORLD, "the Docker engine's stream is not understood");
}

bool stream_fill(struct stream *s, struct error *e)
{
	ssize_t n;

	buf_reserve(&s->raw, CHUNK);
	do
		n = read(s->fd, s->raw.ptr + s->raw.len, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return error_sys(e, "unable to read the Docker engine's stream");
	if (n <= 0) {
		s->ended = true;
		return true;
	}
	s->raw.len += (size_t)n;
	return sort_pieces(s, e);
}

bool stream_fill_until(struct stream *s, int64_t deadline, struct error *e)
{
	struct pollfd p = { s->fd, POLLIN, 0 };
	int64_t left;

	while ((left = deadline - loop_clock()) > 0) {
		int n = poll(&p, 1, (int)left);

		if (n > 0)
			return stream_fill(s, e);
		if (n < 0 && errno != EINTR)
			return error_sys(e, "unable to wait for a container");
	}
	return false;
}

bool stream_send(struct stream *s, struct slice bytes, struct error *e)
{
	while (bytes.len) {
		ssize_t n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to write to a container");
		bytes = slice_sub(bytes, (size_t)n, bytes.len);
	}
	return true;
}
