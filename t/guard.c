/*
 * The reflection guard: spellings of a credential, at every split; what is none passes; small pieces are not held back.
 */
#include <stdlib.h>

#include "alloc.h"
#include "guard.h"
#include "t/lib/tap.h"

#define CREDENTIAL "k3y-Of_the/bottle+9%z"

/* Feed text cut at a place; the result in out. */
static void feed(const struct guard_set *set, struct slice text, size_t cut, struct buf *out)
{
	struct guard g = { .set = set };

	buf_truncate(out, 0);
	buf_add_slice(out, guard_feed(&g, slice_sub(text, 0, cut), false));
	buf_add_slice(out, guard_feed(&g, slice_sub(text, cut, text.len), false));
	buf_add_slice(out, guard_feed(&g, SLICE(""), true));
	guard_release(&g);
}

enum { PASSES_MAX = 24 }; /* bytes of GUARD_HOLD - 1 characters in the longest spelling here, and a part of the next */

/*
 * Is text, which stands between < and >, masked wherever it is cut, but for what may have passed before the cut? And
 * byte by byte?
 */
static bool is_masked(const struct guard_set *set, struct slice text)
{
	AUTO_BUF out = BUF_INIT;
	struct guard g = { .set = set };

	for (size_t cut = 0; cut <= text.len; cut++) {
		size_t first = 0;

		feed(set, text, cut, &out);
		while (first < out.len && out.ptr[first] != '*')
			first++;
		if (out.len != text.len || out.ptr[0] != '<' || out.ptr[out.len - 1] != '>' ||
		    first > (cut ? PASSES_MAX : 1))
			return false;
		for (size_t i = first; i < out.len - 1; i++)
			if (!memchr("*\r\n", out.ptr[i], 3))
				return false;
	}
	buf_truncate(&out, 0);
	for (size_t i = 0; i < text.len; i++)
		buf_add_slice(&out, guard_feed(&g, slice_sub(text, i, i + 1), false));
	buf_add_slice(&out, guard_feed(&g, SLICE(""), true));
	guard_release(&g);
	return out.len == text.len && memmem(out.ptr, out.len, "*****", 5);
}

