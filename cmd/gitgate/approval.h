/*
 * Findings that their own lines excuse ("gitleaks:allow"): only a person can let
 * them pass, asked through the queue (queue.h) by a "gitleaks-allow" proposal.
 *
 * The proposal's file is a document of kind "findings": repo, and for each finding
 * ref, place, line, rule, commit, object and the line without the secret. What is
 * approved are findings in objects, which their ids name to the byte: approved/REPO
 * remembers them, for this bottle and this repository, and nothing else.
 *
 * Only an approval that fits is a yes. No queue, no answer in time, an answer that
 * is void, a client that has gone: no.
 */
#ifndef BB_GITGATE_APPROVAL_H
#define BB_GITGATE_APPROVAL_H

#include "gate.h"

struct approval {
	const struct gate *gate;
	const struct repo *repo;
	int client; /* socket to the client, or to its door: hangs up when nobody waits any longer */
	void (*say)(void *ctx, struct slice text); /* tell the client */
	void *ctx;
};

/* May these findings (verdict.h) pass? Blocks for up to settings.ask_seconds. False with an error that says why not. */
bool approval_get(const struct approval *a, const struct doc *findings, struct error *e);

#endif
