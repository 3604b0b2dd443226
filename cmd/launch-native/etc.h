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

/*
 * Write it below an open directory. The files of the certificates are there but empty: the proxy that makes them
 * starts at the same time. Blocks on a memory file system only.
 */
bool etc_write(int root, const struct plan *p, struct error *e);

#endif
