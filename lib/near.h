/*
 * Where the value stands that is given to a name.
 *
 * Most secrets have no shape of their own: what gives them away is that a name
 * near them says so (ACME_API_KEY=…, "acme-token": "…", acmeKey := `…`,
 * <acme.key>…</acme.key>, new Acme("key", "…")). This finds the places behind a
 * word where such a value can begin, so that a rule needs to know nothing but
 * the word and the shape of the value.
 *
 * A name goes on for at most NEAR_NAME bytes behind the word's start, then come
 * quotes or brackets, then an operator, then again quotes; the value begins
 * there. Where it is a type ("key: str = …") or another name, the walk goes on
 * from it, NEAR_VALUES times at most. A comma separates the members of a list far
 * more often than it gives a value: it counts behind the first name only, only
 * between quotes, and nothing is looked at behind what it gives. One byte is looked
 * at once, there is no backtracking, and nothing depends on more than NEAR_SPAN bytes.
 *
 * Pure.
 */
#ifndef BB_NEAR_H
#define BB_NEAR_H

#include "slice.h"

#define NEAR_NAME 48    /* bytes of the name, the word included */
#define NEAR_CLOSERS 4  /* quotes, brackets and white space between name and operator */
#define NEAR_OPENERS 12 /* the same between operator and value */
#define NEAR_VALUES 3   /* places that one word may lead to */
#define NEAR_SPAN 256   /* bytes from the word's start to the last of these places, at most */

/*
 * Where the next value may begin behind byte from of text, or SLICE_NONE. *comma
 * says whether a comma may give it and then whether one did, which ends the walk.
 */
size_t near_value(struct slice text, size_t from, bool *comma);

/* Whether a word begins at the byte: a letter right before it would make it the inside of another word. */
bool near_begins(struct slice text, size_t at);

/* Where the name begins that the byte at belongs to: at most NEAR_NAME bytes before it. */
size_t near_name(struct slice text, size_t at);

#endif
