#include "rules.h"

#include <math.h>
#include <stdlib.h>

#include "alloc.h"
#include "near.h"
#include "shape.h"

enum target { TARGET_SECRET, TARGET_MATCH, TARGET_LINE, TARGET_NAME };

/* What makes a match harmless: any of its parts, or with all each kind that is there. */
struct allowlist {
	bool all;
	enum target target;
	struct regex **regexes;
	size_t n_regexes;
	struct regex **paths;
	size_t n_paths;
	char **stopwords; /* lower case */
	size_t n_stopwords;
};

/* A compiled expression, and what asked for it until the set is built. */
struct expression {
	char *pattern;
	size_t len;
	unsigned flags;
	struct regex *regex;
};

/* The rules that have one keyword. */
struct keyword {
	uint32_t *rules;
	size_t n_rules;
};

struct rules {
	struct rule *list;
	size_t count;
	struct doc **sources; /* of each rule, until the set is built */
	struct allowlist *allowlists;
	size_t n_allowlists;
	struct expression *expressions; /* all that the rules and allowlists point to, each once */
	size_t n_expressions;
	struct keyword *keywords;
	size_t n_keywords;
	struct literals *literals;
	size_t lead, length;
};

/* --- the file's shape --- */

/* A regular expression that compiles. */
static bool a_regex(struct slice text, struct buf *out, const char **why)
{
	struct error e = ERROR_INIT;
	struct regex *re = regex_new(text, 0, &e);

	if (!re)
		return *why = "it does not compile (PCRE2)", false;
	regex_release(re);
	buf_add_slice(out, text);
	return true;
}

/* May it be in the name of a class of words? */
static bool in_name(char c)
{
	return (c >= 'a' && c <= 'z') || c == '-';
}

/* The name of a class of words: {such-a-name} is no quantifier. */
static bool a_name(struct slice text, struct buf *out, const char **why)
{
	for (size_t i = 0; i < text.len; i++)
		if (!in_name(text.ptr[i]))
			return *why = "of small letters and '-'", false;
	buf_add_slice(out, text);
	return text.len || (*why = "empty", false);
}

/* A keyword: something the first pass can find. */
static bool a_keyword(struct slice text, struct buf *out, const char **why)
{
	if (text.len < LITERAL_MIN || text.len > LITERAL_MAX)
		return *why = "of 3 to 255 bytes", false;
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(out, ascii_lower(text.ptr[i]));
	return true;
}

/* A number of bits. */
static bool a_number(struct slice text, struct buf *out, const char **why)
{
	char *end;
	AUTO_FREE char *copy = alloc_copy(text.ptr, text.len);
	double v = strtod(copy, &end);

	if (!text.len || *end || !(v >= 0 && v <= 8))
		return *why = "from 0 to 8 bits for each byte", false;
	buf_add_slice(out, text);
	return true;
}

static const struct shape text_shape = { .type = SHAPE_STRING, .wanted = "a text" };
static const struct shape regex_shape = { .type = SHAPE_STRING, .wanted = "a regular expression", .text = a_regex };
static const struct shape regexes_shape = { .type = SHAPE_LIST, .wanted = "a list of regular expressions",
					    .item = &regex_shape };
static const struct shape texts_shape = { .type = SHAPE_LIST, .wanted = "a list of texts", .item = &text_shape };
static const struct shape keyword_shape = { .type = SHAPE_TEXT, .wanted = "a keyword", .text = a_keyword };
static const struct shape keywords_shape = { .type = SHAPE_LIST, .wanted = "a list of keywords", .item = &keyword_shape,
					     .min = 1, .max = RULE_KEYWORDS_MAX };
static const struct shape entropy_shape = { .type = SHAPE_TEXT, .wanted = "a number", .text = a_number };
static const struct shape guess_shape = { .type = SHAPE_BOOL, .wanted = "true or false" };
static const struct shape group_shape = { .type = SHAPE_INT, .wanted = "the number of a group", .max = 99 };
static const struct shape length_shape = { .type = SHAPE_INT, .wanted = "a number of bytes", .min = LITERAL_MIN,
					   .max = RULE_LENGTH_MAX };
