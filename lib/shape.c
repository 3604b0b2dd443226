#include "shape.h"

#include <stdlib.h>

#include "alloc.h"

void shape_reader_release(struct shape_reader *r)
{
	buf_release(&r->path);
}

/* --- messages --- */

/* The start of every message: "subject: path: ", "subject ", or nothing; has for "… has unknown key". */
static void add_subject(const struct shape_reader *r, const char *key, bool has, struct buf *out)
{
	bool path = r->path.len || key;

	buf_add_str(out, r->subject ? r->subject : "");
	buf_add_str(out, r->subject && (path || !has) ? ": " : "");
	buf_add_slice(out, buf_slice(&r->path));
	if (key)
		buf_add_format(out, "%s%s", r->path.len ? "." : "", key);
	if (path && !has)
		buf_add_str(out, ": ");
}

/* Add a message about a value, or about a member of it, to a list. */
__attribute__((format(printf, 5, 0))) static void add_message(struct shape_reader *r, struct problems *list,
							      const struct yaml_node *n, const char *key,
							      const char *fmt, va_list ap)
{
	const struct yaml_node *member = key ? yaml_get(n, key) : NULL;
	const struct yaml_node *at = member ? member : n;
	AUTO_BUF text = BUF_INIT;

	add_subject(r, key, false, &text);
	buf_add_vformat(&text, fmt, ap);
	problems_add(list, r->file, at->line, at->column, "%s", buf_str(&text));
}

bool shape_problem(struct shape_reader *r, const struct yaml_node *n, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_message(r, r->problems, n, key, fmt, ap);
	va_end(ap);
	return false;
}

void shape_note(struct shape_reader *r, const struct yaml_node *n, const char *key, const char *fmt, ...)
{
	va_list ap;

	if (!r->notes)
		return;
	va_start(ap, fmt);
	add_message(r, r->notes, n, key, fmt, ap);
	va_end(ap);
}

/* Add "found …, wanted …" and, where quotes would help, how to get them. */
static struct doc *refuse(struct shape_reader *r, const struct shape *s, const struct yaml_node *n, const char *why)
{
	bool text = s->type == SHAPE_STRING || s->type == SHAPE_TEXT;
	bool quote = s->type == SHAPE_STRING && n->type == YAML_SCALAR && !yaml_is_string(n) && !yaml_is_null(n);
	AUTO_BUF found = BUF_INIT;

	yaml_describe(n, s->hide, &found);
	shape_problem(r, n, NULL, "found %s, wanted %s%s%s%s", buf_str(&found), s->wanted ? s->wanted : "another value",
		      why ? ": " : "", why ? why : "",
		      quote ? "; put it in quotes" : text && yaml_is_null(n) ? "; write '' for an empty one" : "");
	return NULL;
}

/* --- near misses --- */

/* Edits (insert, delete, replace, swap of neighbours) from a to b; anything over max is max + 1. Lengths under 64. */
static size_t edits(struct slice a, struct slice b, size_t max)
{
	size_t rows[3][65], *two = rows[0], *one = rows[1], *now = rows[2];

	if (a.len > 64 || b.len > 64 || (a.len > b.len ? a.len - b.len : b.len - a.len) > max)
		return max + 1;
	for (size_t j = 0; j <= b.len; j++)
		one[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *spare = two;

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);
			size_t best = one[j - 1] + (x != y);

			if (one[j] + 1 < best)
				best = one[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) && ascii_lower(a.ptr[i - 2]) == y &&
			    two[j - 2] + 1 < best)
				best = two[j - 2] + 1;
			now[j] = best;
		}
		two = one;
		one = now;
		now = spare;
	}
	return one[b.len] > max ? max + 1 : one[b.len];
}

const char *shape_nearest(struct slice text, const char *const *names)
{
	size_t best = text.len < 4 ? 2 : text.len < 8 ? 3 : 4; /* one, two, three slips are near enough */
	const char *nearest = NULL;

	for (; *names; names++) {
		size_t n = edits(text, slice_str(*names), best - 1);

		if (n < best) {
			best = n;
			nearest = *names;
		}
	}
	return nearest;
}

/* Append the words, separated by commas. */
static void add_list(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i]; i++)
		buf_add_format(out, "%s%s", i ? ", " : "", words[i]);
}

/* --- reading --- */

