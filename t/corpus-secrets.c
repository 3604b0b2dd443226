/*
 * The secrets corpus through the token rules: what is found and what is left
 * alone, by source. With BB_VERBOSE in the environment each miss and each false
 * alarm is named (ids only, no sample).
 */
#include "scan.h"
#include "t/lib/corpus.h"

enum { SOURCES_MAX = 16 };

struct source {
	char name[40];
	size_t positives, found, same_rule; /* found by any rule; by the rule of that name */
	size_t lite, lite_found;            /* those that gitleaks' own rules find */
	size_t negatives, spoken;           /* of one rule, which did speak */
	size_t anything, hits;              /* nothing may speak; findings */
};

struct tally {
	struct rules *rules;
	struct source list[SOURCES_MAX];
	size_t count;
};

/* One sample: what to look for, and what came. */
struct sample {
	struct slice rule;  /* the rule that is asked */
	struct slice text;
	struct slice secret; /* where something must be found; may be empty */
	size_t findings;
	bool found, by_rule;
	struct buf names;
};

static struct source *source_of(struct tally *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->list[i].name, name) == 0)
			return &t->list[i];
	if (t->count == SOURCES_MAX)
		return &t->list[0];
	snprintf(t->list[t->count].name, sizeof(t->list[0].name), "%s", name);
	return &t->list[t->count++];
}

/* Whether a place of the text lies in an occurrence of the secret. */
static bool touches(const struct sample *s, uint64_t start, uint64_t end)
{
	size_t at = 0, next;

	if (!s->secret.len)
		return true;
	while ((next = slice_search(slice_sub(s->text, at, s->text.len), s->secret)) != SLICE_NONE) {
		if (start < at + next + s->secret.len && end > at + next)
			return true;
		at += next + 1;
	}
	return false;
}

static bool note(void *ctx, const struct finding *f)
{
	struct sample *s = ctx;

	s->findings++;
	buf_add_format(&s->names, " %s", f->rule ? f->rule->id : f->why);
	if (touches(s, f->secret_start, f->secret_end)) {
		s->found = true;
		s->by_rule = s->by_rule || (f->rule && slice_eq(slice_str(f->rule->id), s->rule));
	}
	return true;
}

static void judge(void *ctx, const struct doc *line)
{
	struct tally *t = ctx;
	struct source *of = source_of(t, doc_get_cstr(line, "source"));
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF secret = BUF_INIT;
	struct sample s = { .rule = doc_get_str(line, "rule"), .names = BUF_INIT };
	struct scan scan;
	bool lite = doc_count(doc_get(line, "gitleaks_lite")) > 0, positive = doc_get_bool(line, "positive");
	bool any = slice_eq(doc_get_str(line, "scope"), SLICE("any")), wrong;

	if (!corpus_bytes(doc_get_str(line, "text_b64"), &text) ||
	    (doc_get(line, "secret_b64") && !corpus_bytes(doc_get_str(line, "secret_b64"), &secret)))
		ok(false, "%s is read", doc_get_cstr(line, "id"));
	s.text = buf_slice(&text);
	s.secret = buf_slice(&secret);
	scan_init(&scan, t->rules, doc_get_str(line, "path"), note, &s);
	scan_feed(&scan, s.text);
	scan_finish(&scan);
	scan_release(&scan);
	if (positive) {
		of->positives++;
		of->found += s.found;
		of->same_rule += s.by_rule;
		of->lite += lite;
		of->lite_found += lite && s.found;
		wrong = !s.found;
	} else if (any) {
		of->anything++;
		of->hits += s.findings;
		wrong = s.findings > 0;
	} else {
		of->negatives++;
		of->spoken += s.by_rule;
		wrong = s.by_rule;
	}
	if (wrong && getenv("BB_VERBOSE"))
		printf("# %s %s%s:%s\n", positive ? "miss" : "alarm", doc_get_cstr(line, "id"), lite ? " (lite)" : "",
		       buf_str(&s.names));
	buf_release(&s.names);
}

/* The rules as they are shipped. */
static struct rules *shipped_rules(void)
{
	AUTO_FREE char *path = alloc_format("%s/rules/tokens.yaml", getenv("BB_SOURCE") ? getenv("BB_SOURCE") : ".");
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct rules *rules = rules_new();

	ok(file_read(path, 1u << 20, &text, &e), "the rules are there %s", e.text);
	ok(rules_load(rules, buf_slice(&text), "tokens.yaml", &problems), "the rules load");
	for (size_t i = 0; i < problems.count; i++)
		printf("# %u: %s\n", problems.list[i].line, problems.list[i].text);
	rules_build(rules);
	return rules;
}

int main(void)
{
	static struct tally t;
	size_t lite_missed = 0, spoken = 0, hits = 0, positives = 0;

	if (!corpus_there())
		return tap_done();
	document_seed();
	t.rules = shipped_rules();
	corpus_each("secrets/samples.jsonl", judge, &t);
	printf("# %-20s %9s %7s %9s %11s %10s %7s %9s %6s\n", "source", "positives", "found", "same rule",
	       "by gitleaks", "of these", "silent", "nothing", "hits");
	for (size_t i = 0; i < t.count; i++) {
		const struct source *s = &t.list[i];

		printf("# %-20s %9zu %7zu %9zu %11zu %10zu %3zu/%3zu %9zu %6zu\n", s->name, s->positives, s->found,
		       s->same_rule, s->lite, s->lite_found, s->negatives - s->spoken, s->negatives, s->anything,
		       s->hits);
		positives += s->positives;
		lite_missed += strcmp(s->name, "gitleaks") == 0 ? s->lite - s->lite_found : 0;
		spoken += strcmp(s->name, "gitleaks") == 0 ? s->spoken : 0;
		hits += s->hits;
	}
	ok(positives > 0, "there are samples of secrets");
	is_int(lite_missed, 0, "every gitleaks sample is found that gitleaks' own rules find");
	/*
	 * The exceptions are Google keys of the right form, which gitleaks excuses one by one: nothing tells them from
	 * others.
	 */
	ok(spoken <= 7, "no rule speaks on gitleaks' samples of what it must leave alone, but for keys it excuses one "
			"by one: %zu", spoken);
	ok(hits <= 5, "at most 5 hits on what is no secret at all: %zu", hits);
	rules_release(t.rules);
	return tap_done();
}
