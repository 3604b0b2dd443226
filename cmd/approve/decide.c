#include "decide.h"

#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "changes.h"
#include "fd.h"
#include "file.h"
#include "reload.h"
#include "routes.h"

#define ROUTES_MODE 0600

/* Everything that one decision needs, collected while the place of the one who decides is held. */
struct decider {
	const struct item *item;
	const struct ruling *ruling;
	struct queue queue;
	struct audit audit;
	struct proposal proposal; /* as it is now */
	struct buf before;        /* routes in force */
	struct slice after;       /* routes to be in force */
	enum queue_status status;
	int place;
};

#define AUTO_DECIDER __attribute__((cleanup(decider_release))) struct decider

static void decider_release(struct decider *d)
{
	proposal_release(&d->proposal);
	buf_release(&d->before);
	audit_release(&d->audit);
	fd_close(&d->place);
	queue_release(&d->queue);
}

/* What cannot be right whatever the queue holds. */
static bool check_ruling(const struct item *i, const struct ruling *r, struct error *e)
{
	bool routes = queue_tool_is_routes(i->proposal.tool);

	if (!r->approve && !r->reason.len)
		return error_set(e, STATUS_CALLER, "reject aborted (empty reason)");
	if (r->approve && !routes && !r->reason.len)
		return error_set(e, STATUS_CALLER, "approve aborted (empty reason)");
	if (r->file && (!r->approve || !routes))
		return error_set(e, STATUS_CALLER, "a proposal of '%s' cannot be modified",
				 queue_tool_names[i->proposal.tool]);
	return true;
}

/* Is it still what was shown? */
static bool check_seen(struct decider *d, struct error *e)
{
	struct item now = *d->item;
	char seen[DIGEST_HEX];

	if (d->proposal.answered)
		return error_set(e, STATUS_NO, "proposal %s is decided already", d->proposal.id);
	now.proposal = d->proposal;
	item_seen(&now, buf_slice(&d->before), seen);
	if (strcmp(seen, d->ruling->seen) != 0)
		return error_set(e, STATUS_NO,
				 "proposal %.8s or the routes in force have changed since it was shown; look again",
				 d->proposal.id);
	return true;
}

/* Take the place of the one who decides, and look at everything again. */
static bool take_place(struct decider *d, const char *home, struct error *e)
{
	AUTO_FREE char *queue = item_queue_path(d->item);
	AUTO_FREE char *log = audit_path(home, d->item->identity);

	if (!queue_open(&d->queue, queue, false, e))
		return false;
	d->place = queue_decide(&d->queue, e);
	return d->place >= 0 && queue_read(&d->queue, d->item->proposal.id, &d->proposal, e) &&
	       item_routes(d->item, &d->before, e) && check_seen(d, e) && audit_open(&d->audit, log, e);
}

/* Write them. Where root decides for a sidecar that is another user's, the file is to be that user's. */
static bool write_routes(const struct item *i, const char *path, struct slice routes, struct error *e)
{
	struct stat st;

	if (!file_replace(path, routes, ROUTES_MODE, e))
		return false;
	return (stat(i->dir, &st) == 0 && (st.st_uid == geteuid() || lchown(path, st.st_uid, st.st_gid) == 0)) ||
	       error_sys(e, "unable to hand over '%s'", path);
}

/* Put routes in force and have that confirmed. */
static bool put_in_force(const struct item *i, struct slice routes, struct error *e)
{
	AUTO_FREE char *path = item_routes_path(i);
	char hash[DIGEST_HEX];

	digest_text(routes, hash);
	return write_routes(i, path, routes, e) && reload_ask(i->dir, hash, NULL, e);
}

/*
 * The old routes are back, whether the bottle runs or not; failing that, the error says so: the operator has to know.
 */
static void put_back(const struct decider *d, struct error *e)
{
	AUTO_FREE char *path = item_routes_path(d->item);
	struct error why = ERROR_INIT;

	if (put_in_force(d->item, buf_slice(&d->before), &why))
		return;
	if (write_routes(d->item, path, buf_slice(&d->before), &why) && !d->item->running)
		return;
	error_wrap(e, "the old routes are not confirmed to be in force again (%s)", why.text);
}

