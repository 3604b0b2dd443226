#include "document.h"

#include <jansson.h>
#include <stdlib.h>

#include "alloc.h"
#include "fd.h"

/* A struct doc is jansson's value under a name of ours; only this file knows. */
static json_t *value_of(const struct doc *d)
{
	return (json_t *)(uintptr_t)d;
}

static struct doc *doc_from(json_t *j)
{
	if (!j) {
		void *nothing = alloc_zero(SIZE_MAX / 2, 1); /* ends the program with its out-of-memory line */

		free(nothing);
	}
	return (struct doc *)j;
}

void document_seed(void)
{
	json_object_seed(0);
}

void document_seed_with(uint32_t seed)
{
	json_object_seed(seed ? seed : 1); /* 0 would make it draw one of its own */
}

/* Deepest nesting of brackets outside strings; jansson's own limit is far above ours. */
static size_t depth_of(struct slice text)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > deepest)
				deepest = depth;
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		}
	}
	return deepest;
}

struct doc *doc_parse(struct slice text, struct error *e)
{
	json_error_t je;
	json_t *j;

	if (text.len > DOCUMENT_MAX) {
		error_set(e, STATUS_CALLER, "larger than %u bytes", DOCUMENT_MAX);
		return NULL;
	}
	if (depth_of(text) > DOCUMENT_DEPTH_MAX) {
		error_set(e, STATUS_CALLER, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
		return NULL;
	}
	j = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (!j) {
		error_set(e, STATUS_CALLER, "line %d, column %d: %s", je.line, je.column, je.text);
		return NULL;
	}
	return (struct doc *)j;
}

struct doc *doc_read(int fd, const char *kind, int64_t version, struct error *e)
{
	AUTO_FREE char *what = alloc_format("the %s document", kind);
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *d = NULL;

	if (!fd_read_all(fd, DOCUMENT_MAX, what, &text, e))
		return NULL;
	if (!text.len) {
		error_set(e, STATUS_CALLER, "%s is empty", what);
		return NULL;
	}
	d = doc_parse(buf_slice(&text), e);
	if (!d || !doc_is(d, kind, version, e)) {
		error_wrap(e, "%s", what);
		return NULL;
	}
	return STEAL(d);
}

bool doc_is(const struct doc *d, const char *kind, int64_t version, struct error *e)
{
	const json_t *k = json_object_get(value_of(d), "kind");
	const json_t *v = json_object_get(value_of(d), "v");

	if (!json_is_string(k) || !json_is_integer(v))
		return error_set(e, STATUS_CALLER, "not a document: no 'kind' or no 'v'");
	if (strcmp(json_string_value(k), kind) != 0)
		return error_set(e, STATUS_CALLER, "kind is '%s', wanted '%s'", json_string_value(k), kind);
	if (json_integer_value(v) != version)
		return error_set(e, STATUS_CALLER, "version is %lld, wanted %lld", (long long)json_integer_value(v),
				 (long long)version);
	return true;
}

static const char *type_name(unsigned types)
{
	if (types & DOC_STR)
		return "a string";
	if (types & DOC_INT)
		return "a whole number";
	if (types & DOC_BOOL)
		return "true or false";
	if (types & DOC_ARRAY)
		return "a list";
	if (types & DOC_OBJECT)
		return "an object";
	return "another type";
}

/* Find the row for key; "kind" and "v" belong to every document. */
static bool known(const struct doc_field *fields, const char *key)
{
	for (const struct doc_field *f = fields; f->name; f++)
		if (strcmp(f->name, key) == 0)
			return true;
	return strcmp(key, "kind") == 0 || strcmp(key, "v") == 0;
}

bool doc_check(const struct doc *d, const char *path, const struct doc_field *fields, struct error *e)
{
	const char *key;
	json_t *value;

	if (!d || !json_is_object(value_of(d)))
		return error_set(e, STATUS_CALLER, "'%s' is not an object", path);
	json_object_foreach (value_of(d), key, value)
		if (!known(fields, key))
			return error_set(e, STATUS_CALLER, "'%s' has the unknown key '%s'", path, key);
	for (const struct doc_field *f = fields; f->name; f++) {
		value = json_object_get(value_of(d), f->name);
		if (!value && f->required)
			return error_set(e, STATUS_CALLER, "'%s' lacks the key '%s'", path, f->name);
		if (value && !(doc_type_of((const struct doc *)value) & f->types))
			return error_set(e, STATUS_CALLER, "'%s.%s' is not %s", path, f->name, type_name(f->types));
	}
	return true;
}

void doc_release(struct doc *d)
{
	json_decref(value_of(d));
}

void doc_auto_release(struct doc **d)
{
	doc_release(*d);
}

struct doc *doc_retain(const struct doc *d)
{
	return (struct doc *)json_incref(value_of(d));
}

struct doc *doc_copy(const struct doc *d)
{
	return doc_from(json_deep_copy(value_of(d)));
}

bool doc_equal(const struct doc *a, const struct doc *b)
{
	return json_equal(value_of(a), value_of(b));
}

enum doc_type doc_type_of(const struct doc *d)
{
	if (!d)
		return DOC_NULL;
	switch (json_typeof(value_of(d))) {
	case JSON_OBJECT:
		return DOC_OBJECT;
	case JSON_ARRAY:
		return DOC_ARRAY;
	case JSON_STRING:
		return DOC_STR;
	case JSON_INTEGER:
		return DOC_INT;
	case JSON_REAL:
		return DOC_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return DOC_BOOL;
	case JSON_NULL:
		break;
	}
	return DOC_NULL;
}

const struct doc *doc_get(const struct doc *d, const char *key)
{
	const json_t *j = d ? json_object_get(value_of(d), key) : NULL;

	return j && !json_is_null(j) ? (const struct doc *)j : NULL;
}

struct slice doc_get_str(const struct doc *d, const char *key)
{
	return doc_str(doc_get(d, key));
}

const char *doc_get_cstr(const struct doc *d, const char *key)
{
	return doc_cstr(doc_get(d, key));
}

int64_t doc_get_int(const struct doc *d, const char *key)
{
	return doc_int(doc_get(d, key));
}

bool doc_get_bool(const struct doc *d, const char *key)
{
	return doc_bool(doc_get(d, key));
}

struct slice doc_str(const struct doc *d)
{
	return slice_of(json_string_value(value_of(d)), json_string_length(value_of(d)));
}

const char *doc_cstr(const struct doc *d)
{
	return json_string_value(value_of(d));
}

int64_t doc_int(const struct doc *d)
{
	return json_integer_value(value_of(d));
}

bool doc_bool(const struct doc *d)
{
	return json_is_true(value_of(d));
}

size_t doc_count(const struct doc *d)
{
	return json_array_size(value_of(d));
}

const struct doc *doc_at(const struct doc *d, size_t index)
{
	return (const struct doc *)json_array_get(value_of(d), index);
}

bool doc_each(const struct doc *d, doc_member_fn *fn, void *ctx)
{
	const char *key;
	json_t *value;

	json_object_foreach (value_of(d), key, value)
		if (!fn(ctx, key, (const struct doc *)value))
			return false;
	return true;
}

struct doc *doc_new(const char *kind, int64_t version)
{
	struct doc *d = doc_new_object();

