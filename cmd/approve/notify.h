/*
 * Telling the operator that something has come: a command for each proposal.
 *
 * The command is the operator's own, run by sh(1) with $1 the bottle's identity,
 * $2 the tool and $3 the id: words that no agent has a say in. Blocks until it ends.
 */
#ifndef BB_APPROVE_NOTIFY_H
#define BB_APPROVE_NOTIFY_H

#include "inbox.h"

#define NOTIFY_TIMEOUT_MAX 604800 /* seconds: a week */

/* Whose command was run already. */
struct notified {
	char (*ids)[QUEUE_ID_SIZE];
	size_t count;
};

#define NOTIFIED_INIT { NULL, 0 }
#define AUTO_NOTIFIED __attribute__((cleanup(notified_release))) struct notified
void notified_release(struct notified *n);

/* Run the command for what is in the inbox and was not the last time. A command that fails is warned of. */
bool notify_new(struct notified *n, const struct inbox *b, const char *command, struct error *e);

#endif
