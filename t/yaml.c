/* lib/yaml.h, lib/front.h and lib/problems.h: places, what scalars mean, every refusal with its words. */
#include "yaml.h"

#include "alloc.h"
#include "front.h"
#include "t/lib/tap.h"

/* The text is refused with exactly these problems, a line each. */
static void refuses(const char *text, const char *want)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_YAML *y = yaml_load(slice_str(text), "f", 1, &problems);
	AUTO_BUF got = BUF_INIT;

	ok(!y, "refused");
	for (size_t i = 0; i < problems.count; i++) {
		buf_add_str(&got, i ? "\n" : "");
		problem_format(&problems.list[i], &got);
	}
	is_str(buf_str(&got), want, "with the right words");
}

/* Load a text that is fine. */
static struct yaml *load(const char *text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct yaml *y = yaml_load(slice_str(text), "f", 1, &problems);

	if (!ok(y != NULL, "accepted"))
		printf("# %s: %s\n", text, problems.count ? problems.list[0].text : "");
	return y;
}

static void test_refusals(void)
{
	refuses("", "f:1:1: empty; write {} for a mapping without keys");
	refuses("# only a comment\n", "f:1:1: empty; write {} for a mapping without keys");
	refuses("- a\n", "f:1:1: not a mapping; write 'key: value' lines");
	refuses("text\n", "f:1:1: not a mapping; write 'key: value' lines");
	refuses("a: 1\na: 2\nb: 3\na: 4\n", "f:2:1: the key 'a' is given twice, first in line 1; keep one\n"
					     "f:4:1: the key 'a' is given twice, first in line 2; keep one");
	refuses("x:\n  {b: 1, 'b': 2}\n", "f:2:10: the key 'b' is given twice, first in line 2; keep one");
	refuses("a: &x 1\n", "f:1:4: an anchor ('&'); write the value out where it is needed");
	refuses("a: &x [1]\n", "f:1:4: an anchor ('&'); write the value out where it is needed");
	refuses("&x a: 1\n", "f:1:1: an anchor ('&'); write the value out where it is needed");
	refuses("a: *x\n", "f:1:4: an alias ('*'); write the value out");
	refuses("*x : 1\n", "f:1:1: an alias ('*'); write the value out");
	refuses("a: !!str 1\n", "f:1:4: a tag ('!'); quote the value if it begins with '!'");
	refuses("a: ! 1\n", "f:1:4: a tag ('!'); quote the value if it begins with '!'");
	refuses("a: !x {b: 1}\n", "f:1:4: a tag ('!')");
	refuses("<<: {a: 1}\n", "f:1:1: a merge key ('<<'); write the keys out");
	refuses("'': 1\n", "f:1:1: an empty key");
	refuses("{: 1}\n", "f:1:2: not YAML: did not find expected node content while parsing a flow node");
	refuses("? a\n: 1\n", "f:1:1: an explicit key ('? '); write 'key: value'");
	refuses("{? a : 1}\n", "f:1:2: an explicit key ('? '); write 'key: value'");
	refuses("[a]: 1\n", "f:1:1: a list or mapping as a key; keys are names");
	refuses("%YAML 1.2\n---\na: 1\n", "f:1:1: a directive ('%'); remove it");
	refuses("a: 1\n---\nb: 2\n", "f:2:1: a second document; a file holds one");
	refuses("a: 1\n...\nb: 2\n", "f:3:1: not YAML: did not find expected <document start>");
	refuses("a:\n\tb: 1\n", "f:2:1: a tab as indentation; use spaces");
	refuses("a: |\n  x\n \ty\n", "f:3:2: a tab as indentation; use spaces");
	refuses("a: x\x07\n", "f:1:5: a control character; write it as an escape in double quotes");
	refuses("a: \"\\0\"\n", "f:1:4: a NUL character");
	refuses("a: x\x7F\n", "f:1:5: a control character; write it as an escape in double quotes");
	refuses("a: x\xC2\x85y\n", "f:1:5: a control character; write it as an escape in double quotes");
	refuses("a: \xE2\x80\xA8y\n", "f:1:4: a Unicode line or paragraph separator; remove it");
	refuses("a: 1\n\xEF\xBB\xBF" "b: 2\n", "f:2:1: a byte order mark inside the text; remove it");
	refuses("a: \xEF\xBF\xBE\n", "f:1:4: a code point that is no character; remove it");
	refuses("a: 1\rb: 2\n", "f:1:5: a carriage return without a line feed; use LF or CRLF line ends");
	refuses("a: \xC3\n", "f:1:4: not UTF-8; save the file in that encoding");
	refuses("\xC3\xA4: \xED\xA0\x80\n", "f:1:4: not UTF-8; save the file in that encoding");
	refuses("a: [b, #x\n c]\nd: [e]#f\n", "f:3:7: a comment needs a space before it");
	refuses("a: 'b'#c\n", "f:1:7: a comment needs a space before it");
	refuses("a: |#c\n b\n", "f:1:5: a comment needs a space before it");
	refuses("a: [b,\nc]\n", "f:2:1: a line that continues a value must be indented further than its key");
	refuses("a:\n  b: [\n   c\n ]\n", "f:4:2: a closing bracket must not be left of its key");
	refuses("a:\n  b: \"c\n  d\"\n", "f:3:3: a line that continues a value must be indented further than its key");
	refuses("a: |\n     \n  b\n", "f:3:3: a blank line before this one is longer than its indentation\n"
					   "f:3:3: not YAML: did not find expected key while parsing a block mapping");
	refuses("a: @b\n", "f:1:4: not YAML: found character that cannot start any token while scanning for the next "
			   "token");
	refuses("a: b: c\n", "f:1:5: not YAML: mapping values are not allowed in this context");
	refuses("a: [b\n", "f:2:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence");
	refuses("a: 'b\n", "f:2:1: not YAML: found unexpected end of stream while scanning a quoted scalar");
}