	doc_put_str(d, "kind", kind);
	doc_put_int(d, "v", version);
	return d;
}

struct doc *doc_new_object(void)
{
	return doc_from(json_object());
}

struct doc *doc_new_array(void)
{
	return doc_from(json_array());
}

struct doc *doc_new_str(struct slice s)
{
	return doc_from(json_stringn(s.ptr ? s.ptr : "", s.len));
}

struct doc *doc_new_int(int64_t v)
{
	return doc_from(json_integer(v));
}

struct doc *doc_new_bool(bool v)
{
	return doc_from(json_boolean(v));
}

struct doc *doc_new_null(void)
{
	return doc_from(json_null());
}

struct doc *doc_put(struct doc *object, const char *key, struct doc *value)
{
	if (json_object_set_new(value_of(object), key, value_of(value)) < 0)
		return doc_from(NULL);
	return value;
}

void doc_put_str(struct doc *object, const char *key, const char *s)
{
	doc_put(object, key, doc_new_str(slice_str(s)));
}

void doc_put_slice(struct doc *object, const char *key, struct slice s)
{
	doc_put(object, key, doc_new_str(s));
}

void doc_put_int(struct doc *object, const char *key, int64_t v)
{
	doc_put(object, key, doc_new_int(v));
}

void doc_put_bool(struct doc *object, const char *key, bool v)
{
	doc_put(object, key, doc_new_bool(v));
}

struct doc *doc_append(struct doc *array, struct doc *value)
{
	if (json_array_append_new(value_of(array), value_of(value)) < 0)
		return doc_from(NULL);
	return value;
}

void doc_append_str(struct doc *array, const char *s)
{
	doc_append(array, doc_new_str(slice_str(s)));
}

bool doc_remove(struct doc *object, const char *key)
{
	return json_object_del(value_of(object), key) == 0;
}

/* jansson's output callback: append to the buf. */
static int add_to_buf(const char *bytes, size_t len, void *out)
{
	buf_add(out, bytes, len);
	return 0;
}

void doc_format(const struct doc *d, bool pretty, struct buf *out)
{
	size_t flags = JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);

	json_dump_callback(value_of(d), add_to_buf, out, flags);
}

/* Length of a sequence by its first byte, in text that is UTF-8; *code gets what that byte holds of the character. */
static size_t first_byte(unsigned char c, uint32_t *code)
{
	if (c < 0xE0)
		return *code = c & 0x1F, 2;
	if (c < 0xF0)
		return *code = c & 0x0F, 3;
	return *code = c & 0x07, 4;
}

void doc_ascii(struct slice json, struct buf *out)
{
	for (size_t i = 0; i < json.len;) {
		unsigned char c = (unsigned char)json.ptr[i];
		uint32_t code = c;
		size_t n = 1;

		if (c >= 0x80)
			n = first_byte(c, &code);
		for (size_t k = 1; k < n; k++)
			code = code << 6 | ((unsigned char)json.ptr[i + k] & 0x3F);
		if (code >= 0x10000)
			buf_add_format(out, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
				       0xDC00 + ((code - 0x10000) & 0x3FF));
		else if (code >= 0x7F)
			buf_add_format(out, "\\u%04x", code);
		else
			buf_add_char(out, (char)c);
		i += n;
	}
}

bool doc_write(const struct doc *d, int fd, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	doc_format(d, false, &text);
	buf_add_char(&text, '\n');
	return fd_write_all(fd, buf_slice(&text), "the document", e);
}
