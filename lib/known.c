#include "known.h"

#include <stdlib.h>

#include "alloc.h"

/* --- the forms --- */

enum { FORM_RAW, FORM_BASE64, FORM_HEX = FORM_BASE64 + 3, FORM_BASE32 = FORM_HEX + 2, FORM_END = FORM_BASE32 + 5 };

_Static_assert(FORM_END <= FINGERPRINT_FORMS, "each form of a secret has an index");

/*
 * Append the characters of bits each that depend on the secret alone when offset
 * bytes stand in front of it in the text that is encoded.
 */
static void encode(struct slice secret, unsigned offset, unsigned bits, const char *alphabet, struct buf *out)
{
	size_t first = (8 * offset + bits - 1) / bits, end = 8 * (offset + secret.len) / bits;

	for (size_t i = first; i < end; i++) {
		size_t bit = i * bits - 8 * offset;
		unsigned two = (unsigned)(unsigned char)secret.ptr[bit / 8] << 8;

		if (bit / 8 + 1 < secret.len)
			two |= (unsigned char)secret.ptr[bit / 8 + 1];
		buf_add_char(out, alphabet[two >> (16 - bits - bit % 8) & ((1u << bits) - 1)]);
	}
}

/* Add one form; it is wiped. */
static bool add_form(struct fingerprints *f, struct buf *text, uint32_t index)
{
	bool ok = fingerprints_add(f, buf_slice(text), 0, index);

	alloc_wipe(text->ptr, text->len);
	buf_truncate(text, 0);
	return ok;
}

bool known_add(struct fingerprints *f, struct slice secret, size_t skip, uint32_t number)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	static const char hex[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	struct slice rest = slice_sub(secret, skip, skip + FINGERPRINT_LENGTH_MAX / 2);
	uint32_t index = number * FINGERPRINT_FORMS;
	struct buf text = BUF_INIT;
	bool ok;

	buf_reserve(&text, 2 * rest.len);
	buf_add_slice(&text, rest);
	ok = add_form(f, &text, index + FORM_RAW);
	for (unsigned i = 0; i < 3; i++) {
		encode(rest, i, 6, base64, &text);
		add_form(f, &text, index + FORM_BASE64 + i);
	}
	encode(rest, 0, 4, hex, &text);
	add_form(f, &text, index + FORM_HEX);
	encode(rest, 0, 4, upper, &text);
	add_form(f, &text, index + FORM_HEX + 1);
	for (unsigned i = 0; i < 5; i++) {
		encode(rest, i, 5, base32, &text);
		add_form(f, &text, index + FORM_BASE32 + i);
	}
	buf_wipe(&text);
	return ok;
}

/* --- looking --- */

enum {
	PIECE = 4096,
	KEEP = 4 * FINGERPRINT_FRAGMENT, /* letters and digits in which something may have begun */
};

/* The letters and digits at the end of a view. */
struct tail {
	size_t len;
	char text[KEEP + PIECE + 8];
};

struct known {
	const struct fingerprints *fingerprints;
	known_hit_fn *fn;
	void *ctx;
	struct decode *decode;
};

struct look {
	struct known *known;
	const struct decode_view *view;
};

static bool take_hit(void *ctx, const struct fingerprint_hit *hit)
{
	struct look *l = ctx;

	return l->known->fn(l->known->ctx, l->view, hit->index / FINGERPRINT_FORMS);
}

static bool take_bytes(void *ctx, struct decode_view *view, struct slice bytes)
{
	struct look look = { ctx, view };
	struct tail *t = view->user;

	if (!t)
		view->user = t = alloc_zero(1, sizeof(*t));
	while (bytes.len) {
		struct slice piece = slice_sub(bytes, 0, PIECE);
		size_t from = t->len;

		bytes = slice_sub(bytes, piece.len, bytes.len);
		t->len += fingerprint_squeeze(piece, t->text + t->len);
		if (t->len > from && !fingerprints_scan(look.known->fingerprints, slice_of(t->text, t->len), from, take_hit, &look))
			return false;
		if (t->len > KEEP) {
			memmove(t->text, t->text + t->len - KEEP, KEEP);
			t->len = KEEP;
		}
	}
	return true;
}

static bool take_end(void *ctx, struct decode_view *view)
{
	struct tail *t = view->user;

	(void)ctx;
	if (t)
		t->len = 0;
	return true;
}

static uint64_t count_held(void *ctx, const struct decode_view *view)
{
	(void)ctx;
	return view->length < KEEP ? view->length : KEEP;
}

static void release_view(void *ctx, struct decode_view *view)
{
	(void)ctx;
	if (view->user)
		alloc_wipe(view->user, sizeof(struct tail));
	free(view->user);
}

static const struct decode_sink sink = { take_bytes, take_end, count_held, release_view };

struct known *known_new(const struct fingerprints *f, known_hit_fn *fn, void *ctx)
{
	struct known *k = alloc_zero(1, sizeof(*k));

	*k = (struct known){ .fingerprints = f, .fn = fn, .ctx = ctx };
	k->decode = decode_new(&sink, k);
	return k;
}

void known_release(struct known *k)
{
	if (!k)
		return;
	decode_release(k->decode);
	free(k);
}

void known_reset(struct known *k)
{
	struct decode *d = decode_new(&sink, k); /* so that nothing of the stream before is left in any view */

	decode_release(k->decode);
	k->decode = d;
}

bool known_feed(struct known *k, struct slice bytes)
{
	return decode_feed(k->decode, bytes);
}

bool known_finish(struct known *k)
{
	return decode_finish(k->decode);
}

const char *known_limit(const struct known *k)
{
	return decode_limit(k->decode);
}
