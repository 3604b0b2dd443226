/*
 * The agent's container, seen from the launcher: an own copy of the provider's
 * image, no network at all, the agent's user, bb-inside as its process 1.
 *
 * What the plan puts into it is copied in before it starts; certificates follow
 * when the proxy has made them. Secrets go over its standard input to process 1,
 * and from there into the agent's environment, where they are meant to be.
 */
#ifndef BB_LAUNCH_BOTTLE_H
#define BB_LAUNCH_BOTTLE_H

#include "cmd/launch-native/plan.h"
#include "frame.h"
#include "secret.h"
#include "state.h"
#include "stream.h"

#define BOTTLE_PIDS 4096          /* processes of a bottle whose manifest sets no limit, as in a native one */
#define BOTTLE_STANDS_MS 30000    /* from its start to the end of its confinement; it waits for the sidecar's door */
#define BOTTLE_PROOF_MS 20000     /* for bb-prove; a bottle that holds takes a fiftieth of a second */
#define BOTTLE_COMMAND_MS 125000  /* for one setup command: agent.h's SETUP_MS and a little */

struct bottle {
	struct stream stream;
	struct buf out; /* the frame that is being made */
};

#define BOTTLE_INIT { STREAM_INIT, BUF_INIT }

/*
 * Make it and copy everything in. programs is the directory of bb-inside and bb-prove. An image that is restored, of a
 * snapshot, has the workspace in it.
 */
bool bottle_create(struct engine *en, const char *image, const char *programs, const struct plan *p, bool restored,
		   struct error *e);

/* Attach, start it and tell it what is to run. */
bool bottle_start(struct bottle *b, struct engine *en, const struct plan *p, const struct secret_set *secrets,
		  struct error *e);

/* Wait until its sockets are handed over and its powers are gone. */
bool bottle_wait(struct bottle *b, struct error *e);

/* Copy in the certificates of the proxy, which is ready. */
bool bottle_trust(struct engine *en, const struct plan *p, const struct state *s, struct error *e);

/* Have bb-prove try to get out. False with an error that names the layer which does not hold. */
bool bottle_prove(struct bottle *b, const struct plan *p, const struct state *s, struct error *e);

/* Have the setup commands run, and the agent started. */
bool bottle_go(struct bottle *b, const struct plan *p, struct error *e);

/* Send one frame. */
bool bottle_say(struct bottle *b, enum frame_kind kind, struct slice payload, struct error *e);

/*
 * The next frame that has come whole; the caller drops it with bottle_drop. False, without an error, when there is
 * none yet; with one when the bottle has failed or broken off.
 */
bool bottle_next(struct bottle *b, struct frame *f, struct error *e);
void bottle_drop(struct bottle *b, const struct frame *f);

/* Close the streams. Idempotent. */
void bottle_end(struct bottle *b);

#endif