/* Note where the value that is being read stands: a list or mapping where its key does. */
static void note_origin(struct shape_reader *r, const struct yaml_node *n)
{
	bool by_key = n->key.len && n->type != YAML_SCALAR;
	AUTO_FREE char *where = NULL;

	if (!r->origin)
		return;
	where = alloc_format("%s:%u:%u", r->file, by_key ? n->key_line : n->line, by_key ? n->key_column : n->column);
	doc_put_str(r->origin, "at", where);
}

/* Keep the origin of a member (as: its name in the document) or of the next item (as: NULL) with its parent's. */
static void keep_origin(struct doc *parent, const char *as, struct doc *origin)
{
	const struct doc *in = doc_get(parent, "in"), *at = doc_get(origin, "at");
	bool scalar = at && !doc_get(origin, "in");
	struct doc *members = in ? doc_retain(in) : as ? doc_new_object() : doc_new_array();
	struct doc *kept = scalar ? doc_retain(at) : doc_retain(origin);

	if (as)
		doc_put(members, as, kept);
	else
		doc_append(members, kept);
	if (in)
		doc_release(members);
	else
		doc_put(parent, "in", members);
}

/*
 * Read a member, shown for people and as in the document, or an item (shown
 * "[N]", as NULL). The reader is back where it was after.
 */
static struct doc *read_below(struct shape_reader *r, const struct shape *s, const struct yaml_node *n,
			      struct slice shown, const char *as)
{
	struct doc *parent = r->origin, *d;
	size_t path = r->path.len;

	if (path && as)
		buf_add_char(&r->path, '.');
	yaml_add_cut(shown, &r->path);
	r->origin = parent ? doc_new_object() : NULL;
	d = shape_read(r, s, n);
	if (parent) {
		keep_origin(parent, as, r->origin);
		doc_release(r->origin);
	}
	r->origin = parent;
	buf_truncate(&r->path, path);
	return d;
}

/* Names of the fields that may be used, ends with NULL; the caller frees the array. */
static const char **field_names(const struct shape_field *fields)
{
	size_t n = 0;
	const char **names;

	for (const struct shape_field *f = fields; f->name; f++)
		n++;
	names = alloc_zero(n + 1, sizeof(*names));
	n = 0;
	for (const struct shape_field *f = fields; f->name; f++)
		if (f->shape && !f->instead)
			names[n++] = f->name;
	return names;
}

/* Refuse a key that is not in the table. */
static void refuse_key(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_FREE const char **names = field_names(s->fields);
	const char *near = shape_nearest(n->key, names);
	AUTO_BUF text = BUF_INIT;

	add_subject(r, NULL, true, &text);
	buf_add_format(&text, "%shas unknown key '", text.len ? " " : "");
	yaml_add_cut(n->key, &text);
	buf_add_char(&text, '\'');
	if (near)
		buf_add_format(&text, " (did you mean '%s'?)", near);
	buf_add_str(&text, "; allowed: ");
	add_list(names, &text);
	problems_add(r->problems, r->file, n->key_line, n->key_column, "%s", buf_str(&text));
}

/* Refuse an old or misplaced key. */
static void refuse_old(struct shape_reader *r, const struct shape_field *f, const struct yaml_node *n)
{
	AUTO_BUF text = BUF_INIT;

	add_subject(r, NULL, true, &text);
	problems_add(r->problems, r->file, n->key_line, n->key_column, "%s%skey '%s' is not used here: %s",
		     buf_str(&text), text.len ? ": " : "", f->name, f->instead);
}

/* Find the row of a key. */
static const struct shape_field *find_field(const struct shape_field *fields, struct slice key)
{
	for (const struct shape_field *f = fields; f->name; f++)
		if (slice_eq(slice_str(f->name), key))
			return f;
	return NULL;
}

/* Add a problem for each required key that is not there. */
static bool check_required(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	bool good = true;

	for (const struct shape_field *f = s->fields; f->name; f++)
		if (f->required && !yaml_get(n, f->name))
			good = shape_problem(r, n, f->name, "found nothing, wanted %s",
					     f->shape->wanted ? f->shape->wanted : "a value");
	return good;
}

