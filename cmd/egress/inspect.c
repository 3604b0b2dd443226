#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "fd.h"
#include "limits.h"

/* --- parts --- */

bool cuts_add(struct cuts *c, uint64_t start, uint64_t end, const char *kind)
{
	size_t first = 0, last;

	while (first < c->n && c->list[first].end < start)
		first++;
	for (last = first; last < c->n && c->list[last].start <= end; last++) {
		if (last == first)
			kind = c->list[first].kind;
		start = c->list[last].start < start ? c->list[last].start : start;
		end = c->list[last].end > end ? c->list[last].end : end;
	}
	if (last == first && c->n == CUTS_MAX)
		return false;
	memmove(&c->list[first + 1], &c->list[last], (c->n - last) * sizeof(c->list[0]));
	c->n = c->n - last + first + 1;
	c->list[first] = (struct cut){ start, end, kind };
	return true;
}

void cut_write(struct buf *out, const struct cut *cut)
{
	buf_add_format(out, "[REDACTED:%s]", cut->kind);
}

/* --- what is looked for --- */

/* Read rules with the function for their kind; closes the descriptor. */
static bool read_rules(struct rules *rules, int fd, const char *what,
		       bool (*load)(struct rules *, struct slice, const char *, struct problems *), struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF text = BUF_INIT;
	bool ok = fd_read_all(fd, RULES_BYTES_MAX, what, &text, e);

	fd_close(&fd);
	if (!ok || load(rules, buf_slice(&text), what, &problems))
		return ok;
	buf_truncate(&text, 0);
	problem_format(&problems.list[0], &text);
	return error_set(e, STATUS_CALLER, "%s", buf_str(&text));
}

bool inspector_open(struct inspector *i, int rules_fd, int phrases_fd, struct error *e)
{
	i->rules = rules_new();
	i->phrases = rules_new();
	if (!read_rules(i->rules, rules_fd, "the token rules", rules_load, e) ||
	    !read_rules(i->phrases, phrases_fd, "the phrases", injection_load, e))
		return false;
	rules_drop_guesses(i->rules); /* what stops traffic must not stop it for nothing */
	rules_build(i->rules);
	rules_build(i->phrases);
	i->inbound_head = injection_new(i->phrases);
	return true;
}

void inspector_use(struct inspector *i, const struct policy *policy)
{
	free(i->routes);
	i->policy = policy;
	i->routes = alloc_zero(policy_count(policy) + 1, sizeof(*i->routes));
	for (size_t k = 0; k < policy_count(policy); k++)
		i->routes[k] = detectors_of(policy_route(policy, k)->doc);
}

struct detect_set inspector_set(const struct inspector *i, const struct detectors *d)
{
	bool known = (d->outbound & DETECT_KNOWN) && i->known && fingerprints_count(i->known);

	return (struct detect_set){ d->outbound & DETECT_TOKENS ? i->rules : NULL, known ? i->known : NULL };
}

/* Is it what stands for a credential inside the bottle? */
static bool is_placeholder(const struct inspector *i, struct slice text)
{
	for (size_t k = 0; k < policy_count(i->policy); k++) {
		struct slice placeholder = doc_get_str(doc_get(policy_route(i->policy, k)->doc, "auth"), "placeholder");

		if (placeholder.len && slice_eq(text, placeholder))
			return true;
	}
	return false;
}

bool inspector_name(const struct inspector *i, const struct detection *d, struct found *found)
{
	if (d->rule && is_placeholder(i, d->secret))
		return false;
	*found = (struct found){
		.kind = d->rule ? d->rule->id : d->why ? "unjudged" : "known-secret",
		.why = d->why,
		.canary = !d->rule && !d->why && d->number < i->canaries.len && i->canaries.ptr[d->number],
	};
	return true;
}

struct found inspector_spread(const struct inspector *i, const struct spread_text *t)
{
	const struct detection d = { .number = t->number };
	struct found found;

	inspector_name(i, &d, &found);
	return found;
}

