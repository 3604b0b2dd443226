#include "cmd/parse/bottle.h"

#include <stdlib.h>

#include "alloc.h"
#include "cmd/parse/values.h"
#include "front.h"
#include "routes.h"

/* One bottle of the chain. */
struct link {
	char *name;
	char *file;
	struct located whole;   /* as written; doc is NULL when something in it is wrong */
	struct located extends; /* the list of names, also when something else is wrong */
	bool open;              /* what it extends is being loaded */
};

struct chain {
	const struct load *load;
	struct link list[BOTTLES_MAX]; /* in the order they were met */
	size_t count;
	size_t order[BOTTLES_MAX]; /* indices in fold order */
	size_t ordered;
	size_t path[BOTTLES_MAX]; /* indices of those whose parents are being loaded */
	size_t depth;
	bool failed;
};

void fold_release(struct fold *f)
{
	doc_release(f->names);
	f->names = NULL;
	located_release(&f->whole);
}

/* Free what the chain holds. */
static void chain_release(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->list[i].name);
		free(c->list[i].file);
		located_release(&c->list[i].whole);
		located_release(&c->list[i].extends);
	}
}

/* --- loading --- */

/* Say that a wished bottle does not exist, and which do. */
static void refuse_absent(struct chain *c, const struct wish *w)
{
	AUTO_FREE char *directory = home_directory(c->load->home, HOME_BOTTLES);
	struct error e = ERROR_INIT;
	AUTO_DOC *names = home_names(c->load->home, HOME_BOTTLES, NULL, &e);
	size_t count = names ? doc_count(names) : 0;
	AUTO_FREE const char **list = alloc_zero(count + 1, sizeof(*list));
	const char *near;
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		list[i] = doc_cstr(doc_at(names, i));
	near = shape_nearest(slice_str(w->name), list);
	buf_add_format(&text, "%s: found '%s', wanted a bottle in '%s'", w->subject, w->name, directory);
	if (near)
		buf_add_format(&text, " (did you mean '%s'?)", near);
	else if (!count)
		buf_add_str(&text, ", which has none");
	origin_problem(c->load->problems, w->origin, directory, "%s", buf_str(&text));
	c->failed = true;
}

/* Say that a bottle extends itself, by way of which. */
static void refuse_cycle(struct chain *c, size_t index, const struct wish *w)
{
	AUTO_BUF text = BUF_INIT;
	size_t i = 0;

	while (c->path[i] != index)
		i++;
	for (; i < c->depth; i++)
		buf_add_format(&text, "%s -> ", c->list[c->path[i]].name);
	origin_problem(c->load->problems, w->origin, "bottles", "%s: a bottle cannot extend itself: %s%s", w->subject,
		       buf_str(&text), w->name);
	c->failed = true;
}

/* Take what a bottle extends by itself, so that problems elsewhere in it do not hide those of its parents. */
static void take_extends(struct link *b, const struct yaml *y)
{
	const struct yaml_node *n = yaml_get(yaml_root(y), "extends");
	AUTO_PROBLEMS told = PROBLEMS_INIT; /* by the reading of the whole */
	AUTO_SHAPE_READER r = { .file = b->file, .problems = &told };

	if (!n)
		return;
	b->extends.origin = doc_new_object();
	r.origin = b->extends.origin;
	b->extends.doc = shape_read(&r, &value_names, n);
}

/* Read and check one bottle's file. False when there is none. */
static bool read_bottle(struct chain *c, struct link *b)
{
	AUTO_FREE char *subject = alloc_format("bottle '%s'", b->name);
	const struct load *l = c->load;
	AUTO_SHAPE_READER r = { .file = b->file, .subject = subject, .problems = l->problems, .notes = l->warnings };
	enum home_read read;
	AUTO_YAML *y = NULL;
	AUTO_BUF text = BUF_INIT;
	struct front front;

	read = home_read(l->home, HOME_BOTTLES, b->name, &text, l->problems);
	if (read == HOME_ABSENT)
		return false;
	if (read == HOME_READ && front_split(buf_slice(&text), b->file, &front, l->problems))
		y = yaml_load(front.yaml, b->file, front.line, l->problems);
	if (y) {
		b->whole.origin = doc_new_object();
		r.origin = b->whole.origin;
		b->whole.doc = shape_read(&r, &bottle_shape, yaml_root(y));
		take_extends(b, y);
	}
	c->failed = c->failed || !b->whole.doc;
	return true;
}

static void load_bottle(struct chain *c, const struct wish *w);

/* Load what a bottle extends. */
static void load_parents(struct chain *c, size_t index)
{
	struct link *b = &c->list[index];
	AUTO_FREE char *subject = alloc_format("bottle '%s': extends", b->name);
	const struct doc *extends = b->extends.doc, *places = b->extends.origin;

	c->path[c->depth++] = index;
	b->open = true;
	for (size_t i = 0; extends && i < doc_count(extends); i++) {
		const struct doc *place = origin_item(places, i);
		struct wish w = { doc_cstr(doc_at(extends, i)), place ? place : places, subject };

		load_bottle(c, &w);
	}
	b->open = false;
	c->depth--;
}

/* Load a wished bottle and its parents, unless it is there. */
static void load_bottle(struct chain *c, const struct wish *w)
{
	struct link *b;
	size_t index;

	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->list[i].name, w->name) != 0)
			continue;
		if (c->list[i].open)
			refuse_cycle(c, i, w);
		return;
	}
	if (c->count == BOTTLES_MAX) {
		c->failed = true;
		origin_problem(c->load->problems, w->origin, "bottles", "%s: more than %d bottles in one chain",
			       w->subject, BOTTLES_MAX);
		return;
	}
	index = c->count++;
	b = &c->list[index];
	b->name = alloc_copy(w->name, strlen(w->name));
	b->file = home_file(c->load->home, HOME_BOTTLES, w->name);
	if (!read_bottle(c, b))
		refuse_absent(c, w);
	load_parents(c, index);
	c->order[c->ordered++] = index;
}

