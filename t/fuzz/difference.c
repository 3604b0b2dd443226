/*
 * Two routes files with a line "---" between them: those in force, and a hostile proposal. Whatever is said about their
 * difference is bounded and escaped, and every example is decided as it is said.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "difference.h"
#include "digest.h"
#include "routes.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Load and compile; NULL when it does not load. */
static struct policy *compile(struct slice text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct error e = ERROR_INIT;
	AUTO_DOC *routes = NULL;

	return routes_load(text, "routes", ROUTES_BOTTLE, &routes, &problems, NULL) ? policy_new(routes, &e) : NULL;
}

static void check(const struct policy *before, const struct policy *after)
{
	AUTO_DIFFERENCE d = DIFFERENCE_INIT;
	AUTO_BUF text = BUF_INIT;

	difference_find(&d, before, after);
	MUST(d.count <= DIFFERENCE_MAX);
	for (size_t i = 0; i < d.count; i++) {
		const struct change *c = &d.list[i];

		if (!c->request)
			continue;
		MUST(c->kind != CHANGE_OTHER);
		MUST(difference_decide(c->kind == CHANGE_GRANTS ? after : before, slice_str(c->request)));
		MUST(!difference_decide(c->kind == CHANGE_GRANTS ? before : after, slice_str(c->request)));
	}
	difference_format(&d, &text);
	for (size_t i = 0; i < text.len; i++)
		MUST(text.ptr[i] == '\n' || (unsigned char)text.ptr[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool seeded;
	struct slice whole = slice_of((const char *)data, size);
	size_t middle = slice_search(whole, SLICE("\n---\n"));
	struct policy *before, *after;

	if (!seeded) {
		document_seed_with(1);
		digest_init();
	}
	seeded = true;
	if (middle == SLICE_NONE)
		return 0;
	before = compile(slice_sub(whole, 0, middle));
	after = compile(slice_sub(whole, middle + 5, whole.len));
	if (before && after) {
		check(before, after);
		check(after, before);
	}
	policy_release(before);
	policy_release(after);
	return 0;
}