/* Look through a text that is complete. */
static void look_through(struct inspector *i, const struct detectors *d, struct slice text, detect_fn *fn, void *ctx)
{
	if (i->head)
		detect_reset(i->head, inspector_set(i, d), fn, ctx);
	else
		i->head = detect_new(inspector_set(i, d), fn, ctx);
	if (detect_feed(i->head, text))
		detect_finish(i->head);
}

/* --- heads --- */

enum place { PLACE_METHOD, PLACE_HOST, PLACE_PATH, PLACE_QUERY, PLACE_NAME, PLACE_VALUE };

struct segment {
	enum place place;
	size_t field;
	size_t start, end; /* in the text */
};

enum { SEGMENTS_MAX = 4 + 2 * HTTP_FIELDS_MAX };

/* One look at one head. */
struct look {
	struct inspector *inspector;
	const struct http_head *head;
	const char *host; /* that it goes to, where the operator may be asked; else NULL */
	bool redact;
	bool hopeless; /* something was found that cannot be replaced */
	struct segment list[SEGMENTS_MAX];
	size_t n;
	struct cuts cuts;
	struct found *found;
};

/* Append a part of the head and what separates it from the next: nothing that an encoding would go on behind. */
static void add_segment(struct look *l, enum place place, size_t field, struct slice part)
{
	struct buf *text = &l->inspector->text;

	l->list[l->n++] = (struct segment){ place, field, text->len, text->len + part.len };
	buf_add_slice(text, part);
	buf_add_str(text, place == PLACE_NAME ? ": " : ";\n");
}

/* Make the text of a head. */
static void gather(struct look *l, const struct request_facts *facts)
{
	buf_truncate(&l->inspector->text, 0);
	add_segment(l, PLACE_METHOD, 0, facts->method);
	add_segment(l, PLACE_HOST, 0, slice_str(facts->authority.host));
	add_segment(l, PLACE_PATH, 0, facts->path);
	add_segment(l, PLACE_QUERY, 0, facts->query);
	for (size_t i = 0; i < l->head->n_fields; i++) {
		add_segment(l, PLACE_NAME, i, l->head->fields[i].name);
		add_segment(l, PLACE_VALUE, i, l->head->fields[i].value);
	}
}

/* The part of the head that a place of the text is in, or behind. */
static const struct segment *segment_at(const struct look *l, uint64_t at)
{
	size_t i = l->n - 1;

	while (l->list[i].start > at)
		i--;
	return &l->list[i];
}

/* Say where something was found. */
static void describe(const struct look *l, const struct segment *s, struct found *found)
{
	static const char *const words[] = { "method", "host name", "path", "query" };
	struct slice name;

	if (!s || s->place <= PLACE_QUERY) {
		snprintf(found->place, sizeof(found->place), "%s", s ? words[s->place] : "head");
		return;
	}
	name = slice_sub(l->head->fields[s->field].name, 0, 64);
	if (s->place == PLACE_NAME) /* the name holds what must not be shown */
		snprintf(found->place, sizeof(found->place), "name of a header");
	else
		snprintf(found->place, sizeof(found->place), "header '%.*s'", SLICE_ARG(name));
}

/* Has the operator let it go? If not, note what the operator is to be asked. */
static bool is_permitted(const struct look *l, const struct detection *d, const struct segment *s, struct found *found)
{
	struct slice text = buf_slice(&l->inspector->text);

	if (!l->host || d->why || found->canary || !s)
		return false;
	permits_digest(&l->inspector->permits, l->host,
		       d->rule ? d->secret : slice_sub(text, (size_t)d->start, (size_t)d->end), found->digest);
	found->askable = true;
	found->context = slice_sub(text, s->start, s->end);
	return permits_has(&l->inspector->permits, found->digest);
}

