/*
 * The request streams of the http corpus through the parser alone: the verdict
 * that each asks for, and the same one however the bytes are split.
 */
#include "chunk.h"
#include "request.h"
#include "t/lib/corpus.h"

#define REQUESTS_MAX 16

/* A request that came through whole. */
struct seen {
	char method[HTTP_METHOD_MAX + 1];
	char *target;
	uint64_t body_len;
	char sha256[65];
};

/* What became of a stream. */
struct outcome {
	struct seen requests[REQUESTS_MAX];
	size_t n;
	const char *why;  /* the stream was refused; NULL: it ended, or wants more */
	bool headless;    /* refused before any byte of the refused request could have been passed on */
	bool closed;      /* the client asked for the end of the connection */
};

/* A proxy that passes everything: one connection's state. */
struct server {
	struct buf input;
	size_t scanned;
	bool in_body;
	struct http_head head;
	struct chunk_decoder chunks;
	uint64_t left;
	EVP_MD_CTX *sha;
	struct outcome *out;
	bool tunnel; /* a CONNECT was accepted: TLS must follow */
	bool ended;
};

/* The body is complete: note what it was. */
static void finish_request(struct server *s)
{
	struct seen *r = &s->out->requests[s->out->n++];
	unsigned char digest[32];

	EVP_DigestFinal_ex(s->sha, digest, NULL);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(r->sha256 + 2 * i, 3, "%02x", digest[i]);
	s->in_body = false;
	s->tunnel = strcmp(r->method, "CONNECT") == 0;
	s->ended = (!s->tunnel && !s->head.keep_alive) || s->out->n == REQUESTS_MAX;
	s->out->closed = s->ended;
}

/* The authority that the corpus' streams are sent to. */
static const struct authority *tunnel_for(const struct http_head *h)
{
	static const struct authority allowed = { HOST_NAME, 443, "allowed.test" };

	return h->target.len && h->target.ptr[0] == '/' ? &allowed : NULL;
}

/* Whether the request line and Host say where to go. */
static bool aim(struct server *s)
{
	struct request_facts f;
	static struct refusal no;
	struct target t;

	if (slice_eq(s->head.method, SLICE("CONNECT")))
		return target_parse(s->head.method, s->head.target, &t, &s->out->why);
	if (request_gather(&s->head, tunnel_for(&s->head), &f, &no))
		return true;
	s->out->why = no.text;
	return false;
}

/* A head is complete: prepare for its body. */
static bool start_request(struct server *s, size_t consumed)
{
	struct seen *r = &s->out->requests[s->out->n];

	if (!aim(s))
		return false;
	snprintf(r->method, sizeof(r->method), "%.*s", SLICE_ARG(s->head.method));
	r->target = alloc_copy(s->head.target.ptr, s->head.target.len);
	r->body_len = 0;
	buf_consume(&s->input, consumed);
	s->scanned = 0;
	s->chunks = (struct chunk_decoder){ .state = 0 };
	s->left = s->head.body == HTTP_BODY_LENGTH ? s->head.length : 0;
	s->in_body = true;
	EVP_DigestInit_ex(s->sha, EVP_sha256(), NULL);
	return true;
}

/* One step through the buffered bytes. False when nothing more can be done with them. */
static bool step(struct server *s)
{
	struct slice input = buf_slice(&s->input), data;
	size_t consumed = 0;
	enum http_result r;

	if (!input.len && (s->tunnel || !s->in_body))
		return false;
	if (s->tunnel) {
		s->ended = true;
		if (input.ptr[0] != 0x16) {
			s->out->why = "no TLS in the tunnel";
			s->out->n--;
		}
		return false;
	}
	if (!s->in_body) {
		r = http_parse_request(input, &s->scanned, &s->head, &consumed, &s->out->why);
		s->out->headless = r == HTTP_BAD;
		if (r != HTTP_DONE)
			return false;
		s->out->headless = !start_request(s, consumed);
		return !s->out->headless;
	}
	if (s->head.body == HTTP_BODY_CHUNKED) {
		r = chunk_decode(&s->chunks, input, &consumed, &data, &s->out->why);
		if (r == HTTP_BAD)
			return false;
	} else {
		consumed = input.len < s->left ? input.len : (size_t)s->left;
		data = slice_sub(input, 0, consumed);
		s->left -= consumed;
		r = s->left ? HTTP_MORE : HTTP_DONE;
	}
	EVP_DigestUpdate(s->sha, data.len ? data.ptr : "", data.len);
	s->out->requests[s->out->n].body_len += data.len;
	buf_consume(&s->input, consumed);
	if (r == HTTP_DONE)
		finish_request(s);
	return r == HTTP_DONE || consumed > 0;
}

