/*
 * The reflection guard: a credential that an origin sends back does not reach
 * the bottle. Each of its bytes becomes '*', so that lengths stay as declared.
 *
 * What is looked for is, for each credential,
 *
 *	word      as it is; in base64 or base64url, base32, at each place that it can
 *	          have inside longer encoded text; each of these reversed
 *	spelling  each character of a word as it is, or percent-encoded (also more
 *	          than once), as an escape of JSON, JavaScript or quoted-printable, or
 *	          as an HTML entity, in any mixture; in UTF-16 of either byte order;
 *	          or in hexadecimal, with or without separators
 *	case      either, for words and spellings alike
 *	lines     may break anywhere inside
 *
 * What an origin does beyond that, such as encrypting it or sending it in parts,
 * cannot be found. Credentials shorter than GUARD_MIN are not looked for: they
 * would be found everywhere.
 *
 * A guard is fed a body in whatever pieces come, and holds back only what has
 * GUARD_HOLD characters or more of a match that may come: so a stream of small
 * pieces keeps its timing, and of a match fewer characters than that pass.
 *
 * Pure; may be called after confinement. Time grows with the body alone, unless
 * the credential repeats itself.
 */
#ifndef BB_GUARD_H
#define BB_GUARD_H

#include "buf.h"

#define GUARD_MIN 12        /* bytes of a credential that is looked for; real ones have 20 and more */
#define GUARD_HOLD 4        /* characters of a match for which the rest is waited for */
#define GUARD_WORDS_MAX 64  /* words of one set: 18 for each credential */

/* What to look for. All zero bytes is a set that finds nothing. */
struct guard_set {
	struct buf words[GUARD_WORDS_MAX]; /* folded */
	size_t n;
	uint64_t starts[256];   /* by folded character: the words that begin with it */
	uint64_t pairs[256][4]; /* by byte, a set of bytes: a match may begin with the two */
};

/* Look for a copy of the credential, too; one that is too short is left out, as is one that there is no place for. */
void guard_set_add(struct guard_set *s, struct slice credential);
/* Wipe and forget. */
void guard_set_release(struct guard_set *s);

/* Mask every occurrence in bytes that are whole. Line ends are left as they are. */
void guard_mask(const struct guard_set *s, char *bytes, size_t len);
/* The same in the reason, names and values of a head as http1.h writes it, and not across them. */
void guard_mask_head(const struct guard_set *s, char *bytes, size_t len);

/*
 * One body. All zero bytes is a guard that lets everything pass; set one up by giving it a set, which must outlive it.
 */
struct guard {
	const struct guard_set *set;
	struct buf held; /* the last bytes of the body */
	size_t done;     /* of them, at the front: no longer wanted */
	size_t passed;   /* bytes of held that have been passed on */
};

void guard_release(struct guard *g);

/*
 * Take a piece of the body; the result is what may be passed on, valid until the next call. At the end no more comes.
 */
struct slice guard_feed(struct guard *g, struct slice piece, bool end);

#endif
