/*
 * The record of a deploy key: what is needed to revoke it, whatever happens after.
 *
 * A document of kind "deploy-key" in HOME/deploy-keys/IDENTITY.REPO.json, written before the
 * forge is asked and again once the key has a number there; removed when the key is. It
 * holds nothing secret: the public key, and the name of the variable with the token.
 */
#ifndef BB_DEPLOY_KEY_RECORD_H
#define BB_DEPLOY_KEY_RECORD_H

#include "document.h"
#include "forge.h"

struct record {
	struct doc *doc; /* owned; the texts are views of it */
	enum forge_kind kind;
	const char *keys, *title, *public, *variable;
	const char *id; /* NULL: not known, perhaps there is none */
};

/*
 * Make the directory of a record and lock it, so that a clean-up and the next start of the same bottle come one after
 * the other. Returns the descriptor that holds the lock, or -1. Blocks.
 */
int record_lock(const char *path, struct error *e);

/* Read one that record_write has written. */
bool record_read(struct record *r, const char *path, struct error *e);
void record_release(struct record *r);

/* Write it, whole. */
bool record_write(const struct record *r, const char *path, struct error *e);

/* Remove it. */
bool record_remove(const char *path, struct error *e);

#endif
