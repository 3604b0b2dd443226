/*
 * Telling the operator that something has come: a command for each proposal, and
 * which ones are new.
 *
 * The command is the operator's own, run by sh(1) with $1 the bottle's identity,
 * $2 the tool and $3 the id: words that no agent has a say in. Blocks until it ends.
 */
#ifndef BB_APPROVE_NOTIFY_H
#define BB_APPROVE_NOTIFY_H

#include "inbox.h"

#define NOTIFY_TIMEOUT_MAX 604800 /* seconds: a week */

struct notified_one {
	char id[QUEUE_ID_SIZE];
	bool is_new; /* came after the first look, and nobody has opened it */
};

/* What was there at the last look. */
struct notified {
	struct notified_one *list; /* NULL before the first look */
	size_t count;
};

#define NOTIFIED_INIT { NULL, 0 }
#define AUTO_NOTIFIED __attribute__((cleanup(notified_release))) struct notified
void notified_release(struct notified *n);

/* The entry of an id, or NULL. */
struct notified_one *notified_find(const struct notified *n, const char *id);

/*
 * Remember what is in the inbox; run the command (NULL: none) for what was not there at the last look, its output to
 * nowhere with quiet. *arrived, if not NULL, tells whether there was any. A command that fails is no error.
 */
bool notify_new(struct notified *n, const struct inbox *b, const char *command, bool quiet, bool *arrived,
		struct error *e);

#endif