/* Something was found in the head. */
static bool take_found(void *ctx, const struct detection *d)
{
	struct look *l = ctx;
	const struct segment *s = d->placed ? segment_at(l, d->start) : NULL;
	uint64_t end = d->end;
	struct found found;

	if (!inspector_name(l->inspector, d, &found) || is_permitted(l, d, s, &found))
		return true;
	if (!l->found->kind || (found.canary && !l->found->canary)) {
		*l->found = found;
		describe(l, s, l->found);
	}
	if (s && end > s->end && end <= s->end + 2)
		end = s->end; /* an encoding is replaced in whole groups, which may take in what separates */
	if (d->why || found.canary || !s || (s->place != PLACE_QUERY && s->place != PLACE_VALUE) || end > s->end ||
	    !cuts_add(&l->cuts, d->start, end, found.kind))
		l->hopeless = true;
	return l->redact && !l->hopeless;
}

/* Look at the head once. True when nothing was found. */
static bool look_once(struct look *l, const struct detectors *d, const struct request_facts *facts)
{
	struct inspector *i = l->inspector;

	l->n = l->cuts.n = 0;
	l->found->kind = NULL;
	gather(l, facts);
	look_through(i, d, buf_slice(&i->text), take_found, l);
	return !l->found->kind;
}

/* Append a part of the head with what was found in it replaced; brackets do not belong into a query (RFC 3986 §3.4). */
static void rewrite(const struct look *l, const struct segment *s, struct buf *out)
{
	struct slice text = buf_slice(&l->inspector->text);
	size_t at = s->start;

	for (size_t i = 0; i < l->cuts.n; i++) {
		const struct cut *cut = &l->cuts.list[i];

		if (cut->start < s->start || cut->start >= s->end)
			continue;
		buf_add_slice(out, slice_sub(text, at, (size_t)cut->start));
		if (s->place == PLACE_QUERY)
			buf_add_format(out, "%%5BREDACTED:%s%%5D", cut->kind);
		else
			cut_write(out, cut);
		at = (size_t)cut->end;
	}
	buf_add_slice(out, slice_sub(text, at, s->end));
}

/* Is there a part to be replaced in it? */
static bool is_cut(const struct look *l, const struct segment *s)
{
	for (size_t i = 0; i < l->cuts.n; i++)
		if (l->cuts.list[i].start >= s->start && l->cuts.list[i].start < s->end)
			return true;
	return false;
}

/* Put new values into the head. */
static void redact(struct look *l, struct http_head *h, struct request_facts *facts)
{
	struct buf *out = &l->inspector->changed;
	size_t starts[SEGMENTS_MAX + 1];

	buf_truncate(out, 0);
	for (size_t i = 0; i < l->n; i++) {
		starts[i] = out->len;
		if (is_cut(l, &l->list[i]))
			rewrite(l, &l->list[i], out);
	}
	starts[l->n] = out->len;
	for (size_t i = 0; i < l->n; i++) {
		struct slice value = slice_sub(buf_slice(out), starts[i], starts[i + 1]);

		if (!value.len)
			continue;
		if (l->list[i].place == PLACE_QUERY)
			facts->query = value;
		else
			h->fields[l->list[i].field].value = value;
	}
}

/* The labels of a host name are called by what stands behind them. */
static bool spread_host(struct spread_text *t, struct slice host)
{
	bool clean = true;

	while (clean && host.len) {
		struct slice label = slice_cut(&host, '.');

		clean = !host.len || (spread_part(t, host, false) && spread_feed(t, label) && spread_end(t));
	}
	return clean;
}

/* Judge one part of a head. */
static bool spread_over(struct spread_text *t, struct slice name, struct slice part, bool path)
{
	return spread_part(t, name, path) && spread_feed(t, part) && spread_end(t);
}

