/*
 * Mount trees as descriptors.
 *
 * A tree is a detached mount: made from a path or a file system type, restricted
 * while nobody can see it, and attached where it belongs. Whoever may look the
 * path up makes the tree; whoever owns the mount namespace attaches it. They need
 * not be the same process, which is how root hands a directory of someone's home
 * to a bottle that could not walk there.
 *
 * Functions that make a tree return a close-on-exec descriptor that the caller
 * owns, or -1. Sources: open_tree(2), move_mount(2), fsopen(2), mount_setattr(2).
 */
#ifndef BB_LAUNCH_TREES_H
#define BB_LAUNCH_TREES_H

#include <stdbool.h>
#include <stdint.h>

#include "feature.h"

enum {
	TREE_RECURSIVE = 1,
	TREE_READ_ONLY = 2,
	TREE_DEVICE = 4,  /* device nodes work; without, they do not */
	TREE_NO_EXEC = 8,
};

/* The tree at path: always nosuid, private, and restricted as flags say. */
int tree_open(const char *path, unsigned flags, struct error *e);

/* Show the files of disk_uid:disk_gid as those of shown_uid:shown_gid in a tree not yet attached. Root only. */
struct tree_ids {
	unsigned disk_uid, disk_gid, shown_uid, shown_gid;
};
bool tree_map_ids(int tree, const struct tree_ids *ids, struct error *e);

/* A new file system: options are "name=value" or "name", ended by NULL. feature is what is missing when it fails. */
int tree_make(const char *type, const char *const *options, unsigned flags, enum feature feature, struct error *e);

/* Attach it at path below the directory at; the path's last component may not be a symbolic link. */
bool tree_attach(int tree, int at, const char *path, struct error *e);

#endif
