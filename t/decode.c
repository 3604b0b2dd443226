/* The views of a stream: every encoding is taken off, also two of them, and cutting the stream changes nothing. */
#include <stdio.h>

#include "decode.h"
#include "t/lib/encode.h"
#include "t/lib/tap.h"

static const char needle[] =
	"The quick brown fox, jumps over 13 lazy dogs? It does; and every time it lands on its four feet!";

/* What a run over a stream has shown. */
struct shown {
	struct buf views;      /* all views that ended: name, length, a sum of the text */
	bool found;            /* the needle stood in a view */
	bool early;            /* bytes were let go that a found needle came from */
	bool placed;           /* a place was told */
	uint64_t start, end;   /* of the last needle with a place in view 0 */
	uint64_t released;
	uint64_t work;
};

/* The text of one view so far. */
struct text {
	struct buf bytes;
	uint64_t base;
	size_t looked;
};

static bool bytes(void *ctx, struct decode_view *view, struct slice piece)
{
	struct shown *s = ctx;
	struct text *t = view->user;
	size_t at;

	if (!t)
		view->user = t = calloc(1, sizeof(*t));
	if (!t->bytes.len)
		t->base = view->length;
	buf_add_slice(&t->bytes, piece);
	s->work += piece.len;
	while ((at = slice_search(slice_sub(buf_slice(&t->bytes), t->looked, t->bytes.len), slice_str(needle))) !=
	       SLICE_NONE) {
		uint64_t start = t->base + t->looked + at, end = start + strlen(needle);

		t->looked += at + strlen(needle);
		s->found = true;
		if (decode_place(view, &start, &end)) {
			s->early = s->early || start < s->released;
			s->placed = true;
			s->start = start;
			s->end = end;
		}
	}
	return true;
}

static bool end(void *ctx, struct decode_view *view)
{
	struct shown *s = ctx;
	struct text *t = view->user;
	static const struct decode_view *const none = NULL;
	char name[64] = "";

	for (const struct decode_view *v = view; v != none; v = v->parent)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%d.",
			 (int)(v->form < DECODE_PACKED ? v->form : DECODE_PACKED));
	if (t && t->bytes.len) {
		uint64_t sum = 14695981039346656037u;

		for (size_t i = 0; i < t->bytes.len; i++)
			sum = (sum ^ (unsigned char)t->bytes.ptr[i]) * 1099511628211u;
		buf_add_format(&s->views, "%s %zu, %llx>\n", name, t->bytes.len, (unsigned long long)sum);
		buf_release(&t->bytes);
		t->looked = 0;
	}
	return true;
}

static uint64_t held(void *ctx, const struct decode_view *view)
{
	const struct text *t = view->user;

	(void)ctx;
	return t ? (t->bytes.len < sizeof(needle) ? t->bytes.len : sizeof(needle)) : 0;
}

static void forget(void *ctx, struct decode_view *view)
{
	struct text *t = view->user;

	(void)ctx;
	if (t)
		buf_release(&t->bytes);
	free(t);
}

static const struct decode_sink sink = { bytes, end, held, forget };

/* Feed text in pieces of 1 to max bytes (0: in one). */
static struct shown run(struct slice text, size_t max, const char **limit)
{
	struct shown s = { .views = BUF_INIT };
	struct decode *d = decode_new(&sink, &s);
	uint64_t fed = 0;

	while (text.len) {
		struct slice piece = slice_sub(text, 0, max ? 1 + (size_t)rand() % max : text.len);

		decode_feed(d, piece);
		fed += piece.len;
		s.released = fed - decode_held(d) > s.released ? fed - decode_held(d) : s.released;
		text = slice_sub(text, piece.len, text.len);
	}
	decode_finish(d);
	if (limit)
		*limit = decode_limit(d);
	decode_release(d);
	return s;
}

/* Does the needle show, and at the right place? */
static void look(const char *what, const struct buf *text, size_t lead, size_t tail, bool placed)
{
	static const size_t sizes[] = { 0, 1, 7, 100 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct shown s = run(buf_slice(text), sizes[i], NULL);

		if (!s.found)
			ok(false, "%s is found in pieces of %zu", what, sizes[i]);
		if (s.early)
			ok(false, "%s, in pieces of %zu: no byte was let go before it was found", what, sizes[i]);
		if (placed && (!s.placed || s.start + 2 < lead || s.start > lead + 2 || s.end > text->len - tail + 2 ||
			       s.end + 8 < text->len - tail)) {
			ok(false, "%s has its place, in pieces of %zu", what, sizes[i]);
			printf("# %d: %d-%d for %zu-%zu\n", s.placed, (int)s.start, (int)s.end, lead, text->len - tail);
		}
		buf_release(&s.views);
	}
}