/* What is fine, though it looks like what is not. */
static void test_accepted(void)
{
	static const char *const texts[] = {
		"a: [\n b\n]\n",
		"a:\n  b: {\n    c: [\n    ],\n  }\n",
		"{a: 1,\nb: [2,\n3]\n}\n",
		"a: 'b\n\n c' # d\n",
		"a: b#c\nd: '#e' # f\n",
		"?a: b\n",
		"a: \"x\ty\\u0007\"\n",
		"a:\tb\n",
		"---\na: 1\n...\n",
		"a: |2\n      \n  b\n",
		"a: |-\n\n  b\n",
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_YAML *y = load(texts[i]);

		ok(y && yaml_root(y)->count > 0, "and read");
	}
}

static void test_places(void)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_YAML *y = yaml_load(SLICE("\xEF\xBB\xBF# c\r\n\xC3\xA4: {b: [1,\r\n  two]}\r\nc:\r\n- d: |\r\n    e\r\n"),
				 "dir/f.md", 10, &problems);
	const struct yaml_node *root = yaml_root(y), *a = yaml_get(root, "\xC3\xA4"), *b = yaml_get(a, "b"),
			       *c = yaml_get(root, "c");

	is_str(yaml_file(y), "dir/f.md", "the name of the file is kept");
	is_int(root->count, 2, "two members");
	ok(a && a->key_line == 11 && a->key_column == 1 && a->line == 11 && a->column == 4,
	   "columns count characters, lines from the first");
	ok(b && b->key_line == 11 && b->key_column == 5 && b->column == 8, "a key in flow style");
	ok(b && b->first->line == 11 && b->first->column == 9, "an item");
	ok(b && b->first->next->line == 12 && b->first->next->column == 3, "an item in the next line");
	ok(c && c->type == YAML_LIST && c->line == 14 && c->column == 1, "a list without indentation");
	ok(c && c->first->type == YAML_MAP && c->first->line == 14 && c->first->column == 3, "a mapping in it");
	ok(c && slice_eq(c->first->first->text, SLICE("e\n")) && c->first->first->line == 14 &&
	   c->first->first->column == 6,
	   "a block scalar: CRLF is LF in it");
	ok(!yaml_get(root, "x") && !yaml_get(b, "x") && !yaml_get(NULL, "x"), "absent members are absent");
}

