#include "githistory.h"

#include <git2.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "file.h"

enum { LINK_MAX_BYTES = 8192 }; /* of .git as a file, commondir, alternates */

/* --- where it is --- */

/* Whether a path below a directory is there. */
static bool has(const char *dir, const char *name)
{
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);
	struct stat st;

	return stat(path, &st) == 0;
}

static bool is_repository(const char *dir)
{
	return has(dir, "HEAD") && (has(dir, "objects") || has(dir, "commondir"));
}

/* Remember a place that has to be readable. */
static void add_path(struct githistory_paths *paths, const char *path)
{
	size_t n = 0;
	char *real = realpath(path, NULL);

	while (paths->all[n])
		n++;
	if (real && n < GITHISTORY_PATHS_MAX)
		paths->all[n] = real;
	else
		free(real);
}

/* A path that a file names, relative to a directory. */
static char *path_from(const char *dir, struct slice text)
{
	if (slice_starts(text, SLICE("/")))
		return alloc_copy(text.ptr, text.len);
	return alloc_format("%s/%.*s", dir, SLICE_ARG(text));
}

/* The first line of a short file, or "". */
static struct slice read_line(const char *dir, const char *name, struct buf *out)
{
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);
	struct error e = ERROR_INIT;
	struct slice rest;

	buf_truncate(out, 0);
	if (!file_read(path, LINK_MAX_BYTES, out, &e) || memchr(out->ptr, '\0', out->len))
		return SLICE("");
	rest = buf_slice(out);
	return slice_trim(slice_cut(&rest, '\n'), " \r");
}

/* The repository of a directory that has something called .git. */
static char *behind_link(const char *dir)
{
	AUTO_FREE char *git = alloc_format("%s/.git", dir);
	AUTO_BUF text = BUF_INIT;
	struct slice line;

	if (is_repository(git))
		return STEAL(git);
	line = read_line(dir, ".git", &text);
	return slice_starts(line, SLICE("gitdir: ")) ? path_from(dir, slice_sub(line, 8, line.len)) : NULL;
}

/* Add the object directories that a repository borrows from. */
static void add_alternates(struct githistory_paths *paths, const char *common)
{
	AUTO_FREE char *objects = alloc_format("%s/objects", common);
	AUTO_FREE char *file = alloc_format("%s/info/alternates", objects);
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct slice rest;

	if (!file_read(file, LINK_MAX_BYTES, &text, &e) || memchr(text.ptr, '\0', text.len))
		return;
	for (rest = buf_slice(&text); rest.len;) {
		AUTO_FREE char *path = path_from(objects, slice_cut(&rest, '\n'));

		add_path(paths, path);
	}
}

bool githistory_find(const char *dir, struct githistory_paths *paths, struct error *e)
{
	AUTO_FREE char *at = realpath(dir, NULL);
	AUTO_BUF text = BUF_INIT;
	struct slice common;

	*paths = (struct githistory_paths){ .git = NULL };
	if (!at)
		return error_sys(e, "unable to read '%s'", dir);
	for (int up = 0; up < GITHISTORY_UP_MAX && !paths->git; up++) {
		char *slash = strrchr(at, '/');

		paths->git = is_repository(at) ? alloc_copy(at, strlen(at)) : behind_link(at);
		if (!slash || slash == at)
			break;
		*slash = '\0';
	}
	if (!paths->git || !is_repository(paths->git))
		return error_set(e, STATUS_CALLER, "'%s' is in no git repository", dir);
	add_path(paths, paths->git);
	common = read_line(paths->git, "commondir", &text);
	if (common.len) {
		AUTO_FREE char *path = path_from(paths->git, common);

		add_path(paths, path);
		add_alternates(paths, path);
	}
	add_alternates(paths, paths->git);
	return true;
}

void githistory_paths_release(struct githistory_paths *paths)
{
	free(paths->git);
	for (size_t i = 0; paths->all[i]; i++)
		free(paths->all[i]);
	*paths = (struct githistory_paths){ .git = NULL };
}

/* --- ids that were seen --- */

/* A set of ids: open addressing, at most half full. */
struct ids {
	git_oid *list;
	bool *used;
	size_t size, count;
};

