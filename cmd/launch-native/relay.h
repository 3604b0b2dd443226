/*
 * Between the user and the agent: bytes both ways, signals in, the agent's end out.
 *
 * With a terminal, bytes go between the user's terminal (raw) and the master of
 * the bottle's pseudo-terminal, and its size follows. Without, they go through
 * pipes, so that the agent never holds a descriptor of the host's.
 *
 * When the agent stops, so does the launcher, with the terminal put back; when
 * the shell continues it, the agent goes on. TERM, INT, HUP and QUIT are passed
 * to the agent; after a second one, or ten seconds, it is killed.
 */
#ifndef BB_LAUNCH_RELAY_H
#define BB_LAUNCH_RELAY_H

#include <stdint.h>

#include "terminal.h"

#define RELAY_BUFFER 65536     /* bytes under way in each direction */
#define RELAY_PATIENCE_MS 10000 /* from a signal passed on, or the end of the time, to the agent's end by force */
#define RELAY_FORCE_MS 2000    /* from KILL of the agent to the end of the bottle */
#define RELAY_DRAIN_MS 5000    /* for the last output to be taken after the agent's end */

struct relay {
	int hatch;
	int sidecar;                /* pidfd */
	struct terminal *terminal;  /* NULL: none */
	int master;                 /* of the bottle's terminal; -1 without */
	int input, output, errors;  /* ends of the agent's pipes, without a terminal; -1 with */
	pid_t bottle;
	int64_t wall_ms;            /* 0: as long as it likes */
	int signals;                /* from relay_signals */
};

enum relay_end {
	RELAY_EXITED,  /* *status is the agent's wait status */
	RELAY_FAILED,  /* the error says */
};

/* Block the signals that are handled and return a descriptor for them; call before anything is started. -1 on error. */
int relay_signals(struct error *e);

/* Run until the agent has ended and all that it wrote was passed on. Takes its descriptors. */
enum relay_end relay_run(struct relay *r, int *status, struct error *e);

#endif
