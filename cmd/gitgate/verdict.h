/*
 * What is asked about a push, and what the answer is: the two documents between
 * steward and judge.
 *
 * The request, of kind "push": repo, refs (name, old, new), options, policy,
 * fresh and known (object directories), rules, leaks (whether gitleaks, which was
 * asked as well, claims to have found any). The answer, of kind "verdict":
 * problems and suppressed findings (each with ref, rule, place, object, commit,
 * excerpt), objects and bytes that were looked at. A push with no problem and no
 * suppressed finding may pass.
 */
#ifndef BB_GITGATE_VERDICT_H
#define BB_GITGATE_VERDICT_H

#include "document.h"
#include "gitstore.h"
#include "settings.h"

struct ref_update {
	const char *name;
	struct git_id old, new;
	bool creates, deletes;
};

struct push_request {
	struct doc *doc; /* owns the texts */
	const char *fresh, *known, *rules; /* may be NULL */
	struct ref_update *refs;
	size_t n_refs;
	const struct doc *options;
	const struct doc *leaks; /* NULL: gitleaks was not asked */
	struct push_policy policy;
};

/* Check a request's document, which is consumed, and view it. */
bool push_request_read(struct push_request *r, struct doc *d, struct error *e);
void push_request_release(struct push_request *r);

/* The request's document as the steward makes it: refs and options are those that the hook sent, checked here. */
struct doc *push_request_make(const struct repo *repo, struct slice hook, struct error *e);

/* The line that a person reads for one problem: "refused REF: RULE in PLACE (commit ID)". Not escaped yet. */
void verdict_line(const struct doc *problem, struct buf *out);

#endif