/* --- folding --- */

/* What a fold of one bottle into the whole needs; the parts of the whole are there from the start. */
struct folding {
	struct located whole, env, git_gate, user, repos, egress, routes;
	const struct doc *origin; /* of the object whose members doc_each visits */
};

/* One member of env: the child's wins. */
static bool fold_env(void *ctx, const char *key, const struct doc *value)
{
	struct folding *f = ctx;

	located_put(f->env, key, value, origin_in(f->origin, key));
	return true;
}

/* One field of git-gate.user: the child's wins unless it is empty. */
static bool fold_user(void *ctx, const char *key, const struct doc *value)
{
	struct folding *f = ctx;

	if (doc_str(value).len)
		located_put(f->user, key, value, origin_in(f->origin, key));
	return true;
}

/* What folding one remote needs. */
struct repo {
	struct located into;
	const struct doc *origin;
};

/* One field of a remote: the child's wins. */
static bool fold_repo_field(void *ctx, const char *key, const struct doc *value)
{
	struct repo *r = ctx;

	located_put(r->into, key, value, origin_in(r->origin, key));
	return true;
}

/* One remote: new, or field by field over the one of that name. */
static bool fold_repo(void *ctx, const char *key, const struct doc *value)
{
	struct folding *f = ctx;
	const struct doc *old = doc_get(f->repos.doc, key), *old_origin = origin_in(f->repos.origin, key);
	struct located entry = located_object();
	struct repo r = { entry, old_origin };
	const char *at = origin_at(old ? old_origin : origin_in(f->origin, key));

	if (old)
		doc_each(old, fold_repo_field, &r);
	r.origin = origin_in(f->origin, key);
	doc_each(value, fold_repo_field, &r);
	if (at)
		doc_put_str(entry.origin, "at", at);
	located_put_new(f->repos, key, entry);
	return true;
}

/* Put one member of a bottle over that of the whole, as it is. */
static void replace(struct located into, const char *key, const struct doc *from, const struct doc *origin)
{
	if (doc_get(from, key))
		located_put(into, key, doc_get(from, key), origin_in(origin, key));
}

/* Fold one bottle over the whole. */
static void fold_bottle(struct folding *f, const struct doc *b, const struct doc *origin)
{
	const struct doc *git = doc_get(b, "git_gate"), *git_origin = origin_in(origin, "git_gate");
	const struct doc *egress = doc_get(b, "egress"), *egress_origin = origin_in(origin, "egress");
	const struct doc *routes = doc_get(egress, "routes"), *routes_origin = origin_in(egress_origin, "routes");

	f->origin = origin_in(origin, "env");
	if (doc_get(b, "env"))
		doc_each(doc_get(b, "env"), fold_env, f);
	f->origin = origin_in(git_origin, "user");
	if (doc_get(git, "user"))
		doc_each(doc_get(git, "user"), fold_user, f);
	f->origin = origin_in(git_origin, "repos");
	if (doc_get(git, "repos"))
		doc_each(doc_get(git, "repos"), fold_repo, f);
	replace(f->git_gate, "scanner", git, git_origin);
	for (size_t i = 0; i < doc_count(routes); i++)
		located_put(f->routes, NULL, doc_at(routes, i), origin_item(routes_origin, i));
	replace(f->egress, "log", egress, egress_origin);
	replace(f->whole, "agent_provider", b, origin);
	replace(f->whole, "supervise", b, origin);
	replace(f->whole, "limits", b, origin);
}

/* What dropping earlier routes of a host needs. */
struct dropping {
	const struct load *load;
	struct located all, kept;
};

/* Keep a route, or note that a later one replaces it. */
static void drop_route(void *ctx, size_t from, size_t to)
{
	struct dropping *d = ctx;
	const struct doc *route = doc_at(d->all.doc, from), *origin = origin_item(d->all.origin, from);

	if (to != SLICE_NONE)
		located_put(d->kept, NULL, route, origin);
	else
		origin_problem(d->load->warnings, origin, "egress.routes",
			       "the route to '%s' is replaced by a later one for that host",
			       doc_get_cstr(route, "host"));
}

bool bottle_fold(const struct load *l, const struct wish *wishes, size_t count, struct fold *out)
{
	struct chain c __attribute__((cleanup(chain_release))) = { .load = l };
	struct folding f = { .whole = located_object() };
	struct dropping d = { l, located_list(), located_list() };

	out->whole = f.whole;
	out->names = doc_new_array();
	f.env = located_put_new(f.whole, "env", located_object());
	f.git_gate = located_put_new(f.whole, "git_gate", located_object());
	f.user = located_put_new(f.git_gate, "user", located_object());
	f.repos = located_put_new(f.git_gate, "repos", located_object());
	f.egress = located_put_new(f.whole, "egress", located_object());
	f.routes = d.all;
	for (size_t i = 0; i < count; i++)
		load_bottle(&c, &wishes[i]);
	for (size_t i = 0; i < c.ordered && !c.failed; i++) {
		const struct link *b = &c.list[c.order[i]];

		doc_append_str(out->names, b->name);
		fold_bottle(&f, b->whole.doc, b->whole.origin);
	}
	doc_release(routes_unique(d.all.doc, drop_route, &d));
	located_put_new(f.egress, "routes", d.kept);
	located_release(&d.all);
	return !c.failed;
}
