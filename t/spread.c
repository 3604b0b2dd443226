/* Known secrets in pieces: spread over values of one text, and over texts that follow each other. */
#include <stdlib.h>

#include "alloc.h"
#include "known.h"
#include "spread.h"
#include "t/lib/tap.h"

static const unsigned char key[FINGERPRINT_KEY] = "a key of thirty-two bytes, no mo";

/* Random letters and digits. */
static void make(char *out, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
	out[n] = '\0';
}

struct world {
	struct spread *spread;
	struct fingerprints *known;
	char secret[41];
};

static void begin(struct world *w)
{
	make(w->secret, 40);
	w->spread = alloc_zero(1, spread_size());
	w->known = fingerprints_new(key);
	known_add(w->known, slice_str(w->secret), 0, 5);
}

static void end(struct world *w)
{
	free(w->spread);
	fingerprints_release(w->known);
}

/* Look through one part of one text; "@" in it stands for a piece. True when it is clean. */
static bool pass(struct world *w, const char *host, const char *part, const char *text, struct slice piece, size_t max)
{
	AUTO_BUF whole = BUF_INIT;
	struct spread_text t;
	struct slice rest;
	bool clean;

	for (const char *p = text; *p; p++)
		*p == '@' ? buf_add_slice(&whole, piece) : buf_add_char(&whole, *p);
	rest = buf_slice(&whole);
	spread_begin(&t, w->spread, w->known, slice_str(host));
	clean = spread_part(&t, slice_str(part), strcmp(part, "path") == 0);
	while (clean && rest.len) {
		clean = spread_feed(&t, slice_sub(rest, 0, max ? max : rest.len));
		rest = slice_sub(rest, max ? max : rest.len, rest.len);
	}
	clean = clean && spread_end(&t);
	if (!clean && t.number != 5)
		printf("# number %u\n", t.number);
	return clean && !t.number;
}

static struct slice piece_of(const struct world *w, size_t size, size_t i)
{
	return slice_sub(slice_str(w->secret), i * size, (i + 1) * size);
}

/* Texts that carry a piece each, and differ in nothing else, or in what attackers would count by. */
static void test_texts(void)
{
	static const struct {
		const char *name, *part, *texts[3]; /* by turns */
	} carriers[] = {
		{ "a parameter", "query", { "a=1&d=@&z=2", "a=1&d=@&z=2", "a=1&d=@&z=2" } },
		{ "a parameter, with a number", "query", { "n=1&d=@", "n=2&d=@", "n=3&d=@" } },
		{ "a query without a name", "query", { "@", "@", "@" } },
		{ "a segment of a path", "path", { "/c/@", "/c/@", "/c/@" } },
		{ "a segment behind a number", "path", { "/1/@/x", "/2/@/x", "/3/@/x" } },
		{ "a header", "X-Note", { "@", "@", "@" } },
		{ "a cookie", "Cookie", { "s=1; c=@", "s=2; c=@", "s=3; c=@" } },
		{ "a JSON string", "body", { "{\"n\":1,\"d\":\"@\"}", "{\"n\":2,\"d\":\"@\"}",
					     "{\"n\":3,\"d\":\"@\"}" } },
		{ "JSON of other keys", "body", { "{\"a\":\"@\"}", "{\"b\":\"@\"}", "{\"c\":\"@\"}" } },
		{ "XML", "body", { "<a n='1'><d>@</d></a>", "<a n='2'><d>@</d></a>", "<a n='3'><d>@</d></a>" } },
		{ "a form", "body", { "n=1&d=@", "n=2&d=@", "n=3&d=@" } },
		{ "multipart", "body", { "--b\r\nContent-Disposition: form-data; name=\"d\"\r\n\r\n@\r\n--b--",
					 "--c\r\nContent-Disposition: form-data; name=\"d\"\r\n\r\n@\r\n--c--",
					 "--d\r\nContent-Disposition: form-data; name=\"d\"\r\n\r\n@\r\n--d--" } },
		{ "a whole message", "message", { "@", "@", "@" } },
	};
	static const size_t sizes[] = { 4, 5, 8, 10, 13 };

	for (size_t c = 0; c < COUNT_OF(carriers); c++) {
		size_t missed = 0, early = 0, tried = 0;

		for (size_t k = 0; k < COUNT_OF(sizes); k++) {
			for (size_t order = 0; order < 2; order++) {
				size_t n = 40 / sizes[k], needed = (FINGERPRINT_FRAGMENT + sizes[k] - 1) / sizes[k],
				       max = (size_t)rand() % 4;
				struct world w;
				bool clean = true;

				begin(&w);
				for (size_t i = 0; i < needed; i++) {
					struct slice piece = piece_of(&w, sizes[k], order ? n - 1 - i : i);

					early += !clean;
					clean = pass(&w, "one.test", carriers[c].part, carriers[c].texts[i % 3], piece,
						     max);
					/* other traffic in between */
					pass(&w, "one.test", "User-Agent", "curl/8.0", piece, 0);
					pass(&w, "other.test", "body", "{\"model\":\"m\",\"text\":[\"how are you\"]}",
					     piece, 0);
				}
				missed += clean;
				tried++;
				end(&w);
			}
		}
		ok(tried == 10 && !missed && !early, "%s: %zu of %zu missed, %zu found too early", carriers[c].name,
		   missed, tried, early);
	}
}

