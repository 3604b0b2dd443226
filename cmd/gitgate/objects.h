/*
 * What a push adds: its objects, and where in the new history each is found.
 *
 * The list is made once and then asked. An object's place is that of the first
 * tree or commit that was seen to hold it; one that nothing holds has none.
 */
#ifndef BB_GITGATE_OBJECTS_H
#define BB_GITGATE_OBJECTS_H

#include "gitstore.h"

struct object {
	struct git_id id;
	enum git_type type;
	uint64_t size;
	uint32_t holder;  /* place in the list, and one, of the tree or commit that holds it; 0: none */
	uint32_t name_at; /* of its name in that tree */
	uint32_t name_len;
};

struct objects {
	struct object *list; /* in the order in which they are quick to read */
	uint32_t *by_id;     /* places in the list, sorted by id */
	size_t count;
	struct buf names;
};

#define OBJECTS_INIT { NULL, NULL, 0, BUF_INIT }

void objects_release(struct objects *o);

/* List what the fresh directory of the store adds, within the limits. */
bool objects_list(struct objects *o, struct gitstore *s, struct error *e);

/* List what is reachable from an id and not from others: for a repository where nothing is fresh. */
bool objects_walk(struct objects *o, struct gitstore *s, const struct git_id *from, const struct git_id * not,
		  struct error *e);

/* Read all new trees and commits to learn who holds what. */
bool objects_connect(struct objects *o, struct gitstore *s, struct error *e);

/* The object of that id, or NULL: it is not new. */
struct object *objects_find(const struct objects *o, const struct git_id *id);

/* Append the path of a blob or tree from the root of its commit. */
void objects_path(const struct objects *o, const struct object *x, struct buf *out);
/* The commit that holds it, or NULL. */
const struct object *objects_commit(const struct objects *o, const struct object *x);

/* One entry of a tree. */
struct tree_entry {
	struct slice name;
	struct git_id id;
	bool is_tree, is_link; /* a directory; a commit of a submodule */
};

/* Take the next entry off the front of a tree's bytes; false at the end or where they are malformed. */
bool tree_next(struct slice *tree, struct tree_entry *entry);

/* The id behind "KEY " on one of the first lines of a commit or tag. */
bool header_id(struct slice text, struct slice key, struct git_id *id);

#endif
