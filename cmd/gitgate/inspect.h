/*
 * Looking for secrets in one text at a time: an object, a name, an option.
 *
 * The text is scanned as it is and as it reads when its encodings are taken off
 * (lib/decode): base64, gzip, members of zip archives, UTF-16 and the rest. What
 * is found is told once, whatever number of views and rules see it: the same rule
 * on the same line is one finding, and a rule for keys in general says nothing
 * where a rule for one kind of them has spoken.
 *
 * Made once, before confinement; used for any number of texts after it.
 */
#ifndef BB_GITGATE_INSPECT_H
#define BB_GITGATE_INSPECT_H

#include "error.h"
#include "fingerprint.h"
#include "slice.h"

struct inspector;

struct inspect_finding {
	const char *rule;    /* its id, or the name of the limit that was met */
	bool limit;          /* rule is a limit: the text could not be judged */
	const char *form;    /* the encoding that it was in; NULL: none */
	unsigned line;       /* of the text, from 1; 0: that cannot be told */
	uint64_t offset;     /* where it is, in the text or in what was decoded */
	/* the line around it without the secret; empty when it goes over several lines or holds another */
	struct slice excerpt;
	bool allowed;        /* the line says gitleaks:allow */
};

/*
 * rules: path of the rule file. known: fingerprints of secrets that are found as
 * well, by the rule "known-secret", and that nothing excuses; NULL: none; consumed.
 * work: bytes that may be decoded of one text. NULL with an error.
 */
struct inspector *inspector_new(const char *rules, struct fingerprints *known, uint64_t work, struct error *e);
void inspector_release(struct inspector *i);

/*
 * Look through a text; path is the file's, or empty. Returns the number of findings,
 * which are valid until the next call. What is beyond INSPECT_FINDINGS_MAX is told
 * as one more, a limit.
 */
#define INSPECT_FINDINGS_MAX 64 /* of one text: nobody reads more */
size_t inspect(struct inspector *i, struct slice text, struct slice path, const struct inspect_finding **findings);

/* Bytes of the last text and of all that was decoded of it. */
uint64_t inspect_work(const struct inspector *i);

#endif
