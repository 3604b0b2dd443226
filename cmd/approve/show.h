/*
 * Proposals as the operator sees them: a line of a list, all of one, documents.
 *
 * Whatever an agent wrote is escaped here (escape.h), so that what comes out can
 * be printed on a terminal. Blocks on the disk only.
 */
#ifndef BB_APPROVE_SHOW_H
#define BB_APPROVE_SHOW_H

#include "difference.h"
#include "inbox.h"

/* One line: id, bottle, tool, time, how often it was asked again, justification, cut to width bytes of output. */
void show_line(const struct item *i, size_t width, struct buf *out);

/* What is not in the list, if anything: a line. */
void show_rest(const struct inbox *b, struct buf *out);

/* A document "proposals". */
struct doc *show_list_document(const struct inbox *b);

/*
 * All of one, lines that end with a newline: what it is, what it would change, why, the file. routes are those in
 * force, file, if not NULL, those that are to be approved instead of the proposed ones.
 */
void show_page(const struct item *i, struct slice routes, const struct buf *file, struct buf *out);

/* The same, with the commands that decide just this. */
bool show_item(const struct item *i, struct buf *out, struct error *e);

/* What changes when one routes file takes the place of another; false when one of them does not load. */
bool show_difference(struct slice before, struct slice after, struct difference *d);

/* A document "proposal-shown". */
struct doc *show_item_document(const struct item *i, struct error *e);

#endif
