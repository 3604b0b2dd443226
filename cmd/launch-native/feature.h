/*
 * What the native bottle asks of the kernel, and what to do where it is missing.
 *
 * One table names each feature once: bb-launch-native check tries them all and
 * prints it, and a launch that fails for want of one says the same words.
 *
 * Pure.
 */
#ifndef BB_LAUNCH_FEATURE_H
#define BB_LAUNCH_FEATURE_H

#include "error.h"

enum feature {
	FEATURE_USER_NAMESPACES,
	FEATURE_NAMESPACES,
	FEATURE_TIME_NAMESPACES,
	FEATURE_MOUNT_API,
	FEATURE_TMPFS,
	FEATURE_OVERLAY,
	FEATURE_PROC,
	FEATURE_DEVPTS,
	FEATURE_IDMAP,
	FEATURE_LANDLOCK,
	FEATURE_SECCOMP,
	FEATURES
};

struct feature_text {
	const char *name;   /* one word, stable: for scripts */
	const char *what;   /* for people */
	const char *remedy; /* what to do where it is missing */
};

extern const struct feature_text feature_texts[FEATURES];

/* Set the error: what was tried, the text of errno, the feature and its remedy. Returns false. */
bool feature_missing(struct error *e, enum feature f, const char *what);

#endif