static const char *const at_words[] = { "keyword", NULL };
static const struct shape at_shape = { .type = SHAPE_WORD, .words = at_words };
static const char *const target_words[] = { "secret", "match", "line", "name", NULL };
static const struct shape target_shape = { .type = SHAPE_WORD, .words = target_words };
static const char *const condition_words[] = { "OR", "AND", NULL };
static const struct shape condition_shape = { .type = SHAPE_WORD, .words = condition_words };
static const struct shape_field allowlist_fields[] = {
	{ .name = "description", .shape = &text_shape },
	{ .name = "condition", .shape = &condition_shape, .help = "OR (default): any part will do" },
	{ .name = "regexTarget", .shape = &target_shape,
	  .help = "what the regexes look at: secret (default), match, line, name (what a value is given to)" },
	{ .name = "regexes", .shape = &regexes_shape },
	{ .name = "stopwords", .shape = &texts_shape, .help = "the secret holds one of these, in any case" },
	{ .name = "paths", .shape = &regexes_shape, .help = "the file's path matches one of these" },
	{ .name = NULL },
};
static const struct shape allowlist_shape = { .type = SHAPE_OBJECT, .wanted = "an allowlist",
					      .fields = allowlist_fields };
static const struct shape allowlists_shape = { .type = SHAPE_LIST, .wanted = "a list of allowlists",
					       .item = &allowlist_shape };
static const struct shape_field rule_fields[] = {
	{ .name = "id", .shape = &text_shape, .required = true },
	{ .name = "description", .shape = &text_shape, .required = true },
	{ .name = "regex", .shape = &regex_shape },
	{ .name = "keywords", .shape = &keywords_shape, .help = "what the first pass looks for, in any case" },
	{ .name = "token", .shape = &regex_shape, .help =
	  "instead of regex: a whole token that begins with its keyword" },
	{ .name = "near", .shape = &keywords_shape,
	  .help = "instead of keywords: words of the name that the value is given to" },
	{ .name = "value", .shape = &regex_shape, .help = "with near: the whole value, in any case" },
	{ .name = "secretGroup", .shape = &group_shape,
	  .help = "which group is the secret; default: the first that took part" },
	{ .name = "entropy", .shape = &entropy_shape, .help = "least bits for each byte of the secret" },
	{ .name = "path", .shape = &regex_shape, .help = "the rule is for files with such a path" },
	{ .name = "at", .shape = &at_shape, .help = "keyword: a match begins with its keyword" },
	{ .name = "guess", .shape = &guess_shape, .help =
	  "true: the value has no shape of its own; for reports, not for stopping traffic" },
	{ .name = "length", .shape = &length_shape,
	  .help = "bytes behind the start of the keyword that it may look at" },
	{ .name = "allowlists", .shape = &allowlists_shape },
	{ .name = NULL },
};

/* A rule says in exactly one way what it looks for. */
static bool check_rule(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	bool regex = doc_get(d, "regex"), token = doc_get(d, "token"), value = doc_get(d, "value");

	if (regex + token + value != 1)
		return shape_problem(r, n, NULL, "one of regex, token and value is needed");
	if (value && !doc_get(d, "near"))
		return shape_problem(r, n, "value", "needs the words that it stands near");
	if (!value && doc_get(d, "near"))
		return shape_problem(r, n, "near", "goes with value");
	if (!value && !doc_get(d, "keywords"))
		return shape_problem(r, n, NULL, "keywords are needed: what the first pass looks for");
	if (value && doc_get(d, "keywords"))
		return shape_problem(r, n, "keywords", "with value, near has them");
	if (!regex && doc_get(d, "at"))
		return shape_problem(r, n, "at", "goes with regex");
	return true;
}

static const struct shape rule_shape = { .type = SHAPE_OBJECT, .wanted = "a rule", .fields = rule_fields,
					 .check = check_rule };
static const struct shape list_shape = { .type = SHAPE_LIST, .wanted = "a list of rules", .item = &rule_shape,
					 .max = RULES_MAX };
static const struct shape words_shape = { .type = SHAPE_MAP, .wanted = "names and regular expressions", .name = a_name,
					  .item = &regex_shape };
