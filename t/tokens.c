/*
 * Each rule by samples that are made from the format which its vendor publishes:
 * t/tokens.samples says it in a line, and no token stands anywhere as such. A rule
 * finds all of them, and none that lacks a character or has one that is not in the
 * alphabet. A rule without a line fails, and so does a line without a rule.
 */
#include "file.h"
#include "scan.h"
#include "t/lib/tap.h"
#include "t/lib/tokens.h"

enum { EACH = 4 /* samples of each kind */ };

struct look {
	const char *id;
	bool found;
};

static bool note(void *ctx, const struct finding *f)
{
	struct look *l = ctx;

	l->found = l->found || (f->rule && strcmp(f->rule->id, l->id) == 0);
	return true;
}

static bool finds(const struct rules *rules, const char *id, const char *path, struct slice text)
{
	struct look l = { .id = id };
	struct scan s;

	scan_init(&s, rules, slice_str(path), note, &l);
	scan_feed(&s, text);
	scan_finish(&s);
	scan_release(&s);
	return l.found;
}

/* A line of t/tokens.samples. */
struct kind {
	const char *id, *line, *path;
};

/* How many samples went wrong, of how many that should be found and that should not. */
struct tally {
	size_t missed, alarms, made, flawed;
};

static void count_flawed(const struct rules *rules, const struct kind *k, enum flaw flaw, size_t at, struct tally *t)
{
	AUTO_BUF text = BUF_INIT;

	for (int i = 0; i < EACH && token_make(k->line, flaw, at, &text); i++) {
		t->flawed++;
		if (finds(rules, k->id, k->path, buf_slice(&text)) && !t->alarms++)
			printf("# %s found in '%s'\n", k->id, buf_str(&text));
	}
}

static void test_rule(const struct rules *rules, const struct kind *k)
{
	struct tally t = { .made = 0 };
	AUTO_BUF text = BUF_INIT;

	for (int i = 0; i < EACH && token_make(k->line, NO_FLAW, 0, &text); i++) {
		t.made++;
		if (!finds(rules, k->id, k->path, buf_slice(&text)) && !t.missed++)
			printf("# %s not found in '%s'\n", k->id, buf_str(&text));
	}
	for (size_t at = 0; at < 8; at++) {
		count_flawed(rules, k, TOO_SHORT, at, &t);
		count_flawed(rules, k, WRONG_LETTER, at, &t);
	}
	if (!t.flawed) /* only its marks are fixed */
		count_flawed(rules, k, WRONG_MARK, 0, &t);
	ok(t.made == EACH && t.flawed && !t.missed && !t.alarms, "%s: %zu of %zu found, and %zu of %zu that are none",
	   k->id,
	   t.made - t.missed, t.made, t.alarms, t.flawed);
}

/* Find the line of a rule. False when it has none. *text is what the line is in, to be freed. */
static bool find_kind(const char *samples, const char *id, struct kind *k, char **text)
{
	size_t len = strlen(id);
	char *path;

	for (const char *p = samples; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, id, len) != 0 || p[len] != '\t')
			continue;
		*text = alloc_copy(p + len + 1, strcspn(p + len + 1, "\n"));
		path = strchr(*text, '\t');
		if (path)
			*path++ = '\0';
		*k = (struct kind){ id, *text, path ? path : "" };
		return true;
	}
	return false;
}

static size_t count_lines(struct slice text)
{
	size_t n = 0;

	while (text.len) {
		struct slice line = slice_cut(&text, '\n');

		n += line.len && line.ptr[0] != '#';
	}
	return n;
}

/* Read a file beneath the sources. */
static bool read_source(const char *name, struct buf *text)
{
	AUTO_FREE char *path = alloc_format("%s/%s", getenv("BB_SOURCE") ? getenv("BB_SOURCE") : ".", name);
	struct error e = ERROR_INIT;

	return ok(file_read(path, 1 << 20, text, &e), "%s is read", name);
}

int main(void)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF yaml = BUF_INIT;
	AUTO_BUF samples = BUF_INIT;
	struct rules *rules = rules_new();

	srand(13);
	if (!read_source("rules/tokens.yaml", &yaml) || !read_source("t/tokens.samples", &samples))
		return tap_done();
	ok(rules_load(rules, buf_slice(&yaml), "tokens.yaml", &problems), "the rules load");
	rules_build(rules);
	ok(rules_count(rules) >= 150, "there are %zu kinds", rules_count(rules));
	is_int(count_lines(buf_slice(&samples)), rules_count(rules), "as many have samples");
	for (size_t i = 0; i < rules_count(rules); i++) {
		AUTO_FREE char *text = NULL;
		struct kind k;

		if (find_kind(buf_str(&samples), rule_at(rules, i)->id, &k, &text))
			test_rule(rules, &k);
		else
			ok(false, "%s has samples", rule_at(rules, i)->id);
	}
	rules_release(rules);
	return tap_done();
}
