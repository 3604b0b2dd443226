/* Recognising secrets by fingerprints: every fragment, nothing else, in any cut. */
#include <stdlib.h>

#include "fingerprint.h"
#include "t/lib/tap.h"

static const unsigned char key[FINGERPRINT_KEY] = "0123456789abcdefghijklmnopqrstu";
static const char token[] = "tok_Q7w2Er9Ty4Ui1Op6As3Df8Gh5Jk0Lz";
static const char password[] = "hunter2horse";

struct hits {
	struct fingerprint_hit last;
	size_t count;
};

static bool count(void *ctx, const struct fingerprint_hit *hit)
{
	struct hits *h = ctx;

	h->last = *hit;
	h->count++;
	return true;
}

static struct hits look(const struct fingerprints *f, struct slice raw)
{
	struct hits h = { { 0, 0, 0 }, 0 };
	char text[4096];

	fingerprints_scan(f, slice_of(text, fingerprint_squeeze(raw, text)), 0, count, &h);
	return h;
}

static struct hits look_str(const struct fingerprints *f, const char *text)
{
	return look(f, slice_str(text));
}

/* Every fragment of 16 in every surrounding, and none of 11. */
static void test_fragments(const struct fingerprints *f)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";
	size_t len = strlen(token), missed = 0, wrong = 0, tried = 0;

	srand(7);
	for (size_t start = 4; start + FINGERPRINT_FRAGMENT <= len; start++)
		for (size_t before = 0; before < 9; before++) {
			struct hits h;
			char text[128];
			size_t n = 0;

			for (size_t i = 0; i < before; i++)
				text[n++] = letters[(size_t)rand() % 44];
			memcpy(text + n, token + start, FINGERPRINT_FRAGMENT);
			n += FINGERPRINT_FRAGMENT;
			for (size_t i = 0; i < 5; i++)
				text[n++] = letters[(size_t)rand() % 44];
			h = look(f, slice_of(text, n));
			tried++;
			missed += h.count != 1 || h.last.index != 3 || h.last.start > before ||
				  h.last.end < before + FINGERPRINT_FRAGMENT;
			h = look(f, slice_of(text, before + FINGERPRINT_WINDOW - 1));
			wrong += h.count != 0;
		}
	ok(tried > 100 && missed == 0, "every fragment of sixteen is found (%zu)", tried);
	is_int(wrong, 0, "eleven characters are not");
}

static void test_forms(const struct fingerprints *f)
{
	ok(look_str(f, token).count == 1, "the whole secret is one run");
	is_int(look_str(f, token).last.end, (long long)strlen(token) - 1, "to its end");
	ok(look_str(f, "x=Q.7.w.2.E.r.9.T.y.4.U.i.1.O.p.6.").count == 1,
	   "separators between the characters do not hide it");
	ok(look(f, SLICE("Q\0" "7\0w\0" "2\0" "E\0r\0" "9\0T\0y\0" "4\0U\0i\0" "1\0O\0p\0" "6\0")).count == 1,
	   "nor does UTF-16");
	ok(look_str(f, "zL0kJ5hG8fD3sA6pO1iU4yT9").count == 1, "nor does reversing it");
	ok(look_str(f, "x hunter2horse y").count == 1 && look_str(f, "esroh2retnuh").count == 1,
	   "a short one is found whole");
	ok(look_str(f, "hunter2hors3").count == 0 && look_str(f, "unter2horse").count == 0, "and only whole");
	for (size_t pad = 0; pad < 8; pad++) {
		char text[64];

		snprintf(text, sizeof(text), "%.*shunter2horse", (int)pad, "qqqqqqqq");
		if (look_str(f, text).count != 1)
			ok(false, "a short one at place %zu, at the very end", pad);
	}
}

/* The set crosses a pipe; damaged bytes are refused. */
static void test_bytes(const struct fingerprints *f)
{
	struct error e = ERROR_INIT;
	AUTO_BUF bytes = BUF_INIT;
	struct fingerprints *copy;
	size_t cuts = 0, refused = 0;

	fingerprints_write(f, &bytes);
	ok(slice_search(buf_slice(&bytes), slice_of(token + 4, 12)) == SLICE_NONE, "the bytes do not hold the secret");
	copy = fingerprints_read(buf_slice(&bytes), &e);
	ok(copy && look_str(copy, token).count == 1 && look_str(copy, password).count == 1, "a copy finds the same");
	fingerprints_release(copy);
	for (size_t cut = 0; cut < bytes.len; cut += 1 + bytes.len / 500, cuts++)
		refused += fingerprints_read(slice_sub(buf_slice(&bytes), 0, cut), &e) == NULL;
	ok(cuts > 400 && refused == cuts, "every cut of the bytes is refused");
}

/* What random text turns up by chance. */
static void test_chance(const struct fingerprints *f)
{
	static char text[1 << 20];
	struct hits h = { { 0, 0, 0 }, 0 };

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(size_t)rand() % 62];
	fingerprints_scan(f, slice_of(text, sizeof(text)), 0, count, &h);
	is_int(h.count, 0, "nothing is found in a megabyte of random letters");
}

/* Letters and digits, and no others, whatever the bytes and however many. */
static void test_squeeze(void)
{
	size_t wrong = 0;

	for (size_t len = 0; len < 2000; len++) {
		char raw[2000], text[2008], want[2000];
		size_t n = 0;

		for (size_t i = 0; i < len; i++) {
			raw[i] = len % 2 ? (char)rand() : "/09:@AZ[`az{\200\377 1qR"[rand() % 18];
			if (ascii_is_alpha(raw[i]) || ascii_is_digit(raw[i]))
				want[n++] = raw[i];
		}
		wrong += !slice_eq(slice_of(text, fingerprint_squeeze(slice_of(raw, len), text)), slice_of(want, n));
	}
	is_int(wrong, 0, "texts of any length and any bytes are squeezed as one byte after the other would be");
}

int main(void)
{
	struct fingerprints *f = fingerprints_new(key);
	static char same[200];

	memset(same, 'a', sizeof(same));
	ok(!fingerprints_add(f, SLICE("tok_short"), 4, 0), "five characters are too few");
	ok(fingerprints_add(f, slice_str(token), 4, 3) && fingerprints_add(f, slice_str(password), 0, 4),
	   "two secrets are added");
	ok(fingerprints_add(f, slice_of(same, sizeof(same)), 0, 5), "and one of a single letter");
	ok(look(f, slice_of(same, 30)).count == 1 && look(f, slice_of(same, 30)).last.index == 5,
	   "which is found as well");
	test_fragments(f);
	test_forms(f);
	test_bytes(f);
	test_chance(f);
	test_squeeze();
	fingerprints_release(f);
	return tap_done();
}
