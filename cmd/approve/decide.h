/*
 * Deciding: what the operator said about a proposal takes effect.
 *
 * An approval of routes replaces the file in force, waits until bb-egress says
 * that those bytes are what it goes by, and only then answers; whatever fails on
 * the way, the old file is back, and the proposal is still pending. Every
 * decision is in the bottle's audit log, which is opened before anything is done.
 *
 * The proposal and the routes in force have to be those that the operator has
 * seen: otherwise nothing happens, with STATUS_NO.
 *
 * Blocks: on the disk, on other operators, on the bottle's answer.
 */
#ifndef BB_APPROVE_DECIDE_H
#define BB_APPROVE_DECIDE_H

#include "inbox.h"

struct ruling {
	bool approve;            /* or reject */
	const char *seen;        /* item_seen of what was shown */
	struct slice reason;     /* has to be there for a rejection, and for tools that are not about routes */
	const struct buf *file;  /* instead of the proposed one; NULL: as proposed */
};

/* Decide. status tells what the answer was. */
bool decide(const char *home, const struct item *i, const struct ruling *r, enum queue_status *status, struct error *e);

#endif
