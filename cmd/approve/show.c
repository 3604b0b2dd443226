#include "show.h"

#include <inttypes.h>

#include "difference.h"
#include "escape.h"
#include "routes.h"

#define SHORT_ID 8 /* digits of an id in a list */
#define JUSTIFICATION_MIN 16 /* bytes of room that it is worth showing in */

void show_line(const struct item *i, size_t width, struct buf *out)
{
	const struct proposal *p = &i->proposal;
	AUTO_BUF line = BUF_INIT;

	buf_add_format(&line, "%.*s  %s  %s  %s", SHORT_ID, p->id, i->identity, queue_tool_names[p->tool],
		       doc_get_cstr(p->doc, "arrival_timestamp"));
	if (p->repeats)
		buf_add_format(&line, "  asked %" PRIu64 " times", p->repeats + 1);
	if (!i->running)
		buf_add_str(&line, "  not running");
	escape_cut(out, buf_slice(&line), width);
	if (out->len + 2 + JUSTIFICATION_MIN > width)
		return;
	buf_add_str(out, "  ");
	escape_cut(out, slice_trim(doc_get_str(p->doc, "justification"), " \t\r\n"), width - out->len);
}

void show_rest(const struct inbox *b, struct buf *out)
{
	if (b->unshown)
		buf_add_format(out, "%zu more wait behind these\n", b->unshown);
	if (b->damaged)
		buf_add_format(out, "%zu cannot be read\n", b->damaged);
}

/* What both documents say about an item. */
static struct doc *describe(const struct item *i)
{
	static const char *const copied[] = { "arrival_timestamp", "justification", "proposed_file" };
	struct doc *d = doc_new_object();

	doc_put_str(d, "id", i->proposal.id);
	doc_put_str(d, "bottle", i->identity);
	doc_put_bool(d, "running", i->running);
	doc_put_str(d, "tool", queue_tool_names[i->proposal.tool]);
	doc_put_int(d, "repeats", (int64_t)i->proposal.repeats);
	for (size_t n = 0; n < sizeof(copied) / sizeof(copied[0]); n++)
		doc_put(d, copied[n], doc_copy(doc_get(i->proposal.doc, copied[n])));
	return d;
}

struct doc *show_list_document(const struct inbox *b)
{
	struct doc *d = doc_new("proposals", 1), *list = doc_put(d, "proposals", doc_new_array());

	for (size_t i = 0; i < b->count; i++)
		doc_append(list, describe(&b->list[i]));
	doc_put_int(d, "unshown", (int64_t)b->unshown);
	doc_put_int(d, "damaged", (int64_t)b->damaged);
	return d;
}

/* Append a text of several lines, escaped and indented. */
static void add_text(struct slice text, struct buf *out)
{
	while (text.len) {
		buf_add_str(out, "    ");
		escape_line(out, slice_cut(&text, '\n'));
		buf_add_char(out, '\n');
	}
}

/* The changes, indented; they are escaped already. */
static void add_escaped(const struct difference *d, struct buf *out)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	difference_format(d, &text);
	rest = buf_slice(&text);
	while (rest.len) {
		buf_add_str(out, "    ");
		buf_add_slice(out, slice_cut(&rest, '\n'));
		buf_add_char(out, '\n');
	}
}

/* A part with a head, if there is any. */
static void add_part(const char *head, struct slice text, struct buf *out)
{
	if (!text.len)
		return;
	buf_add_format(out, "\n%s:\n", head);
	add_text(text, out);
}

/* Whether the routes in force are others than when it was asked. */
static bool is_stale(const struct item *i, struct slice routes)
{
	struct slice asked = doc_get_str(i->proposal.doc, "current_file_hash");
	char hash[DIGEST_HEX];

	digest_text(routes, hash);
	return queue_tool_is_routes(i->proposal.tool) && asked.len && !slice_eq(asked, slice_str(hash));
}

/* Compile a routes file; NULL when it does not load. */
static struct policy *compile(struct slice text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct error e = ERROR_INIT;
	AUTO_DOC *routes = NULL;

	return routes_load(text, "routes", ROUTES_BOTTLE, &routes, &problems, NULL) ? policy_new(routes, &e) : NULL;
}

