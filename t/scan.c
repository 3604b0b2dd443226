/* The scanner's stream: rules around keywords, and that cutting the stream changes nothing. */
#include <stdlib.h>

#include "document.h"
#include "scan.h"
#include "t/lib/tap.h"

static const char rules_text[] =
	"rules:\n"
	"  - id: fixed\n"
	"    description: a token with a prefix\n"
	"    regex: 'tok_[a-z0-9]{8}\\b'\n"
	"    keywords: [tok_]\n"
	"    at: keyword\n"
	"    length: 16\n"
	"  - id: assigned\n"
	"    description: a word, an equals sign, a value\n"
	"    regex: '(?i)[a-z_]{0,20}secret[a-z_]{0,20}\\s*=\\s*([a-z0-9]{6,12})\\b'\n"
	"    keywords: [secret]\n"
	"    entropy: 2.0\n"
	"    length: 64\n"
	"    allowlists:\n"
	"      - stopwords: [example]\n"
	"      - regexTarget: line\n"
	"        regexes: ['# harmless$']\n"
	"  - id: whole\n"
	"    description: a token between characters that are no part of it\n"
	"    token: 'key-[0-9]{4}'\n"
	"    keywords: [key-]\n"
	"    length: 16\n"
	"  - id: guess\n"
	"    description: a value given to a name that sounds like one\n"
	"    guess: true\n"
	"    near: [word]\n"
	"    value: '[0-9a-f]{12}'\n"
	"    length: 128\n"
	"  - id: near\n"
	"    description: a value given to a name\n"
	"    near: [acme]\n"
	"    value: '[0-9a-f]{12}'\n"
	"    length: 128\n"
	"    allowlists:\n"
	"      - regexTarget: name\n"
	"        regexes: ['public']\n";

struct log {
	struct buf text;
	uint64_t fed, released; /* bytes given, and bytes that the scan let go of */
	bool early;             /* a finding began in bytes that were let go */
};

static bool note(void *ctx, const struct finding *f)
{
	struct log *log = ctx;

	log->early = log->early || f->start < log->released;
	buf_add_format(&log->text, "%s@%d-%d:%.*s;", f->rule ? f->rule->id : f->why, (int)f->secret_start,
		       (int)f->secret_end, SLICE_ARG(f->secret));
	return true;
}

/* Feed text in pieces of at most max bytes (0: in one) and return what was found. */
static struct log run(const struct rules *rules, struct slice text, size_t max)
{
	struct log log = { .text = BUF_INIT };
	struct scan s;

	scan_init(&s, rules, SLICE("a.txt"), note, &log);
	while (text.len) {
		size_t n = max ? 1 + (size_t)rand() % max : text.len;

		log.fed += slice_sub(text, 0, n).len;
		scan_feed(&s, slice_sub(text, 0, n));
		text = slice_sub(text, n, text.len);
		log.released = log.fed - scan_held(&s);
	}
	scan_finish(&s);
	scan_release(&s);
	return log;
}

