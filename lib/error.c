#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Show that the text was cut rather than let it look complete. */
static void mark_cut(struct error *e, int wanted)
{
	if (wanted >= ERROR_TEXT_MAX)
		memcpy(e->text + ERROR_TEXT_MAX - 4, "...", 4);
}

bool error_set(struct error *e, enum status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mark_cut(e, vsnprintf(e->text, sizeof(e->text), fmt, ap));
	va_end(ap);
	e->status = status;
	return false;
}

bool error_sys(struct error *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < ERROR_TEXT_MAX) {
		size_t room = sizeof(e->text) - (size_t)n;

		n += snprintf(e->text + n, room, ": %s", strerror(saved));
	}
	mark_cut(e, n);
	e->status = STATUS_WORLD;
	return false;
}

bool error_wrap(struct error *e, const char *fmt, ...)
{
	char inner[ERROR_TEXT_MAX];
	va_list ap;
	int n;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < ERROR_TEXT_MAX) {
		size_t room = sizeof(e->text) - (size_t)n;

		n += snprintf(e->text + n, room, ": %s", inner);
	}
	mark_cut(e, n);
	return false;
}
