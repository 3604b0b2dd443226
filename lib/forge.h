/*
 * Deploy keys at a forge: registering, finding and revoking them over its API.
 *
 * A forge is the URL of one repository's list of keys, and how it wants to be
 * told the token. Calls are over https alone, to that URL alone (no redirection is
 * followed), with the system's trusted certificates or those of SSL_CERT_FILE.
 *
 * Each call blocks for at most FORGE_SECONDS. Errors name the forge's status and
 * what it said, never the token. Sources: Gitea API 1.20, "repository/keys";
 * GitHub REST API 2022-11-28, "Deploy keys".
 */
#ifndef BB_FORGE_H
#define BB_FORGE_H

#include "buf.h"
#include "error.h"
#include "remote.h"

#define FORGE_SECONDS 30           /* of one call: a person waits for the bottle's start or end */
#define FORGE_REPLY_MAX (1u << 20) /* bytes of a reply: 100 keys are 60 KiB */
#define FORGE_PAGES_MAX 20         /* of a list of keys: no repository has 1000 */

enum forge_kind { FORGE_GITEA, FORGE_GITHUB };

struct forge {
	enum forge_kind kind;
	const char *keys;   /* URL of the list */
	struct slice token; /* a view; without white space around it */
};

enum forge_result {
	FORGE_DONE,
	FORGE_REFUSED, /* with an error: it has answered, and nothing has changed */
	FORGE_FAILED,  /* with an error: whether anything has changed is not known */
};

/* "gitea" or "github"; false for anything else. */
bool forge_kind_parse(const char *name, enum forge_kind *kind);
const char *forge_kind_name(enum forge_kind kind);

/*
 * Append the URL of the list of keys of the repository that a remote names (OWNER/NAME). api is the forge's
 * address, NULL: that of github.com, or https and the remote's host.
 */
bool forge_keys_url(enum forge_kind kind, const char *api, const struct remote *r, struct buf *url, struct error *e);

/* Register a public key that may write; its number in decimal is appended to id. A title that is taken is refused. */
enum forge_result forge_register(const struct forge *f, const char *title, const char *public, struct buf *id,
				 struct error *e);

/* Revoke a key by its number; one that is not there is fine. */
enum forge_result forge_revoke(const struct forge *f, const char *id, struct error *e);

/* Look for a public key: id stays empty when it is not there, or the repository is gone. */
enum forge_result forge_find(const struct forge *f, const char *public, struct buf *id, struct error *e);

#endif