bool show_difference(struct slice before, struct slice after, struct difference *d)
{
	struct policy *old = compile(before), *new = compile(after);
	bool ok = old && new;

	if (ok)
		difference_find(d, old, new);
	policy_release(old);
	policy_release(new);
	return ok;
}

/* What an approval would change, in words. */
static void add_difference(struct slice routes, struct slice proposed, struct buf *out)
{
	AUTO_DIFFERENCE d = DIFFERENCE_INIT;

	buf_add_str(out, "\nwhat it would change:\n");
	if (!show_difference(routes, proposed, &d))
		buf_add_str(out, "    cannot be said: the routes do not load\n");
	else
		add_escaped(&d, out);
}

void show_page(const struct item *i, struct slice routes, const struct buf *file, struct buf *out)
{
	const struct proposal *p = &i->proposal;
	bool about_routes = queue_tool_is_routes(p->tool);
	struct slice proposed = file ? buf_slice(file) : doc_get_str(p->doc, "proposed_file");

	buf_add_format(out, "proposal  %s\nbottle    %s%s\ntool      %s\narrived   ", p->id, i->identity,
		       i->running ? "" : ", which does not run", queue_tool_names[p->tool]);
	escape_cut(out, doc_get_str(p->doc, "arrival_timestamp"), 40);
	if (p->repeats)
		buf_add_format(out, ", and asked %" PRIu64 " times more", p->repeats);
	buf_add_char(out, '\n');
	if (is_stale(i, routes))
		buf_add_str(out, "warning   the routes in force have changed since it was asked: an approval undoes "
				 "that change\n");
	if (about_routes)
		add_difference(routes, proposed, out);
	add_part(about_routes ? "justification, by the agent" : "why it is asked", doc_get_str(p->doc, "justification"),
		 out);
	add_part(!about_routes ? "what it is about" : file ? "routes, as modified" : "proposed routes", proposed, out);
}

bool show_item(const struct item *i, struct buf *out, struct error *e)
{
	AUTO_BUF routes = BUF_INIT;
	char seen[DIGEST_HEX];

	if (!item_routes(i, &routes, e))
		return false;
	item_seen(i, buf_slice(&routes), seen);
	show_page(i, buf_slice(&routes), NULL, out);
	buf_add_format(out, "\nbb supervise approve %s --shown %.16s%s\nbb supervise reject %s --reason REASON\n",
		       i->proposal.id, seen, queue_tool_is_routes(i->proposal.tool) ? "" : " --reason REASON",
		       i->proposal.id);
	return true;
}

/* The same as a member "difference": a list, absent when it cannot be said. */
static void put_difference(const struct item *i, struct slice routes, struct doc *out)
{
	static const char *const kinds[] = { "grants", "takes", "other" };
	AUTO_DIFFERENCE d = DIFFERENCE_INIT;
	struct doc *list;

	if (!queue_tool_is_routes(i->proposal.tool) ||
	    !show_difference(routes, doc_get_str(i->proposal.doc, "proposed_file"), &d))
		return;
	list = doc_put(out, "difference", doc_new_array());
	for (size_t n = 0; n < d.count; n++) {
		struct doc *one = doc_append(list, doc_new_object());
		struct slice head = slice_str(d.list[n].request);

		doc_put_str(one, "kind", kinds[d.list[n].kind]);
		doc_put_str(one, "text", d.list[n].text);
		if (head.len)
			doc_put_slice(one, "example", slice_cut(&head, '\r'));
	}
	doc_put_int(out, "untold", (int64_t)d.untold);
}

struct doc *show_item_document(const struct item *i, struct error *e)
{
	AUTO_BUF routes = BUF_INIT;
	char seen[DIGEST_HEX];
	struct doc *d;

	if (!item_routes(i, &routes, e))
		return NULL;
	item_seen(i, buf_slice(&routes), seen);
	d = doc_new("proposal-shown", 1);
	doc_put(d, "proposal", describe(i));
	doc_put_str(d, "shown", seen);
	doc_put_bool(d, "routes_changed_since", is_stale(i, buf_slice(&routes)));
	put_difference(i, buf_slice(&routes), d);
	return d;
}
