/*
 * Inputs that are made to be slow: encodings in encodings, what nearly is a token of
 * every rule, bombs. Each is compared with plain text in the same run, by the time
 * that the processor spends, so that a busy machine changes little: bombs with as much
 * of it as may come out of the decoders, others with themselves, eight times as long,
 * which may take eight times as much and not sixty-four.
 */
#include <stdlib.h>
#include <time.h>

#include "alloc.h"
#include "detect.h"
#include "file.h"
#include "t/lib/encode.h"
#include "t/lib/tap.h"
#include "t/lib/tokens.h"

enum {
	SIZE = 32 << 10,
	GROWTH = 8,
	RUNS = 7,        /* of which the fastest counts */
	COST_MAX = 3,    /* times the cost of plain text of what may come out */
	NOISE = 3,       /* times what else this machine does to a figure */
};

static struct rules *rules;
static struct buf samples; /* t/tokens.samples */
static struct fingerprints *known;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool go_on(void *ctx, const struct detection *found)
{
	*(size_t *)ctx += found->why != NULL;
	return true;
}

/* Processor seconds for a text, in pieces as they come from a socket. */
static double cost(struct slice text, int runs)
{
	double best = 1e9;

	for (int i = 0; i < runs; i++) {
		size_t limits = 0;
		struct detect *d = detect_new((struct detect_set){ rules, known }, go_on, &limits);
		struct slice rest = text;
		double begin = now(), took;

		while (rest.len) {
			detect_feed(d, slice_sub(rest, 0, 16384));
			rest = slice_sub(rest, 16384, rest.len);
		}
		detect_finish(d);
		detect_release(d);
		took = now() - begin;
		best = took < best ? took : best;
	}
	return best;
}

/* --- texts --- */

static void add_plain(struct buf *out, size_t size)
{
	static const char *const words[] = { "for (i = 0; i < n; i++)\n", "\treturn list->next;\n",
					     "the quick brown fox ", "int value = 12;\n",
					     "if (!found) ", "see section 4.2 of the manual. ", "{\n", "}\n",
					     "/* it is a loop */ " };

	while (out->len < size)
		buf_add_str(out, words[(size_t)rand() % COUNT_OF(words)]);
}

/* The text again and again through an encoding, until it is deeper than anything that is looked into. */
static void add_nested(struct buf *out, size_t size, encode_fn *encode, int depth)
{
	struct buf text = BUF_INIT;

	add_plain(&text, 64);
	for (int i = 0; i < depth || text.len < size; i++) {
		struct buf next = BUF_INIT;

		encode(buf_slice(&text), &next);
		buf_release(&text);
		text = next;
		if (i >= depth && text.len < size) /* deep enough: more of the same */
			for (size_t n = text.len; text.len < size;) {
				buf_reserve(&text, n);
				buf_add_slice(&text, slice_sub(buf_slice(&text), 0, n));
			}
	}
	buf_add_slice(out, slice_sub(buf_slice(&text), 0, size));
	buf_release(&text);
}

static void add_base64(struct buf *out, size_t size)
{
	add_nested(out, size, encode_base64, 12);
}

static void add_hex(struct buf *out, size_t size)
{
	add_nested(out, size, encode_hex, 6);
}

static void add_percent(struct buf *out, size_t size)
{
	add_nested(out, size, encode_percent, 5);
}

static void add_escapes(struct buf *out, size_t size)
{
	add_nested(out, size, encode_unicode, 4);
}

/* Characters that each begin something. */
static void add_begins(struct buf *out, size_t size)
{
	static const char *const begins[] = { "%25", "\\\\", "&amp;", "&#", "=3D", "=\r\n", "\x1f\x8b\x08", "PK\3\4",
					      "\x28\xb5\x2f\xfd", "\x78\x9c",
					      "H4sI", "0x", "\\u00", "--b\r\n", "%%", "\\x5c" };

	while (out->len < size)
		buf_add_str(out, begins[(size_t)rand() % COUNT_OF(begins)]);
}

/* What lacks a letter of being a token, of one rule after the other. */
static void add_near_misses(struct buf *out, size_t size)
{
	AUTO_BUF one = BUF_INIT;
	struct slice rest = SLICE("");

	while (out->len < size) {
		struct slice line;
		AUTO_FREE char *text = NULL;

		if (!rest.len)
			rest = buf_slice(&samples);
		line = slice_cut(&rest, '\n');
		slice_cut(&line, '\t');
		text = alloc_copy(line.ptr, line.len);
		if (token_make(text, rand() % 2 ? TOO_SHORT : WRONG_LETTER, 0, &one) || one.len)
			buf_add_slice(out, buf_slice(&one));
	}
}

