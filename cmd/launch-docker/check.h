/*
 * What this machine's Docker engine can give, and what it lacks.
 */
#ifndef BB_LAUNCH_CHECK_H
#define BB_LAUNCH_CHECK_H

#include "error.h"

/*
 * Ask the engine and print the results, as lines or as {"kind":"check","v":1,"backend":"docker","results":[{"level",
 * "name","text","remedy"?}]}. *good tells whether bottles can run. Blocks.
 */
bool check_engine(bool json, bool *good, struct error *e);

#endif
