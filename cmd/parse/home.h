/*
 * Where manifests live, and how they are opened.
 *
 * The operator's home (BOT_BOTTLE_HOME, else $HOME/.bot-bottle) holds bottles/,
 * agents/ and contrib/; the repository ($PWD/.bot-bottle) may hold agents/ only.
 * Names are files' stems. A file is opened at its directory's descriptor: a
 * symbolic link is followed only to another name in the same directory; it must
 * be a regular file of the user or of root; where it can hand out credentials,
 * nobody else may be able to write it or its directory.
 *
 * Everything here blocks.
 */
#ifndef BB_PARSE_HOME_H
#define BB_PARSE_HOME_H

#include "buf.h"
#include "document.h"
#include "problems.h"

struct home {
	char *user;       /* $HOME, absolute; NULL when it is not set */
	char *path;       /* the operator's home, absolute */
	char *repository; /* $PWD/.bot-bottle, or NULL where that is the operator's home itself */
	char *skills;     /* where skills are, or NULL */
	char *providers;  /* the built-in providers */
};

enum home_kind {
	HOME_BOTTLES,
	HOME_AGENTS,
	HOME_REPOSITORY_AGENTS,
};

/* Find the directories. providers (may be NULL) overrides the built-in ones. */
bool home_init(struct home *h, const char *providers, struct error *e);
void home_release(struct home *h);
#define AUTO_HOME __attribute__((cleanup(home_release))) struct home

/* Whether a text may name an agent or bottle: ^[a-z][a-z0-9-]*$, at most HOME_NAME_MAX bytes. */
#define HOME_NAME_MAX 64
bool home_is_name(struct slice s);

/* Path of the directory, or of a file in it, for messages; the caller frees it. NULL where there is no repository. */
char *home_directory(const struct home *h, enum home_kind kind);
char *home_file(const struct home *h, enum home_kind kind, const char *name);

/*
 * Names of the files in a directory, sorted, as a list of strings (owned by the
 * caller; empty when there is no directory). No file is opened. Stems that are
 * no names are added to warnings, if that is not NULL. NULL on error.
 */
struct doc *home_names(const struct home *h, enum home_kind kind, struct problems *warnings, struct error *e);

/*
 * Read the file of a name. HOME_ABSENT when there is none. On HOME_REFUSED the
 * reason is in problems.
 */
enum home_read { HOME_READ, HOME_ABSENT, HOME_REFUSED };
enum home_read home_read(const struct home *h, enum home_kind kind, const char *name, struct buf *out,
			 struct problems *problems);

/* Read FILE of a directory that the operator or the installation owns: guarded as bottles are, or not at all. */
enum home_read home_read_file(const char *directory, const char *file, bool guarded, struct buf *out,
			      struct problems *problems);

/* Whether a directory has a file of that name, whatever it is. */
bool home_has(const struct home *h, enum home_kind kind, const char *name);

/* An absolute form of a path, of which nothing is looked at; the caller frees it. NULL on error. */
char *home_absolute(const char *path, struct error *e);

/* Whether two paths are one directory. */
bool home_is_same(const char *a, const char *b);

/* "~/x" with the user's home for the tilde; other paths as they are. NULL when it would be needed and is not set. */
char *home_expand(const struct home *h, const char *path);

#endif
