/*
 * What is put into the agent's home before the agent starts: prompt, skills,
 * the provider's files, git configuration, in the plan's order.
 *
 * Done inside, after the change of root: whatever a link in there says, it leads
 * nowhere else.
 */
#ifndef BB_LAUNCH_PROVISION_H
#define BB_LAUNCH_PROVISION_H

#include "cargo.h"

bool provision(const struct plan *p, const struct cargo *cargo, struct error *e);

#endif