static const struct shape_field file_fields[] = {
	{ .name = "rules", .shape = &list_shape, .required = true },
	{ .name = "words", .shape = &words_shape, .help = "what {name} stands for in a regex of this file" },
	{ .name = "allowlists", .shape = &allowlists_shape, .help = "for every rule" },
	{ .name = NULL },
};
static const struct shape file_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with rules",
					 .fields = file_fields };

/* --- filling --- */

struct rules *rules_new(void)
{
	return alloc_zero(1, sizeof(struct rules));
}

static void release_allowlists(struct allowlist *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].regexes);
		free(list[i].paths);
		for (size_t w = 0; w < list[i].n_stopwords; w++)
			free(list[i].stopwords[w]);
		free(list[i].stopwords);
	}
	free(list);
}

static void release_rule(struct rule *rule)
{
	free(rule->id);
	free(rule->description);
	release_allowlists(rule->allowlists, rule->n_allowlists);
}

/* What the rules were made of is of no use to a set that is built. */
static void release_sources(struct rules *r)
{
	for (size_t i = 0; r->sources && i < r->count; i++)
		doc_release(r->sources[i]);
	free(r->sources);
	r->sources = NULL;
	for (size_t i = 0; i < r->n_expressions; i++)
		free(STEAL(r->expressions[i].pattern));
}

void rules_release(struct rules *r)
{
	if (!r)
		return;
	release_sources(r);
	for (size_t i = 0; i < r->count; i++)
		release_rule(&r->list[i]);
	for (size_t i = 0; i < r->n_keywords; i++)
		free(r->keywords[i].rules);
	release_allowlists(r->allowlists, r->n_allowlists);
	literals_release(r->literals);
	for (size_t i = 0; i < r->n_expressions; i++)
		regex_release(r->expressions[i].regex);
	free(r->expressions);
	free(r->list);
	free(r->keywords);
	free(r);
}

/* Compile what the shape has already seen to compile, or take what was made of the same before. */
static struct regex *compile(struct rules *r, struct slice pattern, unsigned flags)
{
	struct error e = ERROR_INIT;
	struct regex *regex;

	for (size_t i = 0; i < r->n_expressions; i++) {
		const struct expression *x = &r->expressions[i];

		if (x->flags == flags && slice_eq(slice_of(x->pattern, x->len), pattern))
			return x->regex;
	}
	regex = pattern.len ? regex_new(pattern, flags, &e) : NULL;
	if (!regex)
		return NULL;
	r->expressions = alloc_resize(r->expressions, r->n_expressions + 1, sizeof(*r->expressions));
	r->expressions[r->n_expressions++] =
		(struct expression){ alloc_copy(pattern.ptr, pattern.len), pattern.len, flags, regex };
	return regex;
}

/* Compile the texts of a list. */
static struct regex **compile_list(struct rules *r, const struct doc *texts, size_t *n)
{
	struct regex **list = alloc_zero(doc_count(texts), sizeof(*list));

	for (size_t i = 0; i < doc_count(texts); i++)
		if ((list[*n] = compile(r, doc_str(doc_at(texts, i)), REGEX_JIT)))
			++*n;
	return list;
}

/* Append the allowlists of a list of documents. */
static void add_allowlists(struct rules *r, const struct doc *docs, struct allowlist **list, size_t *n)
{
	*list = alloc_resize(*list, *n + doc_count(docs), sizeof(**list));
	for (size_t i = 0; i < doc_count(docs); i++) {
		const struct doc *d = doc_at(docs, i), *words = doc_get(d, "stopwords");
		struct slice target = doc_get_str(d, "regexTarget");
		struct allowlist *a = &(*list)[(*n)++];

		*a = (struct allowlist){ .all = slice_eq(doc_get_str(d, "condition"), SLICE("AND")) };
		for (int t = 0; target_words[t]; t++)
			if (slice_eq(target, slice_str(target_words[t])))
				a->target = (enum target)t;
		a->regexes = compile_list(r, doc_get(d, "regexes"), &a->n_regexes);
		a->paths = compile_list(r, doc_get(d, "paths"), &a->n_paths);
		a->stopwords = alloc_zero(doc_count(words), sizeof(*a->stopwords));
		for (size_t w = 0; w < doc_count(words); w++) {
			char *word = alloc_copy(doc_str(doc_at(words, w)).ptr, doc_str(doc_at(words, w)).len);

			for (char *c = word; *c; c++)
				*c = ascii_lower(*c);
			a->stopwords[a->n_stopwords++] = word;
		}
	}
}

