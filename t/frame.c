/* Frames: whole ones are found at every split, broken ones are told, numbers are taken strictly. */
#include "frame.h"

#include "t/lib/tap.h"

/* Put three frames in a row and take them out again with the bytes coming one by one. */
static void test_split(void)
{
	AUTO_BUF stream = BUF_INIT;
	AUTO_BUF in = BUF_INIT;
	AUTO_BUF seen = BUF_INIT;
	struct frame f;

	frame_put(&stream, FRAME_OUTPUT, SLICE("one"));
	frame_put(&stream, FRAME_GO, SLICE(""));
	frame_say(&stream, FRAME_EXITED, "%d", -7);
	for (size_t i = 0; i < stream.len; i++) {
		buf_add_char(&in, stream.ptr[i]);
		while (frame_peek(buf_slice(&in), &f) > 0) {
			buf_add_format(&seen, "%c(%.*s)", f.kind, SLICE_ARG(f.payload));
			buf_consume(&in, FRAME_HEAD + f.payload.len);
		}
	}
	ok(in.len == 0, "nothing is left");
	ok(slice_eq(buf_slice(&seen), SLICE("O(one)G()X(-7)")), "three frames come out as they went in");
}

static void test_broken(void)
{
	struct frame f;

	ok(frame_peek(SLICE("\n\0\0\0\0"), &f) == -1, "a kind that is no letter is no frame");
	ok(frame_peek(SLICE("n"), &f) == -1, "which is seen at the first byte");
	ok(frame_peek(SLICE("O\x04\0\0\0"), &f) == 0, "a payload of FRAME_MAX bytes is waited for");
	ok(frame_peek(SLICE("O\x04\0\0\1"), &f) == -1, "one of a byte more is not");
	ok(frame_peek(SLICE("O\0\0\0"), &f) == 0, "half a head is waited for");
}

/* Take one number of a text; "rest" must be what is left. */
static bool takes(const char *text, int want, const char *rest)
{
	struct slice s = slice_str(text);
	int value = 0;

	return frame_number(&s, &value) && value == want && slice_eq(s, slice_str(rest));
}

static bool refuses(const char *text)
{
	struct slice s = slice_str(text);
	int value;

	return !frame_number(&s, &value);
}

static void test_numbers(void)
{
	ok(takes("12 80", 12, "80"), "a number and a blank");
	ok(takes("-1\ntext", -1, "text"), "a negative one and a newline");
	ok(takes("0", 0, ""), "the only one");
	ok(takes("2147483647", 2147483647, ""), "the largest");
	ok(refuses("2147483648") && refuses("") && refuses("-") && refuses("1x") && refuses("+1") && refuses(" 1"),
	   "no others");
}

int main(void)
{
	test_split();
	test_broken();
	test_numbers();
	return tap_done();
}
