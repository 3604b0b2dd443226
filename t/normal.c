/* Text as it reads: what hides letters is taken off, and cutting the stream changes nothing. */
#include "normal.h"

#include <stdlib.h>

#include "t/lib/tap.h"

/* Normalise a text in pieces of n bytes. */
static struct buf normalised(struct slice text, size_t n, bool fold)
{
	struct normal normal = { .fold = fold };
	struct buf out = BUF_INIT;

	for (size_t at = 0; at < text.len; at += n)
		normal_feed(&normal, slice_sub(text, at, at + n), &out);
	normal_finish(&normal, &out);
	return out;
}

static const struct { const char *name, *text, *reads; } cases[] = {
	{ "ASCII", "plain text, 100 % of it\n", "plain text, 100 % of it\n" },
	{ "nothing", "", "" },
	{ "fullwidth letters", "\uff49\uff47\uff4e\uff4f\uff52\uff45", "ignore" },
	{ "mathematical letters", "\U0001d422\U0001d420\U0001d427\U0001d428\U0001d42b\U0001d41e", "ignore" },
	{ "circled letters", "\u24d8\u24d6\u24dd\u24de\u24e1\u24d4", "ignore" },
	{ "negative squared letters", "\U0001f178\U0001f176\U0001f17d\U0001f17e\U0001f181\U0001f174", "IGNORE" },
	{ "regional indicators", "\U0001f1e9\U0001f1ea", "DE" },
	{ "tags, which are invisible", "a\U000e0069\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065b", "aignoreb" },
	{ "a ligature", "\ufb01le", "file" },
	{ "Cyrillic that looks like Latin", "ign\u043er\u0435 \u0440\u0430\u0455\u0455word", "ignore password" },
	{ "Greek that looks like Latin", "\u03b1\u03c1\u03b9 k\u03b5y", "api key" },
	{ "Cherokee that looks like Latin", "\u13aa\u13e2\u13a2 \u13a2\u13ac", "APT TE" },
	{ "small capitals", "\u1d18\u1d00\ua731\ua731\u1d21\u1d0f\u0280\u1d05", "password" },
	{ "zero-width characters", "pass\u200bwo\u200drd \ufefftok\u2060en", "password token" },
	{ "bidirectional controls", "\u202epass\u202cword\u2066x\u2069", "passwordx" },
	{ "a soft hyphen and a variation selector", "pass\u00adword\ufe0f", "password" },
	{ "marks", "p\u0301a\u0308ss\u0336w\u0336ord \u00e9t\u00e9", "password ete" },
	{ "spaces of other widths", "api\u00a0key\u3000a\u2003b", "api key a b" },
	{ "quotes and dashes", "\u2018a\u2019 \u201cb\u201d c\u2014d", "'a' \"b\" c-d" },
	{ "text of another script", "\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e" },
	{ "bytes that are no UTF-8", "a\xff\xc0\x80\xe2\x82z\xf5", "a\xff\xc0\x80\xe2\x82z\xf5" },
	{ "a surrogate", "\xed\xa0\x80!", "\xed\xa0\x80!" },
	{ "the end within a character", "a\xe2\x80", "a\xe2\x80" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF whole = normalised(slice_str(cases[i].text), 1000, false);
		bool same = true;

		is_str(buf_str(&whole), cases[i].reads, "%s", cases[i].name);
		for (size_t n = 1; n < 8; n++) {
			AUTO_BUF parts = normalised(slice_str(cases[i].text), n, false);

			same = same && slice_eq(buf_slice(&parts), buf_slice(&whole));
		}
		ok(same, "%s: in pieces of 1 to 7 bytes as well", cases[i].name);
	}
}

static void test_fold(void)
{
	AUTO_BUF kept = normalised(SLICE("Stra\xc3\x9f" "e \xc3\x84 A"), 100, false);
	AUTO_BUF folded = normalised(SLICE("Stra\xc3\x9f" "e \xc3\x84 A"), 100, true);

	is_str(buf_str(&kept), "Stra\xc3\x9f" "e A A", "case is kept");
	is_str(buf_str(&folded), "Strasse a A", "or folded, beyond ASCII");
}

/* Whether anything was hidden is known, so that a find in plain text can be told from another. */
static void test_folded(void)
{
	struct normal plain = { .fold = false }, hidden = { .fold = false };
	AUTO_BUF out = BUF_INIT;

	normal_feed(&plain, SLICE("plain \xe6\x97\xa5"), &out);
	ok(!plain.folded, "text that reads as it is written is left alone");
	normal_feed(&hidden, SLICE("pass\xe2\x80\x8bword"), &out);
	ok(hidden.folded, "a character that was dropped is told");
}

/* Every code point: bounded growth, the same for all splits. */
static void test_all(void)
{
	AUTO_BUF text = BUF_INIT;
	bool bounded = true;

	for (uint32_t code = 0x80; code < 0x110000; code++) {
		char bytes[4];
		size_t n = 0;

		if (code >= 0xD800 && code < 0xE000)
			continue;
		if (code >= 0x10000)
			bytes[n++] = (char)(0xF0 | code >> 18);
		if (code >= 0x800)
			bytes[n++] = (char)((code >= 0x10000 ? 0x80 : 0xE0) |
					    (code >> 12 & (code >= 0x10000 ? 0x3F : 0x0F)));
		bytes[n++] = (char)((code >= 0x800 ? 0x80 : 0xC0) | (code >> 6 & (code >= 0x800 ? 0x3F : 0x1F)));
		bytes[n++] = (char)(0x80 | (code & 0x3F));
		buf_add(&text, bytes, n);
		AUTO_BUF one = normalised(slice_of(bytes, n), 4, true);
		bounded = bounded && one.len <= 4 * NORMAL_GROWTH;
	}
	AUTO_BUF whole = normalised(buf_slice(&text), 1 << 20, true);
	AUTO_BUF parts = normalised(buf_slice(&text), 3, true);

	ok(bounded, "no character becomes more than NORMAL_GROWTH others");
	ok(whole.len > 0 && slice_eq(buf_slice(&whole), buf_slice(&parts)),
	   "all of Unicode in pieces of 3 bytes reads as in one");
}

int main(void)
{
	test_cases();
	test_fold();
	test_folded();
	test_all();
	return tap_done();
}
