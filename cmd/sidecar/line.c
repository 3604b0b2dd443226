#include "line.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escape.h"
#include "loop.h"

/* A pipe that polls as writable takes this much without blocking (pipe(7)); so no more is written at once. */
#define WRITE_AT_ONCE PIPE_BUF
#define KEEP_CAPACITY (16u << 10) /* larger buffers are given back when they empty */

void sink_init(struct sink *s, int fd)
{
	struct stat st;

	*s = (struct sink){ .fd = fd, .waits = BUF_INIT };
	s->pollable = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

void sink_release(struct sink *s)
{
	buf_release(&s->waits);
}

/* True when writing will not block, waiting for that at most timeout_ms. */
static bool takes_bytes(const struct sink *s, int timeout_ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	return !s->pollable || (poll(&p, 1, timeout_ms) > 0 && p.revents);
}

/* Lines in the bytes that a failed write leaves behind. */
static uint64_t count_lines(struct slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

/* Give up on everything that waits. */
static void lose(struct sink *s)
{
	s->lost += count_lines(buf_slice(&s->waits));
	buf_truncate(&s->waits, 0);
}

/* Write from the front of what waits until it blocks for timeout_ms or fails. */
static bool drain(struct sink *s, int timeout_ms)
{
	size_t done = 0;

	while (done < s->waits.len && takes_bytes(s, timeout_ms)) {
		size_t n = s->waits.len - done;
		ssize_t got = write(s->fd, s->waits.ptr + done, s->pollable && n > WRITE_AT_ONCE ? WRITE_AT_ONCE : n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0) {
			buf_consume(&s->waits, done);
			lose(s);
			return false;
		}
		done += (size_t)got;
	}
	buf_consume(&s->waits, done);
	if (!s->waits.len && s->waits.cap > KEEP_CAPACITY)
		buf_release(&s->waits);
	return s->waits.len > 0;
}

bool sink_drain(struct sink *s)
{
	return drain(s, 0);
}

void sink_flush(struct sink *s, int64_t limit_ms)
{
	int64_t end = loop_clock() + limit_ms, now;

	while (s->waits.len && (now = loop_clock()) < end)
		drain(s, (int)(end - now));
	lose(s);
}

void sink_line(struct sink *s, struct slice line)
{
	if (s->lost && !s->waits.len) {
		uint64_t lost = s->lost;

		s->lost = 0;
		buf_add_format(&s->waits, "[sidecar] %llu lines before this one could not be written\n",
			       (unsigned long long)lost);
		if (!drain(s, 0) && s->lost)
			s->lost = lost;
	}
	buf_add_slice(&s->waits, line);
	buf_add_char(&s->waits, '\n');
	drain(s, 0);
}

void line_release(struct line *l)
{
	buf_release(&l->part);
}

/* Append a line of JSON with raw control bytes, which JSON does not have, replaced by their escapes. */
static void add_json(struct buf *out, struct slice text)
{
	size_t start = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0x20 && c != 0x7F)
			continue;
		buf_add_slice(out, slice_sub(text, start, i));
		buf_add_format(out, "\\u%04X", c);
		start = i + 1;
	}
	buf_add_slice(out, slice_sub(text, start, text.len));
}

/* Hand on the part that was collected. */
static void emit(struct line *l, bool is_last, struct sink *to)
{
	struct slice text = buf_slice(&l->part);
	AUTO_BUF out = BUF_INIT;

	if (is_last && slice_ends(text, SLICE("\r")))
		text.len--;
	buf_add_format(&out, "[%s] %s", l->name, l->continued ? "... " : "");
	if (l->is_json)
		add_json(&out, text);
	else
		escape_line(&out, text);
	if (!is_last)
		buf_add_str(&out, " ...");
	sink_line(to, buf_slice(&out));
	if (l->audit && text.len)
		audit_add_line(l->audit, l->name, text);
	if (l->reports && is_last && !l->continued)
		peers_report(l->name, text, l->reports);
	l->continued = !is_last;
	buf_truncate(&l->part, 0);
	if (l->part.cap > KEEP_CAPACITY)
		buf_release(&l->part);
}

void line_feed(struct line *l, struct slice bytes, struct sink *to)
{
	while (bytes.len) {
		size_t newline = slice_find(bytes, '\n');
		size_t end = newline == SLICE_NONE ? bytes.len : newline;
		size_t room = LINE_MAX_BYTES - l->part.len;

		if (end > room) {
			buf_add_slice(&l->part, slice_sub(bytes, 0, room));
			bytes = slice_sub(bytes, room, bytes.len);
			emit(l, false, to);
			continue;
		}
		buf_add_slice(&l->part, slice_sub(bytes, 0, end));
		if (newline != SLICE_NONE)
			emit(l, true, to);
		bytes = slice_sub(bytes, newline == SLICE_NONE ? end : end + 1, bytes.len);
	}
}

void line_end(struct line *l, struct sink *to)
{
	if (l->part.len || l->continued)
		emit(l, true, to);
}
