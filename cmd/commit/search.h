/*
 * Secrets in what is committed: the rules of bb-scan, over each file as it goes into the archive.
 *
 * Findings are told on standard error, place and rule, never the secret; those beyond SEARCH_SHOWN_MAX are counted.
 */
#ifndef BB_COMMIT_SEARCH_H
#define BB_COMMIT_SEARCH_H

#include "error.h"
#include "slice.h"

#define SEARCH_SHOWN_MAX 50 /* findings that are told one by one: what a person reads */

struct search;

/* Load the rules; before confinement. NULL with an error. */
struct search *search_new(struct error *e);

/* The next bytes of a file; bytes.ptr NULL begins it. As layer_look_fn. */
bool search_look(void *search, const char *path, struct slice bytes, struct error *e);

/* End the last file; how much was found. */
unsigned long search_finish(struct search *s);

#endif
