/*
 * The manifest document: an agent with all that its bottles and its provider
 * say, resolved (bb-documents(5)).
 */
#ifndef BB_PARSE_MANIFEST_H
#define BB_PARSE_MANIFEST_H

#include "cmd/parse/agent.h"

/*
 * Resolve an agent into a new document. bottles (count may be 0) replace the one
 * that the agent names. NULL with problems added, all that can be found.
 */
struct doc *manifest_resolve(const struct load *l, const char *name, const char *const *bottles, size_t count);

/*
 * Check a bottle with what it extends and its provider, or an agent ("./NAME" for
 * the repository's) with its bottle and skills. What another file may still give
 * is no error here: a remote's URL, an agent's bottle. False with problems added.
 */
bool manifest_check_bottle(const struct load *l, const char *name);
bool manifest_check_agent(const struct load *l, const char *name);

#endif
