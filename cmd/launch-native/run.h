/*
 * The life of a bottle, from the plan to the last file removed.
 */
#ifndef BB_LAUNCH_RUN_H
#define BB_LAUNCH_RUN_H

#include "error.h"

struct run_options {
	const char *plan;     /* file of the plan document, "-" for standard input */
	const char *programs; /* directory of bb-sidecar and bb-prove */
	bool resume;          /* go on in the state that an earlier run of this identity left */
	const char *snapshot; /* begin with what is in the snapshot of this name; NULL: with nothing */
	bool timing;
	char **argv;          /* of this process: the bottle's first process shows no path of the host */
};

/* Run it. On success *code is what to exit with: the agent's. */
bool run_bottle(const struct run_options *o, int *code, struct error *e);

#endif
