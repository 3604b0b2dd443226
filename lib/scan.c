#include "scan.h"

#include <stdlib.h>

#include "alloc.h"

void scan_init(struct scan *s, const struct rules *rules, struct slice path, scan_finding_fn *fn, void *ctx)
{
	*s = (struct scan){ .rules = rules, .path = path, .fn = fn, .ctx = ctx, .window = BUF_INIT };
	s->progress = alloc_zero(rules_count(rules), sizeof(*s->progress));
}

void scan_release(struct scan *s)
{
	buf_wipe(&s->window);
	free(s->pending);
	free(s->progress);
	*s = (struct scan){ .window = BUF_INIT };
}

void scan_reset(struct scan *s)
{
	buf_truncate(&s->window, 0);
	s->base = s->searched = 0;
	s->n_pending = 0;
	memset(s->progress, 0, rules_count(s->rules) * sizeof(*s->progress));
}

static uint64_t scan_end(const struct scan *s)
{
	return s->base + s->window.len;
}

/* A view of the window between two places of the stream, cut to what is there. */
static struct slice view(const struct scan *s, uint64_t start, uint64_t end)
{
	start = start > s->base ? start - s->base : 0;
	end = end > s->base ? end - s->base : 0;
	return slice_sub(buf_slice(&s->window), (size_t)start, (size_t)end);
}

/* What collect needs beside the scan. */
struct search {
	struct scan *s;
	uint64_t limit; /* keywords that start here or later are left to the next search */
};

/* Remember a keyword. */
static bool collect(void *ctx, const struct literal_hit *hit)
{
	struct search *search = ctx;
	struct scan *s = search->s;
	uint64_t start = s->base + hit->start;

	if (start >= search->limit)
		return true;
	if (s->n_pending == s->pending_cap) {
		s->pending_cap = s->pending_cap ? s->pending_cap * 2 : 16;
		s->pending = alloc_resize(s->pending, s->pending_cap, sizeof(*s->pending));
	}
	s->pending[s->n_pending++] = (struct scan_candidate){ .start = start, .keyword = hit->id };
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct scan_candidate *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->keyword < y->keyword ? -1 : x->keyword > y->keyword;
}

/* Look for the keywords that start before limit and have not been seen. */
static void search(struct scan *s, uint64_t limit)
{
	struct search c = { s, limit };
	size_t before = s->n_pending;

	if (limit <= s->searched)
		return;
	literals_scan(rules_literals(s->rules), buf_slice(&s->window), (size_t)(s->searched - s->base), collect, &c);
	s->searched = limit;
	if (s->n_pending > before)
		qsort(s->pending + before, s->n_pending - before, sizeof(*s->pending), by_start);
}

/* Tell what a rule found. */
static bool report(struct scan *s, const struct rule *rule, const struct rule_match *m)
{
	struct finding f = { .rule = rule, .match = m->whole, .secret = m->secret };
	const char *line_start = m->whole.ptr, *line_end = m->whole.ptr + m->whole.len;

	while (line_start > s->window.ptr && line_start[-1] != '\n')
		line_start--;
	while (line_end < s->window.ptr + s->window.len && *line_end != '\n')
		line_end++;
	f.line = slice_of(line_start, (size_t)(line_end - line_start));
	f.start = s->base + (uint64_t)(m->whole.ptr - s->window.ptr);
	f.end = f.start + m->whole.len;
	f.secret_start = s->base + (uint64_t)(m->secret.ptr - s->window.ptr);
	f.secret_end = f.secret_start + m->secret.len;
	return s->fn(s->ctx, &f);
}

/* Tell that something could not be judged: as good as a finding. */
static bool report_limit(struct scan *s, uint64_t start, const char *why)
{
	struct finding f = { .why = why, .start = start, .end = start, .secret_start = start, .secret_end = start };

	return s->fn(s->ctx, &f);
}

/* Ask one rule about one keyword. */
static bool ask(struct scan *s, uint32_t index, uint64_t start)
{
	const struct rule *rule = rule_at(s->rules, index);
	struct scan_progress *p = &s->progress[index];
	uint64_t before = rule->at_keyword ? SCAN_LOOKBEHIND : SCAN_LOOKBEHIND + RULE_LEAD,
		 base = start > before ? start - before : 0;
	struct slice subject = view(s, base, start + rule->length);
	size_t from = p->tried > base ? (size_t)(p->tried - base) : 0;
	struct rule_match m;

	if (start < p->end || start < p->tried)
		return true;
	p->tried = start + 1;
	switch (rule_apply(s->rules, rule, subject, from, (size_t)(start - base), s->path, &m)) {
	case REGEX_NO:
		return true;
	case REGEX_LIMIT:
		return report_limit(s, start, "work of a regular expression");
	case REGEX_YES:
		break;
	}
	p->end = s->base + (uint64_t)(m.whole.ptr + m.whole.len - s->window.ptr);
	return report(s, rule, &m);
}

/* Judge the candidates in order, as far as their windows are complete. */
static bool judge(struct scan *s, bool final)
{
	size_t done = 0;
	bool going = true;

	for (; going && done < s->n_pending; done += 1) {
		struct scan_candidate *c = &s->pending[done];
		size_t n;
		const uint32_t *rules = rules_of(s->rules, c->keyword, &n);

		for (; going && c->next_rule < n; c->next_rule++) {
			if (!final && scan_end(s) < c->start + rule_at(s->rules, rules[c->next_rule])->length)
				break;
			going = ask(s, rules[c->next_rule], c->start);
		}
		if (c->next_rule < n)
			break;
	}
	if (!done)
		return going;
	s->n_pending -= done;
	memmove(s->pending, s->pending + done, s->n_pending * sizeof(*s->pending));
	return going;
}

/* Drop the bytes that nothing will look at again. */
static void trim(struct scan *s)
{
	uint64_t first = s->n_pending && s->pending[0].start < s->searched ? s->pending[0].start : s->searched;
	uint64_t before = SCAN_LOOKBEHIND + rules_lead(s->rules);
	uint64_t keep = first > before ? first - before : 0;

	/* Moving bytes costs; wait until half of the window can go. */
	if (keep > s->base && keep - s->base >= s->window.len / 2 + 4096) {
		buf_consume(&s->window, (size_t)(keep - s->base));
		s->base = keep;
	}
}

bool scan_feed(struct scan *s, struct slice bytes)
{
	size_t tail = literals_longest(rules_literals(s->rules));

	tail = tail ? tail - 1 : 0;
	while (bytes.len) {
		struct slice piece = slice_sub(bytes, 0, 65536);

		bytes = slice_sub(bytes, piece.len, bytes.len);
		buf_add_slice(&s->window, piece);
		search(s, scan_end(s) > tail ? scan_end(s) - tail : 0);
		if (s->n_pending > SCAN_PENDING_MAX && !report_limit(s, s->pending[0].start, "keywords waiting"))
			return false;
		if (!judge(s, false))
			return false;
		trim(s);
	}
	return true;
}

bool scan_finish(struct scan *s)
{
	search(s, scan_end(s));
	return judge(s, true);
}

uint64_t scan_held(const struct scan *s)
{
	uint64_t first = s->n_pending && s->pending[0].start < s->searched ? s->pending[0].start : s->searched;
	uint64_t lead = rules_lead(s->rules);

	first = first > lead ? first - lead : 0;
	return scan_end(s) - first;
}
