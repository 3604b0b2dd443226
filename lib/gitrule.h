/*
 * The git rule: nothing is pushed over HTTP, on any route, in any spelling.
 *
 * What is pushed has to go through the git gate, where it is read. Git LFS uploads
 * as well as downloads with the same requests, so it counts as a push. Fetching
 * is for the route to permit.
 *
 * Pure; may be called after confinement. Source: gitprotocol-http(5), and the
 * Git LFS API.
 */
#ifndef BB_GITRULE_H
#define BB_GITRULE_H

#include "request.h"

/*
 * Judge a request whose path, decoded until nothing changes (path.h), is given.
 * route is for the refusal's text: 403, rule "git-push", "git-lfs" or "git-fetch".
 */
bool gitrule_judge(const struct request_facts *f, struct slice path, bool may_fetch, const char *route,
		   struct refusal *no);

#endif
