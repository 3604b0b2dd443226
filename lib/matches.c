#include "matches.h"

#include <stdlib.h>

#include "alloc.h"
#include "path.h"
#include "regex.h"

enum path_kind {
	PATH_PREFIX,
	PATH_EXACT,
	PATH_REGEX,
};

struct path_rule {
	enum path_kind kind;
	struct slice value; /* canonical form, owned; for a prefix or an exact path */
	struct regex *regex;
	struct slice segment; /* the first one of each path that it holds for, a view; none: of any */
};

struct header_rule {
	struct slice name;  /* a view of the document */
	struct slice value; /* likewise */
	struct regex *regex; /* instead of value */
};

/* One entry: OR inside paths and methods, AND inside headers and between the three. */
struct match {
	struct path_rule *paths;
	size_t n_paths;
	struct slice *methods; /* upper case, owned */
	size_t n_methods;
	struct header_rule *headers;
	size_t n_headers;
};

/* An entry that a path with this first segment may satisfy. */
struct indexed {
	struct slice segment;
	uint32_t entry;
};

/*
 * A request is judged by what came closest, whatever the order, so only entries
 * are tried that its path can satisfy: those that name its first segment, and
 * those of which that is not known.
 */
struct matches {
	struct match *entries;
	size_t n; /* 0: every request */
	struct indexed *index; /* in the order of the segments */
	size_t n_index;
	uint32_t *others; /* entries that are in no index, or not with all of their paths */
	size_t n_others;
	bool names_methods; /* some entry does, so that a request's method matters */
};

/* --- compiling --- */

/* The first segment of a path, or NULL where it may not be all of it: more is true for a text that goes on. */
static struct slice first_segment(struct slice path, bool more)
{
	size_t end = 1;

	if (!path.len || path.ptr[0] != '/')
		return slice_of(NULL, 0);
	while (end < path.len && path.ptr[end] != '/')
		end++;
	if (end == 1 || (more && end == path.len))
		return slice_of(NULL, 0);
	return slice_sub(path, 1, end);
}

/* The first segment of all paths that an expression may match: as far as it is plain text. */
static struct slice first_segment_of_regex(struct slice pattern)
{
	size_t plain = 0;

	if (slice_find(pattern, '|') != SLICE_NONE)
		return slice_of(NULL, 0);
	while (plain < pattern.len && (ascii_is_alpha(pattern.ptr[plain]) || ascii_is_digit(pattern.ptr[plain]) ||
				       (pattern.ptr[plain] && strchr("/_-", pattern.ptr[plain]))))
		plain++;
	if (plain < pattern.len && plain) /* the last character may be repeated, or not there at all */
		plain--;
	return first_segment(slice_sub(pattern, 0, plain), true);
}

/* One element of "paths". */
static bool compile_path(const struct doc *d, struct path_rule *rule, struct error *e)
{
	struct slice type = doc_get_str(d, "type"), value = doc_get_str(d, "value");
	struct buf canonical = BUF_INIT;
	const char *why = NULL;

	if (slice_eq(type, SLICE("regex"))) {
		rule->kind = PATH_REGEX;
		rule->regex = regex_new(value, REGEX_WHOLE, e);
		rule->segment = first_segment_of_regex(value);
		return rule->regex != NULL;
	}
	if (!type.len || slice_eq(type, SLICE("prefix")))
		rule->kind = PATH_PREFIX;
	else if (slice_eq(type, SLICE("exact")))
		rule->kind = PATH_EXACT;
	else
		return error_set(e, STATUS_CALLER, "type '%.*s' is none of prefix, exact, regex", SLICE_ARG(type));
	if (!path_of_rule(value, &canonical, &why))
		return error_set(e, STATUS_CALLER, "path '%.*s' can match no request: %s", SLICE_ARG(value), why);
	rule->value.len = canonical.len;
	rule->value.ptr = buf_steal(&canonical);
	rule->segment = first_segment(rule->value, false);
	return true;
}

/* One element of "headers". */
static bool compile_header(const struct doc *d, struct header_rule *rule, struct error *e)
{
	struct slice type = doc_get_str(d, "type");

	rule->name = doc_get_str(d, "name");
	rule->value = doc_get_str(d, "value");
	if (!http_is_token(rule->name))
		return error_set(e, STATUS_CALLER, "header name '%.*s' is not a token", SLICE_ARG(rule->name));
	if (slice_eq(type, SLICE("regex"))) {
		rule->regex = regex_new(rule->value, REGEX_WHOLE, e);
		return rule->regex != NULL;
	}
	if (type.len && !slice_eq(type, SLICE("exact")))
		return error_set(e, STATUS_CALLER, "type '%.*s' is neither exact nor regex", SLICE_ARG(type));
	return true;
}

