#include "inspect.h"

#include <stdlib.h>

#include "alloc.h"
#include "decode.h"
#include "file.h"
#include "known.h"
#include "scan.h"

#define RULES_BYTES_MAX (4u << 20)  /* of a rule file */
/* bytes of a file that rules for certain names are tried on: they are for settings */
#define NAMED_MAX (1u << 20)
#define EXCERPT_MAX 200             /* bytes of a line that are kept on either side of what is left out */

/* A finding, and what tells whether another one is the same. */
struct found {
	struct inspect_finding told;
	struct buf excerpt;
	bool placed;         /* start and end are bytes of the text */
	uint64_t start, end; /* of the secret */
	bool general;
};

/* The scan of one view. */
struct look {
	struct inspector *inspector;
	struct decode_view *view; /* NULL: the text itself, by the rules for its name */
	struct scan scan;
	struct known_text known;
	uint64_t base; /* bytes of the view in front of the first that both have seen */
	bool open;
};

struct inspector {
	struct rules *rules;
	struct fingerprints *known; /* NULL: none */
	bool has_names; /* some rules are for files of certain names only */
	struct decode *decode;
	/* Of the text that is being looked at: */
	struct slice text;
	struct found found[INSPECT_FINDINGS_MAX];
	size_t n_found;
	bool full; /* there was no room for one */
	struct inspect_finding told[INSPECT_FINDINGS_MAX + 1];
	size_t line_at; /* a place of the text, */
	unsigned line;  /* and its line */
};

/* --- findings --- */

/* The line that holds a byte of the text: counted from the place that was asked for last, which is seldom far. */
static unsigned line_of(struct inspector *i, uint64_t offset)
{
	for (; i->line_at < offset && i->line_at < i->text.len; i->line_at++)
		i->line += i->text.ptr[i->line_at] == '\n';
	for (; i->line_at > offset; i->line_at--)
		i->line -= i->text.ptr[i->line_at - 1] == '\n';
	return i->line;
}

/* The line around a finding without what was found; nothing when that goes over several lines. */
static void make_excerpt(const struct finding *f, struct buf *out)
{
	size_t at = f->secret.ptr >= f->line.ptr ? (size_t)(f->secret.ptr - f->line.ptr) : SLICE_NONE;

	if (at == SLICE_NONE || at + f->secret.len > f->line.len)
		return;
	buf_add_slice(out, slice_sub(f->line, at > EXCERPT_MAX ? at - EXCERPT_MAX : 0, at));
	buf_add_str(out, "[REDACTED]");
	buf_add_slice(out, slice_sub(f->line, at + f->secret.len, at + f->secret.len + EXCERPT_MAX));
}

static bool buf_eq(const struct buf *a, const struct buf *b)
{
	return slice_eq(buf_slice(a), buf_slice(b));
}

static bool overlap(const struct found *a, const struct found *b)
{
	return a->placed && b->placed && a->start < b->end && b->start < a->end;
}

/* Does a say all that b would? */
static bool says(const struct found *a, const struct found *b)
{
	bool same = strcmp(a->told.rule, b->told.rule) == 0 && a->told.limit == b->told.limit;

	if (a->told.allowed && !b->told.allowed && !(same && overlap(a, b)))
		return false;
	if (same && !b->placed && buf_eq(&a->excerpt, &b->excerpt))
		return true;
	if (same)
		return a->told.line == b->told.line || overlap(a, b);
	return b->general && !a->general && overlap(a, b);
}

/* Add a finding, which is consumed, unless it is known; forget those that it makes superfluous. */
static void add(struct inspector *i, struct found *f)
{
	size_t kept = 0;

	for (size_t n = 0; n < i->n_found; n++)
		if (says(&i->found[n], f)) {
			if (!overlap(&i->found[n], f))
				buf_truncate(&i->found[n].excerpt, 0); /* what is around one secret holds another */
			buf_release(&f->excerpt);
			return;
		}
	for (size_t n = 0; n < i->n_found; n++) {
		if (says(f, &i->found[n]))
			buf_release(&i->found[n].excerpt);
		else
			i->found[kept++] = i->found[n];
	}
	i->n_found = kept;
	if (kept < INSPECT_FINDINGS_MAX) {
		i->found[i->n_found++] = *f;
		return;
	}
	i->full = true;
	buf_release(&f->excerpt);
}

/* Begin a finding at bytes of what a look sees. */
static struct found found_at(const struct look *l, uint64_t start, uint64_t end)
{
	struct inspector *i = l->inspector;
	bool raw = !l->view || !l->view->parent;
	struct found f = { .excerpt = BUF_INIT, .start = l->base + start, .end = l->base + end };

	f.told.offset = f.start;
	f.placed = raw || decode_place(l->view, &f.start, &f.end);
	if (f.placed) {
		f.told.line = line_of(i, f.start);
		f.told.offset = f.start;
	}
	if (!raw)
		f.told.form = decode_form_name(l->view->form);
	return f;
}

