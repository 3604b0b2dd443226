#include "show.h"

#include <inttypes.h>

#include "escape.h"

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

bool show_item(const struct item *i, struct buf *out, struct error *e)
{
	const struct proposal *p = &i->proposal;
	AUTO_BUF routes = BUF_INIT;
	char seen[DIGEST_HEX];

	if (!item_routes(i, &routes, e))
		return false;
	item_seen(i, buf_slice(&routes), seen);
	buf_add_format(out, "proposal  %s\nbottle    %s%s\ntool      %s\narrived   ", p->id, i->identity,
		       i->running ? "" : ", which does not run", queue_tool_names[p->tool]);
	escape_cut(out, doc_get_str(p->doc, "arrival_timestamp"), 40);
	if (p->repeats)
		buf_add_format(out, ", and asked %" PRIu64 " times more", p->repeats);
	buf_add_char(out, '\n');
	if (is_stale(i, buf_slice(&routes)))
		buf_add_str(out, "warning   the routes in force have changed since it was asked: an approval undoes that change\n");
	add_part("justification, by the agent", doc_get_str(p->doc, "justification"), out);
	add_part(queue_tool_is_routes(p->tool) ? "proposed routes" : "what it is about", doc_get_str(p->doc, "proposed_file"), out);
	buf_add_format(out, "\nbb supervise approve %s --shown %.16s%s\nbb supervise reject %s --reason REASON\n", p->id, seen,
		       queue_tool_is_routes(p->tool) ? "" : " --reason REASON", p->id);
	return true;
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
	return d;
}
