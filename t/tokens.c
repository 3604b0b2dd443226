/*
 * Each rule by samples that are made from the format which its vendor publishes:
 * t/tokens.samples says it in a line, and no token stands anywhere as such. A rule
 * finds all of them, and none that lacks a character or has one that is not in the
 * alphabet. A rule without a line fails, and so does a line without a rule.
 */
#include <stdlib.h>

#include "alloc.h"
#include "file.h"
#include "scan.h"
#include "t/lib/tap.h"

enum {
	EACH = 4,     /* samples of each kind */
	EXACT_MIN = 8, /* characters of a part that are not there by chance */
};

/* The alphabets of t/tokens.samples. */
static const char *alphabet_of(char name)
{
	static const struct {
		char name;
		const char *letters;
	} all[] = {
		{ 'd', "0123456789" },
		{ 'h', "0123456789abcdef" },
		{ 'H', "0123456789ABCDEF" },
		{ 'x', "0123456789abcdefABCDEF" },
		{ 'b', "abcdefghijklmnopqrstuvwxyz234567" },
		{ 'B', "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" },
		{ 'q', "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" },
		{ 'l', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" },
		{ 'a', "abcdefghijklmnopqrstuvwxyz0123456789" },
		{ 'U', "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" },
		{ 'A', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" },
		{ 'w', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_" },
	};

	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i].name == name)
			return all[i].letters;
	return NULL;
}

enum flaw { NO_FLAW, TOO_SHORT, WRONG_LETTER, WRONG_MARK };

/* A part of a line: "{h32}", or "{h32*}" when there may be fewer or others as well. */
struct part {
	const char *letters;
	size_t count;
	bool exact;
};

/* Read the part at *p, which is behind it then. */
static bool read_part(const char **p, struct part *part)
{
	char *end;

	part->letters = alphabet_of((*p)[1]);
	part->count = strtoul(*p + 2, &end, 10);
	part->exact = *end != '*' && part->count >= EXACT_MIN;
	end += *end == '*';
	*p = end + 1;
	return part->letters && part->count && *end == '}';
}

/* Append random letters, of which one may lack or be wrong. */
static void add_part(struct buf *out, const struct part *part, enum flaw flaw)
{
	size_t n = strlen(part->letters);

	for (size_t i = flaw == TOO_SHORT; i < part->count; i++)
		buf_add_char(out, flaw == WRONG_LETTER && i == part->count / 2 ? '!' : part->letters[(size_t)rand() % n]);
}

/*
 * Write a sample of a line. flaw is in part number at of those that are exact; or,
 * WRONG_MARK, in the letter that is marked for it or else the first. False when there is no such part.
 */
static bool make(const char *line, enum flaw flaw, size_t at, struct buf *out)
{
	bool flawed = flaw == NO_FLAW, marked = strstr(line, "{!");
	size_t exact = 0;

	buf_truncate(out, 0);
	buf_add_char(out, ' ');
	for (const char *p = line; *p;) {
		struct part part;

		if (*p == '{' && p[1] && alphabet_of(p[1]) && p[2] >= '0' && p[2] <= '9') {
			enum flaw here = NO_FLAW;

			if (!read_part(&p, &part))
				return false;
			if (part.exact && exact++ == at && flaw != WRONG_MARK)
				here = flaw;
			flawed = flawed || here != NO_FLAW;
			add_part(out, &part, here);
		} else if (p[0] == '{' && p[1] == '!' && p[2] && p[3] == '}') {
			buf_add_char(out, flaw == WRONG_MARK ? ' ' : p[2]);
			flawed = flawed || flaw == WRONG_MARK;
			p += 4;
		} else if (*p == '\\' && p[1] == 'n') {
			buf_add_char(out, '\n');
			p += 2;
		} else {
			bool wrong = flaw == WRONG_MARK && !flawed && !marked && (ascii_is_alpha(*p) || ascii_is_digit(*p));

			buf_add_char(out, wrong ? (*p == '0' ? 'z' : '0') : *p);
			flawed = flawed || wrong;
			p++;
		}
	}
	buf_add_char(out, '\n');
	return flawed;
}

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

	for (int i = 0; i < EACH && make(k->line, flaw, at, &text); i++) {
		t->flawed++;
		if (finds(rules, k->id, k->path, buf_slice(&text)) && !t->alarms++)
			printf("# %s found in '%s'\n", k->id, buf_str(&text));
	}
}

static void test_rule(const struct rules *rules, const struct kind *k)
{
	struct tally t = { .made = 0 };
	AUTO_BUF text = BUF_INIT;

	for (int i = 0; i < EACH && make(k->line, NO_FLAW, 0, &text); i++) {
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
	ok(t.made == EACH && t.flawed && !t.missed && !t.alarms, "%s: %zu of %zu found, and %zu of %zu that are none", k->id,
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
