/*
 * What a bottle takes along from the host: each path, what becomes of it inside,
 * and the mount tree that stands for it.
 *
 * The list is made outside, from the plan and what the host has. Root opens the
 * trees outside, where it may look everywhere; for an ordinary user the bottle's
 * first process does it inside the new mount namespace, with the same rights as
 * the user. After that nobody looks at the paths again.
 */
#ifndef BB_LAUNCH_CARGO_H
#define BB_LAUNCH_CARGO_H

#include "namespaces.h"
#include "plan.h"
#include "state.h"

enum cargo_use {
	CARGO_MOUNT,     /* mounted at the target */
	CARGO_LINK,      /* a symbolic link at the target, whose text is the source */
	CARGO_DEVICE,    /* mounted in the bottle's /dev, target is its name there */
	CARGO_DISK,      /* holds the upper directories */
	CARGO_BASE,      /* the unpacked root file system */
	CARGO_WORKSPACE, /* below the workspace's overlay */
	CARGO_COPY,      /* copied to the target */
	CARGO_PROGRAM,   /* one file, copied too: what is mounted shows where it came from (mountinfo) */
};

struct cargo_item {
	enum cargo_use use;
	char *source, *target;
	unsigned flags;  /* of trees.h */
	bool directory;
	bool theirs;     /* files of the directory's owner are shown as the agent's */
	int tree;        /* -1 until opened */
};

struct cargo {
	struct cargo_item *items;
	size_t n;
};

#define CARGO_INIT { NULL, 0 }
#define AUTO_CARGO __attribute__((cleanup(cargo_release))) struct cargo

void cargo_release(struct cargo *c);

/* Make the list. base is the root file system to use instead of the host's, or NULL. */
bool cargo_list(struct cargo *c, const struct plan *p, const struct state *s, const char *base, struct error *e);

/* Take a program of ours along: DIR/name, mounted at the target. */
void cargo_add_program(struct cargo *c, const char *dir, const char *name, const char *target);

/* Open all trees that are not open. Root calls it outside and needs ids for what belongs to others. */
bool cargo_open(struct cargo *c, const struct ids *ids, struct error *e);

/* The first item of a use, or NULL. */
const struct cargo_item *cargo_find(const struct cargo *c, enum cargo_use use);

#endif
