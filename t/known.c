/* known_secrets: random secrets, in every declared form and pair of forms, in carriers, over every split. */
#include "detect.h"
#include "t/lib/encode.h"
#include "t/lib/tap.h"

#include <time.h>
#include <unistd.h>

static const unsigned char key[FINGERPRINT_KEY] = "a key of thirty-two bytes, no mo";

/* Keep what was found: a number, or -2 for a stream that cannot be judged. */
static bool note(void *ctx, const struct detection *found)
{
	*(int *)ctx = found->why ? -2 : (int)found->number;
	return false;
}

/* The number of the secret that is found in a text fed in pieces of at most max bytes; -1: none, -2: not judged. */
static int look(const struct fingerprints *f, struct slice text, size_t max)
{
	int found = -1;
	struct detect *d = detect_new((struct detect_set){ .known = f }, note, &found);
	bool going = true;

	while (going && text.len) {
		struct slice piece = slice_sub(text, 0, max ? 1 + (size_t)rand() % max : text.len);

		going = detect_feed(d, piece);
		text = slice_sub(text, piece.len, text.len);
	}
	if (going)
		detect_finish(d);
	detect_release(d);
	return found;
}

/* A secret of so many letters and digits, now and then with punctuation. */
static void make(struct buf *out, size_t letters)
{
	buf_truncate(out, 0);
	while (letters) {
		if (rand() % 12 == 0) {
			buf_add_char(out, "-_.!+/"[(size_t)rand() % 6]);
		} else {
			buf_add_char(out, alphabet64[(size_t)rand() % 62]);
			letters--;
		}
	}
}

static const char *const carriers[][2] = {
	{ "", "" },
	{ "/v1/files/", "?page=2" },
	{ "a=1&note=", "&b=2" },
	{ "{\"model\":\"m\",\"text\":\"", "\",\"n\":[1,2]}" },
	{ "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n", "\r\n--b--\r\n" },
	{ "<?xml version=\"1.0\"?><a><b>", "</b></a>" },
};

enum { CARRIERS = sizeof(carriers) / sizeof(carriers[0]) };

static bool is_unmarked(size_t i)
{
	return encodings[i].encode == encode_deflate || encodings[i].encode == encode_brotli;
}

/* Is the pair among the declared ones? The others change bytes in a way that nobody would undo. */
static bool is_declared(size_t i, size_t k)
{
	encode_fn *outer = encodings[k].encode, *inner = encodings[i].encode;

	if (outer == encode_reversed ||
	    outer == encode_separated) /* of the secret, and of base64, base32 and hexadecimal */
		return inner == encode_raw || inner == encode_base64 || inner == encode_base64url ||
		       inner == encode_base32 || inner == encode_hex || inner == encode_HEX ||
		       inner == encode_base64_at1 || inner == encode_base64_at2;
	if (encodings[i].kind != ENCODE_TEXT && (encodings[k].kind == ENCODE_BINARY || outer == encode_unicode ||
	    outer == encode_entities || outer == encode_hexentities))
		return false;
	return !(is_unmarked(i) && (outer == encode_base64_at1 || outer == encode_base64_at2));
}

/* May the pair stand behind what carrier c begins with? */
static bool may_stand(size_t i, size_t k, size_t c)
{
	encode_fn *outer = encodings[k].encode;
	bool in_base64 = outer == encode_base64 || outer == encode_base64url || outer == encode_base64lines ||
			 outer == encode_base64_at1 || outer == encode_base64_at2;

	/* what has no mark has to begin where something begins */
	if (is_unmarked(k) || (is_unmarked(i) && (outer == encode_raw || outer == encode_percent ||
						  outer == encode_quoted || outer == encode_backslash)))
		return c == 0 || c == 4;
	/* in a path it is not to be told where compressed base64 begins: lib/known.h says so */
	return !(encodings[i].kind == ENCODE_PACKED && in_base64 && c == 1);
}

static void test_recall(void)
{
	size_t tried = 0, missed = 0;
	AUTO_BUF secret = BUF_INIT;

	for (size_t i = 0; i < ENCODINGS; i++) {
		for (size_t k = 0; k < ENCODINGS; k++) {
			for (size_t c = 0; is_declared(i, k) && c < CARRIERS; c++) {
				struct fingerprints *f = fingerprints_new(key);
				AUTO_BUF inner = BUF_INIT;
				AUTO_BUF text = BUF_INIT;
				size_t max = (size_t)(rand() % 3) * 20;

				make(&secret, 20 + (size_t)rand() % 80);
				known_add(f, buf_slice(&secret), 0, 7);
				encodings[i].encode(buf_slice(&secret), &inner);
				if (may_stand(i, k, c))
					buf_add_str(&text, carriers[c][0]);
				encodings[k].encode(buf_slice(&inner), &text);
				buf_add_str(&text, carriers[c][1]);
				tried++;
				if (look(f, buf_slice(&text), max) != 7 && missed++ < 12)
					printf("# missed: '%s' as %s in %s, carrier %zu, pieces of %zu\n",
					       buf_str(&secret), encodings[i].name, encodings[k].name, c, max);
				fingerprints_release(f);
			}
		}
	}
	ok(tried > 2500, "%zu texts that hold a secret", tried);
	is_int(missed, 0, "none is missed");
}

static void test_fragments(void)
{
	size_t missed = 0;
	AUTO_BUF secret = BUF_INIT;

	for (int t = 0; t < 500; t++) {
		struct fingerprints *f = fingerprints_new(key);
		AUTO_BUF text = BUF_INIT;
		size_t at;

		make(&secret, 60);
		known_add(f, buf_slice(&secret), 0, 1);
		at = (size_t)rand() % 30;
		buf_add_str(&text, "x-part: ");
		/* 24 bytes have 16 letters and digits but for the rarest secret */
		buf_add_slice(&text, slice_sub(buf_slice(&secret), at, at + 26));
		missed += look(f, buf_slice(&text), 9) != 1;
		fingerprints_release(f);
	}
	is_int(missed, 0, "a fragment is enough");
}

static void test_silence(void)
{
	struct fingerprints *f = fingerprints_new(key);
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF secret = BUF_INIT;

	ok(!known_add(f, SLICE("a-b!c"), 0, 0), "a secret of three letters cannot be recognised");
	for (uint32_t i = 1; i <= 20; i++) {
		make(&secret, 40);
		known_add(f, buf_slice(&secret), 0, i);
	}
	for (size_t i = 0; i < 300000; i++)
		buf_add_char(&text, alphabet64[(size_t)rand() % 64]);
	is_int(look(f, buf_slice(&text), 0), -1, "random base64 holds none of twenty secrets");
	buf_truncate(&text, 0);
	for (int i = 0; i < 3000; i++)
		buf_add_format(&text, "%08x-%04x &#%d; \\u%04x the quick brown fox %d\n", rand(), rand() & 0xffff,
			       rand() % 120, rand() & 0x7f, i);
	is_int(look(f, buf_slice(&text), 100), -1, "nor do hexadecimal digits and escapes");
	fingerprints_release(f);
}

/* The same each time, and once with what nobody has tried; BB_SEED tries that again. */
int main(void)
{
	const char *again = getenv("BB_SEED");
	unsigned fresh = again ? (unsigned)strtoul(again, NULL, 10) : (unsigned)time(NULL) * 31 + (unsigned)getpid();

	srand(11);
	test_recall();
	test_fragments();
	test_silence();
	printf("# BB_SEED=%u\n", fresh);
	srand(fresh);
	test_recall();
	test_fragments();
	return tap_done();
}
