#include "save.h"

#include "escape.h"

/* Is a route among others, as it is? */
static bool has_route(const struct doc *routes, const struct doc *route)
{
	for (size_t i = 0; i < doc_count(routes); i++)
		if (doc_equal(doc_at(routes, i), route))
			return true;
	return false;
}

/* A route in a manifest's words: the slot of a credential is named by the host's variable there. */
static struct doc *in_manifest(const struct doc *route)
{
	struct slice ref = doc_get_str(doc_get(route, "auth"), "token_ref");
	struct doc *d = doc_copy(route), *auth;

	if (!slice_starts(ref, SLICE("token:")))
		return d;
	auth = doc_copy(doc_get(route, "auth"));
	doc_put_slice(auth, "token_ref", slice_sub(ref, strlen("token:"), ref.len));
	doc_remove(auth, "placeholder");
	doc_put(d, "auth", auth);
	return d;
}

void save_propose(const struct doc *before, const struct doc *after, const char *home, const char *bottle,
		  struct buf *out)
{
	buf_add_str(out, "# to have it in every bottle, put this into ");
	if (bottle) {
		escape_line(out, slice_str(home));
		buf_add_str(out, "/bottles/");
		escape_line(out, slice_str(bottle));
		buf_add_str(out, ".md:\n");
	} else {
		buf_add_str(out, "the bottle's file:\n");
	}
	buf_add_str(out, "egress:\n  routes:\n");
	for (size_t i = 0; i < doc_count(after); i++) {
		AUTO_DOC *route = NULL;
		AUTO_BUF text = BUF_INIT;

		if (has_route(before, doc_at(after, i)))
			continue;
		route = in_manifest(doc_at(after, i));
		doc_format(route, false, &text); /* JSON is YAML */
		buf_add_str(out, "    - ");
		buf_add_slice(out, buf_slice(&text));
		buf_add_char(out, '\n');
	}
}