/* Judge the values of a head with those that left before them. False when one makes a secret whole. */
static bool look_spread(struct look *l, const struct detectors *d, const struct http_head *h,
			const struct request_facts *facts)
{
	struct inspector *i = l->inspector;
	struct segment at = { .place = PLACE_HOST };
	struct slice host = slice_str(facts->authority.host);
	struct spread_text t;
	bool clean;

	spread_begin(&t, i->spread, inspector_set(i, d).known, host);
	clean = spread_host(&t, host);
	if (clean) {
		at.place = PLACE_PATH;
		clean = spread_over(&t, SLICE("path"), facts->path, true);
	}
	if (clean) {
		at.place = PLACE_QUERY;
		clean = spread_over(&t, SLICE("query"), facts->query, false);
	}
	for (size_t k = 0; clean && k < h->n_fields; k++) {
		at = (struct segment){ .place = PLACE_VALUE, .field = k };
		clean = spread_over(&t, h->fields[k].name, h->fields[k].value, false);
	}
	if (clean)
		return true;
	*l->found = inspector_spread(i, &t);
	describe(l, &at, l->found);
	return false;
}

enum inspect_result inspect_head(struct inspector *i, const struct detectors *d, struct http_head *h,
				 struct request_facts *facts, struct found *found)
{
	struct look l = { .inspector = i, .head = h, .redact = d->on_match == ON_MATCH_REDACT, .found = found,
			  .host = i->permits.asks && d->on_match == ON_MATCH_SUPERVISE ? facts->authority.host : NULL };
	struct found again = { .kind = NULL };

	found->kind = NULL;
	if (!d->outbound)
		return INSPECT_CLEAN;
	if (look_once(&l, d, facts))
		return look_spread(&l, d, h, facts) ? INSPECT_CLEAN : INSPECT_FOUND;
	if (!l.redact || l.hopeless)
		return INSPECT_FOUND;
	redact(&l, h, facts);
	found->count = l.cuts.n;
	l.found = &again;
	if (!look_once(&l, d, facts))
		return INSPECT_FOUND;
	l.found = found;
	return look_spread(&l, d, h, facts) ? INSPECT_CHANGED : INSPECT_FOUND;
}

static bool is_random(struct slice part)
{
	struct entropy e = { .length = 0 };

	return entropy_feed(&e, part);
}

bool inspect_entropy(const struct detectors *d, const struct http_head *h, const struct request_facts *facts,
		     struct found *found)
{
	*found = (struct found){ .kind = "entropy" };
	if (!(d->outbound & DETECT_ENTROPY))
		return false;
	if (is_random(facts->path) || is_random(facts->query)) {
		snprintf(found->place, sizeof(found->place), "%s", is_random(facts->path) ? "path" : "query");
		return true;
	}
	for (size_t i = 0; i < h->n_fields; i++) {
		if (!is_random(h->fields[i].value))
			continue;
		snprintf(found->place, sizeof(found->place), "header '%.*s'",
			 SLICE_ARG(slice_sub(h->fields[i].name, 0, 64)));
		return true;
	}
	return false;
}

/* --- texts --- */

/* A text for the log. */
struct plain {
	struct inspector *inspector;
	struct cuts cuts;
	bool hopeless;
};

static bool take_plain(void *ctx, const struct detection *d)
{
	struct plain *p = ctx;
	struct found found;

	if (inspector_name(p->inspector, d, &found) &&
	    (!d->placed || found.why || !cuts_add(&p->cuts, d->start, d->end, found.kind)))
		p->hopeless = true;
	return !p->hopeless;
}

void inspect_text(struct inspector *i, struct slice text, struct buf *out)
{
	static const struct detectors all = { .outbound = DETECT_TOKENS | DETECT_KNOWN };
	struct plain p = { .inspector = i };
	size_t at = 0;

	look_through(i, &all, text, take_plain, &p);
	if (p.hopeless) {
		buf_add_str(out, "[REDACTED]");
		return;
	}
	for (size_t k = 0; k < p.cuts.n; k++) {
		buf_add_slice(out, slice_sub(text, at, (size_t)p.cuts.list[k].start));
		cut_write(out, &p.cuts.list[k]);
		at = (size_t)p.cuts.list[k].end;
	}
	buf_add_slice(out, slice_sub(text, at, text.len));
}