/* One method: upper case, owned. */
static bool compile_method(const struct doc *d, struct slice *method, struct error *e)
{
	struct slice text = doc_str(d);
	char *upper;

	if (!http_is_token(text))
		return error_set(e, STATUS_CALLER, "method '%.*s' is not a token", SLICE_ARG(text));
	upper = alloc_copy(text.ptr, text.len);
	for (size_t i = 0; i < text.len; i++)
		if (upper[i] >= 'a' && upper[i] <= 'z')
			upper[i] = (char)(upper[i] - 32);
	*method = slice_of(upper, text.len);
	return true;
}

/* A list that is there must not be empty: nothing could satisfy it, or everything, depending on who reads. */
static bool check_list(const struct doc *object, const char *key, enum doc_type type, struct error *e)
{
	const struct doc *list = doc_get(object, key);

	if (!list)
		return true;
	if (doc_type_of(list) != DOC_ARRAY || !doc_count(list))
		return error_set(e, STATUS_CALLER, "'%s' is not a list of at least one element", key);
	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_type_of(doc_at(list, i)) != type)
			return error_set(e, STATUS_CALLER, "'%s[%zu]' has the wrong type", key, i);
	return true;
}

/* One element of "matches". */
static bool compile_match(const struct doc *d, struct match *m, struct error *e)
{
	const struct doc *paths = doc_get(d, "paths"), *methods = doc_get(d, "methods"),
			 *headers = doc_get(d, "headers");

	if (!check_list(d, "paths", DOC_OBJECT, e) || !check_list(d, "methods", DOC_STR, e) ||
	    !check_list(d, "headers", DOC_OBJECT, e))
		return false;
	m->paths = alloc_zero(doc_count(paths) + 1, sizeof(*m->paths));
	m->methods = alloc_zero(doc_count(methods) + 1, sizeof(*m->methods));
	m->headers = alloc_zero(doc_count(headers) + 1, sizeof(*m->headers));
	for (; m->n_paths < doc_count(paths); m->n_paths++)
		if (!compile_path(doc_at(paths, m->n_paths), &m->paths[m->n_paths], e))
			return error_wrap(e, "paths[%zu]", m->n_paths);
	for (; m->n_methods < doc_count(methods); m->n_methods++)
		if (!compile_method(doc_at(methods, m->n_methods), &m->methods[m->n_methods], e))
			return error_wrap(e, "methods[%zu]", m->n_methods);
	for (; m->n_headers < doc_count(headers); m->n_headers++)
		if (!compile_header(doc_at(headers, m->n_headers), &m->headers[m->n_headers], e))
			return error_wrap(e, "headers[%zu]", m->n_headers);
	return true;
}

