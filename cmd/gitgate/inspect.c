#include "inspect.h"

#include <stdlib.h>

#include "alloc.h"
#include "file.h"
#include "scan.h"

#define RULES_BYTES_MAX (4u << 20)  /* of a rule file */
#define NAMED_MAX (1u << 20)        /* bytes of a file that rules for certain names are tried on: they are for settings */

struct inspector {
	struct rules *rules;
	bool has_names; /* some rules are for files of certain names only */
	/* Of the text that is being looked at: */
	struct slice text;
	inspect_fn *fn;
	void *ctx;
	bool names_only;
};

struct inspector *inspector_new(const char *path, struct error *e)
{
	struct inspector *i = alloc_zero(1, sizeof(*i));
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF yaml = BUF_INIT;
	AUTO_BUF said = BUF_INIT;

	i->rules = rules_new();
	if (!file_read(path, RULES_BYTES_MAX, &yaml, e)) {
		inspector_release(i);
		return NULL;
	}
	if (!rules_load(i->rules, buf_slice(&yaml), path, &problems)) {
		problem_format(&problems.list[0], &said);
		error_set(e, STATUS_CALLER, "%s", buf_str(&said));
		inspector_release(i);
		return NULL;
	}
	rules_build(i->rules);
	for (size_t r = 0; r < rules_count(i->rules); r++)
		i->has_names = i->has_names || rule_at(i->rules, r)->path;
	return i;
}

void inspector_release(struct inspector *i)
{
	if (!i)
		return;
	rules_release(i->rules);
	free(i);
}

/* The line that holds a byte of the text. */
static unsigned line_of(struct slice text, uint64_t offset)
{
	unsigned line = 1;

	for (uint64_t at = 0; at < offset && at < text.len; at++)
		line += text.ptr[at] == '\n';
	return line;
}

/* Pass a finding on. */
static bool take(void *ctx, const struct finding *f)
{
	struct inspector *i = ctx;
	struct inspect_finding found = { .rule = f->rule ? f->rule->id : f->why, .limit = !f->rule, .offset = f->start,
					 .line = line_of(i->text, f->start) };

	if (i->names_only && f->rule && !f->rule->path)
		return true;
	if (f->rule) {
		found.text = f->line;
		found.secret_at = f->secret.ptr >= f->line.ptr ? (size_t)(f->secret.ptr - f->line.ptr) : 0;
		found.secret_len = f->secret.len;
		if (found.secret_at + found.secret_len > found.text.len)
			found.text = found.secret_at ? slice_of(NULL, 0) : f->secret; /* goes over several lines: nothing is shown */
		if (!found.text.len)
			found.secret_at = found.secret_len = 0;
		found.allowed = slice_search(f->line, SLICE("gitleaks:allow")) != SLICE_NONE;
	}
	return i->fn(i->ctx, &found);
}

/* One scan of the whole text under a path. */
static bool scan_text(struct inspector *i, struct slice text, struct slice path)
{
	struct scan s;
	bool good;

	scan_init(&s, i->rules, path, take, i);
	good = scan_feed(&s, text) && scan_finish(&s);
	scan_release(&s);
	return good;
}

/*
 * A name is the bottle's choice, so it excuses nothing: rules and their
 * exceptions are applied as if the file had none. Rules that are for files of
 * certain names only are tried beside that.
 */
bool inspect(struct inspector *i, struct slice text, struct slice path, inspect_fn *fn, void *ctx)
{
	i->text = text;
	i->fn = fn;
	i->ctx = ctx;
	i->names_only = false;
	if (!scan_text(i, text, slice_of(NULL, 0)))
		return false;
	i->names_only = true;
	return !i->has_names || !path.len || text.len > NAMED_MAX || scan_text(i, text, path);
}