/*
 * A token stands alone: before it no letter or digit, but for an escape (\n,
 * %3D), behind it nothing that could belong to it. A value fills its place.
 */
static const char *const around_token[] = { "(?:(?<![0-9A-Za-z])|(?<=\\\\[nrt])|(?<=%[0-9A-Fa-f]{2}))(?:",
					    ")(?![0-9A-Za-z_-])" };
static const char *const around_value[] = { "(?i)(?:", ")(?=[\\s\"'`;,&<>)\\]}\\\\]|$)" };

/* Compile a pattern between two others, to be tried at one place. */
static struct regex *compile_inside(struct rules *r, const char *const around[2], struct slice pattern, unsigned flags)
{
	AUTO_BUF whole = BUF_INIT;

	buf_add_format(&whole, "%s%.*s%s", around[0], SLICE_ARG(pattern), around[1]);
	return compile(r, buf_slice(&whole), flags | REGEX_HERE);
}

/* How long the name in braces is that begins at a place; 0 when none does. */
static size_t name_length(struct slice pattern, size_t at)
{
	size_t end = at + 1;

	while (end < pattern.len && in_name(pattern.ptr[end]))
		end++;
	return pattern.ptr[at] == '{' && end > at + 1 && end < pattern.len && pattern.ptr[end] == '}' ? end - at - 1
												      : 0;
}

/* Append a pattern with every {name} as the words of the file that it stands for. False for a name that is none. */
static bool add_words(const struct doc *words, struct slice pattern, struct buf *out)
{
	for (size_t i = 0; i < pattern.len; i++) {
		size_t len = name_length(pattern, i);

		if (len) {
			AUTO_FREE char *name = alloc_copy(pattern.ptr + i + 1, len);

			if (!doc_get(words, name))
				return false;
			buf_add_format(out, "(?:%s)", doc_get_cstr(words, name));
			i += len + 1;
			continue;
		}
		buf_add_char(out, pattern.ptr[i]);
		if (pattern.ptr[i] != '\\' || i + 1 == pattern.len)
			continue;
		buf_add_char(out, pattern.ptr[++i]); /* braces behind it belong to the escape: \p{greek} */
		if (i + 1 < pattern.len && pattern.ptr[i + 1] == '{')
			buf_add_char(out, pattern.ptr[++i]);
	}
	return true;
}

/*
 * The expression that a rule's document asks for; NULL when its words are none or do not fit. That of a value is
 * tried where a name is given something, which is seldom: machine code of it would cost more than it ever saves.
 */
static struct regex *regex_of(struct rules *r, const struct doc *d, const struct doc *words)
{
	AUTO_BUF pattern = BUF_INIT;

	if (doc_get(d, "token"))
		return compile_inside(r, around_token, doc_get_str(d, "token"), REGEX_JIT);
	if (doc_get(d, "value"))
		return compile_inside(r, around_value, doc_get_str(d, "value"), 0);
	if (!add_words(words, doc_get_str(d, "regex"), &pattern))
		return NULL;
	return compile(r, buf_slice(&pattern), REGEX_JIT | (doc_get(d, "at") ? REGEX_HERE : 0u));
}

/* Make a rule of its document. */
static struct rule rule_of(struct rules *r, const struct doc *d, struct regex *regex)
{
	struct rule rule = {
		.id = alloc_copy(doc_get_str(d, "id").ptr, doc_get_str(d, "id").len),
		.description = alloc_copy(doc_get_str(d, "description").ptr, doc_get_str(d, "description").len),
		.regex = regex,
		.secret_group = (unsigned)doc_get_int(d, "secretGroup"),
		.entropy = doc_get(d, "entropy") ? strtod(doc_get_cstr(d, "entropy"), NULL)
			   : doc_get(d, "near")	 ? RULE_ENTROPY
						 : 0,
		.path = compile(r, doc_get_str(d, "path"), 0),
		.near = doc_get(d, "near") != NULL,
		.at_keyword = !doc_get(d, "regex") || doc_get(d, "at"),
		.guess = doc_get_bool(d, "guess"),
		.length = doc_get(d, "length") ? (size_t)doc_get_int(d, "length") : RULE_LENGTH,
	};

