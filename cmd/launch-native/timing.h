/*
 * Where the time of a start goes: --timing prints it as one line of JSON.
 */
#ifndef BB_LAUNCH_TIMING_H
#define BB_LAUNCH_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#define TIMING_STAGES 16

struct timing {
	bool wanted;
	int64_t start; /* microseconds of CLOCK_MONOTONIC */
	struct {
		const char *name;
		int64_t at;
	} stages[TIMING_STAGES];
	unsigned n;
};

/* Start the clock, at the birth of the process. */
void timing_start(struct timing *t, bool wanted);
/* A stage has been reached. */
void timing_mark(struct timing *t, const char *name);
/* Print {"kind":"timing","v":1,"stages":[{"name","ms"},…]} on standard error: ms since the start of the process. */
void timing_print(const struct timing *t);

#endif