/* Read a mapping with fixed keys. */
static struct doc *read_object(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_DOC *d = doc_new_object();
	bool good = true;

	for (const struct yaml_node *m = n->first; m; m = m->next) {
		const struct shape_field *f = find_field(s->fields, m->key);
		const char *as = f && f->as ? f->as : f ? f->name : NULL;
		struct doc *value;

		if (!f || f->instead) {
			if (f)
				refuse_old(r, f, m);
			else
				refuse_key(r, s, m);
			good = false;
			continue;
		}
		if (f->shape->type == SHAPE_ANY)
			continue;
		value = read_below(r, f->shape, m, m->key, as);
		if (value)
			doc_put(d, as, value);
		else
			good = false;
	}
	good = check_required(r, s, n) && good;
	if (s->check && good)
		good = s->check(r, n, d);
	return good ? STEAL(d) : NULL;
}

/* Read a mapping whose keys the file chooses. */
static struct doc *read_map(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_DOC *d = doc_new_object();
	bool good = true;

	for (const struct yaml_node *m = n->first; m; m = m->next) {
		AUTO_FREE char *key = alloc_copy(m->key.ptr, m->key.len);
		AUTO_BUF canonical = BUF_INIT;
		const char *why = NULL;
		struct doc *value;

		if (s->name && !s->name(m->key, &canonical, &why)) {
			AUTO_BUF shown = BUF_INIT;

			yaml_add_cut(m->key, &shown);
			add_subject(r, NULL, false, &canonical);
			problems_add(r->problems, r->file, m->key_line, m->key_column,
				     "%sfound the name '%s', wanted %s", buf_str(&canonical), buf_str(&shown), why);
			good = false;
			continue;
		}
		value = read_below(r, s->item, m, m->key, key);
		if (value)
			doc_put(d, key, value);
		else
			good = false;
	}
	if (s->check && good)
		good = s->check(r, n, d);
	return good ? STEAL(d) : NULL;
}

/* Read a list. */
static struct doc *read_list(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_DOC *d = doc_new_array();
	bool good = true;
	size_t i = 0;

	if ((int64_t)n->count < s->min || (s->max && (int64_t)n->count > s->max))
		return refuse(r, s, n, NULL);
	for (const struct yaml_node *m = n->first; m; m = m->next) {
		AUTO_FREE char *index = alloc_format("[%zu]", i++);
		struct doc *value = read_below(r, s->item, m, slice_str(index), NULL);

		if (value)
			doc_append(d, value);
		else
			good = false;
	}
	if (s->check && good)
		good = s->check(r, n, d);
	return good ? STEAL(d) : NULL;
}

/* Read a text, checked and put into canonical form where the shape says how. */
static struct doc *read_text(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_BUF canonical = BUF_INIT;
	const char *why = NULL;

	if (n->type != YAML_SCALAR || yaml_is_null(n) || (s->type == SHAPE_STRING && !yaml_is_string(n)))
		return refuse(r, s, n, NULL);
	if (!s->text)
		return doc_new_str(n->text);
	if (!s->text(n->text, &canonical, &why))
		return refuse(r, s, n, why);
	return doc_new_str(buf_slice(&canonical));
}

/* Read one of some words. */
static struct doc *read_word(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_BUF why = BUF_INIT;
	const char *near;

	for (size_t i = 0; s->words[i] && yaml_is_string(n); i++)
		if (slice_eq(n->text, slice_str(s->words[i])))
			return doc_new_str(n->text);
	near = yaml_is_string(n) ? shape_nearest(n->text, s->words) : NULL;
	buf_add_str(&why, "one of ");
	add_list(s->words, &why);
	if (near)
		buf_add_format(&why, " (did you mean '%s'?)", near);
	return refuse(r, &(struct shape){ .type = SHAPE_WORD, .wanted = buf_str(&why) }, n, NULL);
}

/* Read a whole number. */
static struct doc *read_int(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	int64_t v;

	if (!yaml_is_int(n) || !yaml_int(n, &v) || v < s->min || v > s->max)
		return refuse(r, s, n, NULL);
	return doc_new_int(v);
}