	add_allowlists(r, doc_get(d, "allowlists"), &rule.allowlists, &rule.n_allowlists);
	return rule;
}

/* Add a rule, in the place of one with the same id. False when the words in its expression are none. */
static bool add_rule(struct rules *r, const struct doc *d, const struct doc *words)
{
	struct regex *regex = regex_of(r, d, words);
	const char *id = doc_get_cstr(d, "id");
	size_t at = 0;

	if (!regex)
		return false;
	while (at < r->count && strcmp(r->list[at].id, id) != 0)
		at++;
	if (at < r->count) {
		release_rule(&r->list[at]);
		doc_release(r->sources[at]);
	} else {
		r->list = alloc_resize(r->list, ++r->count, sizeof(*r->list));
		r->sources = alloc_resize(r->sources, r->count, sizeof(*r->sources));
	}
	r->list[at] = rule_of(r, d, regex);
	r->sources[at] = doc_retain(d);
	return true;
}

bool rules_load(struct rules *r, struct slice yaml, const char *file, struct problems *problems)
{
	AUTO_SHAPE_READER reader = { .file = file, .problems = problems };
	AUTO_YAML *y = yaml_load(yaml, file, 1, problems);
	AUTO_DOC *whole = y ? shape_read(&reader, &file_shape, yaml_root(y)) : NULL;
	const struct doc *list = doc_get(whole, "rules");

	if (!whole)
		return false;
	if (r->count + doc_count(list) > RULES_MAX)
		return problems_add(problems, file, 0, 0, "more than %d rules in all", RULES_MAX);
	for (size_t i = 0; i < doc_count(list); i++)
		if (!add_rule(r, doc_at(list, i), doc_get(whole, "words")))
			return problems_add(problems, file, 0, 0,
					    "rule '%s': what stands in braces is no name under 'words', or does not "
					    "fit",
					    doc_get_cstr(doc_at(list, i), "id"));
	add_allowlists(r, doc_get(whole, "allowlists"), &r->allowlists, &r->n_allowlists);
	return true;
}

void rules_drop_guesses(struct rules *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->list[i].guess) {
			release_rule(&r->list[i]);
			doc_release(r->sources[i]);
			continue;
		}
		r->list[kept] = r->list[i];
		r->sources[kept++] = r->sources[i];
	}
	r->count = kept;
}

/* Where keywords are found again by their text while the set is built: places plus one, 0 for none. */
struct index {
	uint32_t *slots;
	size_t mask;         /* their number, a power of two, less one */
	struct slice *texts; /* of each keyword */
};

/* The keyword of that text, made if it is new. */
static struct keyword *keyword_of(struct rules *r, const struct index *index, struct slice text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	size_t at;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * 16777619u;
	for (at = hash & index->mask; index->slots[at]; at = (at + 1) & index->mask) {
		uint32_t k = index->slots[at] - 1;

		if (slice_eq(index->texts[k], text))
			return &r->keywords[k];
	}
	r->keywords = alloc_resize(r->keywords, r->n_keywords + 1, sizeof(*r->keywords));
	r->keywords[r->n_keywords] = (struct keyword){ .rules = NULL };
	index->texts[r->n_keywords] = text;
	index->slots[at] = (uint32_t)++r->n_keywords;
	return &r->keywords[r->n_keywords - 1];
}

/* The texts that a rule is looked for by. */
static const struct doc *words_of(const struct rules *r, size_t i)
{
	return doc_get(r->sources[i], r->list[i].near ? "near" : "keywords");
}

