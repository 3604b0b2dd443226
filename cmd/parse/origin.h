/*
 * Where values came from, beside the values: a document and the tree of places
 * of its parts (shape.h) that is moved with it, value by value, while files are
 * folded into one. Pure.
 */
#ifndef BB_PARSE_ORIGIN_H
#define BB_PARSE_ORIGIN_H

#include "document.h"
#include "problems.h"

/* An object or list and its places. */
struct located {
	struct doc *doc;
	struct doc *origin;
};

/* A new, empty object or list with places; the caller owns both and ends them with located_release. */
struct located located_object(void);
struct located located_list(void);
void located_release(struct located *l);

/* Put a value with its place (may be NULL) under key, or at the end of a list (key NULL). An older one is replaced. */
void located_put(struct located into, const char *key, const struct doc *value, const struct doc *origin);

/* Put a part, which is consumed, under key; returns it as a view. */
struct located located_put_new(struct located into, const char *key, struct located part);

/* A part that was put there by located_put_new, to be changed; a view. */
struct located located_in(struct located l, const char *key);

/* A part that was put there by located_put_new, to be changed; a view. */
struct located located_in(struct located l, const char *key);

/* The place of a member or item; NULL when it has none. */
const struct doc *origin_in(const struct doc *origin, const char *key);
const struct doc *origin_item(const struct doc *origin, size_t index);

/* "file:line:column", or NULL. */
const char *origin_at(const struct doc *origin);

/* Add a problem or a warning at a place; without one, at file. Returns false. */
bool origin_problem(struct problems *list, const struct doc *origin, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Add the place of everything below origin to out, an object of paths ("env.FOO", "egress.routes[0]") to "file:line".
 */
void origin_flatten(const struct doc *origin, struct doc *out);

/* Add one place to out under a path; without one, nothing. */
void origin_put(struct doc *out, const char *path, const struct doc *origin);

#endif
