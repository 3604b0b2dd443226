/*
 * What the bottle trusts: the host's roots and, after them, the CA that the
 * bottle's proxy has just made.
 */
#ifndef BB_LAUNCH_CERTIFICATES_H
#define BB_LAUNCH_CERTIFICATES_H

#include "plan.h"
#include "state.h"

#define CERTIFICATES_MAX (16u << 20) /* bytes of a host's roots: Debian's have 0.2 MB */

/* Read the CA of the proxy, if the plan has one, and make the bundle. Blocks. */
bool certificates_read(const struct plan *p, const struct state *s, struct buf *ca, struct buf *bundle,
		       struct error *e);

#endif