/* Find out what an approval of routes puts in force; it has to load. */
static bool find_routes(struct decider *d, struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct slice proposed = doc_get_str(d->proposal.doc, "proposed_file");
	AUTO_BUF words = BUF_INIT;
	AUTO_DOC *routes = NULL;

	d->after = d->ruling->file ? buf_slice(d->ruling->file) : proposed;
	d->status = slice_eq(d->after, proposed) ? QUEUE_APPROVED : QUEUE_MODIFIED;
	if (d->after.len > QUEUE_FILE_MAX)
		return error_set(e, STATUS_CALLER, "the routes have more than %u bytes", QUEUE_FILE_MAX);
	if (routes_load(d->after, "routes", ROUTES_BOTTLE, &routes, &problems, NULL))
		return true;
	for (size_t i = 0; i < problems.count; i++) {
		buf_add_str(&words, i ? "; " : "");
		problem_format(&problems.list[i], &words);
	}
	return error_set(e, STATUS_CALLER, "%s", buf_str(&words));
}

/* The digests that the record of a decision holds. */
static struct doc *digests(const struct decider *d)
{
	struct doc *hashes = doc_new_object();
	char hex[DIGEST_HEX];

	doc_put_str(hashes, "proposal", d->proposal.hash);
	if (!queue_tool_is_routes(d->proposal.tool))
		return hashes;
	digest_text(buf_slice(&d->before), hex);
	doc_put_str(hashes, "before", hex);
	if (!d->ruling->approve)
		return hashes;
	digest_text(d->after, hex);
	doc_put_str(hashes, "after", hex);
	return hashes;
}

/* Add the decision to the audit log. */
static bool record(struct decider *d, struct error *e)
{
	AUTO_DOC *detail = doc_new_object(), *hashes = digests(d);
	AUTO_BUF difference = BUF_INIT;

	doc_put_str(detail, "id", d->proposal.id);
	doc_put_str(detail, "tool", queue_tool_names[d->proposal.tool]);
	doc_put_int(detail, "uid", (int64_t)geteuid());
	doc_put_int(detail, "repeats", (int64_t)d->proposal.repeats);
	if (!queue_tool_is_routes(d->proposal.tool))
		doc_put_slice(detail, "subject",
			      slice_sub(doc_get_str(d->proposal.doc, "proposed_file"), 0, CHAIN_TEXT_MAX / 4));
	else
		changes_unified(buf_slice(&d->before),
				d->ruling->approve ? d->after : doc_get_str(d->proposal.doc, "proposed_file"),
				&difference);
	audit_add(&d->audit, &(struct chain_entry){ .component = "approve",
						    .event = "decision",
						    .action = queue_status_names[d->status],
						    .notes = d->ruling->reason,
						    .justification = doc_get_str(d->proposal.doc, "justification"),
						    .difference = buf_slice(&difference),
						    .hashes = hashes,
						    .detail = detail });
	return audit_commit(&d->audit, e);
}

/* Say it to whoever asked. */
static bool answer(struct decider *d, struct error *e)
{
	const struct decision decision = { .id = d->proposal.id, .hash = d->proposal.hash, .status = d->status,
					   .notes = d->ruling->reason, .file = d->after };

	return queue_answer(&d->queue, &decision, e);
}

bool decide(const char *home, const struct item *i, const struct ruling *r, enum queue_status *status, struct error *e)
{
	AUTO_DECIDER d = { .item = i, .ruling = r, .queue = QUEUE_INIT, .audit = AUDIT_INIT, .place = -1,
			   .status = r->approve ? QUEUE_APPROVED : QUEUE_REJECTED };
	bool routes = r->approve && queue_tool_is_routes(i->proposal.tool);

	if (!check_ruling(i, r, e) || !take_place(&d, home, e) || (routes && !find_routes(&d, e)))
		return false;
	if (routes && !put_in_force(i, d.after, e)) {
		e->status = STATUS_WORLD;
		error_wrap(e, "apply failed");
		put_back(&d, e);
		return false;
	}
	if (!answer(&d, e)) {
		error_wrap(e, routes ? "apply failed" : "unable to answer");
		if (routes)
			put_back(&d, e);
		return false;
	}
	*status = d.status;
	return record(&d, e) || error_wrap(e, "%s, but this is not in the audit log", queue_status_names[d.status]);
}
