/*
 * Putting directories, files and links where the bottle will see them.
 *
 * Paths are taken below an open directory, a leading slash being ignored, so that
 * the same plan path serves before and after the change of root. Parents are made
 * as needed. What is already there under the name is replaced, unless it is a
 * directory. Nothing is followed through a symbolic link in the last component.
 *
 * These block on the disk but do not sync: what they make lives as long as a bottle.
 */
#ifndef BB_LAUNCH_PLACE_H
#define BB_LAUNCH_PLACE_H

#include <sys/types.h>

#include "buf.h"
#include "error.h"

bool place_dirs(int at, const char *path, mode_t mode, struct error *e);
bool place_file(int at, const char *path, struct slice bytes, mode_t mode, struct error *e);
bool place_link(int at, const char *path, const char *text, struct error *e);

#define PLACE_COPY_BYTES_MAX (256u << 20) /* of one copied tree: skills are text */
#define PLACE_COPY_FILES_MAX 20000u

/*
 * Copy the tree below an open directory to path: files, directories and links as they are; anything else is an error.
 */
/* Copy an open file, with the mode; what is at the path is replaced. */
bool place_copy_file(int from, int at, const char *path, mode_t mode, struct error *e);

bool place_copy(int from, int at, const char *path, struct error *e);

#endif
