/*
 * known_secrets: does a stream hold one of the secrets that must not leave?
 *
 * Two halves. The process that has the secrets adds each to a set of fingerprints
 * in the forms of the table below (known_add). The one that looks has the
 * fingerprints only and looks for every form in a text as it comes (known_look).
 * Encodings are taken off by lib/detect, which has every view looked through.
 *
 * Declared, and found without exception, for a secret whose form has at least
 * FINGERPRINT_SHORT_MIN letters and digits:
 *
 *	by its form		as it is; base64 and base64url at each of three
 *				alignments; base32; hexadecimal in either case; each
 *				also reversed and with separators between its characters
 *	by decoding		all of those again inside percent, backslash and HTML
 *				escapes, quoted-printable, UTF-16, base64, base32,
 *				hexadecimal, gzip, zlib, zstd; inside brotli and raw
 *				deflate where a body, a part or a decoded run begins
 *	in part			any FINGERPRINT_FRAGMENT letters and digits in a row;
 *				of smaller parts see spread.h
 *
 * Not found: compressed data in base64 that directly follows other characters of
 * base64's alphabet, such as the elements of a path in front of it; brotli or raw
 * deflate, which have no mark, in hexadecimal that directly follows other digits of
 * it and a separator ("see 4bcd…": ee is such digits); a secret whose
 * characters stand further than KNOWN_SPREAD_MAX bytes apart is found, but its
 * first ones may have been passed on by then; what is encrypted is not found.
 * Nothing blocks or allocates; looking may be done after confinement.
 */
#ifndef BB_KNOWN_H
#define BB_KNOWN_H

#include "fingerprint.h"
#include "secret.h"

#define KNOWN_SPREAD_MAX 4096 /* bytes that are held back because something may have begun in them */
#define KNOWN_SECRETS_MAX (FINGERPRINT_SECRETS_MAX / FINGERPRINT_FORMS)

/*
 * Add all forms of a secret under its number, below KNOWN_SECRETS_MAX. skip bytes at
 * its front are public. False when it is too short to be recognised as it is.
 */
bool known_add(struct fingerprints *f, struct slice secret, size_t skip, uint32_t number);

/*
 * The fingerprints of all values of a set, under a new key, as bytes for
 * fingerprints_read. A value's number is its place in the set; those that are too
 * short are left out. Waits for randomness, and so comes before confinement.
 */
bool known_make(const struct secret_set *secrets, struct buf *out, struct error *e);

#define KNOWN_KEEP 64 /* letters and digits of a text that are looked back at */

/* The end of a text that is looked through; all zero bytes in front of its first byte. */
struct known_text {
	uint64_t length;             /* bytes so far */
	size_t n;                    /* letters and digits kept of them */
	uint64_t places[KNOWN_KEEP]; /* where each stands in the text */
	char kept[KNOWN_KEEP];
};

/* A secret was seen: its number, and the bytes of the text from its first letter or digit to behind its last one. */
struct known_hit {
	uint32_t number;
	uint64_t start, end;
};

/* Return false to stop. */
typedef bool known_hit_fn(void *ctx, const struct known_hit *hit);

/*
 * Look through the next bytes of a text. What goes on in the bytes that follow is
 * reported again, longer. False when fn stopped it.
 */
bool known_look(const struct fingerprints *f, struct known_text *t, struct slice bytes, known_hit_fn *fn, void *ctx);

/* How many of the last bytes may be part of a secret that has not been reported yet, at most KNOWN_SPREAD_MAX. */
uint64_t known_held(const struct known_text *t);

/* Forget the text in front of this place: what follows is not part of it. */
void known_cut(struct known_text *t);

#endif
