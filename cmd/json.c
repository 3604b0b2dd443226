/* bb-json: the shell's safe reader of one document. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "document.h"
#include "fd.h"
#include "program.h"

#define PATHS_MAX 16 /* of one command; a script needs a handful */
#define STEPS_MAX 32 /* of a path; documents are not deeper than DOCUMENT_DEPTH_MAX, and ours need ten */

static const struct option_def option_table[] = {
	{ "kind", 'k', "KIND", "the document must be of this kind" },
	{ "v", 0, "N", "and of this version (1)" },
	{ "type", 't', "TYPE", "get, list: the value must be a string, int or bool" },
	{ "default", 'd', "TEXT", "get: print this when the value is absent" },
	{ "raw", 'r', NULL, "get: print the string's bytes, whatever they are, and no newline" },
	{ "null", '0', NULL, "list, keys: end each value with NUL instead of a newline" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-json",
	"print one value of the one JSON document on standard input, or judge it\n\n"
	"verbs:\n"
	"  get PATH      the string, number or boolean there\n"
	"  list PATH...  each string, number or boolean of the lists there, one a line\n"
	"  keys PATH     the names of the object's members, one a line\n"
	"  count PATH    how many elements or members\n"
	"  exists PATH   nothing: the exit status says\n"
	"  check         nothing: is it a document (of --kind and --v)?",
	"VERB [OPTION]... [PATH]...",
	option_table,
};

struct options {
	const char *kind, *type, *fallback;
	int64_t version;
	bool has_version, raw, null;
	const char *paths[PATHS_MAX];
	size_t n_paths;
};

/* One option; see option_table. */
static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct options *o = options;
	uint64_t number;

	switch (name[0]) {
	case 'k':
		o->kind = arg;
		return true;
	case 'd':
		o->fallback = arg;
		return true;
	case 'r':
		o->raw = true;
		return true;
	case 'n':
		o->null = true;
		return true;
	case 't':
		o->type = arg;
		return strcmp(arg, "string") == 0 || strcmp(arg, "int") == 0 || strcmp(arg, "bool") == 0 ||
		       error_set(e, STATUS_CALLER, "'--type' wants string, int or bool, not '%s'", arg);
	}
	if (!slice_to_u64(slice_str(arg), &number) || number > INT32_MAX)
		return error_set(e, STATUS_CALLER, "'--v' wants a whole number, not '%s'", arg);
	o->version = (int64_t)number;
	o->has_version = true;
	return true;
}

/* One step of a path: into a member, an element, or all elements. */
struct step {
	enum { MEMBER, ELEMENT, EACH } kind;
	size_t index;
	struct slice key; /* of the path's text */
};

struct path {
	struct step steps[STEPS_MAX];
	size_t count;
	bool many; /* has an EACH */
};

/* Parse what follows a "[": a number, nothing, or a quoted key; the "]" is taken too. */
static bool parse_bracket(struct slice *rest, struct step *step)
{
	size_t close = slice_find(*rest, ']');
	uint64_t index;

	if (rest->len && rest->ptr[0] == '"') {
		size_t end = slice_search(*rest, SLICE("\"]"));

		step->kind = MEMBER;
		step->key = slice_sub(*rest, 1, end);
		*rest = slice_sub(*rest, end == SLICE_NONE ? rest->len : end + 2, rest->len);
		return end != SLICE_NONE && end > 0;
	}
	if (close == SLICE_NONE)
		return false;
	step->kind = close ? ELEMENT : EACH;
	if (close && (!slice_to_u64(slice_sub(*rest, 0, close), &index) || index > INT32_MAX))
		return false;
	step->index = close ? (size_t)index : 0;
	*rest = slice_sub(*rest, close + 1, rest->len);
	return true;
}

/* Parse "a.b[0].c[]["x.y"]"; "." alone is the document itself. */
static bool parse_path(const char *text, struct path *path, struct error *e)
{
	struct slice rest = slice_str(text);
	bool ok = rest.len > 0;

	*path = (struct path){ .count = 0 };
	if (slice_eq(rest, SLICE(".")))
		return true;
	while (ok && rest.len) {
		struct step *step = &path->steps[path->count];

		if (path->count++ == STEPS_MAX)
			return error_set(e, STATUS_CALLER, "the path '%s' has more than %d steps", text, STEPS_MAX);
		if (rest.ptr[0] == '[') {
			rest = slice_sub(rest, 1, rest.len);
			ok = parse_bracket(&rest, step);
			path->many = path->many || step->kind == EACH;
		} else {
			size_t end = 0;

			if (rest.ptr[0] == '.' && path->count > 1)
				rest = slice_sub(rest, 1, rest.len);
			while (end < rest.len && !strchr(".[]\"", rest.ptr[end]))
				end++;
			*step = (struct step){ MEMBER, 0, slice_sub(rest, 0, end) };
			rest = slice_sub(rest, end, rest.len);
			ok = end > 0;
		}
	}
	return ok || error_set(e, STATUS_CALLER, "the path '%s' is not like 'a.b[0].c[]'", text);
}

