/*
 * The audit log of a bottle: what was decided, by whom, kept outside the bottle.
 *
 *	HOME/audit/                 0700
 *	    IDENTITY.jsonl          the entries (chain.h), only ever appended to
 *	    IDENTITY.head           what the last signed entry is
 *	    key                     the operator's private key, 0600, made on first use
 *	    key.pub                 its public half, for whoever verifies elsewhere
 *
 * Several processes write one log: the launcher, the sidecar, the operator's
 * commands. Each opens it for itself. audit_add collects entries in memory and
 * audit_commit appends them: under flock(2) on the log, in one write, synced, and
 * then a new head is signed and put in place; so an entry is on disk before
 * anybody is told that it is. After a commit that failed (a full disk) the log is
 * as it was and the entries are still there to be tried again.
 *
 * A writer that died in between leaves bytes that no head covers. The next commit
 * makes that good before it adds anything, and an entry of the component "audit"
 * says how: "repaired" (bytes that are no whole entry were cut off; their number,
 * digest and beginning are kept) or "adopted" (entries that nobody had signed).
 * A head that is not signed by the key, or that names more than there is, is no
 * accident: then nothing is appended.
 *
 * All of it blocks, on the disk and on other writers. Needs document_seed and
 * digest_init. Not for use after a confinement that forbids to open files.
 */
#ifndef BB_AUDIT_H
#define BB_AUDIT_H

#include <sys/types.h>

#include "chain.h"

#define AUDIT_PENDING_MAX (4u << 20) /* bytes of entries that wait for a commit; a writer takes no more work then */

struct audit {
	char *file, *head, *identity; /* paths, and whose log it is; owned */
	struct signature_key *key;
	int fd;
	struct chain at; /* behind the last entry that we know of */
	off_t size;	 /* of the log, at that entry; -1: not looked yet */
	struct buf pending;
};

#define AUDIT_INIT { NULL, NULL, NULL, NULL, -1, CHAIN_INIT, -1, BUF_INIT }
#define AUTO_AUDIT __attribute__((cleanup(audit_release))) struct audit

/* Path of a bottle's log, and of the operator's keys; the caller frees it. */
char *audit_path(const char *home, const char *identity);
char *audit_key_path(const char *home, bool is_public);

/* Open a log by its path, HOME/audit/IDENTITY.jsonl; directory, key and log are made if need be. */
bool audit_open(struct audit *a, const char *file, struct error *e);
/* What was not committed is dropped. */
void audit_release(struct audit *a);

/* Collect an entry. */
void audit_add(struct audit *a, const struct chain_entry *entry);

/*
 * Collect what a daemon wrote on its standard output as an entry of that daemon, unless it is traffic that
 * passed (request, response, body, end): that is in the bottle's log. A line that is no event is kept as text.
 */
void audit_add_line(struct audit *a, const char *daemon, struct slice line);

static inline bool audit_is_pending(const struct audit *a)
{
	return a->pending.len > 0;
}

/* Write what was collected. Nothing collected: nothing is done. */
bool audit_commit(struct audit *a, struct error *e);

/* Open, write one entry, close. */
bool audit_record(const char *home, const char *identity, const struct chain_entry *entry, struct error *e);

/* Make good what a writer that died has left, without adding anything else. */
bool audit_repair(struct audit *a, struct error *e);

/*
 * Judge a log against its head and the key. fn, if not NULL, gets every entry that holds, in turn; it
 * may return false, with an error, to stop. Writers wait meanwhile. w says how far the log holds;
 * STATUS_NO in the error means that it does not, another status that it could not be judged.
 */
typedef bool audit_entry_fn(void *ctx, const struct doc *entry, struct slice line, struct error *e);
bool audit_verify(const char *file, const struct signature_key *key, audit_entry_fn *fn, void *ctx,
		  struct chain_walk *w, struct error *e);

#endif