/* One encoding after another, in the middle of other text. */
static void test_encodings(void)
{
	static const char before[] = "name=value; something='in front' ", after[] = " and <something> behind it.\n";
	size_t n = 0;

	for (size_t i = 0; i < ENCODINGS; i++) {
		AUTO_BUF text = BUF_INIT;
		bool bare = encodings[i].kind == ENCODE_PACKED; /* those without a mark stand at the front */

		if (encodings[i].encode == encode_reversed || encodings[i].encode == encode_separated)
			continue;
		if (!bare)
			buf_add_str(&text, before);
		encodings[i].encode(slice_str(needle), &text);
		if (!bare)
			buf_add_str(&text, after);
		look(encodings[i].name, &text, bare ? 0 : strlen(before), bare ? 0 : strlen(after),
		     !bare && encodings[i].encode != encode_raw);
		n++;
	}
	ok(n == ENCODINGS - 2, "each encoding is taken off, and its place is known");
}

/* Every pair of encodings. */
static void test_pairs(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ENCODINGS; i++) {
		for (size_t k = 0; k < ENCODINGS; k++) {
			AUTO_BUF inner = BUF_INIT;
			AUTO_BUF text = BUF_INIT;
			char name[100];

			if (encodings[i].encode == encode_reversed || encodings[i].encode == encode_separated ||
			    encodings[k].encode == encode_reversed || encodings[k].encode == encode_separated)
				continue;
			/* who encodes what is not ASCII as UTF-16 or characters has other bytes in mind */
			if (encodings[i].kind != ENCODE_TEXT &&
			    (encodings[k].kind == ENCODE_BINARY || encodings[k].encode == encode_unicode ||
			     encodings[k].encode == encode_entities || encodings[k].encode == encode_hexentities))
				continue;
			/* a stream without a mark has to begin where something begins */
			if ((encodings[i].encode == encode_deflate || encodings[i].encode == encode_brotli) &&
			    (encodings[k].encode == encode_base64_at1 || encodings[k].encode == encode_base64_at2))
				continue;
			encodings[i].encode(slice_str(needle), &inner);
			encodings[k].encode(buf_slice(&inner), &text);
			snprintf(name, sizeof(name), "%s in %s", encodings[i].name, encodings[k].name);
			look(name, &text, 0, 0, false);
			n++;
		}
	}
	ok(n > 400, "each pair of encodings is taken off");
}

