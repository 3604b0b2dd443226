#include "alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die_without_memory(void) __attribute__((noreturn));

/* Say what happened without allocating, and end with the world's-fault status. */
static void die_without_memory(void)
{
	static const char text[] = "bot-bottle: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(111);
	_exit(111);
}

void *alloc_zero(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die_without_memory();
	return p;
}

void *alloc_resize(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		die_without_memory();
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		die_without_memory();
	return p;
}

char *alloc_copy(const char *s, size_t len)
{
	char *p;

	if (len == SIZE_MAX)
		die_without_memory();
	p = alloc_zero(len + 1, 1);
	if (len)
		memcpy(p, s, len);
	return p;
}

char *alloc_format(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_without_memory();
	p = alloc_zero((size_t)n + 1, 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void alloc_wipe(void *p, size_t len)
{
	if (!p)
		return;
	memset(p, 0, len);
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

void alloc_auto_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}
