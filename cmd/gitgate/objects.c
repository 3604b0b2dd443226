#include "objects.h"

#include <stdlib.h>

#include "alloc.h"
#include "limits.h"

void objects_release(struct objects *o)
{
	free(o->list);
	free(o->by_id);
	buf_release(&o->names);
	*o = (struct objects)OBJECTS_INIT;
}

bool tree_next(struct slice *tree, struct tree_entry *entry)
{
	size_t space = slice_find(*tree, ' '), nul = slice_find(*tree, '\0');
	struct slice mode;

	if (space == SLICE_NONE || nul == SLICE_NONE || space > nul || tree->len - nul - 1 < GIT_ID_SIZE)
		return false;
	mode = slice_sub(*tree, 0, space);
	entry->name = slice_sub(*tree, space + 1, nul);
	entry->is_tree = slice_eq(mode, SLICE("40000"));
	entry->is_link = slice_eq(mode, SLICE("160000"));
	memcpy(entry->id.bytes, tree->ptr + nul + 1, GIT_ID_SIZE);
	*tree = slice_sub(*tree, nul + 1 + GIT_ID_SIZE, tree->len);
	return true;
}

bool header_id(struct slice text, struct slice key, struct git_id *id)
{
	struct slice line = slice_cut(&text, '\n');

	return slice_starts(line, key) && git_id_parse(slice_sub(line, key.len, line.len), id);
}

/* Where a list grows. */
struct listing {
	struct objects *objects;
	struct gitstore *store;
	size_t room;
	uint64_t bytes;
};

/* Add one object, within the limits. */
static bool add_object(void *ctx, const struct git_id *id, struct error *e)
{
	struct listing *l = ctx;
	struct object x = { .id = *id };
	struct objects *o = l->objects;
	char hex[GIT_ID_HEX];

	if (o->count == PUSH_OBJECTS_MAX)
		return error_set(e, STATUS_NO, "more than %d objects in one push (PUSH_OBJECTS_MAX); push in parts",
				 PUSH_OBJECTS_MAX);
	if (!gitstore_look(l->store, id, &x.type, &x.size, e))
		return false;
	git_id_format(id, hex);
	if (x.size > PUSH_OBJECT_MAX)
		return error_set(e, STATUS_NO,
				 "object %s has %llu bytes, more than %u that one may have (PUSH_OBJECT_MAX)", hex,
				 (unsigned long long)x.size, PUSH_OBJECT_MAX);
	l->bytes += x.size;
	if (l->bytes > PUSH_SCAN_MAX)
		return error_set(e, STATUS_NO,
				 "more than %llu bytes to look at in one push (PUSH_SCAN_MAX); push in parts",
				 (unsigned long long)PUSH_SCAN_MAX);
	if (o->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		o->list = alloc_resize(o->list, l->room, sizeof(*o->list));
	}
	o->list[o->count++] = x;
	return true;
}

/* Put the index in order. */
static int compare(const void *a, const void *b, void *ctx)
{
	const struct object *list = ctx;

	return memcmp(list[*(const uint32_t *)a].id.bytes, list[*(const uint32_t *)b].id.bytes, GIT_ID_SIZE);
}

static void sort(struct objects *o)
{
	o->by_id = alloc_resize(o->by_id, o->count + 1, sizeof(*o->by_id));
	for (size_t i = 0; i < o->count; i++)
		o->by_id[i] = (uint32_t)i;
	qsort_r(o->by_id, o->count, sizeof(*o->by_id), compare, o->list);
}

bool objects_list(struct objects *o, struct gitstore *s, struct error *e)
{
	struct listing l = { o, s, 0, 0 };

	if (!gitstore_each(s, add_object, &l, e))
		return false;
	sort(o);
	return true;
}

struct object *objects_find(const struct objects *o, const struct git_id *id)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct object *x = &o->list[o->by_id[middle]];
		int order = memcmp(x->id.bytes, id->bytes, GIT_ID_SIZE);

		if (order == 0)
			return x;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Note who holds an object, unless that is known. */
static void hold(struct objects *o, const struct git_id *id, const struct object *holder, struct slice name)
{
	struct object *x = objects_find(o, id);

	if (!x || x->holder || x == holder)
		return;
	x->holder = (uint32_t)(holder - o->list) + 1;
	x->name_at = (uint32_t)o->names.len;
	x->name_len = (uint32_t)name.len;
	buf_add_slice(&o->names, name);
}

