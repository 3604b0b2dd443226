/*
 * The life of a bottle on the Docker engine, from the plan to the last thing removed.
 */
#ifndef BB_LAUNCH_RUN_H
#define BB_LAUNCH_RUN_H

#include "error.h"

struct run_options {
	const char *plan;     /* file of the plan document, "-" for standard input */
	const char *programs; /* directory of bb-inside and bb-prove */
	bool resume;          /* go on in a bottle that has ended: refused */
	const char *snapshot; /* name of the snapshot to begin with; NULL: the provider's image */
	bool timing;
};

/* Run it. On success *code is what to exit with: the agent's. */
bool run_bottle(const struct run_options *o, int *code, struct error *e);

#endif
