/*
 * The desk: where an agent's wish about routes becomes a question to the
 * operator, and the operator's answer becomes words for the agent.
 *
 * A wish is checked before anyone is asked: the routes have to load as
 * bb-egress would load them, and to differ from those in force. What the agent
 * wrote is data all the way; it is never followed, printed or run.
 *
 * Everything here blocks on the disk only. May be called after confinement,
 * except desk_open.
 */
#ifndef BB_SUPERVISE_DESK_H
#define BB_SUPERVISE_DESK_H

#include "queue.h"

struct desk {
	struct queue queue;
	const char *routes; /* path of the routes file in force */
	const char *bottle; /* identity */
	int64_t timeout;    /* milliseconds that a call waits for its answer */
};

bool desk_open(struct desk *d, const char *queue, struct error *e);
void desk_release(struct desk *d);

/* Append the routes in force, as JSON in the keys of the file. */
bool desk_routes(const struct desk *d, struct buf *out, struct error *e);

enum desk_result { DESK_REFUSED, DESK_ANSWERED, DESK_WAITS };

/*
 * Ask for a routes file. DESK_WAITS: the ticket is what to wait with. DESK_REFUSED
 * and DESK_ANSWERED: text says why not, or that nothing has to be asked.
 */
enum desk_result desk_ask(struct desk *d, enum queue_tool tool, struct slice routes, struct slice justification,
			  struct ticket *t, struct buf *text);

/* Look for the answer; with last, say that there is none yet. DESK_WAITS while there is nothing to say. */
enum desk_result desk_look(struct desk *d, const struct ticket *t, bool last, struct buf *text);

#endif
