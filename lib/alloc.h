/*
 * Memory that is there or the program is not.
 *
 * Every function succeeds or ends the process with status 111 and one line on
 * standard error, so callers never test for NULL. Sizes that come from outside
 * the program must be bounded by the caller before they get here.
 *
 * Not for memory whose lack a daemon has to survive: such code preallocates at
 * start and refuses work when its pool is empty.
 *
 * May be called after confinement. Does not block.
 */
#ifndef BB_ALLOC_H
#define BB_ALLOC_H

#include <stddef.h>

/* Return zeroed memory of n objects of size bytes; the caller frees it. */
void *alloc_zero(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));

/* Resize p (or allocate, when NULL) to n objects of size bytes; contents kept. */
void *alloc_resize(void *p, size_t n, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));

/* Return a NUL-terminated copy of len bytes at s; the caller frees it. */
char *alloc_copy(const char *s, size_t len) __attribute__((malloc, returns_nonnull));

/* Return a formatted string; the caller frees it. */
char *alloc_format(const char *fmt, ...) __attribute__((malloc, format(printf, 1, 2), returns_nonnull));

/* Overwrite len bytes in a way that the compiler may not drop. */
void alloc_wipe(void *p, size_t len);

/* Free what the variable points to when it goes out of scope. */
#define AUTO_FREE __attribute__((cleanup(alloc_auto_free)))
void alloc_auto_free(void *pointer_to_pointer);

/* Hand a pointer over: return it and leave NULL behind. */
#define STEAL(p) __extension__({ __typeof__(p) stolen_ = (p); (p) = NULL; stolen_; })

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
