#include "desk.h"

#include "alloc.h"
#include "file.h"
#include "limits.h"
#include "program.h"
#include "routes.h"

bool desk_open(struct desk *d, const char *queue, struct error *e)
{
	return queue_open(&d->queue, queue, true, e);
}

void desk_release(struct desk *d)
{
	queue_release(&d->queue);
}

/* Load the file in force: the list of routes, and the digest of its bytes. */
static struct doc *load_in_force(const struct desk *d, char hash[DIGEST_HEX], struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct doc *routes = NULL;
	AUTO_BUF text = BUF_INIT;

	if (!file_read(d->routes, DOCUMENT_MAX, &text, e))
		return NULL;
	digest_text(buf_slice(&text), hash);
	if (!routes_load(buf_slice(&text), "routes", ROUTES_BOTTLE, &routes, &problems, NULL))
		error_set(e, STATUS_WORLD, "the routes in force do not load");
	return routes;
}

bool desk_routes(const struct desk *d, struct buf *out, struct error *e)
{
	AUTO_DOC *file = doc_new_object();
	char hash[DIGEST_HEX];
	struct doc *routes = load_in_force(d, hash, e);

	if (!routes)
		return false;
	doc_put(file, "routes", routes);
	doc_format(file, true, out);
	return true;
}

/* What is wrong with a proposed file, for the one who wrote it. */
static void describe_problems(const struct problems *problems, struct buf *text)
{
	buf_add_str(text, "These routes do not load, so nobody was asked:\n");
	for (size_t i = 0; i < problems->count && i < SHOWN_PROBLEMS_MAX; i++) {
		problem_format(&problems->list[i], text);
		buf_add_char(text, '\n');
	}
	if (problems->total > SHOWN_PROBLEMS_MAX)
		buf_add_format(text, "and %zu more\n", problems->total - SHOWN_PROBLEMS_MAX);
}

enum desk_result desk_ask(struct desk *d, enum queue_tool tool, struct slice routes, struct slice justification,
			  struct ticket *t, struct buf *text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct error e = ERROR_INIT;
	char hash[DIGEST_HEX];
	AUTO_DOC *in_force = load_in_force(d, hash, &e);
	AUTO_DOC *proposed = NULL;
	struct question a = { tool, d->bottle, routes, justification, slice_str(hash) };

	if (!in_force) {
		program_warn("%s", e.text);
		buf_add_str(text, "The routes in force cannot be read just now, so nobody was asked; try again.");
		return DESK_REFUSED;
	}
	if (!routes_load(routes, "routes_yaml", ROUTES_BOTTLE, &proposed, &problems, NULL)) {
		describe_problems(&problems, text);
		return DESK_REFUSED;
	}
	if (doc_equal(in_force, proposed)) {
		buf_add_str(text, "These routes are in force already: nothing has to be approved.");
		return DESK_ANSWERED;
	}
	if (queue_ask(&d->queue, &a, t, &e))
		return DESK_WAITS;
	if (e.status == STATUS_WORLD)
		program_warn("%s", e.text);
	buf_add_format(text, "The operator could not be asked: %s.",
		       e.status == STATUS_WORLD ? "the queue does not work" : e.text);
	return DESK_REFUSED;
}

/* Say what the operator decided. */
static void describe_answer(const struct response *r, struct buf *text)
{
	struct slice notes = doc_get_str(r->doc, "notes"), file = doc_get_str(r->doc, "final_file");

	switch (r->status) {
	case QUEUE_APPROVED:
		buf_add_str(text, "Approved: the proposed routes are in force now.");
		break;
	case QUEUE_MODIFIED:
		buf_add_str(text,
			    "Approved with changes: the routes below are in force now, not those that were proposed.");
		break;
	case QUEUE_REJECTED:
		buf_add_str(text, "Rejected: the routes stay as they are. Do not ask for the same again.");
		break;
	}
	if (notes.len) {
		buf_add_str(text, "\nThe operator says: ");
		buf_add_slice(text, notes);
	}
	if (file.len && r->status == QUEUE_MODIFIED) {
		buf_add_str(text, "\n\n");
		buf_add_slice(text, file);
	}
}

enum desk_result desk_look(struct desk *d, const struct ticket *t, bool last, struct buf *text)
{
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;

	switch (queue_check(&d->queue, t, &r, &e)) {
	case QUEUE_ANSWERED:
		describe_answer(&r, text);
		if (!queue_archive(&d->queue, t->id, &e))
			program_warn("%s", e.text);
		return DESK_ANSWERED;
	case QUEUE_VOID: /* the question stands */
	case QUEUE_ERROR:
		program_warn("%s", e.text);
		break;
	case QUEUE_WAITING:
		break;
	}
	if (!last)
		return DESK_WAITS;
	buf_add_format(text,
		       "Still pending, id %s: the operator has not decided yet. Go on with something else, and call "
		       "the tool "
		       "again with the same routes_yaml later: that waits for the same decision and does not ask "
		       "twice.",
		       t->id);
	return DESK_ANSWERED;
}
