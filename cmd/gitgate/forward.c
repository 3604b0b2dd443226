#include "forward.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "fd.h"
#include "git.h"
#include "gitstore.h"
#include "journal.h"
#include "limits.h"
#include "log.h"

/* The arguments of one push, whose texts are ours until it is done. */
struct arguments {
	struct git_call call;
	char *texts[GIT_ARGS_MAX];
	size_t n;
};

static void arguments_release(struct arguments *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->texts[i]);
}

/* Add a text, which is consumed. */
static void add(struct arguments *a, char *text)
{
	a->texts[a->n++] = text;
	git_arg(&a->call, text);
}

static bool is_zero(const char *id)
{
	return strspn(id, "0") == strlen(id);
}

/* git push, with what it is to find at the remote and what it is to leave there. */
static void make_arguments(struct arguments *a, const struct repo *r, const struct doc *request)
{
	static const char *const fixed[] = { "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed",
					     "--recurse-submodules=no", "--no-progress" };
	const struct doc *refs = doc_get(request, "refs"), *options = doc_get(request, "options");

	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		git_arg(&a->call, fixed[i]);
	if (doc_count(refs) > 1)
		git_arg(&a->call, "--atomic"); /* one ref is atomic anyway, and not every remote knows the word */
	for (size_t i = 0; i < doc_count(options); i++)
		add(a, alloc_format("--push-option=%s", doc_cstr(doc_at(options, i))));
	for (size_t i = 0; i < doc_count(refs); i++) {
		const char *old = doc_get_cstr(doc_at(refs, i), "old");

		add(a, alloc_format("--force-with-lease=%s:%s", doc_get_cstr(doc_at(refs, i), "name"),
				    is_zero(old) ? "" : old));
	}
	git_arg(&a->call, "--");
	git_arg(&a->call, r->url);
	for (size_t i = 0; i < doc_count(refs); i++) {
		const char *new = doc_get_cstr(doc_at(refs, i), "new");

		add(a, alloc_format("%s:%s", is_zero(new) ? "" : new, doc_get_cstr(doc_at(refs, i), "name")));
	}
}

/* Explain a push that failed: the lines of the refs that were refused, else what git said. */
static bool explain(struct slice out, struct slice said, int code, struct error *e)
{
	AUTO_BUF why = BUF_INIT;
	AUTO_BUF lines = BUF_INIT;
	AUTO_BUF safe = BUF_INIT;

	if (code < 0)
		return false;
	if (code == GIT_LATE)
		return error_set(e, STATUS_WORLD, "the remote did not answer within %d seconds; whether it has taken "
						  "the push is not known",
				 FORWARD_SECONDS);
	while (out.len) {
		struct slice line = slice_cut(&out, '\n'), ref;

		if (!slice_starts(line, SLICE("!\t")) || lines.len > 400)
			continue;
		slice_cut(&line, '\t');
		ref = slice_cut(&line, '\t');
		slice_cut(&ref, ':');
		buf_add_format(&lines, "%s%.*s %.*s", lines.len ? "; " : "", SLICE_ARG(ref), SLICE_ARG(line));
	}
	if (slice_search(buf_slice(&lines), SLICE("stale info")) != SLICE_NONE)
		return error_set(e, STATUS_NO, "the remote has changed meanwhile; fetch first");
	while (said.len) {
		struct slice line = slice_trim(slice_cut(&said, '\n'), " \t\r");

		if (slice_starts(line, SLICE("remote:")) || !lines.len) {
			buf_add_slice(&why, line);
			buf_add_char(&why, '\n');
		}
	}
	git_explain(buf_slice(&why), &safe);
	if (lines.len)
		return error_set(e, STATUS_NO, "the remote refused: %s%s%s", buf_str(&lines), why.len ? "; " : "",
				 why.len ? buf_str(&safe) : "");
	return error_set(e, STATUS_WORLD, "unable to push to the remote: %s", buf_str(&safe));
}