/* What a visit to each value that a path names does; false stops the walk with an error set. */
typedef bool visit_fn(void *ctx, const struct doc *value, struct error *e);

/* Visit what the steps from here on name; absent things are passed over. */
static bool walk(const struct doc *d, const struct step *steps, size_t n, visit_fn *fn, void *ctx, struct error *e)
{
	const struct doc *next = NULL;

	if (!d || doc_type_of(d) == DOC_NULL)
		return true;
	if (!n)
		return fn(ctx, d, e);
	if (steps->kind == EACH) {
		for (size_t i = 0; i < doc_count(d); i++)
			if (!walk(doc_at(d, i), steps + 1, n - 1, fn, ctx, e))
				return false;
		return true;
	}
	if (steps->kind == ELEMENT) {
		next = doc_at(d, steps->index);
	} else {
		AUTO_FREE char *key = alloc_copy(steps->key.ptr, steps->key.len);

		next = doc_get(d, key);
	}
	return walk(next, steps + 1, n - 1, fn, ctx, e);
}

/* What a verb gathers on its walk. */
struct answer {
	const struct options *options;
	const char *path;
	struct buf text;
	size_t found;
};

/* True when a line of a shell cannot be misled: no C0, DEL or C1 character. */
static bool is_one_line(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < ' ' || c == 127 || (c == 0xC2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xA0))
			return false;
	}
	return true;
}

/* Append one scalar and its end. */
static bool add_scalar(struct answer *a, const struct doc *value, struct error *e)
{
	const struct options *o = a->options;
	enum doc_type type = doc_type_of(value);
	const char *name = type == DOC_STR ? "string" : type == DOC_INT ? "int" : type == DOC_BOOL ? "bool" : NULL;

	if (!name)
		return error_set(e, STATUS_CALLER, "'%s' is not a string, whole number or boolean", a->path);
	if (o->type && strcmp(o->type, name) != 0)
		return error_set(e, STATUS_CALLER, "'%s' is of type %s, wanted %s", a->path, name, o->type);
	if (type == DOC_STR && !o->raw && !o->null && !is_one_line(doc_str(value)))
		return error_set(e, STATUS_CALLER, "'%s' holds a newline or another control character", a->path);
	if (type == DOC_STR)
		buf_add_slice(&a->text, doc_str(value));
	else if (type == DOC_INT)
		buf_add_format(&a->text, "%" PRId64, doc_int(value));
	else
		buf_add_str(&a->text, doc_bool(value) ? "true" : "false");
	if (!o->raw)
		buf_add_char(&a->text, o->null ? '\0' : '\n');
	return true;
}

static bool visit_get(void *ctx, const struct doc *value, struct error *e)
{
	struct answer *a = ctx;

	a->found++;
	return add_scalar(a, value, e);
}

/* A list gives its elements, a scalar that "[]" led to gives itself. */
static bool visit_list(void *ctx, const struct doc *value, struct error *e)
{
	struct answer *a = ctx;

	a->found++;
	if (doc_type_of(value) == DOC_OBJECT)
		return error_set(e, STATUS_CALLER, "'%s' is an object, wanted a list", a->path);
	if (doc_type_of(value) != DOC_ARRAY)
		return add_scalar(a, value, e);
	for (size_t i = 0; i < doc_count(value); i++)
		if (!add_scalar(a, doc_at(value, i), e))
			return false;
	return true;
}

/* What naming the members of an object needs. */
struct naming {
	struct answer *answer;
	struct error *error;
};

static bool add_name(void *ctx, const char *key, const struct doc *value)
{
	struct naming *n = ctx;
	AUTO_DOC *name = doc_new_str(slice_str(key));

	(void)value;
	return add_scalar(n->answer, name, n->error);
}

static bool visit_keys(void *ctx, const struct doc *value, struct error *e)
{
	struct answer *a = ctx;
	struct naming n = { a, e };

	a->found++;
	if (doc_type_of(value) != DOC_OBJECT)
		return error_set(e, STATUS_CALLER, "'%s' is not an object", a->path);
	return doc_each(value, add_name, &n);
}

static bool count_member(void *ctx, const char *key, const struct doc *value)
{
	(void)key;
	(void)value;
	++*(size_t *)ctx;
	return true;
}

static bool visit_count(void *ctx, const struct doc *value, struct error *e)
{
	struct answer *a = ctx;
	size_t n = doc_count(value);

	a->found++;
	if (doc_type_of(value) == DOC_OBJECT)
		doc_each(value, count_member, &n);
	else if (doc_type_of(value) != DOC_ARRAY)
		return error_set(e, STATUS_CALLER, "'%s' is neither a list nor an object", a->path);
	buf_add_format(&a->text, "%zu\n", n);
	return true;
}

