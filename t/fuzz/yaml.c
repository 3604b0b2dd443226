/*
 * Any bytes as YAML, as front matter and as a routes file. Nothing may crash; a
 * refusal has a reason; what is accepted keeps the limits, holds clean text, and
 * is the same when it is written as JSON and loaded again.
 */
#include <stdlib.h>

#include "alloc.h"
#include "front.h"
#include "routes.h"
#include "yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the run with a report when an invariant does not hold. */
static void must(bool good)
{
	if (!good)
		abort();
}

/* Check a tree and make a document of it, all scalars as strings. */
static struct doc *walk(const struct yaml_node *n, unsigned depth, size_t *count)
{
	struct doc *d;
	size_t members = 0;

	must(depth <= YAML_DEPTH_MAX && ++*count <= YAML_NODES_MAX && n->line && n->column);
	if (n->type == YAML_SCALAR) {
		must(slice_is_utf8(n->text) && slice_find(n->text, '\0') == SLICE_NONE);
		must(yaml_is_null(n) + yaml_is_bool(n) + yaml_is_int(n) + yaml_is_float(n) + yaml_is_string(n) == 1);
		return doc_new_str(n->text);
	}
	d = n->type == YAML_MAP ? doc_new_object() : doc_new_array();
	for (const struct yaml_node *m = n->first; m; m = m->next) {
		AUTO_FREE char *key = alloc_copy(m->key.len ? m->key.ptr : "", m->key.len);

		members++;
		if (n->type == YAML_LIST) {
			doc_append(d, walk(m, depth + 1, count));
			continue;
		}
		must(m->key.len && slice_is_utf8(m->key) && m->key_line && !doc_get(d, key));
		doc_put(d, key, walk(m, depth + 1, count));
	}
	must(members == n->count);
	return d;
}

/* Load, walk; NULL when refused. */
static struct doc *load(struct slice text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_YAML *y = yaml_load(text, "f", 1, &problems);
	size_t count = 0;

	must(!y == (problems.total > 0));
	return y ? walk(yaml_root(y), 1, &count) : NULL;
}

/* Load as routes; the normal form loads again and stays what it is. */
static void check_routes(struct slice text, enum routes_mode mode)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT, notes = PROBLEMS_INIT;
	struct doc *routes = NULL, *again = NULL;

	must(routes_load(text, "f", mode, &routes, &problems, &notes) == (problems.total == 0));
	if (routes) {
		AUTO_DOC *whole = doc_new_object();
		AUTO_BUF json = BUF_INIT;

		doc_put(whole, "routes", doc_retain(routes));
		doc_format(whole, true, &json);
		must(routes_load(buf_slice(&json), "f", mode, &again, &problems, &notes) && doc_equal(routes, again));
	}
	doc_release(routes);
	doc_release(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF json = BUF_INIT, body = BUF_INIT;
	AUTO_DOC *first = NULL;
	struct front front;

	if (!size)
		return 0;
	first = load(text);
	if (first) {
		AUTO_DOC *second = NULL;

		doc_format(first, true, &json);
		second = load(buf_slice(&json));
		must(!second || doc_equal(first, second));
		for (int mode = ROUTES_MANIFEST; mode <= ROUTES_ALONE; mode++)
			check_routes(text, (enum routes_mode)mode);
	}
	if (front_split(text, "f", &front, &problems)) {
		front_body(&front, &body);
		must(slice_is_utf8(buf_slice(&body)) && slice_find(buf_slice(&body), '\r') == SLICE_NONE);
		doc_release(load(front.yaml));
	} else {
		must(problems.total > 0);
	}
	return 0;
}
