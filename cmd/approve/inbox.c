#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"
#include "state.h"

/* What a walk over the bottles collects. */
struct walk {
	struct inbox *inbox;
	const char *identity; /* NULL: all */
	struct slice begins;  /* of the ids that are wanted */
};

static void item_release(struct item *i)
{
	free(i->identity);
	free(i->dir);
	free(i->bottle);
	proposal_release(&i->proposal);
}

void inbox_release(struct inbox *b)
{
	for (size_t i = 0; i < b->count; i++)
		item_release(&b->list[i]);
	free(b->list);
	*b = (struct inbox)INBOX_INIT;
}

static char *copy(const char *text)
{
	return text ? alloc_copy(text, strlen(text)) : NULL;
}

/* Take the pending proposals of one queue over. */
static void take_pending(struct inbox *b, const struct state_entry *entry, struct proposal_list *l)
{
	const struct doc *bottles = doc_get(entry->plan, "bottles");

	b->list = alloc_resize(b->list, b->count + l->count + 1, sizeof(*b->list));
	for (size_t i = 0; i < l->count; i++) {
		if (l->list[i].answered)
			continue;
		b->list[b->count++] = (struct item){
			.identity = copy(entry->identity),
			.dir = copy(entry->dir),
			.bottle = doc_count(bottles) ? copy(doc_cstr(doc_at(bottles, doc_count(bottles) - 1))) : NULL,
			.running = entry->active,
			.proposal = l->list[i],
		};
		l->list[i].doc = NULL; /* the item's now */
	}
	b->unshown += l->unshown;
	b->damaged += l->damaged;
}

/* Look at one bottle. A queue that cannot be read must not hide those of others. */
static bool visit(void *ctx, const struct state_entry *entry, struct error *e)
{
	const struct walk *w = ctx;
	AUTO_FREE char *path = alloc_format("%s/queue", entry->dir);
	AUTO_PROPOSAL_LIST l = PROPOSAL_LIST_INIT;
	struct error why = ERROR_INIT;
	AUTO_QUEUE q = QUEUE_INIT;

	(void)e;
	if ((w->identity && strcmp(w->identity, entry->identity) != 0) || (access(path, F_OK) < 0 && errno == ENOENT))
		return true;
	if (queue_open(&q, path, false, &why) && queue_list(&q, w->begins, &l, &why)) {
		take_pending(w->inbox, entry, &l);
		return true;
	}
	if (w->inbox->trouble.status == STATUS_YES)
		w->inbox->trouble = why;
	w->inbox->damaged++;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(doc_get_cstr(x->proposal.doc, "arrival_timestamp"),
			   doc_get_cstr(y->proposal.doc, "arrival_timestamp"));

	return order ? order : strcmp(x->proposal.id, y->proposal.id);
}

/* Read what a walk is to collect, and put it in order. */
static bool load(struct inbox *b, const char *home, struct walk w, struct error *e)
{
	w.inbox = b;
	if (!state_each(home, visit, &w, e))
		return false;
	if (b->count)
		qsort(b->list, b->count, sizeof(*b->list), compare);
	return true;
}

bool inbox_load(struct inbox *b, const char *home, const char *identity, struct error *e)
{
	return load(b, home, (struct walk){ .identity = identity }, e);
}

bool inbox_load_begins(struct inbox *b, const char *home, const char *id, struct error *e)
{
	return load(b, home, (struct walk){ .begins = slice_str(id) }, e);
}

const struct item *inbox_find(const struct inbox *b, const char *id, struct error *e)
{
	const struct item *found = NULL;

	if (strlen(id) < ID_PREFIX_MIN || strspn(id, "0123456789abcdef-") != strlen(id)) {
		error_set(e, STATUS_CALLER, "'%s' is not the id of a proposal, nor the first %d digits of one", id,
			  ID_PREFIX_MIN);
		return NULL;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (!slice_starts(slice_str(b->list[i].proposal.id), slice_str(id)))
			continue;
		if (found) {
			error_set(e, STATUS_CALLER, "several proposals begin with '%s'; give more of the id", id);
			return NULL;
		}
		found = &b->list[i];
	}
	if (!found)
		error_set(e, STATUS_NO, "no proposal '%s' is pending", id);
	return found;
}

struct item *inbox_item(const struct inbox *b, const char *id)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->list[i].proposal.id, id) == 0)
			return &b->list[i];
	return NULL;
}

char *item_queue_path(const struct item *i)
{
	return alloc_format("%s/queue", i->dir);
}

char *item_routes_path(const struct item *i)
{
	return alloc_format("%s/egress/routes.yaml", i->dir);
}

bool item_routes(const struct item *i, struct buf *text, struct error *e)
{
	AUTO_FREE char *path = item_routes_path(i);

	return !queue_tool_is_routes(i->proposal.tool) || file_read(path, DOCUMENT_MAX, text, e);
}

void item_seen(const struct item *i, struct slice routes, char seen[DIGEST_HEX])
{
	AUTO_BUF both = BUF_INIT;
	char hash[DIGEST_HEX];

	digest_text(routes, hash);
	buf_add_format(&both, "%s %s %s", i->identity, i->proposal.hash, hash);
	digest_text(buf_slice(&both), seen);
}
