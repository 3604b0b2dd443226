/*
 * Snapshots: what an agent wrote, kept beyond its bottle.
 *
 *	HOME/snapshots/NAME/           0700
 *	    snapshot.json              {"kind":"snapshot",…}, see bb-documents(5)
 *	    SHA256.tar.zst             the archive (layer.h), named by its digest
 *	HOME/snapshots/.draft-XXXXXX   one that is being made; flock(2)ed by who makes it
 *
 * A snapshot appears under its name whole or not at all. A draft without a lock is what a process that died has
 * left, and is removed by the next one that makes a snapshot or cleans up. Nothing else here removes a snapshot but
 * one of the same name that takes its place.
 *
 * All of it blocks on the disk. Not for use after confinement.
 */
#ifndef BB_SNAPSHOT_H
#define BB_SNAPSHOT_H

#include "digest.h"
#include "document.h"

/* Read and check the document of a snapshot; NULL with an error. The caller releases it. */
struct doc *snapshot_read(const char *home, const char *name, struct error *e);

/* Open its archive, judged against its digest. -1 with an error. */
int snapshot_open(const char *home, const char *name, const struct doc *snapshot, struct error *e);

struct draft {
	char *home, *dir; /* owned */
	int lock;
};

#define DRAFT_INIT { NULL, NULL, -1 }
#define AUTO_DRAFT __attribute__((cleanup(draft_release))) struct draft

/* Begin one; what dead processes have left is removed. */
bool draft_begin(struct draft *d, const char *home, struct error *e);
/* A new file for the archive. -1 with an error. */
int draft_file(const struct draft *d, struct error *e);
/* The archive is written: give it the name of its digest, which is put into hex. */
bool draft_seal(const struct draft *d, int archive, char hex[DIGEST_HEX], struct error *e);
/* Write the document and give the snapshot its name. */
bool draft_publish(struct draft *d, const char *name, const struct doc *snapshot, struct error *e);
/* Remove what was not published. */
void draft_release(struct draft *d);

/* Show or remove drafts that nobody makes any more: fn is called with each first. dry_run removes nothing. */
typedef void draft_each_fn(void *ctx, const char *name, const char *path);
bool draft_sweep(const char *home, bool dry_run, draft_each_fn *fn, void *ctx, struct error *e);

/* Is one being made? What it has made elsewhere may not have its document yet. */
bool draft_active(const char *home);

#endif
