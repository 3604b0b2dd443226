/*
 * Files that are either whole or absent.
 *
 * Paths are used as given; callers that must not be led astray by symbolic links
 * open the directory first and use the *_at forms, which refuse a link as the
 * last component. All of these block.
 */
#ifndef BB_FILE_H
#define BB_FILE_H

#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* Read a regular file of at most max bytes, at dirfd (AT_FDCWD for the current directory), no symlink as last part. */
bool file_read_at(int dirfd, const char *path, size_t max, struct buf *out, struct error *e);

/* The same, following links: for paths that the operator named. */
bool file_read(const char *path, size_t max, struct buf *out, struct error *e);

/*
 * Replace path with bytes: temporary name beside it, mode, fsync, rename, fsync
 * of the directory. On failure the old file is as it was and the temporary one
 * is gone.
 */
bool file_replace(const char *path, struct slice bytes, mode_t mode, struct error *e);

/* Make a directory and its parents, each with mode; existing ones are fine and keep theirs. */
bool file_make_dirs(const char *path, mode_t mode, struct error *e);

/*
 * Remove a directory and all below it without following links or crossing into
 * another file system; a missing one is fine. Entries that cannot be removed
 * are made writable once and tried again.
 */
bool file_remove_tree(const char *path, struct error *e);

/* Is path the directory dir, or below it? By their text: both absolute, as realpath(3) gives them. Pure. */
bool file_is_within(const char *path, const char *dir);

#endif