static void test_hosts(void)
{
	struct world w;

	begin(&w);
	ok(pass(&w, "a.test", "query", "d=@", piece_of(&w, 10, 0), 0), "the first piece goes to one host");
	ok(!pass(&w, "b.test", "query", "d=@", piece_of(&w, 10, 1), 0), "the second to another is found");
	ok(!pass(&w, "b.test", "query", "d=@", piece_of(&w, 10, 1), 0),
	   "and is found again: what was found is not remembered");
	ok(!pass(&w, "b.test", "X-Other", "x d=@", piece_of(&w, 10, 1), 0),
	   "and by its name in another place of a request");
	ok(pass(&w, "b.test", "query", "d=@", SLICE("harmless"), 0), "others pass");
	end(&w);
}

/* Neighbours in one text. */
static void test_one_text(void)
{
	struct world w;
	struct spread_text t;
	bool clean = true;

	begin(&w);
	spread_begin(&t, w.spread, w.known, SLICE("a.test"));
	for (size_t i = 0; clean && i < 4; i++) {
		char name[] = "X-0";

		name[2] = (char)('0' + i);
		clean = spread_part(&t, slice_str(name), false) && spread_feed(&t, piece_of(&w, 5, i)) &&
			spread_end(&t);
		is_int(clean, i < 3, "header %zu of four", i + 1);
	}
	end(&w);

	begin(&w);
	spread_begin(&t, w.spread, w.known, SLICE("a.test"));
	clean = spread_part(&t, SLICE("body"), false);
	for (size_t i = 0; clean && i < 4; i++) {
		AUTO_BUF text = BUF_INIT;

		buf_add_format(&text, "\"k%zu\": \"%.*s\",", i, SLICE_ARG(piece_of(&w, 5, i)));
		clean = spread_feed(&t, buf_slice(&text));
		is_int(clean, i < 3, "string %zu of four in JSON", i + 1);
	}
	end(&w);
}

/* Values that are not pieces, or of too short a secret, are let alone. */
static void test_silence(void)
{
	struct world w;
	size_t wrong = 0;

	begin(&w);
	known_add(w.known, SLICE("testtest12"), 0, 6);
	for (int i = 0; i < 20000; i++) {
		char value[20];

		make(value, 1 + (size_t)rand() % 18);
		wrong += !pass(&w, "a.test", "query", "d=@&e=1", slice_str(value), 0);
	}
	is_int(wrong, 0, "random values are no pieces");
	ok(pass(&w, "a.test", "query", "w=@", SLICE("test"), 0) && pass(&w, "a.test", "query", "w=@", SLICE("test12"),
									0),
	   "a secret of a few letters is not looked for in pieces");
	end(&w);
	begin(&w);
	ok(pass(&w, "a.test", "query", "d=@", piece_of(&w, 5, 0), 0) &&
	   pass(&w, "a.test", "query", "d=@", piece_of(&w, 5, 1), 0) &&
	   pass(&w, "a.test", "query", "d=@", piece_of(&w, 5, 2), 0), "15 letters in pieces pass");
	ok(!pass(&w, "a.test", "query", "d=@", slice_sub(slice_str(w.secret), 15, 16), 0), "one more does not");
	end(&w);
}

/* The table is full of others: what was used last is kept. */
static void test_bound(void)
{
	struct world w;
	bool clean;

	begin(&w);
	pass(&w, "a.test", "query", "d=@", piece_of(&w, 10, 0), 0);
	for (int i = 0; i < SPREAD_PLACES / 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		pass(&w, "a.test", name, "@", SLICE("v"), 0);
	}
	ok(!pass(&w, "a.test", "query", "d=@", piece_of(&w, 10, 1), 0), "a piece is remembered behind %d others",
	   SPREAD_PLACES / 8);
	for (int i = 0; i < 4 * SPREAD_PLACES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%d", i);
		pass(&w, "a.test", name, "@", SLICE("v"), 0);
	}
	clean = pass(&w, "a.test", "query", "d=@", piece_of(&w, 10, 1), 0);
	ok(clean, "and forgotten behind %d", 4 * SPREAD_PLACES);
	end(&w);
}

int main(void)
{
	srand(11);
	test_texts();
	test_hosts();
	test_one_text();
	test_silence();
	test_bound();
	return tap_done();
}
