/*
 * Between the user and the agent in its container: bytes both ways, signals in,
 * the agent's end out. As the native launcher's relay, but that what it relays to
 * is bb-inside, which holds the agent's terminal or pipes.
 */
#ifndef BB_LAUNCH_RELAY_H
#define BB_LAUNCH_RELAY_H

#include <stdint.h>

#include "bottle.h"
#include "cmd/launch-native/terminal.h"
#include "sidecar.h"

#define RELAY_PENDING_MAX 262144 /* bytes of output that wait for the user before the bottle has to */
#define RELAY_PATIENCE_MS 10000  /* from a signal passed on, or the end of the time, to the agent's end by force */
#define RELAY_FORCE_MS 2000      /* from KILL of the agent to the end of the bottle */
#define RELAY_DRAIN_MS 5000      /* for the last output to be taken after the agent's end */

struct relay {
	struct bottle *bottle;
	struct sidecar *sidecar;    /* its stream is closed when the plan has no daemon */
	struct terminal *terminal;  /* NULL: none */
	int64_t wall_ms;            /* 0: as long as it likes */
	int signals;                /* from relay_signals */
};

/* Block the signals that are handled and return a descriptor for them; call before anything is started. -1 on error. */
int relay_signals(struct error *e);

/* Tell the bottle how large the user's terminal is. */
bool relay_size(struct bottle *b, const struct terminal *t, struct error *e);

/* Run until the agent has ended and all that it wrote was passed on; its wait status. False with an error. */
bool relay_run(struct relay *r, int *status, struct error *e);

#endif
