/* Text as words: against cutting it byte by byte, for every way of cutting the stream. */
#include "words.h"

#include <stdlib.h>

#include "alloc.h"
#include "t/lib/tap.h"

/* What comes of a text that is fed in pieces of n bytes; 0: in one. */
static const char *words_of(struct words *w, struct slice text, size_t n, struct buf *out)
{
	buf_truncate(out, 0);
	for (size_t at = 0; n && at < text.len; at += n)
		buf_add_slice(out, words_feed(w, slice_sub(text, at, at + n)));
	if (!n)
		buf_add_slice(out, words_feed(w, text));
	buf_add_slice(out, words_end(w));
	return buf_str(out);
}

static void test_examples(struct words *w)
{
	static const struct { const char *name, *text, *words; } examples[] = {
		{ "nothing", "", "" },
		{ "capitals", "Ignore ALL", "ignore all" },
		{ "white space", "a word \t\r\n  behind", "a word behind" },
		{ "marks that say nothing", "*an* `old`, (new) - _one_", " an old new one " },
		{ "marks that say something", "who?  me@home: <b>!", "who? me@home: <b>!" },
		{ "many of them", "a#################b", "a########b" },
		{ "spaces between them", "a = { }", "a = { }" },
		{ "apostrophes", "don't 'do' it", "dont do it" },
		{ "digits in words", "1gn0re 57op a1 42", "ignore stop a1 42" },
		{ "letters apart", "i g-n.o r e all", "ignore all" },
		{ "letters apart by more", "i g  n o", "ig no" },
		{ "a letter behind a word", "the e n d", "the end" },
		{ "digits apart", "1 2 3", "1 2 3" },
		{ "a line's end in a string", "one\\ntwo\\tthree\\xfour\\\\n", "one two three xfour " },
		{ "an apostrophe behind a backslash", "don\\'t no\\'n", "don t no n" },
		{ "letters beyond ASCII", "\xd1\x82\xd0\xb5 \xff", "\xd1\x82\xd0\xb5 \xff" },
	};

	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		AUTO_BUF out = BUF_INIT;

		is_str(words_of(w, slice_str(examples[i].text), 0, &out), examples[i].words, "%s", examples[i].name);
		is_str(words_of(w, slice_str(examples[i].text), 1, &out), examples[i].words, "%s, byte by byte",
		       examples[i].name);
	}
}

/* A word of any length ends where what is no letter follows: whatever stands before a phrase, it is one. */
static void test_lengths(struct words *w)
{
	AUTO_BUF text = BUF_INIT, want = BUF_INIT, out = BUF_INIT;
	bool same = true;

	for (size_t len = 1; len < 3 * WORDS_LONGEST; len++) {
		buf_truncate(&want, 0);
		for (size_t i = 0; i < len; i++)
			buf_add_char(&want, 'x');
		buf_add_str(&want, " ignore");
		words_of(w, buf_slice(&want), 0, &out);
		same = same && slice_eq(buf_slice(&want), buf_slice(&out));
	}
	ok(same, "a word of any length leaves the one behind it whole");
	for (size_t i = 0; i < WORDS_LONGEST; i++)
		buf_add_char(&text, i % 2 ? '3' : 'r');
	words_of(w, buf_slice(&text), 0, &out);
	ok(out.len == WORDS_LONGEST && !memchr(out.ptr, '3', out.len),
	   "the digits of a word of WORDS_LONGEST are read");
	buf_add_str(&text, "3");
	words_of(w, buf_slice(&text), 0, &out);
	ok(out.ptr[WORDS_LONGEST] == '3', "those behind them are looked at alone");
}

/* Random text of what matters, with runs of one kind. */
static void add_random(struct buf *text)
{
	static const char *const kinds[] = { "abcdefghijklmnopqrstuvwxyz", "ABCnrt", " ", "0123456789",
					     ".:;!?/@<>|[]#={}", "\\'", "*,()-_\t\n", "\xd0\x82\xff" };

	while (text->len < 600) {
		const char *kind = kinds[rand() % (int)COUNT_OF(kinds)];
		int run = rand() % 8 == 0 ? rand() % 150 : rand() % 4;

		while (run-- > 0)
			buf_add_char(text, kind[(size_t)rand() % strlen(kind)]);
	}
}

static void test_random(struct words *w)
{
	AUTO_BUF text = BUF_INIT, whole = BUF_INIT, parts = BUF_INIT;
	bool same = true;

	srand(20);
	for (int t = 0; t < 2000; t++) {
		buf_truncate(&text, 0);
		add_random(&text);
		words_of(w, buf_slice(&text), 1, &whole); /* too short for anything but one byte after the other */
		words_of(w, buf_slice(&text), 0, &parts);
		same = same && slice_eq(buf_slice(&whole), buf_slice(&parts));
		words_of(w, buf_slice(&text), 1 + (size_t)rand() % 200, &parts);
		same = same && slice_eq(buf_slice(&whole), buf_slice(&parts));
	}
	ok(same, "the same in one piece, in many, and byte by byte");
}

int main(void)
{
	struct words w = { .out = BUF_INIT };

	test_examples(&w);
	test_lengths(&w);
	test_random(&w);
	words_release(&w);
	return tap_done();
}
