#include "problems.h"

#include <stdlib.h>

#include "alloc.h"

void problems_release(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].file);
		free(p->list[i].text);
	}
	free(p->list);
	*p = (struct problems)PROBLEMS_INIT;
}

/* Whether the same was said before of the same place. */
static bool is_told(const struct problems *p, const char *file, unsigned line, unsigned column, const char *text)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].line == line && p->list[i].column == column && strcmp(p->list[i].text, text) == 0 &&
		    strcmp(p->list[i].file, file) == 0)
			return true;
	return false;
}

bool problems_vadd(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, va_list ap)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_vformat(&text, fmt, ap);
	if (is_told(p, file, line, column, buf_str(&text)))
		return false;
	p->total++;
	if (p->count == PROBLEMS_MAX)
		return false;
	p->list = alloc_resize(p->list, p->count + 1, sizeof(*p->list));
	p->list[p->count++] = (struct problem){ alloc_copy(file, strlen(file)), line, column, buf_steal(&text) };
	return false;
}

bool problems_add(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problems_vadd(p, file, line, column, fmt, ap);
	va_end(ap);
	return false;
}

void problem_format(const struct problem *one, struct buf *out)
{
	buf_add_str(out, one->file);
	if (one->line)
		buf_add_format(out, ":%u:%u", one->line, one->column);
	buf_add_format(out, ": %s", one->text);
}
