/*
 * The inside: the first process of the bottle, from its birth in empty namespaces
 * to the end of the agent.
 *
 * It is a fork of the launcher, made before the launcher has obtained a secret,
 * and wipes the launcher's environment before anything else. It builds the
 * bottle, gives up every power, and then starts bb-prove, the setup commands and
 * the agent, collects the dead, and passes signals on. It holds nothing that the
 * agent may not have. When it ends, however that comes, the kernel ends the rest.
 */
#ifndef BB_LAUNCH_BOTTLE_H
#define BB_LAUNCH_BOTTLE_H

#include "cargo.h"

/* Where bb-prove is mounted. */
#define BOTTLE_PROVE "/opt/bot-bottle/bb-prove"

struct bottle {
	const struct plan *plan;
	struct ids ids;
	struct cargo *cargo;
	int hatch; /* to the launcher */
	bool tty;
	char **argv; /* of this process, to be wiped like the environment */
};

/* The life of the first process. Does not return. */
void bottle_main(const struct bottle *b) __attribute__((noreturn));

#endif
