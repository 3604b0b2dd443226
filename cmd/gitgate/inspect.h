/*
 * Looking for secrets in one text at a time: an object, a name, an option.
 *
 * The text is scanned as it is and as it reads when its encodings are taken off
 * (lib/decode), files of a zip archive one by one. A finding in a decoded text
 * has the line of the encoded one where that is known.
 *
 * Made once, before confinement; used for any number of texts after it.
 */
#ifndef BB_GITGATE_INSPECT_H
#define BB_GITGATE_INSPECT_H

#include "error.h"
#include "slice.h"

struct inspector;

struct inspect_finding {
	const char *rule;    /* its id, or the name of the limit that was met */
	bool limit;          /* rule is a limit: the text could not be judged */
	unsigned line;       /* of the text, from 1 */
	uint64_t offset;     /* where it is, in the text or in what was decoded */
	struct slice text;   /* the line around it, with the secret in it: views, valid during the call */
	size_t secret_at, secret_len; /* where the secret is in it */
	bool allowed;        /* the line says gitleaks:allow */
};

typedef bool inspect_fn(void *ctx, const struct inspect_finding *f);

/* rules: path of the rule file. NULL with an error. */
struct inspector *inspector_new(const char *rules, struct error *e);
void inspector_release(struct inspector *i);

/* Look through a text; path is the file's, or empty. False when fn stopped it. */
bool inspect(struct inspector *i, struct slice text, struct slice path, inspect_fn *fn, void *ctx);

#endif
