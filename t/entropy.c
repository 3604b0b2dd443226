/* The window of high entropy: where it begins to speak, and that cutting the stream changes nothing. */
#include "entropy.h"

#include <math.h>
#include <stdlib.h>

#include "t/lib/tap.h"

/* 64 bytes of which distinct values stand once and one fills the rest. */
static void fill(char *text, unsigned distinct)
{
	for (unsigned i = 0; i < ENTROPY_WINDOW; i++)
		text[i] = (char)(i < distinct ? 'A' + (int)i : 'A');
}

/* Entropy of 64 bytes, the slow way. */
static double measure(const char *text)
{
	double bits = 0;

	for (int c = 0; c < 256; c++) {
		unsigned n = 0;

		for (unsigned i = 0; i < ENTROPY_WINDOW; i++)
			n += (unsigned char)text[i] == c;
		if (n)
			bits -= n / 64.0 * log2(n / 64.0);
	}
	return bits;
}

static void test_limit(void)
{
	char text[ENTROPY_WINDOW];
	bool right = true;
	unsigned first = 0;

	for (unsigned distinct = 1; distinct <= ENTROPY_WINDOW; distinct++) {
		struct entropy e = { .length = 0 };
		bool found;

		fill(text, distinct);
		found = entropy_feed(&e, slice_of(text, sizeof(text)));
		right = right && found == (measure(text) >= ENTROPY_LEAST_10 / 10.0);
		first = found && !first ? distinct : first;
	}
	ok(right, "speaks exactly where the entropy, counted anew, reaches the limit");
	ok(first > 40 && first < 64, "which some windows reach and some do not: %u values", first);
}

static void test_short(void)
{
	char text[ENTROPY_WINDOW];
	struct entropy e = { .length = 0 };

	fill(text, ENTROPY_WINDOW);
	ok(!entropy_feed(&e, slice_of(text, ENTROPY_WINDOW - 1)), "a byte less than a window is not judged");
	ok(entropy_feed(&e, slice_of(text + ENTROPY_WINDOW - 1, 1)), "the byte that completes it is");
	ok(entropy_feed(&e, SLICE("aaaa")), "and it stays said");
	is_int(e.end, ENTROPY_WINDOW, "with the place");
}

static void test_splits(void)
{
	bool same = true;
	unsigned spoke = 0;

	srand(7);
	for (int t = 0; t < 500; t++) {
		char text[400];
		struct entropy whole = { .length = 0 }, parts = { .length = 0 };

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)(i / 100 % 2 ? rand() % (32 + t % 224) : "etaoin shrdlu"[rand() % 13]);
		spoke += entropy_feed(&whole, slice_of(text, sizeof(text)));
		for (size_t at = 0, n; at < sizeof(text); at += n) {
			n = 1 + (size_t)rand() % 90;
			entropy_feed(&parts, slice_sub(slice_of(text, sizeof(text)), at, at + n));
		}
		same = same && whole.found == parts.found && whole.end == parts.end;
	}
	ok(spoke > 50 && spoke < 450, "some texts have such a window and some have none: %u of 500", spoke);
	ok(same, "found at the same place for every way of cutting the stream");
}

/* What people and programs write does not speak. */
static void test_text(void)
{
	static const char *const texts[] = {
		"static bool take_bytes(void *ctx, struct decode_view *view, struct slice bytes)\n{\n\tstruct "
		"injection *i = ctx;\n",
		"{\"id\":\"0b9f7c1e-5a77-4c3e-9d43-2f1f0f6a1b2c\","
		"\"sha256\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}",
		"The quick brown fox jumps over the lazy dog, 1234567890 times; Sphinx of black quartz, judge my vow!",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct entropy e = { .length = 0 };

		ok(!entropy_feed(&e, slice_str(texts[i])), "text: %.30s", texts[i]);
	}
}

int main(void)
{
	test_limit();
	test_short();
	test_splits();
	test_text();
	return tap_done();
}
