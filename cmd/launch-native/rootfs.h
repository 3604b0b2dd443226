/*
 * BOT_BOTTLE_ROOTFS: a root file system to use instead of the host's programs.
 *
 * A directory is used as it is, never written. A tar archive is unpacked once,
 * by unpack.h, into
 *
 *	HOME/rootfs/NAME-STAMP        what was in it
 *	HOME/rootfs/NAME-STAMP.new    while it is unpacked
 *	HOME/rootfs/NAME-STAMP.lock   flock(2)ed: shared by the bottles that use it, alone to make or remove it
 *
 * where NAME stands for its path and STAMP for its size and times: a changed
 * archive is unpacked anew, and what it was before is removed when no bottle uses
 * it any more.
 */
#ifndef BB_LAUNCH_ROOTFS_H
#define BB_LAUNCH_ROOTFS_H

#include "error.h"

struct rootfs {
	char *dir; /* to use; NULL: the host's programs. Owned */
	int lock;  /* keeps what was unpacked in its place; -1 for a directory of the operator's */
};

#define ROOTFS_INIT { NULL, -1 }

/* Find it, unpacking it if need be. Blocks, also while another launcher unpacks the same one. */
bool rootfs_find(const char *home, struct rootfs *r, struct error *e);
void rootfs_release(struct rootfs *r);

/* Show or remove what is not in use: fn is called with each directory first. dry_run removes nothing. */
typedef void rootfs_each_fn(void *ctx, const char *name, const char *path);
bool rootfs_sweep(const char *home, bool dry_run, rootfs_each_fn *fn, void *ctx, struct error *e);

#endif
