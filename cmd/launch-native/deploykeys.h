/*
 * Deploy keys: made before the bottle's daemons start, revoked once all of it has ended.
 *
 * bb-deploy-key(1) does the one and the other, and keeps the records by which the
 * next "bb cleanup" finds what a launcher that was killed has left. It gets the
 * forge's token, and gives the private key, over descriptors: neither is ever in an
 * argument, in its environment or in a file.
 *
 * All of it blocks, for as long as a forge takes to answer (FORGE_SECONDS a call).
 */
#ifndef BB_LAUNCH_DEPLOYKEYS_H
#define BB_LAUNCH_DEPLOYKEYS_H

#include "plan.h"
#include "secret.h"

struct deploy_keys {
	const struct plan *plan; /* NULL: nothing was made */
	const char *programs;    /* where bb-deploy-key is */
};

#define DEPLOY_KEYS_INIT { NULL, NULL }

/*
 * Make each key that the plan lists and add its private half to the set. The state of the bottle must be locked: the
 * keys of an earlier life under the same identity are revoked. On failure, too, deploy_keys_revoke is called in the
 * end.
 */
bool deploy_keys_make(struct deploy_keys *k, const struct plan *p, const char *programs, struct secret_set *set,
		      struct error *e);

/* Revoke all of them. What fails is warned about and stays recorded. Idempotent. */
void deploy_keys_revoke(struct deploy_keys *k);

#endif
