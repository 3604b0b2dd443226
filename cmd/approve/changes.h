/*
 * What changes, line by line: a unified difference of two texts, for the record.
 *
 * It is exact but not the shortest: lines that are equal at the beginning and at
 * the end are left out, what is between is one block. Pure.
 */
#ifndef BB_APPROVE_CHANGES_H
#define BB_APPROVE_CHANGES_H

#include "buf.h"

/* Append the difference; nothing when the texts are equal. */
void changes_unified(struct slice before, struct slice after, struct buf *out);

#endif
