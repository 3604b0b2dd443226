/*
 * Token rules: what published secrets look like.
 *
 * A rule file is YAML with one list, "rules", whose entries have the keys of
 * gitleaks' rules: id, description, regex, keywords, secretGroup, entropy, path,
 * allowlists (regexes, regexTarget, stopwords, paths, condition), and a list
 * "allowlists" for all of them. A keyword is what the first pass looks for; a
 * rule without one would have to run on every byte, so it is refused.
 *
 * Ours have more keys. "at: keyword" says that a match begins with its keyword,
 * so that one attempt at that place decides it; else the match may begin up to
 * RULE_LEAD bytes before. "token" stands for regex and this: a token that begins
 * with its keyword and has no letter or digit on either side. "near" and "value"
 * stand for keywords and regex: a value that is given to a name which holds one
 * of the words (near.h); letters in either case. "guess" marks a rule that goes by a
 * name alone: it is for reports (bb-scan, the gate) and not for what stops traffic,
 * where prose and code about secrets pass all day. A word of its near may be the
 * inside of another word ("dbpassword"); those of others begin where a word does.
 * "length" is how many bytes behind the keyword the rule may look at (default RULE_LENGTH, at most RULE_LENGTH_MAX).
 * Both windows are fixed, which is what makes the findings in a stream the same
 * for every way of cutting it.
 *
 * A ruleset is filled by rules_load, any number of times, and closed by
 * rules_build; after that it does not change. rules_build compiles the regular
 * expressions to machine code and so comes before confinement. Matching is not
 * for two threads at once: each process has its own.
 *
 * Memory: about 3 KiB for each rule.
 */
#ifndef BB_RULES_H
#define BB_RULES_H

#include "literals.h"
#include "problems.h"
#include "regex.h"

#define RULES_MAX 2000         /* rules of one set */
#define RULE_LEAD 256          /* bytes before the keyword that a match may begin at */
#define RULE_LENGTH 512        /* bytes from the keyword on */
#define RULE_LENGTH_MAX 16384  /* a private key */
#define RULE_ENTROPY 2.0       /* bits for each byte that a value has, unless its rule says otherwise */
#define RULE_KEYWORDS_MAX 64   /* keywords of one rule */

struct rules;

struct rule {
	char *id;
	char *description;
	struct regex *regex;
	unsigned secret_group; /* 0: the first group that took part, or the whole match */
	double entropy;        /* least bits for each byte of the secret; 0: not looked at */
	struct regex *path;    /* the file's path has to match; NULL: any */
	bool near;       /* regex is the value's, looked for where near.h says */
	bool at_keyword;
	bool guess;      /* goes by a name alone */
	size_t length;
	struct allowlist *allowlists;
	size_t n_allowlists;
};

/* Which text a match is looked at in: all of it lives in the scanned window. */
struct rule_match {
	struct slice whole;
	struct slice secret;
	struct slice name; /* of a near rule: what the value is given to, up to the value */
};

struct rules *rules_new(void);
void rules_release(struct rules *r);

/* Add the rules of a file's text; a rule with the id of an earlier one replaces it. False with problems. */
bool rules_load(struct rules *r, struct slice yaml, const char *file, struct problems *problems);

/* Before rules_build: leave out the rules that are marked as guesses. */
void rules_drop_guesses(struct rules *r);

/* Close the set. With path (may be empty) only the rules that apply to a file of that name stay in force. */
void rules_build(struct rules *r);

size_t rules_count(const struct rules *r);
const struct rule *rule_at(const struct rules *r, size_t index);

/* The keywords of all rules; the id of a literal is the place of its keyword for rules_of. */
const struct literals *rules_literals(const struct rules *r);
/* The rules that a keyword belongs to: their indices, *n of them. */
const uint32_t *rules_of(const struct rules *r, uint32_t keyword, size_t *n);

/* The widest windows of any rule: bytes before a keyword, and from its start on. */
size_t rules_lead(const struct rules *r);
size_t rules_length(const struct rules *r);

/*
 * Apply a rule to the keyword at subject[at]. The subject must hold what the rule
 * may look at: up to RULE_LEAD bytes before (unless at_keyword) and rule->length
 * bytes from at on, or all there is. No match begins before subject[from], where
 * other keywords have asked. Allowlists and entropy are applied. REGEX_LIMIT means
 * that it took too much work to tell.
 */
enum regex_result rule_apply(const struct rules *r, const struct rule *rule, struct slice subject, size_t from,
			     size_t at, struct slice path, struct rule_match *match);

/* Shannon entropy of the bytes, in bits for each. */
double rule_entropy(struct slice s);

#endif
