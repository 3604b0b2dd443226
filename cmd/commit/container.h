/*
 * Committing a bottle on a Docker engine: what its agent changed becomes one more layer on the bottle's image.
 *
 * Not by the engine's own commit: that would put certificates, prompt and placeholders into an image first, from which
 * nothing can be taken out again. The layer is made here (changeset.h), without them, and given to the engine.
 *
 *	bot-bottle-committed-NAME   the image; labels bot-bottle.snapshot=NAME, bot-bottle.snapshot.home=HOME
 */
#ifndef BB_COMMIT_CONTAINER_H
#define BB_COMMIT_CONTAINER_H

#include "changeset.h"
#include "engine.h"

struct container {
	struct engine engine;
	char *name;          /* of the agent's container; owned */
	struct doc *base;    /* its image, as the engine describes it */
	struct doc *changes; /* its list of changed paths, */
	struct changeset set; /* and what of it is committed */
};

#define CONTAINER_INIT { ENGINE_INIT, NULL, NULL, NULL, CHANGESET_INIT }
#define AUTO_CONTAINER __attribute__((cleanup(container_release))) struct container

/* Find the container of a bottle of this home that runs. */
bool container_find(struct container *c, const char *identity, const char *home, struct error *e);

/*
 * Find out what has changed, but for what is left out (changeset.h), and copy what holds it into a file, both of the
 * same moment: it stands still meanwhile, whatever happens but that this process is killed. Not more than fits on the
 * disk.
 */
bool container_copy(struct container *c, const char *const *left_out, int to, struct error *e);

/*
 * Give the engine the image with one more layer, a tar archive whose digest is diff. dir is for temporary files.
 * Returns the image's id, which the caller frees; NULL with an error.
 */
char *container_publish(struct container *c, const char *home, const char *name, int layer, const char *diff,
			const char *dir, struct error *e);

/* Remove an image that has been replaced, unless it is in use. */
void container_forget(struct container *c, const char *image);

void container_release(struct container *c);

#endif
