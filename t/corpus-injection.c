/*
 * The injection corpus through the phrases: what is blocked and what is warned of, by
 * level. With BB_VERBOSE in the environment each sample of which the verdict is
 * wrong is named (ids and phrases only).
 */
#include "injection.h"
#include "t/lib/corpus.h"

enum { LEVELS_MAX = 16 };

struct level {
	char name[40];
	bool attack;
	size_t count, blocked, warned;
};

struct tally {
	struct injection *injection;
	struct level list[LEVELS_MAX];
	size_t n;
};

static struct level *level_of(struct tally *t, const char *label, const char *level)
{
	char name[sizeof(t->list[0].name)];

	snprintf(name, sizeof(name), "%s/%s", label, level);
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].name, name) == 0)
			return &t->list[i];
	if (t->n == LEVELS_MAX)
		return &t->list[0];
	snprintf(t->list[t->n].name, sizeof(name), "%s", name);
	t->list[t->n].attack = strcmp(label, "injection") == 0;
	return &t->list[t->n++];
}

static void judge(void *ctx, const struct doc *line)
{
	struct tally *t = ctx;
	struct level *level = level_of(t, doc_get_cstr(line, "label"), doc_get_cstr(line, "level"));
	AUTO_BUF text = BUF_INIT;
	enum injection_verdict verdict;

	if (!corpus_bytes(doc_get_str(line, "text_b64"), &text))
		ok(false, "%s is read", doc_get_cstr(line, "id"));
	injection_reset(t->injection);
	injection_feed(t->injection, buf_slice(&text));
	verdict = injection_finish(t->injection);
	level->count++;
	level->blocked += verdict == INJECTION_BLOCK;
	level->warned += verdict == INJECTION_WARN;
	if (getenv("BB_VERBOSE") && (verdict == INJECTION_BLOCK) != level->attack)
		printf("# %s %s: %s\n", level->attack ? "miss" : "alarm", doc_get_cstr(line, "id"), injection_names(t->injection));
}

/* How many of a level were blocked, in percent. */
static double percent(const struct tally *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].name, name) == 0 && t->list[i].count)
			return 100.0 * (double)t->list[i].blocked / (double)t->list[i].count;
	return -1;
}

int main(void)
{
	static struct tally t;
	AUTO_FREE char *path = alloc_format("%s/rules/injection.yaml", getenv("BB_SOURCE") ? getenv("BB_SOURCE") : ".");
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct rules *rules = rules_new();

	if (!corpus_there())
		return tap_done();
	document_seed();
	ok(file_read(path, 1u << 20, &text, &e), "the phrases are there %s", e.text);
	ok(injection_load(rules, buf_slice(&text), "injection.yaml", &problems), "the phrases load");
	for (size_t i = 0; i < problems.count; i++)
		printf("# %u: %s\n", problems.list[i].line, problems.list[i].text);
	rules_build(rules);
	t.injection = injection_new(rules);
	corpus_each("injection/samples.jsonl", judge, &t);
	printf("# %-24s %6s %8s %8s\n", "level", "count", "blocked", "warned");
	for (size_t i = 0; i < t.n; i++)
		printf("# %-24s %6zu %7.1f%% %7.1f%%\n", t.list[i].name, t.list[i].count, percent(&t, t.list[i].name),
		       100.0 * (double)t.list[i].warned / (double)t.list[i].count);
	ok(percent(&t, "injection/explicit") >= 35, "of explicit attacks more than a third is blocked");
	ok(percent(&t, "injection/obfuscated") >= 50, "of obfuscated ones at least half");
	ok(percent(&t, "benign/plain") >= 0 && percent(&t, "benign/plain") <= 1, "at most 1 %% of plain texts is blocked");
	ok(percent(&t, "benign/hard") >= 0 && percent(&t, "benign/hard") <= 1, "at most 1 %% of hard ones is blocked");
	injection_release(t.injection);
	rules_release(rules);
	return tap_done();
}
