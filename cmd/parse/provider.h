/*
 * Providers: provider.yaml of a directory, built in or the operator's own.
 *
 * contrib/NAME/ of the operator's home goes before the built-in of that name,
 * with a warning. What comes out has the members of the provider document
 * (bb-documents(5)) without "kind" and "v".
 */
#ifndef BB_PARSE_PROVIDER_H
#define BB_PARSE_PROVIDER_H

#include "cmd/parse/bottle.h"

extern const struct shape provider_file_shape;

/* Load the provider of a name; NULL with problems added, at origin (may be NULL) when there is none. */
struct doc *provider_load(const struct load *l, const char *name, const struct doc *origin, const char *subject);

/* Load the provider in a directory, which is named after it; own: the operator's. NULL with problems added. */
struct doc *provider_load_directory(const struct load *l, const char *directory, bool own, bool *absent);

/* Names of all providers, sorted, each once: a new list of strings. */
struct doc *provider_names(const struct home *h);

/* Check what a bottle says in agent_provider against what its provider can. */
bool provider_check_use(const struct load *l, const struct doc *provider, const struct doc *use,
			const struct doc *origin);

#endif