/* One keyword, and nothing else. */
static void add_keywords(struct buf *out, size_t size)
{
	while (out->len < size)
		buf_add_str(out, "secret_key = password = token = ");
}

/* Lines that an expression with repetitions looks far into. */
static void add_curl(struct buf *out, size_t size)
{
	while (out->len < size)
		buf_add_str(out, "curl -H \"x: y\" -H 'Authorization: \\\n :// :// a:b -----BEGIN PRIVATE KEY-----");
}

static const struct {
	const char *name;
	void (*add)(struct buf *, size_t);
} texts[] = {
	{ "base64 of base64", add_base64 },
	{ "hexadecimal of hexadecimal", add_hex },
	{ "percent of percent", add_percent },
	{ "\\u of \\u", add_escapes },
	{ "begins of encodings", add_begins },
	{ "near-misses of every rule", add_near_misses },
	{ "words that rules begin with", add_keywords },
	{ "repetitions", add_curl },
};

static void test_texts(double plain)
{
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_BUF once = BUF_INIT;
		AUTO_BUF more = BUF_INIT;
		double one, eight;

		texts[i].add(&once, SIZE);
		texts[i].add(&more, GROWTH * SIZE);
		one = cost(slice_sub(buf_slice(&once), 0, SIZE), RUNS);
		eight = cost(slice_sub(buf_slice(&more), 0, GROWTH * SIZE), RUNS);
		ok(one < DECODE_WORK_RATIO * NOISE * plain && eight < GROWTH * NOISE * (one > plain ? one : plain),
		   "%s: %.1f times plain text, and eight times as much %.1f", texts[i].name, one / plain,
		   eight / plain);
	}
}

/* --- bombs --- */

static void test_bombs(void)
{
	static const struct {
		const char *name;
		encode_fn *encode;
	} bombs[] = { { "gzip", encode_gzip }, { "zlib", encode_zlib }, { "zstd", encode_zstd },
		      { "brotli", encode_brotli }, { "zip", encode_zip }, { "deflate", encode_deflate } };

	AUTO_BUF same = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	double plain;

	add_plain(&text, DECODE_WORK_FREE);
	plain = cost(buf_slice(&text), 2);
	printf("# plain text: %.0f MB/s\n", DECODE_WORK_FREE / plain / 1e6);
	buf_reserve(&same, DECODE_WORK_FREE);
	memset(same.ptr, 'a', DECODE_WORK_FREE);
	same.len = DECODE_WORK_FREE;
	for (size_t i = 0; i < COUNT_OF(bombs); i++) {
		AUTO_BUF bomb = BUF_INIT;
		AUTO_BUF many = BUF_INIT;
		double took;

		bombs[i].encode(buf_slice(&same), &bomb);
		for (int k = 0; k < 8; k++)
			buf_add_slice(&many, buf_slice(&bomb));
		took = cost(buf_slice(&many), 2);
		ok(took < COST_MAX * NOISE * plain,
		   "%s: eight of %zu bytes for 64 MiB: %.1f times plain text of 64 MiB", bombs[i].name,
		   bomb.len, took / plain);
	}
}

int main(void)
{
	static const unsigned char key[FINGERPRINT_KEY] = "a key of thirty-two bytes, no mo";
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF yaml = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	const char *source = getenv("BB_SOURCE") ? getenv("BB_SOURCE") : ".";
	AUTO_FREE char *path = alloc_format("%s/rules/tokens.yaml", source);
	AUTO_FREE char *samples_path = alloc_format("%s/t/tokens.samples", source);
	struct error e = ERROR_INIT;
	double plain;

	srand(17);
	rules = rules_new();
	ok(file_read(path, 1 << 20, &yaml, &e) && rules_load(rules, buf_slice(&yaml), "tokens.yaml", &problems) &&
	   file_read(samples_path, 1 << 20, &samples, &e), "the rules and samples load");
	rules_drop_guesses(rules);
	rules_build(rules);
	known = fingerprints_new(key);
	for (uint32_t i = 0; i < 20; i++) {
		char secret[41];

		for (size_t k = 0; k < 40; k++)
			secret[k] = alphabet64[(size_t)rand() % 62];
		known_add(known, slice_of(secret, 40), 0, i);
	}
	add_plain(&text, GROWTH * SIZE);
	plain = cost(buf_slice(&text), RUNS) / GROWTH;
	printf("# plain text: %.0f MB/s\n", SIZE / plain / 1e6);
	test_texts(plain);
	test_bombs();
	fingerprints_release(known);
	rules_release(rules);
	return tap_done();
}
