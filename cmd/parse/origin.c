#include "cmd/parse/origin.h"

#include <stdlib.h>

#include "alloc.h"

struct located located_object(void)
{
	struct located l = { doc_new_object(), doc_new_object() };

	doc_put(l.origin, "in", doc_new_object());
	return l;
}

struct located located_list(void)
{
	struct located l = { doc_new_array(), doc_new_object() };

	doc_put(l.origin, "in", doc_new_array());
	return l;
}

void located_release(struct located *l)
{
	doc_release(l->doc);
	doc_release(l->origin);
	*l = (struct located){ NULL, NULL };
}

/* The members' places of something made here, to be changed. */
static struct doc *members(struct located l)
{
	return (struct doc *)(uintptr_t)doc_get(l.origin, "in");
}

void located_put(struct located into, const char *key, const struct doc *value, const struct doc *origin)
{
	struct doc *place = origin ? doc_retain(origin) : doc_new_null();

	if (key) {
		doc_put(into.doc, key, doc_retain(value));
		doc_put(members(into), key, place);
	} else {
		doc_append(into.doc, doc_retain(value));
		doc_append(members(into), place);
	}
}

struct located located_put_new(struct located into, const char *key, struct located part)
{
	doc_put(into.doc, key, part.doc);
	doc_put(members(into), key, part.origin);
	return part;
}

const struct doc *origin_in(const struct doc *origin, const char *key)
{
	const struct doc *in = origin && doc_type_of(origin) == DOC_OBJECT ? doc_get(origin, "in") : NULL;

	return in ? doc_get(in, key) : NULL;
}

const struct doc *origin_item(const struct doc *origin, size_t index)
{
	return origin && doc_type_of(origin) == DOC_OBJECT ? doc_at(doc_get(origin, "in"), index) : NULL;
}

const char *origin_at(const struct doc *origin)
{
	if (!origin || doc_type_of(origin) == DOC_NULL)
		return NULL;
	return doc_type_of(origin) == DOC_STR ? doc_cstr(origin) : doc_get_cstr(origin, "at");
}

/* Take ":NUMBER" off the end of a place. */
static unsigned take_number(struct slice *at)
{
	size_t colon = at->len;
	uint64_t n = 0;

	while (colon && at->ptr[colon - 1] != ':')
		colon--;
	if (!slice_to_u64(slice_sub(*at, colon, at->len), &n))
		return 0;
	*at = slice_sub(*at, 0, colon - 1);
	return (unsigned)n;
}

bool origin_problem(struct problems *list, const struct doc *origin, const char *file, const char *fmt, ...)
{
	struct slice at = slice_str(origin_at(origin));
	unsigned column = at.len ? take_number(&at) : 0, line = at.len ? take_number(&at) : 0;
	AUTO_FREE char *name = at.len ? alloc_copy(at.ptr, at.len) : alloc_copy(file, strlen(file));
	va_list ap;

	va_start(ap, fmt);
	problems_vadd(list, name, line, column, fmt, ap);
	va_end(ap);
	return false;
}

/* Where origin_flatten is. */
struct flattening {
	struct buf path;
	struct doc *out;
};

static bool flatten_member(void *ctx, const char *key, const struct doc *origin);

void origin_put(struct doc *out, const char *path, const struct doc *origin)
{
	struct slice at = slice_str(origin_at(origin));

	if (!at.len)
		return;
	take_number(&at);
	doc_put_slice(out, path, at);
}

/* Add a place, and those below it. */
static void flatten(struct flattening *f, const struct doc *origin)
{
	const struct doc *in = origin && doc_type_of(origin) == DOC_OBJECT ? doc_get(origin, "in") : NULL;

	if (f->path.len)
		origin_put(f->out, buf_str(&f->path), origin);
	if (in && doc_type_of(in) == DOC_OBJECT)
		doc_each(in, flatten_member, f);
	for (size_t i = 0; in && i < doc_count(in); i++) {
		size_t len = f->path.len;

		buf_add_format(&f->path, "[%zu]", i);
		flatten(f, doc_at(in, i));
		buf_truncate(&f->path, len);
	}
}

/* One member of an object. */
static bool flatten_member(void *ctx, const char *key, const struct doc *origin)
{
	struct flattening *f = ctx;
	size_t len = f->path.len;

	buf_add_format(&f->path, "%s%s", len ? "." : "", key);
	flatten(f, origin);
	buf_truncate(&f->path, len);
	return true;
}

void origin_flatten(const struct doc *origin, struct doc *out)
{
	struct flattening f = { BUF_INIT, out };

	flatten(&f, origin);
	buf_release(&f.path);
}

struct located located_in(struct located l, const char *key)
{
	return (struct located){ (struct doc *)(uintptr_t)doc_get(l.doc, key),
				 (struct doc *)(uintptr_t)origin_in(l.origin, key) };
}
