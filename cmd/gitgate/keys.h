/*
 * Private keys for ssh remotes: kept by an ssh-agent of the gate's own, which
 * signs and never gives them away. No file ever holds one, and neither git nor
 * ssh, which read what the remote sends, does.
 *
 * For each remote there is a configuration of ssh with its one public key and its
 * one known host; ssh is told to look at nothing else.
 */
#ifndef BB_GITGATE_KEYS_H
#define BB_GITGATE_KEYS_H

#include "gate.h"

/*
 * Write ssh/, start the agent, give it the keys and wipe them here: only tokens
 * are left in the set. Keys that cannot be used are the caller's error. Blocks.
 */
bool keys_start(struct gate *g, struct error *e);

/* End the agent. */
void keys_end(struct gate *g);

/* What a remote lacks to be reached, for a person; NULL: nothing. */
const char *keys_lacking(const struct repo *r);

#endif
