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

/* Queue them for the front. */
void known_send(struct channel *front, struct slice bytes);

/* Wait for them; ends the process when the upstream sends something else. */
struct fingerprints *known_receive(struct channel *upstream);

#endif
