/*
 * Secrets that can be recognised by a process that does not know them.
 *
 * The front looks for the bottle's secrets in what leaves, and parses hostile
 * bytes; so it must not hold them. It gets fingerprints: for every run of
 * FINGERPRINT_WINDOW letters and digits of a secret, forwards and reversed, a
 * keyed hash. A secret is recognised where FINGERPRINT_FRAGMENT or more of its
 * letters and digits follow each other, whatever stands between them: spaces,
 * separators, line ends, the NULs of UTF-16. A secret shorter than that is
 * recognised whole.
 *
 * What a thief of the fingerprints and the key gains: to test a guess of
 * FINGERPRINT_WINDOW characters at once. Windows that touch the public part at
 * the front of a token (skip) are therefore left out. For twelve random letters
 * and digits that is 2^71 guesses; a short or guessable secret is not protected.
 *
 * Two users: the process that knows the secrets adds them and writes the set to
 * bytes; the one that looks reads the bytes. Scanning allocates nothing and may
 * be done after confinement. Hash: SipHash-2-4 (https://www.aumasson.jp/siphash/)
 * behind a filter of one multiplication for every fifth position.
 */
#ifndef BB_FINGERPRINT_H
#define BB_FINGERPRINT_H

#include "buf.h"
#include "error.h"

#define FINGERPRINT_WINDOW 12    /* letters and digits hashed together */
#define FINGERPRINT_FRAGMENT 16  /* letters and digits of a secret in a row that count as finding it */
#define FINGERPRINT_SHORT_MIN 8  /* fewest letters and digits of a secret that can be recognised */
#define FINGERPRINT_LENGTH_MAX 8192 /* longer secrets are recognised by their first part */
/* neighbouring indices that are forms of one secret: a run may change between them */
#define FINGERPRINT_FORMS 16
#define FINGERPRINT_SECRETS_MAX 4096 /* indices: 256 secrets in all their forms */
#define FINGERPRINT_KEY 32       /* bytes */

struct fingerprints;

/* key: FINGERPRINT_KEY random bytes, copied. */
struct fingerprints *fingerprints_new(const unsigned char *key);
void fingerprints_release(struct fingerprints *f);

/*
 * Add a secret under an index of the caller's; skip bytes at its front are
 * public ("ghp_"). False when it has fewer than FINGERPRINT_SHORT_MIN letters and
 * digits behind them: it cannot be recognised this way.
 */
bool fingerprints_add(struct fingerprints *f, struct slice secret, size_t skip, uint32_t index);

/* Append the set as bytes, key included; read it back. False when the bytes are not such a set. */
void fingerprints_write(const struct fingerprints *f, struct buf *out);
struct fingerprints *fingerprints_read(struct slice bytes, struct error *e);

size_t fingerprints_count(const struct fingerprints *f);

/* A run of a secret's letters and digits in squeezed text. */
struct fingerprint_hit {
	uint32_t index;
	size_t start, end;
};

/* Return false to stop. */
typedef bool fingerprint_hit_fn(void *ctx, const struct fingerprint_hit *hit);

/*
 * Look through text that holds nothing but letters and digits (fingerprint_squeeze)
 * and report the runs that end behind byte from. Text before from is looked back
 * at, so give it at least the last FINGERPRINT_LENGTH_MAX bytes, or all there were.
 * A run at the end of the text may go on in what follows: it is reported as long as
 * it is so far, and again, longer, in the next call that has more.
 */
bool fingerprints_scan(const struct fingerprints *f, struct slice text, size_t from, fingerprint_hit_fn *fn, void *ctx);

/* Copy the letters and digits of in to out, which has room for in.len + 8 bytes; returns how many. */
size_t fingerprint_squeeze(struct slice in, char *out);

#endif
