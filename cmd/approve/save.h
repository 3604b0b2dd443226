/*
 * What an operator may want to write into a bottle file after an approval, so
 * that the next bottle has it, too. Printed, never written: the manifest is the
 * operator's own. Pure.
 */
#ifndef BB_APPROVE_SAVE_H
#define BB_APPROVE_SAVE_H

#include "document.h"

/*
 * Append the routes of after that before does not have as they are, in the keys of a
 * manifest, as YAML; bottle names the file that is meant, or is NULL.
 */
void save_propose(const struct doc *before, const struct doc *after, const char *home, const char *bottle,
		  struct buf *out);

#endif
