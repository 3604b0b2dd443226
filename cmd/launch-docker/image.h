/*
 * The images of a bottle: found by a name that stands for what they are made of,
 * built by the engine where there is none.
 *
 * An image's tag is the digest of its recipe's directory and of the base, so that
 * a change of either builds a new one, and no change builds none.
 */
#ifndef BB_LAUNCH_IMAGE_H
#define BB_LAUNCH_IMAGE_H

#include "cmd/launch-native/plan.h"
#include "engine.h"

/* What recipes are based on: BOT_BOTTLE_DOCKER_BASE, which Dockerfiles get as the build argument BASE. */
#define IMAGE_BASE "debian:bookworm-slim"

/* The agent's image, built from the plan's recipe if need be, with progress on standard error. NULL with an error. */
char *image_agent(struct engine *en, const struct plan *p, struct error *e);

/* The image of a snapshot of this home, which is to be there as it was committed. NULL with an error. */
char *image_snapshot(struct engine *en, const char *home, const char *snapshot, struct error *e);

/* The sidecar's: BOT_BOTTLE_SIDECAR_IMAGE, or built from the sources beside the programs. NULL with an error. */
char *image_sidecar(struct engine *en, const char *programs, struct error *e);

#endif
