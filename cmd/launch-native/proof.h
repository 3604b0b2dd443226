/*
 * bb-prove, seen from the launcher: what it is told to try, and what follows from
 * its verdict. A verdict that is not there, not well-formed or not a yes is a no.
 */
#ifndef BB_LAUNCH_PROOF_H
#define BB_LAUNCH_PROOF_H

#include "plan.h"
#include "state.h"

#define PROOF_VERDICT_MAX (1u << 20) /* bytes */
#define PROOF_MS 20000               /* for the verdict to come; a bottle that holds takes a fiftieth of a second */

/* The probe document of this bottle; the caller releases it. */
struct doc *proof_probe(const struct plan *p, const struct state *s);

/*
 * Have the bottle prove itself over its hatch. False with an error that names the layer which does not hold, or
 * says why the sidecar has ended meanwhile, whose handle (a pidfd) may be -1. Blocks, bounded.
 */
bool proof_demand(int hatch, const struct plan *p, const struct state *s, int sidecar, struct error *e);

#endif
