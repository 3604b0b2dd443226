#include "known.h"

#include <sys/random.h>

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

bool known_make(const struct secret_set *secrets, struct buf *out, struct error *e)
{
	unsigned char key[FINGERPRINT_KEY];
	struct fingerprints *f;

	if (secrets->count > KNOWN_SECRETS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d secrets", KNOWN_SECRETS_MAX);
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return error_sys(e, "no random key");
	f = fingerprints_new(key);
	alloc_wipe(key, sizeof(key));
	for (size_t i = 0; i < secrets->count; i++)
		/* false: too short to be recognised; the manual says so */
		known_add(f, buf_slice(&secrets->list[i].value), 0, (uint32_t)i);
	fingerprints_write(f, out);
	fingerprints_release(f);
	return true;
}

/* --- looking --- */

enum { PIECE = 4096 };

/* What stands behind a letter or digit of the squeezed text while a piece is looked through. */
struct look {
	const struct known_text *t;
	struct slice piece;
	known_hit_fn *fn;
	void *ctx;
};

static bool is_kept(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* Where in the text the letter or digit with this index stands. */
static uint64_t place_of(const struct look *l, size_t index)
{
	size_t i = 0;

	if (index < l->t->n)
		return l->t->places[index];
	for (index -= l->t->n; !is_kept(l->piece.ptr[i]) || index--; i++)
		;
	return l->t->length + i;
}

static bool take_hit(void *ctx, const struct fingerprint_hit *hit)
{
	const struct look *l = ctx;
	const struct known_hit known = {
		.number = hit->index / FINGERPRINT_FORMS,
		.start = place_of(l, hit->start),
		.end = place_of(l, hit->end - 1) + 1,
	};

	return l->fn(l->ctx, &known);
}

/* Keep the last letters and digits of text, which has n and whose newest are those of piece. */
static void keep(struct known_text *t, struct slice piece, const char *text, size_t n)
{
	size_t kept = n < KNOWN_KEEP ? n : KNOWN_KEEP;
	size_t fresh = n - t->n < kept ? n - t->n : kept, old = kept - fresh, at = piece.len;

	memmove(t->places, t->places + t->n - old, old * sizeof(t->places[0]));
	for (size_t i = kept; i > old; i--) {
		do
			at--;
		while (!is_kept(piece.ptr[at]));
		t->places[i - 1] = t->length + at;
	}
	memcpy(t->kept, text + n - kept, kept);
	t->n = kept;
	t->length += piece.len;
}

bool known_look(const struct fingerprints *f, struct known_text *t, struct slice bytes, known_hit_fn *fn, void *ctx)
{
	char text[KNOWN_KEEP + PIECE + 8];

	while (bytes.len) {
		struct look look = { t, slice_sub(bytes, 0, PIECE), fn, ctx };
		size_t n = t->n;

		memcpy(text, t->kept, n);
		n += fingerprint_squeeze(look.piece, text + n);
		if (n > t->n && !fingerprints_scan(f, slice_of(text, n), t->n, take_hit, &look))
			return false;
		keep(t, look.piece, text, n);
		bytes = slice_sub(bytes, look.piece.len, bytes.len);
	}
	return true;
}

uint64_t known_held(const struct known_text *t)
{
	size_t begun = t->n < FINGERPRINT_FRAGMENT - 1 ? t->n : FINGERPRINT_FRAGMENT - 1;
	uint64_t held = begun ? t->length - t->places[t->n - begun] : 0;

	return held < KNOWN_SPREAD_MAX ? held : KNOWN_SPREAD_MAX;
}

void known_cut(struct known_text *t)
{
	t->n = 0;
}