/* What a plain scalar is, by its text. */
static void test_meaning(void)
{
	static const struct {
		const char *text;
		char kind; /* null, bool, int, float, string */
		int64_t value;
	} rows[] = {
		{ "~", 'n', 0 }, { "null", 'n', 0 }, { "Null", 'n', 0 }, { "NULL", 'n', 0 }, { "nULL", 's', 0 },
		{ "true", 'b', 1 }, { "True", 'b', 1 }, { "TRUE", 'b', 1 }, { "false", 'b', 0 }, { "FALSE", 'b', 0 },
		{ "yes", 's', 0 }, { "no", 's', 0 }, { "on", 's', 0 }, { "off", 's', 0 }, { "y", 's', 0 },
		{ "tRUE", 's', 0 }, { "0", 'i', 0 }, { "-0", 'i', 0 }, { "+12", 'i', 12 }, { "-7", 'i', -7 },
		{ "0755", 'i', 755 }, { "0o17", 'i', 15 }, { "0x1F", 'i', 31 }, { "0xg", 's', 0 }, { "0o8", 's', 0 },
		{ "-0x1", 's', 0 }, { "1_000", 's', 0 }, { "1:30", 's', 0 }, { "0b11", 's', 0 }, { "+", 's', 0 },
		{ "1.5", 'f', 0 }, { ".5", 'f', 0 }, { "5.", 'f', 0 }, { "1e3", 'f', 0 }, { "-1.5E-3", 'f', 0 },
		{ ".inf", 'f', 0 }, { "-.Inf", 'f', 0 }, { ".nan", 'f', 0 }, { "-.nan", 's', 0 }, { ".", 's', 0 },
		{ "1e", 's', 0 }, { "e1", 's', 0 }, { "1.2.3", 's', 0 }, { "2001-01-01", 's', 0 }, { "1e+", 's', 0 },
		{ "9223372036854775807", 'i', -1 }, { "127.0.0.1", 's', 0 }, { "=", 's', 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *text = alloc_format("a: %s\nb: '%s'\n", rows[i].text, rows[i].text);
		AUTO_YAML *y = load(text);
		const struct yaml_node *plain = yaml_get(yaml_root(y), "a"), *quoted = yaml_get(yaml_root(y), "b");
		char kind = yaml_is_null(plain) ? 'n' : yaml_is_bool(plain) ? 'b' : yaml_is_int(plain) ? 'i' :
			yaml_is_float(plain) ? 'f' : 's';
		int64_t v = 0;

		is_int(kind, rows[i].kind, "%s is of its kind", rows[i].text);
		ok(yaml_is_string(plain) == (kind == 's') && yaml_is_string(quoted), "in quotes it is a string");
		if (kind == 'b')
			is_int(yaml_bool(plain), rows[i].value, "and its value");
		if (kind == 'i' && rows[i].value >= -10)
			ok(yaml_int(plain, &v) == (rows[i].value != -1) &&
			   v == (rows[i].value == -1 ? 0 : rows[i].value),
			   "its value, unless it is too large to be safe");
	}
}

static void test_describe(void)
{
	static const char *const rows[][2] = {
		{ "[]", "an empty list" }, { "[x]", "a list" }, { "{}", "an empty mapping" }, { "{x: y}", "a mapping" },
		{ "", "nothing" }, { "~", "null" }, { "true", "true" }, { "-5", "the number -5" },
		{ "1.5", "the number 1.5" }, { "on", "the string 'on'" }, { "'5'", "the string '5'" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *text = alloc_format("a: %s\n", rows[i][0]);
		AUTO_YAML *y = load(text);
		AUTO_BUF out = BUF_INIT;

		yaml_describe(yaml_get(yaml_root(y), "a"), false, &out);
		is_str(buf_str(&out), rows[i][1], "said in words");
	}
}

/* Long texts are cut between characters, secrets not shown. */
static void test_describe_long(void)
{
	AUTO_BUF text = BUF_INIT, out = BUF_INIT;
	AUTO_YAML *y = NULL;

	buf_add_str(&text, "a: x");
	for (int i = 0; i < 40; i++)
		buf_add_str(&text, "\xC3\xA4");
	y = load(buf_str(&text));
	yaml_describe(yaml_get(yaml_root(y), "a"), false, &out);
	ok(slice_is_utf8(buf_slice(&out)) && out.len < 80 && slice_ends(buf_slice(&out), SLICE("...'")),
	   "a long text is cut");
	buf_truncate(&out, 0);
	yaml_describe(yaml_get(yaml_root(y), "a"), true, &out);
	is_str(buf_str(&out), "another text (not shown)", "a secret is not shown");
}

/* Exactly the limits, and one more. */
static void test_limits(void)
{
	for (int over = 0; over < 2; over++) {
		AUTO_BUF deep = BUF_INIT, wide = BUF_INIT;
		AUTO_PROBLEMS problems = PROBLEMS_INIT;
		AUTO_YAML *y = NULL;

		buf_add_str(&deep, "a: ");
		for (int i = 0; i < YAML_DEPTH_MAX - 1 + over; i++)
			buf_add_char(&deep, '[');
		for (int i = 0; i < YAML_DEPTH_MAX - 1 + over; i++)
			buf_add_char(&deep, ']');
		y = yaml_load(buf_slice(&deep), "f", 1, &problems);
		is_int(y != NULL, !over, "depth: the limit is fine, one more is not");
		yaml_release(STEAL(y));
		buf_add_str(&wide, "a: [b");
		for (unsigned i = 0; i < YAML_NODES_MAX - 3 + (unsigned)over; i++)
			buf_add_str(&wide, ",b");
		buf_add_str(&wide, "]");
		y = yaml_load(buf_slice(&wide), "f", 1, &problems);
		is_int(y != NULL, !over, "values: the limit is fine, one more is not");
	}
}

static void test_front(void)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF body = BUF_INIT;
	struct front front;

	ok(front_split(SLICE("---\na: 1\n---\n\n x\r\ny \n"), "f", &front, &problems), "front matter is found");
	ok(slice_eq(front.yaml, SLICE("a: 1\n")) && front.line == 2, "its text and its line");
	front_body(&front, &body);
	is_str(buf_str(&body), "x\ny", "the stripped body");
	ok(front_split(SLICE("---\n---"), "f", &front, &problems) && !front.yaml.len && !front.body.len,
	   "both may be empty");
	ok(front_split(SLICE("---\na: |\n---\nb\n---\n"), "f", &front, &problems) &&
	   slice_eq(front.yaml, SLICE("a: |\n")),
	   "the first line of dashes ends it, whatever it stands in");
	is_int(problems.total, 0, "no problem so far");
	ok(!front_split(SLICE("a: 1\n---\n"), "f", &front, &problems) && problems.total == 1, "no first line: refused");
	ok(!front_split(SLICE("---\na: 1\n"), "f", &front, &problems) && problems.total == 2, "no end: refused");
}

static void test_problems(void)
{
	AUTO_PROBLEMS p = PROBLEMS_INIT;
	AUTO_BUF out = BUF_INIT;

	ok(!problems_add(&p, "f", 0, 0, "as a whole"), "adding one answers false");
	problems_add(&p, "f", 3, 4, "%s %d", "formatted", 5);
	problems_add(&p, "f", 3, 4, "formatted 5");
	problems_add(&p, "g", 3, 4, "formatted 5");
	is_int(p.total, 3, "the same at the same place is told once");
	problem_format(&p.list[0], &out);
	buf_add_char(&out, '|');
	problem_format(&p.list[1], &out);
	is_str(buf_str(&out), "f: as a whole|f:3:4: formatted 5", "with its place, if it has one");
}

int main(void)
{
	document_seed();
	test_refusals();
	test_accepted();
	test_places();
	test_meaning();
	test_describe();
	test_describe_long();
	test_limits();
	test_front();
	test_problems();
	return tap_done();
}
