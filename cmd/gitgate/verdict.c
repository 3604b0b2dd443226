#include "verdict.h"

#include <stdlib.h>

#include "alloc.h"
#include "limits.h"

static const struct doc_field request_fields[] = {
	{ "repo", DOC_STR, true },     { "refs", DOC_ARRAY, true },  { "options", DOC_ARRAY, true },
	{ "policy", DOC_OBJECT, false }, { "fresh", DOC_STR, false }, { "known", DOC_STR, false },
	{ "rules", DOC_STR, false },   { "leaks", DOC_BOOL, false }, { .name = NULL },
};

static const struct doc_field ref_fields[] = {
	{ "name", DOC_STR, true },
	{ "old", DOC_STR, true },
	{ "new", DOC_STR, true },
	{ .name = NULL },
};

/* One ref of a request. */
static bool take_ref(struct ref_update *u, const struct doc *d, struct error *e)
{
	if (!doc_check(d, "push.refs", ref_fields, e))
		return false;
	u->name = doc_get_cstr(d, "name");
	if (!git_id_parse(doc_get_str(d, "old"), &u->old) || !git_id_parse(doc_get_str(d, "new"), &u->new))
		return error_set(e, STATUS_CALLER, "'%s' goes from or to what is no object id", u->name);
	u->creates = git_id_is_zero(&u->old);
	u->deletes = git_id_is_zero(&u->new);
	return true;
}

bool push_request_read(struct push_request *r, struct doc *d, struct error *e)
{
	const struct doc *refs = doc_get(d, "refs");

	*r = (struct push_request){ .doc = d };
	if (!d || !doc_is(d, "push", 1, e) || !doc_check(d, "push", request_fields, e))
		return false;
	r->fresh = doc_get_cstr(d, "fresh");
	r->known = doc_get_cstr(d, "known");
	r->rules = doc_get_cstr(d, "rules");
	r->options = doc_get(d, "options");
	r->leaks = doc_get(d, "leaks");
	r->refs = alloc_zero(doc_count(refs) + 1, sizeof(*r->refs));
	for (; r->n_refs < doc_count(refs); r->n_refs++)
		if (!take_ref(&r->refs[r->n_refs], doc_at(refs, r->n_refs), e))
			return false;
	return policy_read(&r->policy, doc_get(d, "policy"), "push.policy", e);
}

void push_request_release(struct push_request *r)
{
	free(r->refs);
	doc_release(r->doc);
	*r = (struct push_request){ .fresh = NULL };
}

/* Text of the bottle's that becomes part of a document and an argument: UTF-8 without control characters. */
static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
			return false;
	return slice_is_utf8(s);
}

/* "OLD NEW NAME", as pre-receive gets it. */
static bool add_ref(struct doc *refs, struct slice line, struct error *e)
{
	struct slice rest = line, old = slice_cut(&rest, ' '), new = slice_cut(&rest, ' ');
	struct git_id id;
	struct doc *ref;

	if (!git_id_parse(old, &id) || !git_id_parse(new, &id))
		return error_set(e, STATUS_CALLER, "a ref goes from or to what is no object id");
	if (!slice_starts(rest, SLICE("refs/")) || !is_plain(rest))
		return error_set(e, STATUS_CALLER,
				 "a ref's name is not UTF-8, holds a control character or is not below refs/");
	if (doc_count(refs) == PUSH_REFS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d refs in one push (PUSH_REFS_MAX); push them in parts",
				 PUSH_REFS_MAX);
	ref = doc_append(refs, doc_new_object());
	doc_put_slice(ref, "name", rest);
	doc_put_slice(ref, "old", old);
	doc_put_slice(ref, "new", new);
	return true;
}

/* One push option. */
static bool add_option(struct doc *options, struct slice text, struct error *e)
{
	if (text.len > PUSH_OPTION_BYTES_MAX || !is_plain(text))
		return error_set(e, STATUS_CALLER,
				 "a push option is longer than %d bytes (PUSH_OPTION_BYTES_MAX) or holds a control "
				 "character",
				 PUSH_OPTION_BYTES_MAX);
	if (doc_count(options) == PUSH_OPTIONS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d push options (PUSH_OPTIONS_MAX)", PUSH_OPTIONS_MAX);
	doc_append(options, doc_new_str(text));
	return true;
}

struct doc *push_request_make(const struct repo *repo, struct slice hook, struct error *e)
{
	struct doc *d = doc_new("push", 1);
	struct doc *refs = doc_put(d, "refs", doc_new_array()), *options = doc_put(d, "options", doc_new_array());
	bool good = true;

	doc_put_str(d, "repo", repo->name);
	while (good && hook.len) {
		struct slice line = slice_cut(&hook, '\n');

		if (slice_starts(line, SLICE("ref ")))
			good = add_ref(refs, slice_sub(line, 4, line.len), e);
		else if (slice_starts(line, SLICE("option ")))
			good = add_option(options, slice_sub(line, 7, line.len), e);
		else
			good = error_set(e, STATUS_CALLER, "a ref's name or a push option holds a newline");
	}
	if (good && !doc_count(refs))
		good = error_set(e, STATUS_CALLER, "nothing is pushed");
	if (good)
		return d;
	doc_release(d);
	return NULL;
}

void verdict_line(const struct doc *problem, struct buf *out)
{
	struct slice commit = doc_get_str(problem, "commit"), ref = doc_get_str(problem, "ref");

	buf_add_str(out, "refused ");
	if (ref.len)
		buf_add_slice(out, ref);
	else
		buf_add_str(out, "the push");
	buf_add_str(out, ": ");
	buf_add_slice(out, doc_get_str(problem, "rule"));
	if (doc_get(problem, "place")) {
		buf_add_str(out, doc_get_bool(problem, "finding") ? " in " : ": ");
		buf_add_slice(out, doc_get_str(problem, "place"));
	}
	if (commit.len)
		buf_add_format(out, " (commit %.*s)", SLICE_ARG(slice_sub(commit, 0, 7)));
}
