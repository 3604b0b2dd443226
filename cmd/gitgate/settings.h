/*
 * What the gate is told: its options, and the document of kind "git-gate" that
 * says which repositories there are. See bb-gitgate(1).
 *
 * A struct settings is made once at the start and read by everything after that;
 * the texts are views of its document. Nothing in it is secret: keys and tokens
 * are named, and their values are in the set of secrets (lib/secret.h).
 */
#ifndef BB_GITGATE_SETTINGS_H
#define BB_GITGATE_SETTINGS_H

#include "document.h"

#define REPOS_MAX 64     /* repositories of one bottle */
#define LISTENERS_MAX 4  /* of each protocol */

/* What a push may do beside adding commits to branches. */
struct push_policy {
	const struct doc *doc;      /* where it is from; NULL: the defaults */
	const struct doc *branches; /* list of names below refs/heads/, perhaps with '*' at the end; NULL: any */
	bool force, delete, tags;
};

struct repo {
	const char *name;
	const char *url;
	bool ssh; /* else https */
	const char *user, *host;
	const char *host_key;   /* "TYPE KEY" of the remote, NULL: not pinned */
	const char *key;        /* name of the secret: the private key; NULL: none */
	const char *token;      /* name of the secret: the token for https; NULL: none */
	const char *token_user; /* that goes with it */
	struct push_policy push;
};

struct settings {
	struct doc *doc;
	struct repo repos[REPOS_MAX];
	size_t n_repos;
	int listeners[2 * LISTENERS_MAX]; /* those of git:// first */
	size_t n_git, n_listeners;
	const char *dir;       /* the working directory: everything of the gate's is below it, named relative to it */
	const char *queue;     /* where a person is asked, absolute once started; NULL: nobody is there */
	const char *bottle;    /* whose questions they are */
	int ask_seconds;
	bool gitleaks;         /* is to look at every push, too */
	const char *rules;     /* rule file, absolute once started */
	int secrets;           /* descriptor, or -1 */
	int ready;             /* descriptor, or -1 */
};

/* Read and check the document. */
bool settings_read(struct settings *s, const char *path, struct error *e);
void settings_release(struct settings *s);

/* The repository of that name, or NULL. */
const struct repo *settings_repo(const struct settings *s, struct slice name);

/* Append the names of all repositories, with commas: for people who asked for another. */
void settings_names(const struct settings *s, struct buf *out);

/* Fill in a policy from its object, which may be NULL. */
bool policy_read(struct push_policy *p, const struct doc *d, const char *path, struct error *e);

#endif
