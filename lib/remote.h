/*
 * A git remote's URL, parsed once into the parts that are compared, dialled and
 * logged. Two forms: ssh://[user@]host[:port]/path, https://host[:port]/path, and
 * scp's [user@]host:path. What git would read otherwise than it looks is
 * refused: control characters, a password, a user, host or path that begins with
 * '-', other schemes.
 *
 * Pure; may be called after confinement. Source: git-clone(1), "GIT URLS".
 */
#ifndef BB_REMOTE_H
#define BB_REMOTE_H

#include "slice.h"
#include "target.h"

struct remote {
	const char *scheme;      /* "ssh" or "https", static */
	struct slice user;       /* view of the text, may be empty */
	struct authority host;   /* with the port filled in */
	struct slice path;       /* view: with its leading '/' in URLs, relative to the user's home in scp's form */
};

/* Parse text, of which the parts are views. False with a static text in *why, which never holds what was found. */
bool remote_parse(struct slice text, struct remote *r, const char **why);

/* Is this where a forge's API can be: https://HOST[:PORT][/PATH]? */
bool remote_is_forge(struct slice text);

#endif
