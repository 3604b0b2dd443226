/*
 * What this machine can give, found out by trying each feature in turn the way a
 * bottle uses it, in processes and namespaces that end with the question.
 */
#ifndef BB_LAUNCH_CHECK_H
#define BB_LAUNCH_CHECK_H

#include "error.h"

/*
 * Try everything and print the results, as lines or as {"kind":"check","v":1,"backend":"native","results":[{"level",
 * "name","text","remedy"?}]}. *good tells whether bottles can run. home is where their state will be. Blocks.
 */
bool check_machine(const char *home, bool json, bool *good, struct error *e);

#endif