static void test_nesting(void)
{
	static const char *const texts[] = {
		"\\\\u005c\\\\u0075\\\\u0030\\\\u0030\\\\u0037\\\\u0034oken", "%5c%5cu005cu0074oken",
		"%2525%37%34oken", "&amp;#37;74oken", "\\\\u0025%37%34oken", "&#x25;74oken", "\\u{74}oken", "\\164oken",
		"%%37%34oken",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO_BUF out = BUF_INIT;

		decode_escapes_of(slice_str(texts[i]), &out);
		is_str(buf_str(&out), "token", "escapes in escapes: %s", texts[i]);
	}
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The views in an order that does not depend on the pieces. */
static char *sorted(struct buf *views)
{
	char *lines[4096], *text = buf_steal(views), *at = text;
	size_t n = 0;
	AUTO_BUF out = BUF_INIT;

	while (*at && n < 4096) {
		char *end_of = strstr(at, ">\n");

		lines[n++] = at;
		if (!end_of)
			break;
		*end_of = '\0';
		at = end_of + 2;
	}
	qsort(lines, n, sizeof(lines[0]), by_line);
	for (size_t i = 0; i < n; i++)
		buf_add_format(&out, "%s\n", lines[i]);
	free(text);
	return buf_steal(&out);
}

/* Texts full of pieces of encodings. */
static void test_splits(void)
{
	static const char *const pieces[] = {
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", "=", "==", "\n", "\r\n", " ", "  ", "/", "-",
		"abcdefghijklmnopqrs", "ORSXG5BAORSXQ5A", "%41", "%25",
		"%", "41", "\\u0041", "\\", "u00", "&#65;", "&#x4", "1;", "&amp;", "&", "=41", "=\r\n", "0x41, ",
		"41424344454647484950515253545556", "41:",
		"MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI", "\r\n\r\n", "^x^", "plain words of text ", "x", "A", "_",
	};
	size_t different = 0, views = 0, limited = 0;

	srand(7);
	for (int t = 0; t < 400; t++) {
		AUTO_BUF text = BUF_INIT;
		struct shown s;
		const char *limit;
		char *whole;

		for (int i = rand() % 200; i > 0; i--) {
			/* zip is cut in test_encodings */
			const struct encoding *e = &encodings[(size_t)rand() % (ENCODINGS - 1)];

			if (rand() % 40 == 0)
				e->encode(slice_of(needle, 8 + (size_t)rand() % 60), &text);
			else if (rand() % 60 == 0)
				for (int k = rand() % 900; k > 0; k--)
					buf_add_char(&text, (char)(rand() % 5 ? ' ' : 'x'));
			else
				buf_add_str(&text, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		s = run(buf_slice(&text), 0, &limit);
		limited += limit != NULL;
		views += s.views.len;
		whole = sorted(&s.views);
		for (size_t max = 1; max < 3000; max *= 7) {
			const char *cut_limit;
			struct shown parts = run(buf_slice(&text), max, &cut_limit);
			char *cut;

			cut = sorted(&parts.views);
			/* what came before a limit was met is another thing than that it was */
			if ((!limit != !cut_limit || (!limit && strcmp(whole, cut) != 0)) && different++ == 0) {
				size_t at = 0;

				while (whole[at] == cut[at])
					at++;
				printf("# text %d, pieces of %zu, from %zu:\n# %.100s\n# %.100s\n", t, max, at,
				       whole + (at > 50 ? at - 50 : 0), cut + (at > 50 ? at - 50 : 0));
			}
			free(cut);
		}
		free(whole);
	}
	ok(views > 100000 && limited < 40, "there was something to decode, and few texts are beyond the limits (%zu)",
	   limited);
	is_int(different, 0, "every way of cutting the text gives the same views");
}

/* Limits say so; they are no silence. */
static void test_limits(void)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF bomb = BUF_INIT;
	const char *limit = NULL;
	struct shown s;

	buf_add_str(&text, needle);
	for (int i = 0; i < DECODE_DEPTH_MAX; i++) {
		AUTO_BUF next = BUF_INIT;

		encode_base64(buf_slice(&text), &next);
		buf_truncate(&text, 0);
		buf_add_slice(&text, buf_slice(&next));
	}
	s = run(buf_slice(&text), 0, &limit);
	ok(s.found && !limit, "%d encodings on top of each other are taken off", DECODE_DEPTH_MAX);
	buf_release(&s.views);
	{
		AUTO_BUF next = BUF_INIT;

		encode_base64(buf_slice(&text), &next);
		s = run(buf_slice(&next), 0, &limit);
		is_str(limit, "encodings on top of each other", "and one more is said to be too many");
		buf_release(&s.views);
	}
	{
		AUTO_BUF zeros = BUF_INIT;

		buf_reserve(&zeros, DECODE_WORK_FREE + 1);
		for (size_t i = 0; i < DECODE_WORK_FREE; i++)
			buf_add_char(&zeros, ' ');
		encode_gzip(slice_sub(buf_slice(&zeros), 0, DECODE_WORK_FREE / 2), &bomb);
		s = run(buf_slice(&bomb), 0, &limit);
		ok(!limit, "a compressed stream of %d bytes is decoded (%s)", DECODE_WORK_FREE / 2,
		   limit ? limit : "all of it");
		buf_release(&s.views);
		buf_truncate(&bomb, 0);
		encode_gzip(buf_slice(&zeros), &bomb);
		s = run(buf_slice(&bomb), 0, &limit);
		ok(limit != NULL, "and a larger one of so little data is too much work (%s)", limit ? limit : "");
		ok(s.work < DECODE_WORK_FREE + 100000, "and is given up in time");
		buf_release(&s.views);
	}
}

/* Prose and code are not full of encodings. */
static void test_plain(void)
{
	AUTO_BUF text = BUF_INIT;
	struct shown s;

	for (int i = 0; i < 1000; i++)
		buf_add_format(&text, "for (size_t i%d = 0; i < count; i++) { /* it is a loop: a = b; */ add(list, "
				      "value[i]); }\n", i);
	s = run(buf_slice(&text), 0, NULL);
	is_int(s.work, text.len, "plain text has no view but itself");
	buf_release(&s.views);
}

/* Base32 in lower case whose first characters are digits, which are of both cases. */
static void test_digits_first(void)
{
	AUTO_BUF plain = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	bool found = true;

	buf_add_str(&plain, "\xd6\x80"); /* a letter of Armenian: 22A in base32 */
	buf_add_str(&plain, needle);
	buf_add_str(&text, "key = ");
	encode_base32(buf_slice(&plain), &text);
	for (size_t i = 0; i < text.len; i++)
		text.ptr[i] = ascii_lower(text.ptr[i]);
	ok(ascii_is_digit(text.ptr[6]) && ascii_is_digit(text.ptr[7]), "the run begins with digits");
	for (size_t max = 0; max < 40; max++) {
		struct shown s = run(buf_slice(&text), max, NULL);

		found = found && s.found;
		buf_release(&s.views);
	}
	ok(found, "base32 in lower case that begins with digits is found at its beginning");
}

int main(void)
{
	test_encodings();
	test_pairs();
	test_nesting();
	test_digits_first();
	test_splits();
	test_limits();
	test_plain();
	return tap_done();
}