struct doc *shape_read(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	static const struct shape any_object = { .type = SHAPE_OBJECT, .wanted = "a mapping" };
	static const struct shape any_list = { .type = SHAPE_LIST, .wanted = "a list" };

	note_origin(r, n);
	switch (s->type) {
	case SHAPE_ANY:
		return doc_new_null();
	case SHAPE_STRING:
	case SHAPE_TEXT:
		return read_text(r, s, n);
	case SHAPE_BOOL:
		if (!yaml_is_bool(n))
			return refuse(r, &(struct shape){ .type = SHAPE_BOOL, .wanted = "true or false" }, n, NULL);
		return doc_new_bool(yaml_bool(n));
	case SHAPE_INT:
		return read_int(r, s, n);
	case SHAPE_WORD:
		return read_word(r, s, n);
	case SHAPE_LIST:
		return n->type == YAML_LIST ? read_list(r, s, n) : refuse(r, s->wanted ? s : &any_list, n, NULL);
	case SHAPE_MAP:
		return n->type == YAML_MAP ? read_map(r, s, n) : refuse(r, s->wanted ? s : &any_object, n, NULL);
	case SHAPE_OBJECT:
		return n->type == YAML_MAP ? read_object(r, s, n) : refuse(r, s->wanted ? s : &any_object, n, NULL);
	case SHAPE_CUSTOM:
		return s->read(r, s, n);
	}
	return NULL;
}

/* --- JSON Schema --- */

/* {"type": type}, with the description that messages use. */
static struct doc *typed(const struct shape *s, const char *type)
{
	struct doc *d = doc_new_object();

	doc_put_str(d, "type", type);
	if (s->wanted)
		doc_put_str(d, "description", s->wanted);
	return d;
}

/* The schema of a mapping with fixed keys. */
static struct doc *object_schema(const struct shape *s)
{
	struct doc *d = typed(s, "object");
	struct doc *properties = doc_put(d, "properties", doc_new_object());
	AUTO_DOC *required = doc_new_array();

	for (const struct shape_field *f = s->fields; f->name; f++) {
		struct doc *one;

		if (f->instead)
			continue;
		one = doc_put(properties, f->name, shape_schema(f->shape));
		if (f->help)
			doc_put_str(one, "description", f->help);
		if (f->required)
			doc_append_str(required, f->name);
	}
	if (doc_count(required))
		doc_put(d, "required", STEAL(required));
	doc_put_bool(d, "additionalProperties", false);
	return d;
}

/* The schema of a list or of a mapping whose keys the file chooses. */
static struct doc *items_schema(const struct shape *s)
{
	bool list = s->type == SHAPE_LIST;
	struct doc *d = typed(s, list ? "array" : "object");

	doc_put(d, list ? "items" : "additionalProperties", shape_schema(s->item));
	if (list && s->min)
		doc_put_int(d, "minItems", s->min);
	if (list && s->max)
		doc_put_int(d, "maxItems", s->max);
	if (!list && s->pattern)
		doc_put_str(doc_put(d, "propertyNames", doc_new_object()), "pattern", s->pattern);
	return d;
}

/* {"enum": words}. */
static struct doc *words_schema(const struct shape *s)
{
	struct doc *d = doc_new_object();
	struct doc *words = doc_put(d, "enum", doc_new_array());

	for (size_t i = 0; s->words[i]; i++)
		doc_append_str(words, s->words[i]);
	return d;
}

/* The schema of scalars that are kept as they are written. */
static struct doc *text_schema(const struct shape *s)
{
	struct error e = ERROR_INIT;

	if (s->type == SHAPE_TEXT)
		return doc_parse(SLICE("{\"type\":[\"string\",\"number\",\"boolean\"]}"), &e);
	if (s->pattern) {
		struct doc *d = typed(s, "string");

		doc_put_str(d, "pattern", s->pattern);
		return d;
	}
	return typed(s, "string");
}

struct doc *shape_schema(const struct shape *s)
{
	struct error e = ERROR_INIT;
	struct doc *d;

	switch (s->type) {
	case SHAPE_ANY:
		return doc_new_object();
	case SHAPE_STRING:
	case SHAPE_TEXT:
		return text_schema(s);
	case SHAPE_BOOL:
		return typed(s, "boolean");
	case SHAPE_INT:
		d = typed(s, "integer");
		doc_put_int(d, "minimum", s->min);
		doc_put_int(d, "maximum", s->max);
		return d;
	case SHAPE_WORD:
		return words_schema(s);
	case SHAPE_LIST:
	case SHAPE_MAP:
		return items_schema(s);
	case SHAPE_OBJECT:
		return object_schema(s);
	case SHAPE_CUSTOM:
		break;
	}
	return doc_parse(slice_str(s->schema), &e);
}
