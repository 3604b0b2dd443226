/* A glance at compressed data never says no to what a decoder would make something of. */
#include <stdlib.h>

#include <brotli/encode.h>
#include <zlib.h>

#include "decode-view.h"
#include "t/lib/tap.h"

enum {
	RANDOM = 5000,   /* inputs of chance */
	LENGTH = 24,     /* bytes of each */
	TEXTS = 300,     /* texts that are compressed in every way */
	TEXT_MAX = 200,
	PACKED_MAX = 2 * TEXT_MAX + 100,
};

/* Does a decoder finish a stream at p that holds something? */
static bool decodes(const unsigned char *p, size_t n, enum coding_kind kind)
{
	const struct coding_list list = { { kind }, 1 };
	struct slice input = slice_of((const char *)p, n), piece;
	struct coding c;
	const char *why;
	size_t out = 0;
	enum coding_result r;

	coding_init(&c, &list, CODING_EMBEDDED, &coding_limits);
	while ((r = coding_feed(&c, &input, &piece, &why)) == CODING_PIECE)
		out += piece.len;
	coding_release(&c);
	return r == CODING_END && out;
}

/* Letters of few kinds, or of many, or words: what makes encoders choose each kind of block. */
static size_t write_text(unsigned char *text)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog and the cat ";
	size_t n = 1 + (size_t)rand() % TEXT_MAX;
	int kind = rand() % 4;

	for (size_t i = 0; i < n; i++)
		switch (kind) {
		case 0: text[i] = (unsigned char)(rand() >> 7); break;
		case 1: text[i] = (unsigned char)('a' + rand() % 3); break;
		case 2: text[i] = (unsigned char)(' ' + rand() % 95); break;
		default: text[i] = (unsigned char)words[i % (sizeof(words) - 1)]; break;
		}
	return n;
}

static size_t deflate_text(const unsigned char *text, size_t n, int level, int strategy, int flush, unsigned char *out)
{
	z_stream z = { .next_out = out, .avail_out = PACKED_MAX };

	if (deflateInit2(&z, level, Z_DEFLATED, -15, 9, strategy) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = flush == Z_FINISH ? (uInt)n : 0; /* an empty block in front of everything, or none */
	if (flush != Z_FINISH && deflate(&z, flush) == Z_STREAM_ERROR)
		abort();
	z.avail_in = (uInt)n;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

/* A short stream with two bits turned, which now and then is one again. Returns its length. */
static size_t fill(unsigned char *p, enum coding_kind kind)
{
	unsigned char text[TEXT_MAX];
	size_t n = write_text(text), len = PACKED_MAX;

	n = n < LENGTH ? n : LENGTH;
	if (kind == CODING_RAW)
		len = deflate_text(text, n, rand() % 10, rand() % 5, Z_FINISH, p);
	else if (!BrotliEncoderCompress(rand() % 12, 10 + rand() % 15, BROTLI_MODE_GENERIC, n, text, &len, p))
		abort();
	for (int i = 0; i < 2; i++)
		p[(size_t)rand() % (len < 8 ? len : 8)] ^= (unsigned char)(1 << rand() % 8);
	return len;
}

/* Each length from so many bytes on, as a view may have to be judged by them. */
static bool all_say_yes(const unsigned char *p, size_t n, bool (*may)(const unsigned char *p, size_t n))
{
	for (size_t k = 1; k <= n; k++)
		if (!may(p, k))
			return false;
	return true;
}

static void test_real_streams(void)
{
	static const int strategies[] = { Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED, Z_RLE };
	static const int flushes[] = { Z_FINISH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH };
	bool deflate_yes = true, brotli_yes = true;

	for (int t = 0; t < TEXTS; t++) {
		unsigned char text[TEXT_MAX], out[PACKED_MAX];
		size_t n = write_text(text);

		for (int i = 0; i < 4 * 3 * 4; i++) {
			size_t len = deflate_text(text, n, i % 4 * 3, strategies[i / 4 % 4], flushes[i / 16], out);

			deflate_yes = deflate_yes && all_say_yes(out, len, may_be_deflate);
		}
		for (int quality = 0; quality <= 11; quality++)
			for (int window = 10; window <= 24; window += 7) {
				size_t len = sizeof(out);

				if (!BrotliEncoderCompress(quality, window, (BrotliEncoderMode)(quality % 3), n, text,
							   &len, out))
					abort();
				brotli_yes = brotli_yes && all_say_yes(out, len, may_be_brotli);
			}
	}
	ok(deflate_yes, "raw deflate of every level and strategy may be deflate, from its first byte on");
	ok(brotli_yes, "brotli of every quality and window may be brotli, from its first byte on");
}

/* Is no stream that chance makes of another missed, and most bytes of chance told from one? */
static void test_chance(const char *name, enum coding_kind kind, bool (*may)(const unsigned char *p, size_t n))
{
	size_t no = 0, streams = 0, missed = 0;

	for (int i = 0; i < RANDOM; i++) {
		unsigned char p[PACKED_MAX], chance[LENGTH];
		size_t n = fill(p, kind);

		if (decodes(p, n, kind)) {
			streams++;
			missed += !may(p, n);
		}
		for (size_t k = 0; k < LENGTH; k++)
			chance[k] = (unsigned char)(rand() >> 7);
		no += !may(chance, LENGTH);
	}
	ok(streams > RANDOM / 100, "%s: damage leaves whole streams (%zu of %d)", name, streams, RANDOM);
	is_int((long)missed, 0, "%s: none is missed", name);
	ok(no > RANDOM / 2, "%s: most of chance is told from it (%zu of %d)", name, no, RANDOM);
}

int main(void)
{
	srand(26);
	test_real_streams();
	test_chance("deflate", CODING_RAW, may_be_deflate);
	test_chance("brotli", CODING_BROTLI, may_be_brotli);
	return tap_done();
}
