/*
 * Bottles: one file each, and the fold of a chain of them into one.
 *
 * A bottle's document has the members of the manifest document that it may set
 * (env, agent_provider, git_gate, egress, supervise, limits), as written: absent
 * stays absent, git_gate.repos and env are objects by name. The place of each
 * value is kept beside it (origin.h).
 */
#ifndef BB_PARSE_BOTTLE_H
#define BB_PARSE_BOTTLE_H

#include "cmd/parse/home.h"
#include "cmd/parse/origin.h"
#include "shape.h"

#define BOTTLES_MAX 64 /* in one chain */

/* The shape of a bottle's front matter, and of git-gate.user, which agents have as well. */
extern const struct shape bottle_shape;
extern const struct shape bottle_git_user;

/* What a load works on: where to look, where to complain. */
struct load {
	const struct home *home;
	struct problems *problems;
	struct problems *warnings;
};

/* Where a name was asked for. */
struct wish {
	const char *name;
	const struct doc *origin; /* its place in a file, or NULL for the command line */
	const char *subject;      /* "agent 'x': bottle", for messages */
};

/* A folded chain. Zero it, end with fold_release. */
struct fold {
	struct doc *names;    /* in fold order: parents before children */
	struct located whole; /* all of them as one, and where each value came from */
};

void fold_release(struct fold *f);
#define AUTO_FOLD __attribute__((cleanup(fold_release))) struct fold

/*
 * Load the wished bottles with all that they extend, each once, and fold them:
 * parents first, left to right, then the child over them. False with problems
 * added; all that can be found in all of their files.
 */
bool bottle_fold(const struct load *l, const struct wish *wishes, size_t count, struct fold *f);

#endif