static void test_spellings(const struct guard_set *set)
{
	static const struct {
		const char *name;
		struct slice text;
	} cases[] = {
		{ "as it is", SLICE("<" CREDENTIAL ">") },
		{ "upper case", SLICE("<K3Y-OF_THE/BOTTLE+9%Z>") },
		{ "backwards", SLICE("<z%9+elttob/eht_fO-y3k>") },
		{ "percent-encoded as in a URL", SLICE("<k3y-Of_the%2Fbottle%2B9%25z>") },
		{ "percent-encoded throughout", SLICE("<%6b%33%79%2d%4f%66%5f%74%68%65"
							 "%2f%62%6f%74%74%6c%65%2b%39%25%7a>") },
		{ "percent-encoded twice", SLICE("<k3y-Of_the%252Fbottle%252b9%2525z>") },
		{ "JSON with an escaped slash", SLICE("<k3y-Of_the\\/bottle+9%z>") },
		{ "JSON in escapes", SLICE("<\\u006b\\u0033y\\u002DOf_the\\u002fbottle\\u002B9%z>") },
		{ "JSON in a string of JSON", SLICE("<k3y-Of_the\\\\/bottle\\\\u002b9%z>") },
		{ "JavaScript", SLICE("<\\x6b3y\\x2dOf_the\\x2fbottle+9%z>") },
		{ "HTML entities", SLICE("<k3y&#45;Of_the&#x2F;bottle&#43;9&#37;z>") },
		{ "HTML in HTML", SLICE("<k3y-Of_the&amp;#x2f;bottle&amp;#043;9%z>") },
		{ "quoted-printable", SLICE("<k3y-Of=5Fthe/bo=\r\nttle+9=25z>") },
		{ "lines", SLICE("<k3y-Of\r\n_the/bot\ntle+9%z>") },
		{ "a line that ends behind the first character", SLICE("<k\r\n3y-Of_the/bottle+9%z>") },
		{ "an escape behind the first character", SLICE("<k%33y-Of_the/bottle+9%z>") },
		{ "either case", SLICE("<K3Y-OF_THE/BOTTLE+9%Z>") },
		{ "lines, escaped", SLICE("<k3y-Of\\n_the/bot\\r\\ntle+9%z>") },
		{ "hexadecimal", SLICE("<6b33792d4f665f7468652f626f74746c652b39257a>") },
		{ "hexadecimal, upper case, separated",
		  SLICE("<6B:33:79:2D:4F:66:5F:74:68:65:2F:62:6F:74:74:6C:65:2B:39:25:7A>") },
		{ "hexadecimal as C has it", SLICE("<6b, 0x33, 0x79, 0x2d, 0x4f, 0x66, 0x5f, 0x74, 0x68, 0x65, 0x2f, "
						   "0x62, 0x6f, "
						  "0x74, 0x74, 0x6c, 0x65, 0x2b, 0x39, 0x25, 0x7a>") },
		{ "UTF-16, little end first", SLICE("<k\0003\0y\0-\0O\0f\0_\0t\0h\0e\0/"
						    "\0b\0o\0t\0t\0l\0e\0+\09\0%\0z\0>") },
		{ "UTF-16, big end first", SLICE("<\0k\0003\0y\0-\0O\0f\0_\0t\0h\0e\0/"
						 "\0b\0o\0t\0t\0l\0e\0+\09\0%\0z>") },
		{ "base64", SLICE("<azN5LU9mX3RoZS9ib3R0bGUrOSV6>") },
		{ "base64, its slashes percent-encoded, in lines", SLICE("<azN5LU9mX3\r\nRoZS9ib3R0bGUrO%53V6>") },
		{ "base64, backwards", SLICE("<6VSOrUGb0R3bi9SZoR3Xm9UL5Nza>") },
		{ "base64 in hexadecimal", SLICE("<617a4e354c55396d5833526f5a533969623352306247557b4f535636>") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct slice text = cases[i].text;
		bool wrong = i == COUNT_OF(cases) - 1; /* with a digit changed */

		ok(is_masked(set, text) == !wrong, wrong ? "what is not %s passes" : "%s", cases[i].name);
	}
}

static void test_alignments(const struct guard_set *set)
{
	/* of "a", "ab", "abc" in front of the credential and "!" behind: digits that belong to both are left */
	static const char *const base64[] = { "YWszeS1PZl90aGUvYm90dGxlKzklejIhIQ==",
					      "YWJrM3ktT2ZfdGhlL2JvdHRsZSs5JXoh",
					      "YWJjazN5LU9mX3RoZS9ib3R0bGUrOSV6IQ" };
	static const size_t left[] = { 14, 6, 7 };

	for (size_t i = 0; i < COUNT_OF(base64); i++) {
		AUTO_BUF text = BUF_INIT;
		size_t other = 0;

		buf_add_str(&text, base64[i]);
		guard_mask(set, text.ptr, text.len);
		for (size_t k = 0; k < text.len; k++)
			other += text.ptr[k] != '*';
		ok(other <= left[i] && memmem(text.ptr, text.len, "********************", 20),
		   "base64 behind %zu bytes: %s", i + 1,
		   buf_str(&text));
	}
}

static void test_heads(const struct guard_set *set)
{
	AUTO_BUF head = BUF_INIT;

	buf_add_str(&head, "HTTP/1.1 200 " CREDENTIAL
			   "\r\nLocation: /?k=k3y-Of_the%2Fbottle%2B9%25z&b\r\nX: k3y-Of_the\r\n/bottle: +9%z\r\n\r\n");
	guard_mask_head(set, head.ptr, head.len);
	is_str(buf_str(&head),
	       "HTTP/1.1 200 *********************\r\nLocation: /?k=***************************&b\r\nX: k3y-Of_the\r\n/"
	       "bottle: +9%z\r\n\r\n",
	       "a head is masked in its parts, and stays one");
}

static void test_timing(const struct guard_set *set)
{
	static const struct {
		const char *piece, *passes;
	} steps[] = {
		{ "data: 1\n\n", "data: 1\n\n" }, { "k3y", "k3y" }, { "-", "" }, { "Of_the/bottle+9", "" },
		{ "%y.", "-Of_the/bottle+9%y." }, { "50%", "50%" }, { "k", "k" }, { "3y-Of_the/bottle+9", "" },
		{ "%z", "********************" }, { "\\", "\\" }, { "end", "end" },
	};
	struct guard g = { .set = set };

	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct slice out = guard_feed(&g, slice_str(steps[i].piece), false);

		ok(slice_eq(out, slice_str(steps[i].passes)), "'%s' lets '%.*s' pass at once", steps[i].piece,
		   SLICE_ARG(out));
	}
	guard_release(&g);
}

static void test_bounds(void)
{
	struct guard_set set = { .n = 0 };
	struct guard g = { .set = &set };
	AUTO_BUF text = BUF_INIT;

	guard_set_add(&set, SLICE("elevenbytes"));
	is_int(set.n, 0, "eleven bytes are too few to look for");
	guard_set_add(&set, SLICE("twelve.bytes"));
	is_int(set.n, 18, "twelve are enough");
	for (int i = 0; i < 8; i++)
		guard_set_add(&set, SLICE("another.credential"));
	is_int(set.n, GUARD_WORDS_MAX, "a set is bounded");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&text, "\r\n");
	guard_feed(&g, SLICE("twelve"), false);
	ok(guard_feed(&g, buf_slice(&text), false).len > 100000 && g.held.len - g.passed < 100,
	   "line ends without end are not held");
	buf_truncate(&text, 0);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&text, "25");
	guard_feed(&g, SLICE("twelve%"), false);
	ok(guard_feed(&g, buf_slice(&text), false).len > 100000 && g.held.len - g.passed < 100,
	   "nor is percent of percent");
	guard_release(&g);
	guard_set_release(&set);
	guard_mask(&set, text.ptr, text.len);
	ok(slice_starts(buf_slice(&text), SLICE("2525")), "an empty set finds nothing");
}

int main(void)
{
	struct guard_set set = { .n = 0 };

	guard_set_add(&set, SLICE(CREDENTIAL));
	test_spellings(&set);
	test_alignments(&set);
	test_heads(&set);
	test_timing(&set);
	test_bounds();
	guard_set_release(&set);
	return tap_done();
}
