/*
 * Leaving one layer out on purpose, so that a test can see bb-prove notice.
 *
 * No release has this: it is compiled in only with BB_SABOTAGE, into a program of
 * the test tree. Everywhere else the question is answered at compile time.
 */
#ifndef BB_LAUNCH_SABOTAGE_H
#define BB_LAUNCH_SABOTAGE_H

#include <stdbool.h>

#ifdef BB_SABOTAGE
/* Is this the layer that the variable BB_SABOTAGE names? */
bool sabotaged(const char *layer);
/* Where bb-sidecar and bb-prove are: the variable BB_SABOTAGE_PROGRAMS. */
const char *sabotage_programs(void);
/* Read the variables, before the environment is wiped. */
void sabotage_init(void);
#else
#define sabotaged(layer) false
#endif

#endif