/* Add an id; false when it was there. */
static bool ids_add(struct ids *s, const git_oid *id)
{
	size_t at;

	if (2 * s->count >= s->size) {
		struct ids larger = { .size = s->size ? 2 * s->size : 1024 };

		larger.list = alloc_zero(larger.size, sizeof(*larger.list));
		larger.used = alloc_zero(larger.size, sizeof(*larger.used));
		for (size_t i = 0; i < s->size; i++)
			if (s->used[i])
				ids_add(&larger, &s->list[i]);
		free(s->list);
		free(s->used);
		*s = larger;
	}
	/* An id is a hash already. */
	memcpy(&at, id->id, sizeof(at));
	for (at &= s->size - 1; s->used[at]; at = (at + 1) & (s->size - 1))
		if (git_oid_equal(&s->list[at], id))
			return false;
	s->used[at] = true;
	s->list[at] = *id;
	s->count++;
	return true;
}

/* --- the history --- */

struct githistory {
	git_repository *repo;
	struct ids seen;
};

/* One walk: whom to tell, and of which commit. */
struct walk {
	struct githistory *h;
	githistory_fn *fn;
	void *ctx;
	struct githistory_commit *commit; /* NULL: the index */
	git_commit *from;
	bool stopped;
};

/* Set an error from the library's. */
static bool fail(struct error *e, const char *what)
{
	const git_error *last = git_error_last();

	return error_set(e, STATUS_WORLD, "%s: %s", what, last && last->message ? last->message : "unknown reason");
}

