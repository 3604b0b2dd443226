/*
 * known_secrets: does a stream hold one of the secrets that must not leave?
 *
 * Two halves. The process that has the secrets adds each to a set of fingerprints
 * in the forms of the table below (known_add). The one that looks has the
 * fingerprints only; a struct known takes a stream as it comes, has its encodings
 * taken off (decode.h) and looks for every form in every view.
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
 *	in part			any FINGERPRINT_FRAGMENT letters and digits in a row
 *
 * Not found: compressed data in base64 that directly follows other characters of
 * base64's alphabet, such as the elements of a path in front of it; what is encrypted. Nothing blocks; looking may be done after
 * confinement and allocates as decode.h says.
 */
#ifndef BB_KNOWN_H
#define BB_KNOWN_H

#include "decode.h"
#include "fingerprint.h"

#define KNOWN_SECRETS_MAX (FINGERPRINT_SECRETS_MAX / FINGERPRINT_FORMS)

/*
 * Add all forms of a secret under its number, below KNOWN_SECRETS_MAX. skip bytes at
 * its front are public. False when it is too short to be recognised as it is.
 */
bool known_add(struct fingerprints *f, struct slice secret, size_t skip, uint32_t number);

struct known;

/* A secret was seen in a view. Return false to stop. */
typedef bool known_hit_fn(void *ctx, const struct decode_view *view, uint32_t number);

/* fingerprints must outlive it. Reused for the next stream after known_reset. */
struct known *known_new(const struct fingerprints *f, known_hit_fn *fn, void *ctx);
void known_release(struct known *k);
void known_reset(struct known *k);

/* Add bytes; end the stream. False when fn stopped it. */
bool known_feed(struct known *k, struct slice bytes);
bool known_finish(struct known *k);

/* Why the stream cannot be judged, or NULL: see decode_limit. */
const char *known_limit(const struct known *k);

#endif
