/*
 * What the launcher and the first process of the bottle say to each other.
 *
 * A hatch is a socket pair that keeps messages apart; with a message go up to
 * HATCH_FDS descriptors. Either side's end, however it comes, is an end of file
 * for the other. The launcher takes text from below as foreign.
 *
 * The conversation, in order (> into the bottle):
 *	> MAPPED        ids are mapped: go on
 *	< LISTENERS     one descriptor for each listener of the plan
 *	> TRUST         a file with the CA, a file with the bundle, a file with the agent's secrets
 *	< BUILT         root, files and confinement stand; with a descriptor of the pty's master, if any
 *	> PROVE         descriptors for input and verdict of bb-prove and its program
 *	< PROVED        value: its exit code
 *	> START         begin; with three descriptors for standard input, output, error when there is no terminal
 *	< SETUP         value: the exit code of setup command number .index
 *	< STARTED       the agent runs
 *	< STOPPED       the agent was stopped by a signal    > CONTINUE
 *	> SIGNAL        value: send it to the agent
 *	< EXITED        value: the agent's wait status
 * FAILED, with an error, may come from below at any time.
 *
 * Blocking, except where said. Source: unix(7), SOCK_SEQPACKET.
 */
#ifndef BB_LAUNCH_HATCH_H
#define BB_LAUNCH_HATCH_H

#include <stddef.h>

#include "error.h"

#define HATCH_FDS 16 /* descriptors of one message */

enum hatch_kind {
	HATCH_MAPPED = 1, HATCH_LISTENERS, HATCH_TRUST, HATCH_BUILT, HATCH_PROVE, HATCH_PROVED, HATCH_START,
		HATCH_SETUP,
	HATCH_STARTED, HATCH_STOPPED, HATCH_CONTINUE, HATCH_SIGNAL, HATCH_EXITED, HATCH_FAILED
};

struct hatch_message {
	enum hatch_kind kind;
	int index;
	int value;
	struct error error; /* of FAILED; of SETUP, the command's last words */
	int fds[HATCH_FDS];
	size_t n_fds;
};

/* Send a message; its descriptors stay open here. */
bool hatch_send(int hatch, const struct hatch_message *m, struct error *e);
/* Send one that is only a kind and a value. */
bool hatch_say(int hatch, enum hatch_kind kind, int value, struct error *e);

/*
 * Wait for a message. A FAILED one becomes this side's error, and so does the
 * end of the other side. Received descriptors are close-on-exec and the caller's.
 */
bool hatch_receive(int hatch, struct hatch_message *m, struct error *e);
/* Wait for a message that must be of this kind with so many descriptors; others are closed and an error. */
bool hatch_expect(int hatch, enum hatch_kind kind, size_t n_fds, struct hatch_message *m, struct error *e);

#endif