/* Run a stream, fed in pieces whose sizes come from a generator seeded with seed; 0: all at once, 1: single bytes. */
static void run(struct slice stream, unsigned seed, struct outcome *out)
{
	struct server s = { .out = out, .input = BUF_INIT, .sha = EVP_MD_CTX_new() };
	unsigned state = seed;

	*out = (struct outcome){ .n = 0 };
	while (stream.len && !s.ended && !out->why) {
		size_t n = seed == 0 ? stream.len : 1;

		if (seed > 1) {
			state = state * 1103515245u + 12345u;
			n = 1 + (state >> 16) % 40;
		}
		buf_add_slice(&s.input, slice_sub(stream, 0, n));
		stream = slice_sub(stream, n, stream.len);
		while (!s.ended && !out->why && step(&s))
			;
	}
	EVP_MD_CTX_free(s.sha);
	buf_release(&s.input);
}

static void release(struct outcome *o)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		free(o->requests[i].target);
}

/* Whether a target is the listed one; long ones are listed as "BEGINNING...(LENGTH bytes)". */
static bool same_target(const char *got, const char *want)
{
	const char *mark = strstr(want, "...(");
	size_t len;

	if (!mark || sscanf(mark, "...(%zu bytes)", &len) != 1)
		return strcmp(got, want) == 0;
	return strlen(got) == len && strncmp(got, want, (size_t)(mark - want)) == 0;
}

/* Whether the first n requests are the listed ones. */
static bool as_listed(const struct outcome *o, size_t n, const struct doc *list)
{
	if (n > doc_count(list))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct doc *want = doc_at(list, i);
		const struct seen *got = &o->requests[i];

		if (strcmp(got->method, doc_get_cstr(want, "method")) != 0 ||
		    !same_target(got->target, doc_get_cstr(want, "target")) ||
		    got->body_len != (uint64_t)doc_get_int(want, "body_len") ||
		    strcmp(got->sha256, doc_get_cstr(want, "body_sha256")) != 0)
			return false;
	}
	return true;
}

/* Whether the outcome is what the case asks for. */
static bool as_expected(const struct outcome *o, const struct doc *expect)
{
	struct slice verdict = doc_get_str(expect, "verdict");
	const struct doc *list = doc_get(expect, "requests");

	if (slice_eq(verdict, SLICE("accept")))
		return !o->why && o->n == doc_count(list) && as_listed(o, o->n, list);
	if (slice_eq(verdict, SLICE("either")))
		return as_listed(o, o->n, list) && (o->why || o->n == doc_count(list));
	if (slice_eq(verdict, SLICE("incomplete")))
		return as_listed(o, o->n, list);
	if (slice_eq(doc_get_str(doc_get(expect, "if_accepted"), "then"), SLICE("incomplete")) && !o->why)
		return o->n == 0; /* nothing to refuse yet: the head has not ended */
	return o->why && o->n <= (size_t)doc_get_int(expect, "accept_before") && as_listed(o, o->n, list);
}

/* Whether two runs of the same stream came to the same. */
static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	if (a->n != b->n || a->closed != b->closed || !a->why != !b->why || (a->why && strcmp(a->why, b->why) != 0))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->requests[i].target, b->requests[i].target) != 0 ||
		    strcmp(a->requests[i].sha256, b->requests[i].sha256) != 0)
			return false;
	return true;
}

struct tally {
	size_t cases, must, strict, split, late;
};

/* Judge one line of the corpus. */
static void judge(void *ctx, const struct doc *line)
{
	struct tally *t = ctx;
	const struct doc *expect = doc_get(line, "expect");
	AUTO_BUF stream = BUF_INIT;
	struct outcome whole;

	if (!corpus_bytes(doc_get_str(line, "b64"), &stream)) {
		ok(false, "%s is base64", doc_get_cstr(line, "id"));
		return;
	}
	t->cases++;
	run(buf_slice(&stream), 0, &whole);
	if (!as_expected(&whole, expect)) {
		bool must = slice_eq(doc_get_str(expect, "level"), SLICE("MUST"));

		*(must ? &t->must : &t->strict) += 1;
		printf("# %s: %s: wanted %s, got %zu requests%s%s\n", must ? "MUST" : "STRICT",
		       doc_get_cstr(line, "id"), doc_get_cstr(expect, "verdict"), whole.n, whole.why ? ", then: " : "",
		       whole.why ? whole.why : "");
	}
	t->late += whole.why && !whole.headless;
	for (unsigned seed = 1; seed < 12; seed++) {
		struct outcome again;

		run(buf_slice(&stream), seed, &again);
		if (!same_outcome(&whole, &again)) {
			t->split++;
			printf("# split %u: %s: '%s' or '%s'\n", seed, doc_get_cstr(line, "id"),
			       whole.why ? whole.why : "", again.why ? again.why : "");
		}
		release(&again);
	}
	release(&whole);
}

int main(void)
{
	struct tally t = { 0 };

	document_seed();
	if (!corpus_there())
		return tap_done();
	corpus_each("http/requests.jsonl", judge, &t);
	printf("# %zu cases; %zu refused only inside a body\n", t.cases, t.late);
	ok(t.cases >= 700, "the corpus is the whole one");
	is_int(t.must, 0, "no MUST failure");
	is_int(t.strict, 0, "no STRICT failure");
	is_int(t.split, 0, "every split gives the same result");
	return tap_done();
}
