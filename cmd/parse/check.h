/*
 * bb-parse check and list: going over what there is.
 */
#ifndef BB_PARSE_CHECK_H
#define BB_PARSE_CHECK_H

#include "cmd/parse/bottle.h"

/*
 * Check every bottle, agent and own provider, or just the files given: below
 * bottles/ or agents/ of any home, provider.yaml, or a routes file (*.yaml). A
 * line on standard output for each. False when any is wrong (problems added) or
 * could not be looked at (the error set).
 */
bool check_all(const struct load *l, struct error *e);
bool check_file(const struct load *l, const char *file, struct error *e);

/* The list document: names of agents and bottles, no file opened. NULL on error. */
struct doc *list_make(const struct load *l, struct error *e);

/* The list document for people. */
void list_print(const struct doc *list);

#endif
