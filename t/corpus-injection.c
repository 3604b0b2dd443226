/*
 * The injection corpus through the phrases: what is blocked and what is warned of, by
 * level, and in two halves by a hash of the sample's id: those that were looked at
 * while the phrases were written, and those held out, which are only counted. With
 * BB_VERBOSE in the environment each sample of the first half of which the verdict
 * is wrong is named (ids and phrases only).
 */
#include "injection.h"
#include "t/lib/corpus.h"

enum { LEVELS_MAX = 16 };

struct level {
	char name[40];
	bool attack;
	struct half { size_t count, blocked, warned; } half[2]; /* looked at, held out */
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

/* Is a sample one of those that nobody looks at? */
static bool is_held_out(struct slice id)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	return !EVP_Digest(id.ptr, id.len, hash, NULL, EVP_sha256(), NULL) || (hash[0] & 1);
}

static void judge(void *ctx, const struct doc *line)
{
	struct tally *t = ctx;
	struct level *level = level_of(t, doc_get_cstr(line, "label"), doc_get_cstr(line, "level"));
	struct half *half = &level->half[is_held_out(doc_get_str(line, "id"))];
	AUTO_BUF text = BUF_INIT;
	enum injection_verdict verdict;

	if (!corpus_bytes(doc_get_str(line, "text_b64"), &text))
		ok(false, "%s is read", doc_get_cstr(line, "id"));
	injection_reset(t->injection);
	injection_feed(t->injection, buf_slice(&text));
	verdict = injection_finish(t->injection);
	half->count++;
	half->blocked += verdict == INJECTION_BLOCK;
	half->warned += verdict == INJECTION_WARN;
	if (getenv("BB_VERBOSE") && half == &level->half[0] && (verdict == INJECTION_BLOCK) != level->attack)
		printf("# %s %s: %s\n", level->attack ? "miss" : "alarm", doc_get_cstr(line, "id"),
		       injection_names(t->injection));
}

/* Of a half of a level, in percent: how many were blocked; blocked or warned of; -1 when there are none. */
static double blocked(const struct level *l, int half)
{
	return l->half[half].count ? 100.0 * (double)l->half[half].blocked / (double)l->half[half].count : -1;
}

static double noticed(const struct level *l, int half)
{
	return l->half[half].count
		       ? blocked(l, half) + 100.0 * (double)l->half[half].warned / (double)l->half[half].count
		       : -1;
}

/* What is held out must reach: at least for attacks, at most for the others. */
static const struct goal { const char *label, *level; double blocked, noticed; } goals[] = {
	{ "injection", "explicit", 50, 75 },
	{ "injection", "obfuscated", 60, 90 },
	{ "injection", "jailbreak", 55, 75 },
	{ "injection", "subtle", 8, 50 },
	{ "injection", "multilingual", 8, 25 },
	{ "injection", "task-only", 0, 40 },
	{ "benign", "plain", 1, 1 },
	{ "benign", "hard", 1, 1 },
	{ "benign", "quoting", 16, 20 },
};

static void check_goals(struct tally *t)
{
	for (size_t g = 0; g < COUNT_OF(goals); g++) {
		const struct level *l = level_of(t, goals[g].label, goals[g].level);
		double b = blocked(l, 1), n = noticed(l, 1);

		ok(l->half[0].count && l->half[1].count, "%s has samples in both halves", l->name);
		ok(l->attack ? b >= goals[g].blocked : b <= goals[g].blocked, "%s %g %% of %s held out are blocked",
		   l->attack ? "at least" : "at most", goals[g].blocked, l->name);
		ok(l->attack ? n >= goals[g].noticed : n <= goals[g].noticed, "%s %g %% are blocked or warned of",
		   l->attack ? "at least" : "at most", goals[g].noticed);
	}
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
	printf("# %-24s %31s   %s\n# %-24s %7s %10s %10s   %7s %10s %10s\n", "", "looked at", "held out", "level",
	       "count", "blocked", "or warned", "count", "blocked", "or warned");
	for (const struct level *l = t.list; l < t.list + t.n; l++)
		printf("# %-24s %7zu %9.1f%% %9.1f%%   %7zu %9.1f%% %9.1f%%\n", l->name, l->half[0].count,
		       blocked(l, 0), noticed(l, 0), l->half[1].count, blocked(l, 1), noticed(l, 1));
	check_goals(&t);
	injection_release(t.injection);
	rules_release(rules);
	return tap_done();
}