void githistory_prepare(void)
{
	static const git_config_level_t levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
						     GIT_CONFIG_LEVEL_XDG,
						     GIT_CONFIG_LEVEL_GLOBAL };

	git_libgit2_init();
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	/* Whose it is matters to those that run what it says. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}

struct githistory *githistory_open(const struct githistory_paths *paths, struct error *e)
{
	struct githistory *h = alloc_zero(1, sizeof(*h));

	if (git_repository_open_ext(&h->repo, paths->git, GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_NO_DOTGIT,
				    NULL) == 0)
		return h;
	fail(e, "unable to open the repository");
	free(h);
	return NULL;
}

void githistory_release(struct githistory *h)
{
	if (!h)
		return;
	git_repository_free(h->repo);
	free(h->seen.list);
	free(h->seen.used);
	free(h);
}

/* Tell a blob, if it is new. */
static void tell_blob(struct walk *w, const git_oid *id, const char *path)
{
	struct githistory_text text = { .commit = w->commit, .path = path };
	git_blob *blob = NULL;

	if (!ids_add(&w->h->seen, id))
		return;
	if (git_blob_lookup(&blob, w->h->repo, id) < 0)
		text.unread = "it is not in the repository, or damaged";
	else if (git_blob_rawsize(blob) > GITHISTORY_BLOB_MAX)
		text.unread = "it is larger than 512 MiB";
	else
		text.bytes = slice_of(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	w->stopped = !w->fn(w->ctx, &text);
	git_blob_free(blob);
}

/* Whether another parent than the first has the blob at that path: the merge did not bring it. */
static bool in_other_parent(const struct walk *w, const git_diff_file *file)
{
	bool found = false;

	for (unsigned i = 1; w->from && i < git_commit_parentcount(w->from) && !found; i++) {
		git_commit *parent = NULL;
		git_tree *tree = NULL;
		git_tree_entry *entry = NULL;

		if (git_commit_parent(&parent, w->from, i) == 0 && git_commit_tree(&tree, parent) == 0 &&
		    git_tree_entry_bypath(&entry, tree, file->path) == 0)
			found = git_oid_equal(git_tree_entry_id(entry), &file->id);
		git_tree_entry_free(entry);
		git_tree_free(tree);
		git_commit_free(parent);
	}
	return found;
}

/* Tell what a diff brings; a file that only has another name now is not new. */
static void tell_diff(struct walk *w, git_diff *diff)
{
	git_diff_find_options options;

	git_diff_find_options_init(&options, GIT_DIFF_FIND_OPTIONS_VERSION);
	options.flags = GIT_DIFF_FIND_RENAMES | GIT_DIFF_FIND_EXACT_MATCH_ONLY;
	git_diff_find_similar(diff, &options);
	for (size_t i = 0; i < git_diff_num_deltas(diff) && !w->stopped; i++) {
		const git_diff_delta *d = git_diff_get_delta(diff, i);
		bool is_blob = d->new_file.mode == GIT_FILEMODE_BLOB ||
			       d->new_file.mode == GIT_FILEMODE_BLOB_EXECUTABLE ||
			       d->new_file.mode == GIT_FILEMODE_LINK;

		if (d->status != GIT_DELTA_DELETED && d->status != GIT_DELTA_RENAMED && is_blob &&
		    !in_other_parent(w, &d->new_file))
			tell_blob(w, &d->new_file.id, d->new_file.path);
	}
}

/* A diff looks at ids alone. */
static git_diff_options diff_options(void)
{
	git_diff_options o;

	git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
	o.flags = GIT_DIFF_SKIP_BINARY_CHECK | GIT_DIFF_IGNORE_SUBMODULES | GIT_DIFF_INCLUDE_TYPECHANGE;
	return o;
}

/* Tell what one commit brings. */
static bool tell_commit(struct walk *w, const git_oid *id, struct error *e)
{
	git_diff_options options = diff_options();
	struct githistory_commit commit = { .time = 0 };
	struct githistory_text message = { .commit = &commit };
	git_commit *parent = NULL;
	git_tree *tree = NULL, *before = NULL;
	git_diff *diff = NULL;
	const git_signature *author;
	bool ok;

	git_oid_tostr(commit.id, sizeof(commit.id), id);
	ok = git_commit_lookup(&w->from, w->h->repo, id) == 0 && git_commit_tree(&tree, w->from) == 0;
	if (ok && git_commit_parentcount(w->from))
		ok = git_commit_parent(&parent, w->from, 0) == 0 && git_commit_tree(&before, parent) == 0;
	ok = ok && git_diff_tree_to_tree(&diff, w->h->repo, before, tree, &options) == 0;
	if (ok) {
		author = git_commit_author(w->from);
		commit.author = slice_str(author->name);
		commit.email = slice_str(author->email);
		commit.time = author->when.time;
		commit.message = slice_str(git_commit_message_raw(w->from));
		message.bytes = commit.message;
		w->commit = &commit;
		w->stopped = !w->fn(w->ctx, &message);
		tell_diff(w, diff);
		w->commit = NULL;
	} else {
		fail(e, "unable to read it");
		error_wrap(e, "commit %s", commit.id);
	}
	git_diff_free(diff);
	git_tree_free(before);
	git_tree_free(tree);
	git_commit_free(parent);
	git_commit_free(w->from);
	w->from = NULL;
	return ok;
}

/* Set where a walk begins and ends. */
static bool choose(git_revwalk *walk, git_repository *repo, const char *range, struct error *e)
{
	git_object *object = NULL;
	int r;

	if (!range) {
		r = git_revwalk_push_glob(walk, "refs/*");
		/* A repository without a commit has no HEAD to push. */
		if (r == 0 && git_repository_head_unborn(repo) == 0)
			r = git_revwalk_push_head(walk);
	} else if (strstr(range, "..")) {
		r = git_revwalk_push_range(walk, range);
	} else {
		r = git_revparse_single(&object, repo, range);
		if (r == 0)
			r = git_revwalk_push(walk, git_object_id(object));
		git_object_free(object);
	}
	if (r == 0)
		return true;
	fail(e, "not in this repository");
	e->status = range ? STATUS_CALLER : STATUS_WORLD;
	return error_wrap(e, "range '%s'", range ? range : "of all refs");
}

bool githistory_range(struct githistory *h, const char *range, githistory_fn *fn, void *ctx, struct error *e)
{
	struct walk w = { .h = h, .fn = fn, .ctx = ctx };
	git_revwalk *walk = NULL;
	git_oid id;
	bool ok = git_revwalk_new(&walk, h->repo) == 0 || fail(e, "unable to walk the history");
	int r = 0;

	ok = ok && choose(walk, h->repo, range, e);
	if (ok)
		git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_REVERSE);
	while (ok && !w.stopped && (r = git_revwalk_next(&id, walk)) == 0)
		ok = tell_commit(&w, &id, e);
	if (ok && r < 0 && r != GIT_ITEROVER)
		ok = fail(e, "unable to walk the history");
	git_revwalk_free(walk);
	return ok;
}

bool githistory_staged(struct githistory *h, githistory_fn *fn, void *ctx, struct error *e)
{
	git_diff_options options = diff_options();
	struct walk w = { .h = h, .fn = fn, .ctx = ctx };
	git_object *head = NULL;
	git_index *index = NULL;
	git_diff *diff = NULL;
	bool born = git_repository_head_unborn(h->repo) == 0;
	bool ok = (!born || git_revparse_single(&head, h->repo, "HEAD^{tree}") == 0) &&
		  git_repository_index(&index, h->repo) == 0 &&
		  git_diff_tree_to_index(&diff, h->repo, (git_tree *)head, index, &options) == 0;

	if (ok)
		tell_diff(&w, diff);
	else
		fail(e, "unable to read what is staged");
	git_diff_free(diff);
	git_index_free(index);
	git_object_free(head);
	return ok;
}