static void test_findings(const struct rules *rules)
{
	static const struct { const char *text, *found; } cases[] = {
		{ "x tok_abcd1234 y", "fixed@2-14:tok_abcd1234;" },
		{ "tok_abcd1234", "fixed@0-12:tok_abcd1234;" },
		{ "tok_abcd12345", "" },
		{ "my_secret = hunter23x", "assigned@12-21:hunter23x;" },
		{ "my_SECRET_key=hunter23x # harmless", "" },
		{ "my_secret = aaaaaaaaaa", "" },
		{ "my_secret = example12", "" },
		{ "a key-1234.", "whole@2-10:key-1234;" },
		{ "akey-1234 key-12345 key-1234-", "" },
		{ "%3Dkey-1234\\nkey-5678", "whole@3-11:key-1234;whole@13-21:key-5678;" },
		{ "ACME_KEY=0123456789ab", "near@9-21:0123456789ab;" },
		{ "\"acme-key\": \"0123456789AB\"", "near@13-25:0123456789AB;" },
		{ "acmeKey: string = '0123456789ab';", "near@19-31:0123456789ab;" },
		{ "<acme.key>0123456789ab</acme.key>", "near@10-22:0123456789ab;" },
		{ "acme: Bearer 0123456789ab", "near@13-25:0123456789ab;" },
		{ "acme 0123456789ab", "" },
		{ "new Thing(\"acme\", \"0123456789ab\")", "near@19-31:0123456789ab;" },
		{ "ACME_KEY, 0123456789ab", "" },
		{ "[\"acme\", 0123456789ab]", "" },
		{ "\"of acme.\", \"id\": \"0123456789ab\"", "" },
		{ "\"acme\": \"name\", \"0123456789ab\"", "" },
		{ "theAcme=0123456789ab the_acme=0123456789ab THEACME=0123456789ab",
		  "near@8-20:0123456789ab;near@30-42:0123456789ab;near@51-63:0123456789ab;" },
		{ "theacme=0123456789ab", "" },
		{ "password=0123456789ab", "guess@9-21:0123456789ab;" },
		{ "acme=0123456789abc", "" },
		{ "acme=000000000000", "" },
		{ "my_public_acme_key=0123456789ab", "" },
		{ "secret = tok_abcd1234 secret = abcdef12", "fixed@9-21:tok_abcd1234;assigned@31-39:abcdef12;" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log log = run(rules, slice_str(cases[i].text), 0);

		is_str(buf_str(&log.text), cases[i].found, "findings in \"%s\"", cases[i].text);
		buf_release(&log.text);
	}
}

/* Texts full of pieces of what the rules look for. */
static void test_splits(const struct rules *rules)
{
	static const char *const pieces[] = { "tok_", "abcd1234", "secret", " = ", "=", "hunter2", " ", "\n", "_key",
					      "x",
					      "tok_a1b2c3d4", "acme", "key-", "1234", "0123456789ab", "\"", ": ",
					      "my_secret=abc123def", "# harmless", "example" };
	bool same = true, held = true;
	size_t findings = 0;

	srand(4);
	for (int t = 0; t < 300; t++) {
		AUTO_BUF text = BUF_INIT;
		struct log whole;

		for (int i = rand() % 400; i > 0; i--)
			buf_add_str(&text, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		whole = run(rules, buf_slice(&text), 0);
		findings += whole.text.len;
		for (size_t max = 1; max < 2000; max *= 3) {
			struct log parts = run(rules, buf_slice(&text), max);

			same = same && strcmp(buf_str(&whole.text), buf_str(&parts.text)) == 0;
			held = held && !parts.early;
			buf_release(&parts.text);
		}
		buf_release(&whole.text);
	}
	ok(findings > 10000, "there was something to find");
	ok(same, "every way of cutting the text gives the same findings");
	ok(held, "no byte of a finding was let go before it was reported");
}

/* Programs that stop what they find look for shapes only. */
static void test_guesses(void)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct rules *rules = rules_new();
	struct log log;

	rules_load(rules, slice_str(rules_text), "test", &problems);
	rules_drop_guesses(rules);
	rules_build(rules);
	is_int(rules_count(rules), 4, "the rule that guesses is dropped");
	log = run(rules, SLICE("password=0123456789ab acme=0123456789ab"), 0);
	is_str(buf_str(&log.text), "near@27-39:0123456789ab;", "and the others are asked as before");
	buf_release(&log.text);
	rules_release(rules);
}

/* {name} stands for the words of that name; braces of a quantifier or an escape are left alone. */
static void test_words(void)
{
	static const char text[] = "words:\n  verb: go|run\n  mu: never\n"
				   "rules:\n  - {id: w, description: d, regex: 'key:{verb}{2}\\x{21}(?:{verb})', "
				   "keywords: ['key:'], length: 32}\n";
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct rules *rules = rules_new();
	struct log log;

	ok(rules_load(rules, slice_str(text), "test", &problems), "a rule with words loads");
	rules_build(rules);
	log = run(rules, SLICE("key:gorun!go key:go!go key:verbverb!go"), 0);
	is_str(buf_str(&log.text), "w@0-12:key:gorun!go;", "and finds what they say");
	buf_release(&log.text);
	rules_release(rules);
}

static void test_refusals(void)
{
	static const struct { const char *yaml, *problem; } cases[] = {
		{ "rules:\n  - {id: a, description: d, regex: 'x('}\n", "does not compile" },
		{ "rules:\n  - {id: a, description: d, regex: xyz}\n", "keywords" },
		{ "rules:\n  - {id: a, description: d, regex: xyz, keywords: [xy]}\n", "3 to 255" },
		{ "rules:\n  - {id: a, description: d, regex: xyz, keywords: [xyz], entropy: 9}\n", "from 0 to 8" },
		{ "rules:\n  - {id: a, description: d, regex: xyz, keyword: xyz}\n", "did you mean" },
		{ "rules:\n  - {id: a, description: d, keywords: [xyz]}\n", "one of regex, token and value" },
		{ "rules:\n  - {id: a, description: d, regex: xyz, token: xyz, keywords: [xyz]}\n",
		  "one of regex, token and value" },
		{ "rules:\n  - {id: a, description: d, value: xyz}\n", "needs the words" },
		{ "rules:\n  - {id: a, description: d, regex: xyz, keywords: [xyz], near: [abc]}\n",
		  "goes with value" },
		{ "rules:\n  - {id: a, description: d, value: xyz, keywords: [xyz], near: [abc]}\n", "near has them" },
		{ "rules:\n  - {id: a, description: d, token: xyz, keywords: [xyz], at: keyword}\n",
		  "goes with regex" },
		{ "words: {b: x}\nrules:\n  - {id: a, description: d, regex: 'xyz{c}', keywords: [xyz]}\n",
		  "rule 'a': what stands in braces" },
		{ "rules:\n  - {id: a, description: d, regex: 'xyz{c}', keywords: [xyz]}\n",
		  "rule 'a': what stands in braces" },
		{ "words: {B: x}\nrules: []\n", "of small letters" },
		{ "words: {b: '('}\nrules: []\n", "does not compile" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_PROBLEMS p = PROBLEMS_INIT;
		AUTO_BUF text = BUF_INIT;
		struct rules *r = rules_new();

		ok(!rules_load(r, slice_str(cases[i].yaml), "rules.yaml", &p), "refused: %zu", i);
		for (size_t n = 0; n < p.count; n++)
			problem_format(&p.list[n], &text);
		ok(strstr(buf_str(&text), cases[i].problem) != NULL, "says \"%s\" (%s)", cases[i].problem,
		   buf_str(&text));
		rules_release(r);
	}
}

int main(void)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct rules *rules = rules_new();

	document_seed();
	ok(rules_load(rules, slice_str(rules_text), "test", &problems), "the rules load");
	for (size_t i = 0; i < problems.count; i++)
		printf("# %s\n", problems.list[i].text);
	rules_build(rules);
	test_findings(rules);
	test_splits(rules);
	test_guesses();
	test_words();
	test_refusals();
	rules_release(rules);
	return tap_done();
}
