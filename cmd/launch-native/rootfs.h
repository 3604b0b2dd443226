/*
 * BOT_BOTTLE_ROOTFS: a root file system to use instead of the host's programs.
 *
 * A directory is used as it is, never written. A tar archive is unpacked once
 * into HOME/rootfs/, by tar(1) without privileges that may write nowhere else
 * (Landlock), and looked through afterwards: devices and set-id files make it
 * unusable. A changed archive is unpacked anew.
 */
#ifndef BB_LAUNCH_ROOTFS_H
#define BB_LAUNCH_ROOTFS_H

#include "error.h"

/* The directory to use in *dir, which the caller frees; NULL when the host's programs are used. Blocks. */
bool rootfs_find(const char *home, char **dir, struct error *e);

#endif
