/*
 * The state directory: what is on disk about one bottle, and who owns it.
 *
 *	HOME/state/IDENTITY/     0700
 *	    metadata.json        who, when, where: {"kind":"metadata",…}
 *	    plan.json            the plan as launched
 *	    lock                 flock(2)ed by the launcher while the bottle is active
 *	    logs/                of the sidecar
 *	    DAEMON/              configuration of one daemon of the sidecar
 *	    overlay/             what the agent wrote; owned by the agent's user outside
 *	        upper work       of the root file system
 *	        workspace …-work of the copy of the workspace
 *	    .preserve            keep this when the bottle is gone; holds the reason
 *
 * Who holds the lock owns the directory. The kernel lets it go when its holder
 * dies, however it dies; so a directory without a lock, not preserved, is a
 * remnant that state_sweep removes. Making and removing directories happens
 * under a lock on HOME/state itself, so that no sweep sees one half made.
 *
 * Nothing here is secret: no document in it holds a secret value.
 *
 * All functions block on the disk; state_create, state_each and state_sweep also
 * for as long as another one of them runs. Not for use after confinement.
 */
#ifndef BB_STATE_H
#define BB_STATE_H

#include "document.h"

#define STATE_IDENTITY_MAX 100 /* bytes of an identity: a file name with room for suffixes */

struct state {
	char *dir; /* absolute path of HOME/state/IDENTITY; owned */
	int lock;  /* holds the lock */
};

#define STATE_INIT { NULL, -1 }
#define AUTO_STATE __attribute__((cleanup(state_release))) struct state

/*
 * HOME as the operator's environment says: BOT_BOTTLE_HOME, or ~/.bot-bottle. NULL with an error; the caller frees it.
 */
char *state_home(struct error *e);

/* Lower-case letters, digits and single dashes between them, at most STATE_IDENTITY_MAX: what names a bottle. */
bool state_is_identity(struct slice text);

/*
 * Make the directory and hold its lock. With resume it has to exist already and
 * no bottle may be using it; without, it must not exist (a remnant of the same
 * name that is not preserved is removed first). Errors are the caller's when the
 * name is taken.
 */
bool state_create(struct state *s, const char *home, const char *identity, bool resume, struct error *e);

/* Path of something below the directory; the caller frees it. */
char *state_path(const struct state *s, const char *name);

/* Write a document as NAME, whole or not at all. */
bool state_write(const struct state *s, const char *name, const struct doc *d, struct error *e);

/*
 * Keep the directory when the bottle is gone, for a reason (one word): STATE_FAILED when its agent did, anything
 * else by someone's will. Only the first kind may be removed when a later run of the agent goes well.
 */
#define STATE_FAILED "failed"
bool state_preserve(const struct state *s, const char *reason, struct error *e);
/* Is it kept, for a reason other than STATE_FAILED? */
bool state_is_kept(const struct state *s);

/* Remove the directory with all that is in it, then let the lock go. */
bool state_remove(struct state *s, struct error *e);

/* Let the lock go; the directory stays. */
void state_release(struct state *s);

/* One directory, as state_each and state_sweep show it; views that last for the call. */
struct state_entry {
	const char *identity;
	const char *dir;
	bool active;                /* its lock is held */
	bool preserved;
	const struct doc *metadata; /* NULL when it was never written or cannot be read */
	const struct doc *plan;     /* the same */
};

/* Return false, with an error, to stop. */
typedef bool state_each_fn(void *ctx, const struct state_entry *entry, struct error *e);

/* Show every directory below HOME/state in the order of their names; a home without state has none. */
bool state_each(const char *home, state_each_fn *fn, void *ctx, struct error *e);

/*
 * Remove what backend has left: directories whose metadata names it (or have none), that no running bottle
 * owns and that are not preserved. fn is called for each before it is removed; with dry_run nothing is.
 */
bool state_sweep(const char *home, const char *backend, bool dry_run, state_each_fn *fn, void *ctx, struct error *e);

#endif