/* --- the mirror --- */

/* Move files of one ending from the judged objects to the mirror's. */
static bool move_packs(const char *from, const char *mirror, const char *ending, struct error *e)
{
	AUTO_FREE char *pack = alloc_format("%s/pack", from);
	DIR *list = opendir(pack);
	bool good = list != NULL;
	struct dirent *d;

	if (!list)
		return error_sys(e, "unable to read '%s'", pack);
	while (good && (d = readdir(list))) {
		AUTO_FREE char *old = alloc_format("%s/%s", pack, d->d_name);
		AUTO_FREE char *new = alloc_format("%s/objects/pack/%s", mirror, d->d_name);

		if (slice_ends(slice_str(d->d_name), slice_str(ending)))
			good = rename(old, new) == 0 || error_sys(e, "unable to move '%s'", old);
	}
	closedir(list);
	return good;
}

/* Give the mirror the refs that the remote now has. */
static bool update_refs(const struct gate *g, const char *mirror, const struct doc *request, struct error *e)
{
	const struct doc *refs = doc_get(request, "refs");
	struct git_call call = { .dir = mirror };
	AUTO_FD read_end = -1;
	AUTO_FD write_end = -1;
	AUTO_BUF said = BUF_INIT;
	AUTO_BUF commands = BUF_INIT;
	int ends[2];

	for (size_t i = 0; i < doc_count(refs); i++) {
		const struct doc *u = doc_at(refs, i);
		const char *new = doc_get_cstr(u, "new");

		if (is_zero(new))
			buf_add_format(&commands, "delete %s\n", doc_get_cstr(u, "name"));
		else
			buf_add_format(&commands, "update %s %s\n", doc_get_cstr(u, "name"), new);
	}
	/* Smaller than a pipe holds (64 KiB) for most; larger ones wait for the next refresh. */
	if (commands.len > 60000)
		return error_set(e, STATUS_WORLD, "too many refs for one update");
	if (!fd_pipe(ends, e))
		return false;
	read_end = ends[0];
	write_end = ends[1];
	if (!fd_write_all(write_end, buf_slice(&commands), "a pipe", e))
		return false;
	fd_close(&write_end);
	git_arg(&call, "update-ref");
	git_arg(&call, "--stdin");
	call.fds[call.n_fds++] = (struct spawn_fd){ read_end, STDIN_FILENO };
	return git_run(g, &call, FORWARD_SECONDS, NULL, &said, e) == 0;
}

/* Make the mirror what the remote has become. Should that fail, the next refresh does it. */
static void update_mirror(const struct gate *g, const struct repo *r, const char *mirror, const char *objects,
			  const struct doc *request)
{
	struct error e = ERROR_INIT;

	if (move_packs(objects, mirror, ".pack", &e) && move_packs(objects, mirror, ".rev", &e) &&
	    move_packs(objects, mirror, ".idx", &e) && update_refs(g, mirror, request, &e))
		return;
	journal_failure(r->name, e.text);
}

bool forward(const struct gate *g, const struct repo *r, const char *objects, const struct doc *request,
	     struct error *e)
{
	AUTO_FREE char *mirror = mirror_path(r);
	static struct arguments a; /* large; one push at a time for each process */
	AUTO_FD lock = mirror_lock(r, e);
	AUTO_BUF out = BUF_INIT;
	AUTO_BUF said = BUF_INIT;
	int code;

	if (lock < 0)
		return false;
	a = (struct arguments){ .call = { .dir = mirror, .objects = objects, .remote = r } };
	make_arguments(&a, r, request);
	code = git_run(g, &a.call, FORWARD_SECONDS, &out, &said, e);
	arguments_release(&a);
	if (code != 0) {
		mirror_doubt(lock);
		return explain(buf_slice(&out), buf_slice(&said), code, e);
	}
	update_mirror(g, r, mirror, objects, request);
	journal_forward(r->name, request);
	return true;
}
