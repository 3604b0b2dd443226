/*
 * Mirrors: bare copies of the remotes, from which the bottle fetches and against
 * which its pushes are judged.
 *
 * Only stewards change a mirror, and only holding its lock. Its configuration is
 * written here and nowhere else; it has no hooks. A mirror has the remote's refs,
 * all of them under their own names, as they were at the last refresh or push.
 *
 * All of it blocks, for as long as the remote takes (REFRESH_SECONDS).
 */
#ifndef BB_GITGATE_MIRROR_H
#define BB_GITGATE_MIRROR_H

#include "gate.h"

/* Before the first client: times of an earlier life, perhaps before the machine was started anew, mean nothing. */
bool mirror_begin(const struct repo *r, struct error *e);

/* "repos/NAME.git"; the caller frees it. */
char *mirror_path(const struct repo *r);

/* Hold the lock of a mirror until the descriptor that is returned is closed. -1 with an error. */
int mirror_lock(const struct repo *r, struct error *e);

/*
 * Make the mirror equal to the remote. Those who ask while a refresh that began
 * before runs share the next one; so what a client sees is never older than its
 * question. An error says why the remote could not be read, for the client.
 */
bool mirror_refresh(const struct gate *g, const struct repo *r, struct error *e);

/*
 * The same unless the mirror has been filled before: for pushes, which the remote
 * judges anyway. A push that is refused is thus none of the remote's business.
 */
bool mirror_ensure(const struct gate *g, const struct repo *r, struct error *e);

/* The remote may differ from the mirror, whose lock this is: the next one who fetches refreshes it. */
void mirror_doubt(int lock);

#endif
