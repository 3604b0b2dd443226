/*
 * The reflection guard: a credential that an origin sends back does not reach
 * the bottle. Each of its bytes becomes '*', so that lengths stay as declared.
 *
 * A guard looks for the credential as it is and, for the basic scheme, as the
 * header has it. It is fed a body in whatever pieces come and holds back only
 * what could be the beginning of a match. Credentials shorter than GUARD_MIN are
 * not looked for: they would be found everywhere.
 *
 * Pure; may be called after confinement.
 */
#ifndef BB_EGRESS_GUARD_H
#define BB_EGRESS_GUARD_H

#include "buf.h"

#define GUARD_MIN 12 /* bytes of a credential that is looked for; real ones have 20 and more */

struct guard {
	struct buf words[2]; /* what to look for */
	size_t n;
	struct buf held;     /* the last bytes of the body */
	size_t begun;        /* of them, at the end: not passed on, since a match may have begun */
};

/* All zero bytes is a guard that looks for nothing. */
void guard_release(struct guard *g);
/* Look for a copy of word, too. */
void guard_add(struct guard *g, struct slice word);

/* Mask every occurrence in bytes that are whole, such as a head. */
void guard_mask(const struct guard *g, char *bytes, size_t len);

/* Take a piece of the body; the result is what may be passed on, valid until the next call. At the end no more comes. */
struct slice guard_feed(struct guard *g, struct slice piece, bool end);

#endif
