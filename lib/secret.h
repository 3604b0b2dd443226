/*
 * Secret values on their way from the program that obtained them to the one
 * that uses them.
 *
 * A set of secrets maps names ("token:anthropic", "env:API_KEY") to bytes. On a
 * descriptor it is a sequence of pairs of netstrings, name and value, ended by
 * end of file: 5:token,3:abc, . The memory that holds values is locked where the
 * limits permit, left out of core dumps, and wiped on release.
 *
 * Nothing here prints, logs, formats or compares a value; error texts carry
 * names only. Reading and writing block. Source: netstrings,
 * https://cr.yp.to/proto/netstrings.txt.
 */
#ifndef BB_SECRET_H
#define BB_SECRET_H

#include "buf.h"
#include "error.h"

#define SECRET_NAME_MAX 256         /* bytes of a name */
#define SECRET_VALUE_MAX (64 << 10) /* bytes of a value: a private key or a token file */
#define SECRET_COUNT_MAX 256        /* secrets of one bottle */

struct secret {
	char name[SECRET_NAME_MAX + 1];
	struct buf value;
};

struct secret_set {
	struct secret *list;
	size_t count;
};

#define SECRET_SET_INIT { NULL, 0 }
#define AUTO_SECRETS __attribute__((cleanup(secret_set_release))) struct secret_set

void secret_set_release(struct secret_set *s);

/* Add a copy of value under name; a second one of that name, or one past the limits, is an error. */
bool secret_set_add(struct secret_set *s, const char *name, struct slice value, struct error *e);

/* The value, a view that lives as long as the set; false when there is none of that name. */
bool secret_set_find(const struct secret_set *s, const char *name, struct slice *value);

/*
 * Read all pairs to end of file. A seekable descriptor is read from its start, so that several readers can share one.
 */
bool secret_set_read(int fd, struct secret_set *s, struct error *e);

/* Write the pairs whose names are listed; a name that is not in the set is an error. */
bool secret_set_write(const struct secret_set *s, const char *const *names, size_t n, int fd, struct error *e);

/*
 * A sealed memory file holding the listed pairs, for handing to one daemon.
 * Close-on-exec, read-only for its readers. Returns -1 on error. Linux: memfd_create(2).
 */
int secret_set_memfd(const struct secret_set *s, const char *const *names, size_t n, struct error *e);

#endif
