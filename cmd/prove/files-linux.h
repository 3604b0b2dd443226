/*
 * What the file system shows and lets be changed. Nothing is written: files are
 * opened for writing and closed, and new ones are made without a name
 * (O_TMPFILE), so that they are gone when they are closed.
 */
#ifndef BB_PROVE_FILES_H
#define BB_PROVE_FILES_H

#include "probe.h"
#include "verdict.h"

/* Kernel settings below /proc and /sys. */
void settings_prove(const struct probe *p, struct verdict *v);

/* Hidden paths, read-only trees, mounts, devices, sockets, what Landlock protects. */
void files_prove(const struct probe *p, struct verdict *v);

#endif
