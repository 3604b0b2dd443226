/*
 * The bottle's secrets on their way to the front: as keyed fingerprints, which is
 * all that a process that parses hostile bytes may have of them. The upstream, which
 * has the secrets, makes them under a key of its own and sends them first thing.
 */
#ifndef BB_EGRESS_HANDOVER_H
#define BB_EGRESS_HANDOVER_H

#include "channel.h"
#include "known.h"
#include "secret.h"

/* Queue the fingerprints of a set for the front, and which of its values is the bottle's canary. */
void known_send(struct channel *front, const struct secret_set *secrets, struct slice bytes);

/*
 * Wait for them; canaries gets a byte for each value, 1 for a canary. Ends the
 * process when the upstream sends something else.
 */
struct fingerprints *known_receive(struct channel *upstream, struct buf *canaries);

#endif
