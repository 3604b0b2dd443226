/*
 * The inbox: what waits for the operator, over all bottles, oldest first.
 *
 * A bottle's queue lies in its state directory (HOME/state/IDENTITY/queue), the
 * routes in force beside it (egress/routes.yaml). An inbox is a copy of one
 * moment; whether what it shows still holds is asked again when it is decided.
 * All texts of a proposal come from an agent: escape them.
 *
 * Everything here blocks on the disk only.
 */
#ifndef BB_APPROVE_INBOX_H
#define BB_APPROVE_INBOX_H

#include "queue.h"

#define ID_PREFIX_MIN 4 /* digits of an id that have to be given; a whole one is long to type */

struct item {
	char *identity; /* of the bottle */
	char *dir;      /* its state directory, which is that of its sidecar */
	char *bottle;   /* name of the bottle file that its manifest ends with; NULL when not known */
	bool running;
	struct proposal proposal;
};

struct inbox {
	struct item *list;
	size_t count;
	size_t unshown; /* pending beyond what is read of one queue */
	size_t damaged; /* files that are no proposals, queues that cannot be read */
	struct error trouble; /* why the first of those queues cannot be read */
};

#define INBOX_INIT { NULL, 0, 0, 0, ERROR_INIT }
#define AUTO_INBOX __attribute__((cleanup(inbox_release))) struct inbox
void inbox_release(struct inbox *b);

/* Read what is pending of all bottles below home, or of one (identity not NULL). */
bool inbox_load(struct inbox *b, const char *home, const char *identity, struct error *e);

/* Read only what has an id that begins so, however much waits in front of it. */
bool inbox_load_begins(struct inbox *b, const char *home, const char *id, struct error *e);

/*
 * The item of an id, or of the first digits of one. STATUS_NO when there is none, STATUS_CALLER when there are several.
 */
const struct item *inbox_find(const struct inbox *b, const char *id, struct error *e);

/* The item of a whole id, or NULL. */
struct item *inbox_item(const struct inbox *b, const char *id);

/* Path of an item's queue, of the routes in force; the caller frees it. */
char *item_queue_path(const struct item *i);
char *item_routes_path(const struct item *i);

/* The bytes of the routes in force; empty for a proposal that is not about routes. */
bool item_routes(const struct item *i, struct buf *text, struct error *e);

/*
 * What an operator who decides has seen: a digest of the proposal's bytes and of
 * those of the routes in force. When one of them has changed, so has this.
 */
void item_seen(const struct item *i, struct slice routes, char seen[DIGEST_HEX]);

#endif
