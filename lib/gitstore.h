/*
 * Git's objects, read without a repository: from object directories, of which one
 * holds what is new and the other what was there before.
 *
 * Nothing but objects is looked at: no configuration, no refs, no replacements,
 * no grafts. Each object is checked against its id when it is read, so an index
 * that lies gives an error, never another object's bytes.
 *
 * Not a way to run git's commands, and none for repositories of SHA-256. The only
 * file that includes libgit2. Blocks on the disk. Opening comes before
 * confinement or with the directories readable; all else may be called after it
 * (gitstore_calls). Source: gitformat-pack(5), gitrepository-layout(5).
 */
#ifndef BB_GITSTORE_H
#define BB_GITSTORE_H

#include "buf.h"
#include "confine.h"
#include "error.h"

#define GIT_ID_SIZE 20
#define GIT_ID_HEX 41 /* with the NUL */

struct git_id {
	uint8_t bytes[GIT_ID_SIZE];
};

enum git_type { GIT_COMMIT = 1, GIT_TREE = 2, GIT_BLOB = 3, GIT_TAG = 4 };

struct gitstore;

/* Open: fresh holds what is new, or NULL: nothing is; known what was there before, or NULL. */
struct gitstore *gitstore_open(const char *fresh, const char *known, struct error *e);
void gitstore_release(struct gitstore *s);

/* Call fn for every object of fresh that known does not have, in an order that is quick to read in. False to stop. */
typedef bool gitstore_fn(void *ctx, const struct git_id *id, struct error *e);
bool gitstore_each(struct gitstore *s, gitstore_fn *fn, void *ctx, struct error *e);

/* Whether the object was there before. */
bool gitstore_is_known(struct gitstore *s, const struct git_id *id);

/* Type and size of an object without reading all of it. */
bool gitstore_look(struct gitstore *s, const struct git_id *id, enum git_type *type, uint64_t *size, struct error *e);

/* Read an object whole: its bytes replace those of out. */
bool gitstore_read(struct gitstore *s, const struct git_id *id, enum git_type *type, struct buf *out, struct error *e);

/* Whether a commit has another in its history. False with an error when the history cannot be read. */
bool gitstore_descends(struct gitstore *s, const struct git_id *commit, const struct git_id *ancestor, bool *yes,
		       struct error *e);

/* Forty hexadecimal digits; false when the text is none. */
bool git_id_parse(struct slice text, struct git_id *id);
void git_id_format(const struct git_id *id, char out[GIT_ID_HEX]);
bool git_id_is_zero(const struct git_id *id);
static inline bool git_id_eq(const struct git_id *a, const struct git_id *b)
{
	return memcmp(a->bytes, b->bytes, GIT_ID_SIZE) == 0;
}

extern const struct confine_call gitstore_calls[];

#endif