/* Gather the keywords of all rules as literals, and the rules of each. */
static void gather_keywords(struct rules *r)
{
	AUTO_FREE uint32_t *slots = NULL;
	AUTO_FREE struct slice *texts = NULL;
	struct index index = { .mask = 1 };
	size_t most = 0;

	for (size_t i = 0; i < r->count; i++)
		most += doc_count(words_of(r, i));
	while (index.mask < 2 * most)
		index.mask = 2 * index.mask + 1;
	index.slots = slots = alloc_zero(index.mask + 1, sizeof(*slots));
	index.texts = texts = alloc_zero(most, sizeof(*texts));
	for (size_t i = 0; i < r->count; i++) {
		const struct doc *words = words_of(r, i);

		for (size_t w = 0; w < doc_count(words); w++) {
			struct keyword *k = keyword_of(r, &index, doc_str(doc_at(words, w)));

			k->rules = alloc_resize(k->rules, k->n_rules + 1, sizeof(*k->rules));
			k->rules[k->n_rules++] = (uint32_t)i;
		}
	}
	r->literals = literals_new();
	for (size_t i = 0; i < r->n_keywords; i++)
		literals_add(r->literals, texts[i], true, (uint32_t)i);
	literals_build(r->literals);
}

void rules_build(struct rules *r)
{
	gather_keywords(r);
	for (size_t i = 0; i < r->count; i++) {
		if (!r->list[i].at_keyword)
			r->lead = RULE_LEAD;
		if (r->list[i].length > r->length)
			r->length = r->list[i].length;
	}
	release_sources(r);
}

size_t rules_count(const struct rules *r)
{
	return r->count;
}

const struct rule *rule_at(const struct rules *r, size_t index)
{
	return &r->list[index];
}

const struct literals *rules_literals(const struct rules *r)
{
	return r->literals;
}

const uint32_t *rules_of(const struct rules *r, uint32_t keyword, size_t *n)
{
	*n = r->keywords[keyword].n_rules;
	return r->keywords[keyword].rules;
}

size_t rules_lead(const struct rules *r)
{
	return r->lead;
}

size_t rules_length(const struct rules *r)
{
	return r->length;
}

/* --- applying --- */

double rule_entropy(struct slice s)
{
	size_t counts[256] = { 0 };
	double bits = 0;

	for (size_t i = 0; i < s.len; i++)
		counts[(unsigned char)s.ptr[i]]++;
	for (size_t c = 0; c < 256; c++) {
		double p = (double)counts[c] / (double)s.len;

		if (counts[c])
			bits -= p * log2(p);
	}
	return bits;
}

/* The line or lines of the subject that a match lies in. */
static struct slice line_of(struct slice subject, struct slice match)
{
	size_t start = (size_t)(match.ptr - subject.ptr), end = start + match.len;

	while (start > 0 && subject.ptr[start - 1] != '\n')
		start--;
	while (end < subject.len && subject.ptr[end] != '\n')
		end++;
	return slice_sub(subject, start, end);
}

/* Whether any of the expressions matches; too much work to tell means no, so that nothing gets harmless by it. */
static bool any_matches(struct regex *const *list, size_t n, struct slice text)
{
	for (size_t i = 0; i < n; i++)
		if (regex_match(list[i], text, 0, NULL, NULL) == REGEX_YES)
			return true;
	return false;
}

/* Whether text holds one of the words, in any case. */
static bool has_stopword(const struct allowlist *a, struct slice text)
{
	for (size_t w = 0; w < a->n_stopwords; w++) {
		struct slice word = slice_str(a->stopwords[w]);

		for (size_t at = 0; word.len && at + word.len <= text.len; at++)
			if (slice_eq_fold(slice_sub(text, at, at + word.len), word))
				return true;
	}
	return false;
}

/* What an allowlist's expressions look at. */
static struct slice target_of(const struct allowlist *a, struct slice subject, const struct rule_match *m)
{
	switch (a->target) {
	case TARGET_LINE:
		return line_of(subject, m->whole);
	case TARGET_MATCH:
		return m->whole;
	case TARGET_NAME:
		return m->name;
	case TARGET_SECRET:
		break;
	}
	return m->secret;
}