bool objects_connect(struct objects *o, struct gitstore *s, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < o->count; i++) {
		struct object *x = &o->list[i];
		enum git_type type;
		struct slice rest;
		struct tree_entry entry;
		struct git_id id;

		if (x->type != GIT_COMMIT && x->type != GIT_TREE)
			continue;
		if (!gitstore_read(s, &x->id, &type, &text, e))
			return false;
		rest = buf_slice(&text);
		if (type == GIT_COMMIT && header_id(rest, SLICE("tree "), &id))
			hold(o, &id, x, SLICE(""));
		while (type == GIT_TREE && tree_next(&rest, &entry))
			if (!entry.is_link)
				hold(o, &entry.id, x, entry.name);
	}
	return true;
}

void objects_path(const struct objects *o, const struct object *x, struct buf *out)
{
	const struct object *chain[TREE_DEPTH_MAX];
	size_t n = 0;

	while (x->holder && o->list[x->holder - 1].type == GIT_TREE && n < TREE_DEPTH_MAX) {
		chain[n++] = x;
		x = &o->list[x->holder - 1];
	}
	while (n--) {
		buf_add(out, o->names.ptr + chain[n]->name_at, chain[n]->name_len);
		if (n)
			buf_add_char(out, '/');
	}
}

const struct object *objects_commit(const struct objects *o, const struct object *x)
{
	for (size_t n = 0; x->type != GIT_COMMIT && n <= TREE_DEPTH_MAX; n++) {
		if (!x->holder)
			return NULL;
		x = &o->list[x->holder - 1];
	}
	return x->type == GIT_COMMIT ? x : NULL;
}

/* --- walking --- */

/* Ids that wait to be read, or that were. */
struct ids {
	struct git_id *list;
	size_t count, room;
};

static void ids_add(struct ids *l, const struct git_id *id)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->list = alloc_resize(l->list, l->room, sizeof(*l->list));
	}
	l->list[l->count++] = *id;
}

/* A set of ids: open addressing, the id itself is the hash. */
struct id_set {
	struct git_id *slots;
	size_t count, room;
};

static bool set_add(struct id_set *s, const struct git_id *id);

static void set_grow(struct id_set *s)
{
	struct id_set bigger = { alloc_zero(s->room ? 2 * s->room : 1024, sizeof(*s->slots)), 0, s->room ? 2 * s->room :
				 1024 };

	for (size_t i = 0; i < s->room; i++)
		if (!git_id_is_zero(&s->slots[i]))
			set_add(&bigger, &s->slots[i]);
	free(s->slots);
	*s = bigger;
}

/* True when it is new in the set. */
static bool set_add(struct id_set *s, const struct git_id *id)
{
	size_t at;

	if (2 * s->count >= s->room)
		set_grow(s);
	memcpy(&at, id->bytes, sizeof(at));
	for (at &= s->room - 1; !git_id_is_zero(&s->slots[at]); at = (at + 1) & (s->room - 1))
		if (git_id_eq(&s->slots[at], id))
			return false;
	s->slots[at] = *id;
	s->count++;
	return true;
}

/* Queue what an object names. */
static void follow(struct slice text, enum git_type type, struct ids *waiting)
{
	struct tree_entry entry;
	struct git_id id;

	if (type == GIT_TREE) {
		while (tree_next(&text, &entry))
			if (!entry.is_link)
				ids_add(waiting, &entry.id);
		return;
	}
	while (text.len && type != GIT_BLOB) {
		struct slice line = slice_cut(&text, '\n');

		if (!line.len)
			return;
		if (header_id(line, SLICE("tree "), &id) || header_id(line, SLICE("parent "), &id) ||
		    header_id(line, SLICE("object "), &id))
			ids_add(waiting, &id);
	}
}

/* Walk all that is reachable; with l, list what was not seen before. */
static bool walk(struct gitstore *s, const struct git_id *from, struct id_set *seen, struct listing *l, struct error *e)
{
	struct ids waiting = { NULL, 0, 0 };
	AUTO_BUF text = BUF_INIT;
	enum git_type type;
	bool good = true;

	ids_add(&waiting, from);
	while (good && waiting.count) {
		struct git_id id = waiting.list[--waiting.count];
		uint64_t size;

		if (!set_add(seen, &id))
			continue;
		good = gitstore_look(s, &id, &type, &size, e) && (!l || add_object(l, &id, e)) &&
		       (type == GIT_BLOB || gitstore_read(s, &id, &type, &text, e));
		if (good && type != GIT_BLOB)
			follow(buf_slice(&text), type, &waiting);
	}
	free(waiting.list);
	return good;
}

bool objects_walk(struct objects *o, struct gitstore *s, const struct git_id *from, const struct git_id * not,
		  struct error *e)
{
	struct listing l = { o, s, 0, 0 };
	struct id_set seen = { NULL, 0, 0 };
	bool good = (git_id_is_zero(not) || walk(s, not, &seen, NULL, e)) && walk(s, from, &seen, &l, e);

	free(seen.slots);
	if (good)
		sort(o);
	return good;
}
