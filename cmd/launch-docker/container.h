/*
 * What a bottle is made of in the engine: names, labels, making and removing.
 *
 *	bot-bottle-IDENTITY            the agent's container
 *	bot-bottle-sidecars-IDENTITY   the sidecar's
 *	bot-bottle-egress-IDENTITY     the network of the sidecar
 *	bot-bottle-door-IDENTITY       a volume in memory that both see: the door (cmd/sidecar/delivery.h)
 *
 * All of them carry two labels, the identity and the home that it belongs to. By
 * these, and never by a name alone, remnants are found and removed.
 */
#ifndef BB_LAUNCH_CONTAINER_H
#define BB_LAUNCH_CONTAINER_H

#include "engine.h"

#define LABEL_IDENTITY "bot-bottle.identity"
#define LABEL_HOME "bot-bottle.home"
/* Of the image of a snapshot: the snapshot's name, and the home that it belongs to. Containers inherit them. */
#define LABEL_SNAPSHOT "bot-bottle.snapshot"
#define LABEL_SNAPSHOT_HOME "bot-bottle.snapshot.home"
#define IMAGE_COMMITTED "bot-bottle-committed-" /* and the snapshot's name */
#define DOOR_DIR "/run/bot-bottle-door"
#define DOOR_SOCKET DOOR_DIR "/socket"

enum part { PART_AGENT, PART_SIDECAR, PART_NETWORK, PART_VOLUME, PARTS };

/* One word for people and documents: container, container, network, volume. */
extern const char *const part_types[PARTS];

/* The name of a part; the caller frees it. */
char *part_name(enum part p, const char *identity);

/* The labels of all parts; the caller owns the object. */
struct doc *part_labels(const char *identity, const char *home);

/*
 * What both containers have in common: streams, no capability, no new privileges, no log, gone when they end. labels
 * and host, which becomes HostConfig, are consumed; host may be added to for as long as the result lives.
 */
struct doc *container_new(const char *image, const char *user, struct doc *labels, struct doc *host);

/* Make, start. */
bool container_create(struct engine *en, const char *name, const struct doc *body, struct error *e);
bool container_start(struct engine *en, const char *name, struct error *e);
/* Starting in two steps, as engine_ask and engine_answer. */
int container_start_ask(const struct engine *en, const char *name, struct error *e);
bool container_start_answer(struct engine *en, int *asked, const char *name, struct error *e);

bool network_create(struct engine *en, const char *name, struct doc *labels, struct error *e);
/* Owned by a user, who alone can make something in it. */
bool volume_create(struct engine *en, const char *name, unsigned uid, struct doc *labels, struct error *e);

/* Remove it by force, with all that it holds, and wait until it is gone; one that is not there is fine. */
bool part_remove(struct engine *en, enum part p, const char *name, struct error *e);

/*
 * Every part of this home that the engine knows: a list of {"part", "name", "id", "identity"}, id being what it can be
 * removed by. The caller releases it; NULL with an error.
 */
struct doc *part_list(struct engine *en, const char *home, struct error *e);

/* Every image of a snapshot of this home: a list of {"id", "snapshot"}. The caller releases it; NULL with an error. */
struct doc *image_list(struct engine *en, const char *home, struct error *e);

#endif
