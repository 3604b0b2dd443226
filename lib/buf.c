#include "buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

void buf_release(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf)BUF_INIT;
}

void buf_wipe(struct buf *b)
{
	alloc_wipe(b->ptr, b->cap);
	buf_release(b);
}

void buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap;

	if (__builtin_add_overflow(b->len, extra, &need) || __builtin_add_overflow(need, 1u, &need))
		need = (size_t)-1; /* alloc_resize refuses it */
	if (need <= b->cap)
		return;
	cap = b->cap < 32 ? 64 : b->cap * 2;
	if (cap < need)
		cap = need;
	b->ptr = alloc_resize(b->ptr, cap, 1);
	b->ptr[b->len] = '\0';
	b->cap = cap;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_add_format(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(b, fmt, ap);
	va_end(ap);
}

void buf_add_vformat(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	buf_reserve(b, (size_t)n);
	vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		buf_truncate(b, 0);
		return;
	}
	memmove(b->ptr, b->ptr + n, b->len - n + 1);
	b->len -= n;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (!b->ptr)
		return;
	b->len = len;
	b->ptr[len] = '\0';
}

char *buf_steal(struct buf *b)
{
	char *p;

	buf_reserve(b, 0);
	p = b->ptr;
	*b = (struct buf)BUF_INIT;
	return p;
}