/* Take a finding of a view's scan. */
static bool take(void *ctx, const struct finding *f)
{
	struct look *l = ctx;
	struct found found;

	if (!l->view && f->rule && !f->rule->path)
		return true;
	found = f->rule ? found_at(l, f->secret_start, f->secret_end) : found_at(l, f->start, f->end);
	found.told.rule = f->rule ? f->rule->id : f->why;
	found.told.limit = !f->rule;
	if (f->rule) {
		make_excerpt(f, &found.excerpt);
		found.general = f->rule->guess;
		/* a comment that was encoded with the secret excuses nothing: nobody has read it */
		found.told.allowed = !found.told.form && slice_search(f->line, SLICE("gitleaks:allow")) != SLICE_NONE;
	}
	add(l->inspector, &found);
	return true;
}

/* Take a known secret, which nothing excuses. */
static bool take_known(void *ctx, const struct known_hit *hit)
{
	struct look *l = ctx;
	struct found found = found_at(l, hit->start, hit->end);

	found.told.rule = "known-secret";
	add(l->inspector, &found);
	return true;
}

/* --- the views --- */

static bool take_bytes(void *ctx, struct decode_view *view, struct slice bytes)
{
	struct inspector *i = ctx;
	struct look *l = view->user;

	if (!l) {
		view->user = l = alloc_zero(1, sizeof(*l));
		l->inspector = i;
		l->view = view;
	}
	if (!l->open) {
		scan_init(&l->scan, i->rules, slice_of(NULL, 0), take, l);
		l->known = (struct known_text){ .length = 0 };
		l->base = view->length;
		l->open = true;
	}
	if (i->known && !known_look(i->known, &l->known, bytes, take_known, l))
		return false;
	return scan_feed(&l->scan, bytes);
}

static bool take_end(void *ctx, struct decode_view *view)
{
	struct look *l = view->user;

	(void)ctx;
	if (!l || !l->open)
		return true;
	l->open = false;
	scan_finish(&l->scan);
	scan_release(&l->scan);
	return true;
}

/* Nothing is passed on, so nothing needs to be held back. */
static uint64_t count_held(void *ctx, const struct decode_view *view)
{
	(void)ctx;
	(void)view;
	return 0;
}

static void release_view(void *ctx, struct decode_view *view)
{
	struct look *l = view->user;

	(void)ctx;
	if (l && l->open)
		scan_release(&l->scan);
	free(l);
}

static const struct decode_sink sink = { take_bytes, take_end, count_held, release_view };

/* --- life --- */

struct inspector *inspector_new(const char *path, struct fingerprints *known, uint64_t work, struct error *e)
{
	struct inspector *i = alloc_zero(1, sizeof(*i));
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF yaml = BUF_INIT;
	AUTO_BUF said = BUF_INIT;

	i->known = known;
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
	i->decode = decode_new(&sink, i);
	decode_budget(i->decode, work);
	return i;
}

static void forget(struct inspector *i)
{
	for (size_t n = 0; n < i->n_found; n++)
		buf_release(&i->found[n].excerpt);
	i->n_found = 0;
	i->full = false;
	i->line_at = 0;
	i->line = 1;
}

void inspector_release(struct inspector *i)
{
	if (!i)
		return;
	forget(i);
	if (i->decode)
		decode_release(i->decode);
	rules_release(i->rules);
	fingerprints_release(i->known);
	free(i);
}

/* --- looking --- */

/* What is around one secret may hold another: such a line is not shown. */
static void hide_neighbours(struct inspector *i)
{
	for (size_t a = 0; a < i->n_found; a++)
		for (size_t b = 0; b < i->n_found; b++)
			if (a != b && i->found[a].told.line == i->found[b].told.line)
				buf_truncate(&i->found[a].excerpt, 0);
}

/* Rules that are for files of certain names. */
static void look_by_name(struct inspector *i, struct slice path)
{
	struct look l = { .inspector = i };

	scan_init(&l.scan, i->rules, path, take, &l);
	if (scan_feed(&l.scan, i->text))
		scan_finish(&l.scan);
	scan_release(&l.scan);
}

/*
 * A name is the bottle's choice, so it excuses nothing: rules and their
 * exceptions are applied as if the file had none. Rules that are for files of
 * certain names only are tried beside that.
 */
size_t inspect(struct inspector *i, struct slice text, struct slice path, const struct inspect_finding **findings)
{
	forget(i);
	i->text = text;
	decode_reset(i->decode);
	decode_feed(i->decode, text);
	decode_finish(i->decode);
	if (decode_limit(i->decode)) {
		struct found f = { .told = { .rule = decode_limit(i->decode), .limit = true }, .excerpt = BUF_INIT };

		add(i, &f);
	}
	if (i->has_names && path.len && text.len <= NAMED_MAX)
		look_by_name(i, path);
	hide_neighbours(i);
	for (size_t n = 0; n < i->n_found; n++) {
		i->told[n] = i->found[n].told;
		i->told[n].excerpt = buf_slice(&i->found[n].excerpt);
	}
	*findings = i->told;
	if (i->full)
		i->told[i->n_found] = (struct inspect_finding){ .rule =
								"more findings than are listed (INSPECT_FINDINGS_MAX)",
		.limit = true };
	return i->n_found + i->full;
}

uint64_t inspect_work(const struct inspector *i)
{
	return i->text.len + decode_work(i->decode);
}