/* Some order: by length, then by bytes. */
static int compare_segments(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static int by_segment(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;
	int order = compare_segments(x->segment, y->segment);

	return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

/* Make the index of entries that are complete. */
static void make_index(struct matches *m)
{
	size_t paths = 0;

	for (size_t i = 0; i < m->n; i++)
		paths += m->entries[i].n_paths;
	m->index = alloc_zero(paths + 1, sizeof(*m->index));
	m->others = alloc_zero(m->n + 1, sizeof(*m->others));
	for (size_t i = 0; i < m->n; i++) {
		const struct match *entry = &m->entries[i];
		bool known = entry->n_paths != 0;

		for (size_t k = 0; k < entry->n_paths; k++) {
			known = known && entry->paths[k].segment.len;
			if (entry->paths[k].segment.len)
				m->index[m->n_index++] = (struct indexed){ entry->paths[k].segment, (uint32_t)i };
		}
		if (!known)
			m->others[m->n_others++] = (uint32_t)i;
		m->names_methods = m->names_methods || entry->n_methods;
	}
	qsort(m->index, m->n_index, sizeof(*m->index), by_segment);
}

struct matches *matches_new(const struct doc *list, struct error *e)
{
	struct matches *m = alloc_zero(1, sizeof(*m));

	m->entries = alloc_zero(doc_count(list) + 1, sizeof(*m->entries));
	if (list && (doc_type_of(list) != DOC_ARRAY || !doc_count(list))) {
		error_set(e, STATUS_CALLER, "'matches' is not a list of at least one element");
		matches_release(m);
		return NULL;
	}
	while (m->n < doc_count(list)) {
		const struct doc *entry = doc_at(list, m->n);
		bool object = doc_type_of(entry) == DOC_OBJECT;

		m->n++;
		if (object && compile_match(entry, &m->entries[m->n - 1], e))
			continue;
		if (object)
			error_wrap(e, "matches[%zu]", m->n - 1);
		else
			error_set(e, STATUS_CALLER, "'matches[%zu]' has the wrong type", m->n - 1);
		matches_release(m);
		return NULL;
	}
	make_index(m);
	return m;
}

/* Free what one entry owns. */
static void release_match(struct match *m)
{
	for (size_t i = 0; m->paths && i <= m->n_paths;
	     i++) { /* one more: the one that failed to compile, or the spare */
		regex_release(m->paths[i].regex);
		free((char *)(uintptr_t)m->paths[i].value.ptr);
	}
	for (size_t i = 0; i < m->n_methods; i++)
		free((char *)(uintptr_t)m->methods[i].ptr);
	for (size_t i = 0; m->headers && i <= m->n_headers; i++)
		regex_release(m->headers[i].regex);
	free(m->paths);
	free(m->methods);
	free(m->headers);
}

void matches_release(struct matches *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++)
		release_match(&list->entries[i]);
	free(list->entries);
	free(list->index);
	free(list->others);
	free(list);
}

/* --- judging --- */

/* Whether a path rule holds for the canonical path. A match that costs too much does not hold. */
static bool path_holds(const struct path_rule *rule, struct slice path)
{
	switch (rule->kind) {
	case PATH_REGEX:
		return regex_match(rule->regex, path, 0, NULL, NULL) == REGEX_YES;
	case PATH_EXACT:
		return slice_eq(rule->value, path);
	default:
		if (!slice_starts(path, rule->value))
			return false;
		return path.len == rule->value.len || slice_ends(rule->value, SLICE("/")) ||
		       path.ptr[rule->value.len] == '/';
	}
}

/* Whether a header rule holds: the field is there, and every field of that name has the value. */
static bool header_holds(const struct header_rule *rule, const struct request_facts *f)
{
	bool there = false;

	for (size_t i = 0; i < f->n_fields; i++) {
		struct slice value = f->fields[i].value;

		if (!slice_eq_fold(f->fields[i].name, rule->name))
			continue;
		there = true;
		if (f->fields[i].hop || (rule->regex ? regex_match(rule->regex, value, 0, NULL, NULL) != REGEX_YES
						     : !slice_eq(rule->value, value)))
			return false;
	}
	return there;
}

/* How far a request gets in one entry of "matches". */
enum reached {
	REACHED_PATHS,
	REACHED_METHODS,
	REACHED_HEADERS,
	REACHED_ALL,
};

/* Judge one entry. */
static enum reached try_match(const struct match *m, const struct request_facts *f, struct slice path)
{
	bool holds = !m->n_paths;

	for (size_t i = 0; !holds && i < m->n_paths; i++)
		holds = path_holds(&m->paths[i], path);
	if (!holds)
		return REACHED_PATHS;
	holds = !m->n_methods;
	for (size_t i = 0; !holds && i < m->n_methods; i++)
		holds = slice_eq(m->methods[i], f->method);
	if (!holds)
		return REACHED_METHODS;
	for (size_t i = 0; i < m->n_headers; i++)
		if (!header_holds(&m->headers[i], f))
			return REACHED_HEADERS;
	return REACHED_ALL;
}

/* A header that asks the origin to treat the request as one of another method, or NULL. */
static const struct http_field *find_override(const struct request_facts *f)
{
	static const char *const names[] = { "x-http-method-override", "x-http-method", "x-method-override" };

	for (size_t i = 0; i < f->n_fields; i++)
		for (size_t j = 0; j < COUNT_OF(names); j++)
			if (slice_eq_fold(f->fields[i].name, slice_str(names[j])))
				return &f->fields[i];
	return NULL;
}

/* The first place in the index of a segment, or where it would be. */
static size_t find_segment(const struct matches *list, struct slice segment)
{
	size_t low = 0, high = list->n_index;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare_segments(list->index[middle].segment, segment) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What comes closest of the entries that the path can satisfy. */
static enum reached try_matches(const struct matches *list, const struct request_facts *f, struct slice path)
{
	struct slice segment = first_segment(path, false);
	enum reached best = list->n ? REACHED_PATHS : REACHED_ALL;

	for (size_t i = find_segment(list, segment);
	     best != REACHED_ALL && i < list->n_index && slice_eq(list->index[i].segment, segment); i++) {
		enum reached reached = try_match(&list->entries[list->index[i].entry], f, path);

		best = reached > best ? reached : best;
	}
	for (size_t i = 0; best != REACHED_ALL && i < list->n_others; i++) {
		enum reached reached = try_match(&list->entries[list->others[i]], f, path);

		best = reached > best ? reached : best;
	}
	return best;
}

bool matches_judge(const struct matches *list, const struct request_facts *f, struct slice path, const char *route,
		   struct refusal *no)
{
	if (slice_eq_fold(f->method, SLICE("TRACE")) || slice_eq_fold(f->method, SLICE("TRACK")))
		return refuse(no, 403, "method", "TRACE is refused: its answer would show what the proxy added");
	if (list->names_methods && find_override(f))
		return refuse(no, 403, "method-override",
			      "the route for '%s' permits certain methods, so headers that override the method are "
			      "refused",
			      route);
	switch (try_matches(list, f, path)) {
	case REACHED_ALL:
		return true;
	case REACHED_HEADERS:
		return refuse_askable(no, "headers",
				      "the route for '%s' permits this path and method only with other headers; see "
				      "'matches' in "
				      "http://" HOST_INTROSPECTION "/allowlist",
				      route);
	case REACHED_METHODS:
		return refuse_askable(no, "methods", "the route for '%s' does not permit method '%.*s' here", route,
				      (int)f->method.len, f->method.ptr);
	default:
		return refuse_askable(no, "paths", "the route for '%s' does not permit this path", route);
	}
}
