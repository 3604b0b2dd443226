/*
 * What the commits of a git repository bring: each blob that is new in a range of
 * them, once, with the commit that brought it, and each commit's message.
 *
 * For reading by somebody who does not trust the repository: nothing of it is run
 * (libgit2 knows no hooks, and no filter is asked), and of the configuration only
 * what is in the repository itself is read.
 *
 * Life: githistory_find before confinement, which looks at names and at most at
 * three short files; githistory_prepare, still before; then confinement, with the
 * paths found readable and gitstore_calls; then githistory_open and the rest.
 * Blocks on the disk. Not for repositories of SHA-256.
 */
#ifndef BB_GITHISTORY_H
#define BB_GITHISTORY_H

#include "buf.h"
#include "error.h"
#include "gitstore.h"

/* bytes of one blob, which is held in memory: larger ones are told and left out */
#define GITHISTORY_BLOB_MAX (512u << 20)
#define GITHISTORY_UP_MAX 64             /* directories above the named one in which a repository is looked for */
#define GITHISTORY_PATHS_MAX 20          /* places that one repository is spread over */

/* Where a repository is. */
struct githistory_paths {
	char *git;                         /* the repository itself */
	char *all[GITHISTORY_PATHS_MAX + 1]; /* everything that has to be readable, ends with NULL; the first is git */
};

struct githistory_commit {
	char id[GIT_ID_HEX];
	struct slice author, email, message;
	int64_t time; /* of the author, seconds since 1970 */
};

/* One text of the history. Views are valid during the call. */
struct githistory_text {
	const struct githistory_commit *commit; /* NULL: what is staged */
	const char *path;                       /* NULL: the commit's message */
	struct slice bytes;
	const char *unread;                     /* why the bytes are not there, or NULL */
};

/* Return false to stop. */
typedef bool githistory_fn(void *ctx, const struct githistory_text *text);

/* Find the repository that a directory is in, or is. */
bool githistory_find(const char *dir, struct githistory_paths *paths, struct error *e);
void githistory_paths_release(struct githistory_paths *paths);

/* Start libgit2: it reads nothing of the user's or the system's configuration. */
void githistory_prepare(void);

struct githistory;

struct githistory *githistory_open(const struct githistory_paths *paths, struct error *e);
void githistory_release(struct githistory *h);

/*
 * Tell all texts of the commits in a range ("A..B", as git writes it; one revision
 * is all that it can reach; NULL: all that any ref can reach), oldest first.
 */
bool githistory_range(struct githistory *h, const char *range, githistory_fn *fn, void *ctx, struct error *e);

/* Tell what the index has and HEAD has not. */
bool githistory_staged(struct githistory *h, githistory_fn *fn, void *ctx, struct error *e);

#endif
