/*
 * The bottle's own /etc: who its user is, which names it knows, whom it trusts.
 *
 * Everything is made from the plan; what is taken from the host (cargo.h) tells
 * programs how the host's libraries are arranged and nothing else. No name is
 * asked of anyone: "hosts" is all that there is.
 */
#ifndef BB_LAUNCH_ETC_H
#define BB_LAUNCH_ETC_H

#include "plan.h"

/* Certificates as they go into the bottle. */
struct trust {
	struct slice ca;     /* of the bottle's proxy; empty without one */
	struct slice bundle; /* the host's roots and the CA */
};

/* Write it below an open directory. Blocks on a memory file system only. */
bool etc_write(int root, const struct plan *p, const struct trust *trust, struct error *e);

#endif
