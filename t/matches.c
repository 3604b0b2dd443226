/* Which entries of "matches" are tried: those found by a path's first segment decide as all of them would. */
#include "matches.h"

#include <stdlib.h>

#include "alloc.h"
#include "document.h"
#include "t/lib/tap.h"

enum { SETS = 60, ENTRIES = 40 };

static const char *const paths[] = { "/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/ab/c", "/b/a", "/b/x1", "/b/x/y",
				     "/c.d/e",
				     "*", "" };
static const char *const values[] = { "/", "/a", "/a/", "/a/b", "/ab", "/ab/c", "/b", "/b/x", "/c.d", "/none" };
static const char *const regexes[] = { "/a/.*", "/a?/b", "/ab*", "/b/x[0-9]", "/b/x/?.*", "/a/b|/ab", "/(?:a|ab)/c",
				       "/c\\.d/e", "/ab?/c",
				       "/b/(?i)X1", "/a/?b", "/a/{0,1}b/c", "/.*/c", "(?i)/A/B", "/a/b{0,1}", "/ab/c",
				       "/b" };
static const char *const methods[] = { "GET", "POST", "PUT" };

static const char *one_of(const char *const *list, size_t n)
{
	return list[(size_t)rand() % n];
}

/* A path rule, and the same as an expression that gives nothing away about its first segment. */
static void add_path(struct doc *list, struct doc *blind)
{
	static const char *const types[] = { "prefix", "exact", "regex" };
	const char *type = one_of(types, COUNT_OF(types)), *value = one_of(values, COUNT_OF(values));
	struct doc *rule = doc_new_object(), *same = doc_new_object();
	AUTO_BUF regex = BUF_INIT;

	if (type == types[2])
		value = one_of(regexes, COUNT_OF(regexes));
	doc_put_str(rule, "type", type);
	doc_put_str(rule, "value", value);
	if (type == types[2])
		buf_add_format(&regex, "(?:%s)", value);
	else
		buf_add_format(&regex, "(?:\\Q%s\\E)%s", value,
			       type == types[1] ? "" : slice_ends(slice_str(value), SLICE("/")) ? ".*" : "(?:/.*)?");
	doc_put_str(same, "type", "regex");
	doc_put_str(same, "value", buf_str(&regex));
	doc_append(list, rule);
	doc_append(blind, same);
}

/* An entry, and the same without an index. */
static void add_entry(struct doc *set, struct doc *blind_set)
{
	struct doc *entry = doc_new_object(), *blind = doc_new_object();
	int n = rand() % 4;

	if (n) {
		struct doc *list = doc_new_array(), *other = doc_new_array();

		while (n--)
			add_path(list, other);
		doc_put(entry, "paths", list);
		doc_put(blind, "paths", other);
	}
	if (!n || rand() % 2) {
		struct doc *list = doc_new_array();

		doc_append_str(list, one_of(methods, COUNT_OF(methods)));
		doc_put(entry, "methods", doc_retain(list));
		doc_put(blind, "methods", list);
	}
	doc_append(set, entry);
	doc_append(blind_set, blind);
}

/* Judge every request by both; how many are permitted, or -1 when they differ. */
static int compare(const struct matches *set, const struct matches *blind)
{
	int permitted = 0;

	for (size_t p = 0; p < COUNT_OF(paths); p++) {
		for (size_t m = 0; m < COUNT_OF(methods); m++) {
			struct request_facts f = { .method = slice_str(methods[m]) };
			struct refusal no = { .rule = "" }, other = { .rule = "" };
			bool yes = matches_judge(set, &f, slice_str(paths[p]), "a.test", &no);
			bool same = yes == matches_judge(blind, &f, slice_str(paths[p]), "a.test", &other);

			if (!same || (!yes && strcmp(no.rule, other.rule) != 0)) {
				printf("# %s %s: %s, but %s\n", methods[m], paths[p], yes ? "permitted" : no.rule,
				       other.rule);
				return -1;
			}
			permitted += yes;
		}
	}
	return permitted;
}

int main(void)
{
	int permitted = 0, refused = 0;
	bool same = true;

	document_seed();
	srand(20);
	for (int i = 0; i < SETS && same; i++) {
		AUTO_DOC *list = doc_new_array();
		AUTO_DOC *blind_list = doc_new_array();
		struct error e = ERROR_INIT;
		struct matches *set, *blind;
		int n;

		for (int k = rand() % ENTRIES; k >= 0; k--)
			add_entry(list, blind_list);
		set = matches_new(list, &e);
		blind = matches_new(blind_list, &e);
		n = set && blind ? compare(set, blind) : -1;
		same = n >= 0;
		permitted += n;
		refused += (int)(COUNT_OF(paths) * COUNT_OF(methods)) - n;
		matches_release(set);
		matches_release(blind);
	}
	ok(same, "what the index finds decides as all entries would");
	ok(permitted > 100 && refused > 100, "for requests that pass and for those that do not (%d, %d)", permitted,
	   refused);
	return tap_done();
}
