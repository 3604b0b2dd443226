/*
 * A growing run of bytes that owns its memory.
 *
 * Invariants: ptr is NULL only while cap is 0; len < cap otherwise; ptr[len] is
 * NUL, so buf_str() can be given to C functions (the bytes before it may hold
 * NULs of their own).
 *
 * Life: struct buf b = BUF_INIT; … buf_release(&b). A released buf is empty and
 * may be used again. Declare AUTO_BUF to release at the end of the scope.
 *
 * Growth succeeds or ends the program (alloc.h): bound hostile input first.
 * Nothing here blocks; everything may be called after confinement.
 */
#ifndef BB_BUF_H
#define BB_BUF_H

#include <stdarg.h>

#include "slice.h"

struct buf {
	char *ptr;
	size_t len;
	size_t cap;
};

#define BUF_INIT { NULL, 0, 0 }
#define AUTO_BUF __attribute__((cleanup(buf_release))) struct buf

void buf_release(struct buf *b);
/* Release after overwriting: for anything that held a secret. */
void buf_wipe(struct buf *b);

/* Make room for extra more bytes, so that appending them does not allocate. */
void buf_reserve(struct buf *b, size_t extra);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_format(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_vformat(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drop n bytes (at most len) from the front. */
void buf_consume(struct buf *b, size_t n);
/* Keep the first len bytes; len must not exceed the current one. */
void buf_truncate(struct buf *b, size_t len);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->ptr, b->len };
}

/* NUL-terminated contents, "" when empty; owned by the buf, valid until it changes. */
static inline const char *buf_str(const struct buf *b)
{
	return b->ptr ? b->ptr : "";
}

/* Hand the memory over as a NUL-terminated string that the caller frees; the buf is empty after. */
char *buf_steal(struct buf *b);

#endif
