/* A body without codings passes as it is, in pieces; one of which the end is missing is said to be cut. */
#include "buf.h"
#include "coding.h"
#include "t/lib/tap.h"

static void test_plain(void)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF got = BUF_INIT;
	struct coding_list list = { .n = 0 };
	struct coding c = { 0 };
	struct slice rest, piece;
	const char *why = NULL;

	for (size_t i = 0; i < CODING_PIECE_MAX + 1000; i++)
		buf_add_char(&text, (char)i);
	ok(coding_parse(&list, SLICE("identity")) && list.n == 0, "identity is no coding");
	coding_init(&c, &list, CODING_FORWARD, &coding_limits);
	rest = buf_slice(&text);
	while (coding_feed(&c, &rest, &piece, &why) == CODING_PIECE) {
		ok(piece.len <= CODING_PIECE_MAX, "a piece has at most its length");
		buf_add_slice(&got, piece);
	}
	ok(rest.len == 0 && slice_eq(buf_slice(&got), buf_slice(&text)), "all of them are the body");
	ok(coding_finish(&c, &why), "which may end anywhere");
	coding_release(&c);
}

static void test_cut(void)
{
	static const char *const codings[] = { "gzip", "deflate", "br", "zstd" };

	for (size_t i = 0; i < 4; i++) {
		struct coding_list list = { .n = 0 };
		struct coding c = { 0 };
		struct slice rest = SLICE(""), piece;
		const char *why = NULL;

		ok(coding_parse(&list, slice_str(codings[i])) && list.n == 1, "%s is known", codings[i]);
		coding_init(&c, &list, CODING_FORWARD, &coding_limits);
		ok(coding_feed(&c, &rest, &piece, &why) == CODING_MORE, "of nothing it makes nothing");
		rest = slice_of("\x1f", 1);
		coding_feed(&c, &rest, &piece, &why);
		ok(!coding_finish(&c, &why) && why, "and of a part it says that it is one: %s", why ? why : "");
		coding_release(&c);
	}
}

int main(void)
{
	test_plain();
	test_cut();
	return tap_done();
}
