/*
 * A text in the operator's editor, $VISUAL, $EDITOR or vi. Blocks until that ends.
 */
#ifndef BB_APPROVE_EDIT_H
#define BB_APPROVE_EDIT_H

#include "buf.h"
#include "error.h"

/*
 * Edit text in a file of its own, which only this user can read and which is removed. False when nothing is to be done
 * with it.
 */
bool edit_text(struct slice text, struct buf *edited, struct error *e);

#endif