static bool visit_exists(void *ctx, const struct doc *value, struct error *e)
{
	struct answer *a = ctx;

	(void)value;
	(void)e;
	a->found++;
	return true;
}

static const struct verb {
	const char *name;
	visit_fn *visit; /* NULL: the verb takes no path */
	bool one;        /* one path, to one value */
} verbs[] = {
	{ "get", visit_get, true },    { "list", visit_list, false },	   { "keys", visit_keys, true },
	{ "count", visit_count, true }, { "exists", visit_exists, false }, { "check", NULL, false },
};

/* Find the verb; NULL when there is none of that name. */
static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Read standard input as exactly one JSON value. */
static struct doc *read_document(struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct doc *d;

	if (!fd_read_all(STDIN_FILENO, DOCUMENT_MAX, "the document", &text, e))
		return NULL;
	if (!text.len) {
		error_set(e, STATUS_CALLER, "the document is empty");
		return NULL;
	}
	d = doc_parse(buf_slice(&text), e);
	if (!d)
		error_wrap(e, "the document");
	return d;
}

/* "check": a document of another kind or version is a well-formed no. */
static bool check(const struct doc *d, const struct options *o, struct error *e)
{
	const struct doc *kind = doc_type_of(d) == DOC_OBJECT ? doc_get(d, "kind") : NULL;
	const struct doc *version = kind ? doc_get(d, "v") : NULL;

	if (!version || doc_type_of(kind) != DOC_STR || doc_type_of(version) != DOC_INT)
		return error_set(e, STATUS_NO, "not a document: no 'kind' or no 'v'");
	if (doc_is(d, o->kind ? o->kind : doc_cstr(kind), o->has_version ? o->version : doc_int(version), e))
		return true;
	e->status = STATUS_NO;
	return false;
}

/* Every other verb: walk each path, and print what was found in one piece. */
static bool answer(const struct doc *d, const struct verb *verb, const struct path *paths, struct answer *a,
		   struct error *e)
{
	const struct options *o = a->options;

	if (o->kind && !doc_is(d, o->kind, o->has_version ? o->version : 1, e))
		return error_wrap(e, "the document");
	for (size_t i = 0; i < o->n_paths; i++) {
		a->path = o->paths[i];
		if (!walk(d, paths[i].steps, paths[i].count, verb->visit, a, e))
			return false;
	}
	if (!a->found && o->fallback)
		buf_add_format(&a->text, "%s%s", o->fallback, o->raw ? "" : "\n");
	return fd_write_all(STDOUT_FILENO, buf_slice(&a->text), "standard output", e);
}

/* Parse what follows the verb: options and paths in any order. */
static void parse_rest(int argc, char **argv, struct options *o)
{
	int used;

	while ((used = program_start(&program, argc, argv, take_option, o)) < argc) {
		if (o->n_paths == PATHS_MAX)
			exit(program_usage("more than %d paths", PATHS_MAX));
		o->paths[o->n_paths++] = argv[used];
		argc -= used;
		argv += used;
	}
}

/* Parse the paths, as many as the verb takes. */
static bool parse_paths(const struct verb *verb, const struct options *o, struct path *paths, struct error *e)
{
	if (!verb->visit && o->n_paths)
		return error_set(e, STATUS_CALLER, "unexpected operand '%s'", o->paths[0]);
	if (verb->visit && !o->n_paths)
		return error_set(e, STATUS_CALLER, "'%s' needs a path", verb->name);
	if (verb->one && o->n_paths > 1)
		return error_set(e, STATUS_CALLER, "unexpected operand '%s'", o->paths[1]);
	for (size_t i = 0; i < o->n_paths; i++) {
		if (!parse_path(o->paths[i], &paths[i], e))
			return false;
		if (verb->one && paths[i].many)
			return error_set(e, STATUS_CALLER, "'%s' takes a path to one value, and '[]' may name several",
					 verb->name);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { .version = 1 };
	struct error e = ERROR_INIT;
	struct answer a = { &o, NULL, BUF_INIT, 0 };
	int first = program_start(&program, argc, argv, take_option, &o);
	const struct verb *verb = first < argc ? find_verb(argv[first]) : NULL;
	struct path paths[PATHS_MAX];
	AUTO_DOC *d = NULL;
	bool ok;

	if (!verb)
		return first < argc ? program_usage("unknown verb '%s'", argv[first]) : program_usage("no verb");
	parse_rest(argc - first, argv + first, &o);
	if (!parse_paths(verb, &o, paths, &e))
		return program_usage("%s", e.text);
	document_seed();
	d = read_document(&e);
	ok = d && (verb->visit ? answer(d, verb, paths, &a, &e) : check(d, &o, &e));
	buf_release(&a.text);
	if (!ok)
		return program_fail(&e);
	return !verb->visit || a.found || o.fallback ? STATUS_YES : STATUS_NO;
}
