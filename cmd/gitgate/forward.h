/*
 * Forwarding a push that has passed: to the remote, all refs or none, and then
 * to the mirror. Blocks (FORWARD_SECONDS).
 */
#ifndef BB_GITGATE_FORWARD_H
#define BB_GITGATE_FORWARD_H

#include "gate.h"
#include "mirror.h"

/*
 * Push the refs of a request (verdict.h), whose new objects are in a directory,
 * to the remote, each only if it still is what the client thought. On success the
 * mirror has refs and objects, too. An error says what the remote said.
 */
bool forward(const struct gate *g, const struct repo *r, const char *objects, const struct doc *request,
	     struct error *e);

#endif