static bool is_allowed(const struct allowlist *a, struct slice subject, const struct rule_match *m, struct slice path)
{
	struct slice target = target_of(a, subject, m);
	bool by_regex = a->n_regexes && any_matches(a->regexes, a->n_regexes, target);
	bool by_path = a->n_paths && path.len && any_matches(a->paths, a->n_paths, path);
	bool by_word = a->n_stopwords && has_stopword(a, m->secret);

	if (!a->all)
		return by_regex || by_path || by_word;
	return (by_regex || !a->n_regexes) && (by_path || !a->n_paths) && (by_word || !a->n_stopwords) &&
	       (a->n_regexes || a->n_paths || a->n_stopwords);
}

static bool any_allows(const struct allowlist *list, size_t n, struct slice subject, const struct rule_match *m,
		       struct slice path)
{
	for (size_t i = 0; i < n; i++)
		if (is_allowed(&list[i], subject, m, path))
			return true;
	return false;
}

/* The secret of the last match: the group that the rule names, or the first that took part, or all. */
static struct slice secret_of(const struct rule *rule, struct slice subject, struct slice whole)
{
	for (unsigned g = rule->secret_group ? rule->secret_group : 1; g < 100; g++) {
		struct slice group = regex_group(rule->regex, subject, g);

		if (group.len)
			return group;
		if (rule->secret_group)
			break;
	}
	return whole;
}

/* Whether a match is one: random enough, and on no allowlist. */
static bool is_secret(const struct rules *r, const struct rule *rule, struct slice subject,
		      const struct rule_match *match, struct slice path)
{
	return rule_entropy(match->secret) >= rule->entropy &&
	       !any_allows(rule->allowlists, rule->n_allowlists, subject, match, path) &&
	       !any_allows(r->allowlists, r->n_allowlists, subject, match, path);
}

/* Look at the places where a value may stand that is given to the name with the word at subject[at]. */
static enum regex_result apply_near(const struct rules *r, const struct rule *rule, struct slice subject, size_t at,
				    struct slice path, struct rule_match *match)
{
	size_t value = at;
	bool comma = true;

	if (!rule->guess && !near_begins(subject, at))
		return REGEX_NO;
	for (int i = 0; i < NEAR_VALUES && (i == 0 || !comma); i++) {
		enum regex_result result;

		value = near_value(subject, value, &comma);
		if (value == SLICE_NONE)
			return REGEX_NO;
		result = regex_match(rule->regex, subject, value, &match->whole, NULL);
		if (result == REGEX_LIMIT)
			return result;
		if (result == REGEX_NO)
			continue;
		match->secret = secret_of(rule, subject, match->whole);
		match->name = slice_sub(subject, near_name(subject, at), value);
		match->whole = slice_sub(subject, at, (size_t)(match->whole.ptr - subject.ptr) + match->whole.len);
		return is_secret(r, rule, subject, match, path) ? REGEX_YES : REGEX_NO;
	}
	return REGEX_NO;
}

enum regex_result rule_apply(const struct rules *r, const struct rule *rule, struct slice subject, size_t from,
			     size_t at, struct slice path, struct rule_match *match)
{
	if (rule->at_keyword)
		from = at;
	else if (at > RULE_LEAD && from < at - RULE_LEAD)
		from = at - RULE_LEAD;
	if (rule->path && (!path.len || regex_match(rule->path, path, 0, NULL, NULL) != REGEX_YES))
		return REGEX_NO;
	subject = slice_sub(subject, 0, at + rule->length);
	if (rule->near)
		return apply_near(r, rule, subject, at, path, match);
	while (from <= at) {
		enum regex_result result = regex_match_until(rule->regex, subject, from, at, &match->whole);
		size_t end;

		if (result != REGEX_YES)
			return result;
		end = (size_t)(match->whole.ptr - subject.ptr) + match->whole.len;
		match->secret = secret_of(rule, subject, match->whole);
		match->name = slice_of(NULL, 0);
		if (end > at && is_secret(r, rule, subject, match, path))
			return REGEX_YES;
		if (rule->at_keyword)
			return REGEX_NO;
		from = end > from ? end : from + 1;
	}
	return REGEX_NO;
}
