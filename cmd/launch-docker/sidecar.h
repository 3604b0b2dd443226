/*
 * The sidecar's container, seen from the launcher: bb-sidecar as its process 1,
 * as an ordinary user, on a read-only root, with the bottle's state directory and
 * nothing else of the host's.
 *
 * Document and secrets go in on its standard input, which is open for as long as
 * the launcher lives; what it writes is the log.
 */
#ifndef BB_LAUNCH_SIDECAR_H
#define BB_LAUNCH_SIDECAR_H

#include "audit.h"
#include "cmd/launch-native/plan.h"
#include "secret.h"
#include "state.h"
#include "stream.h"

#define SIDECAR_READY_MS 30000 /* for all daemons; each has 20 s of its own */
#define SIDECAR_END_MS 10000   /* from the end of its input to force: it gives its daemons 8 s */
#define SIDECAR_PIDS 512       /* processes: the daemons have a dozen, git in the gate a few for each push */
#define SIDECAR_MEMORY (1ll << 30) /* bytes: the gate's git repacks what is pushed */
#define SIDECAR_USER 65532u    /* who it is when the operator is root */

struct sidecar {
	struct stream stream;
	int log;       /* the file */
	struct audit *audit; /* where the daemons' decisions are recorded; NULL: nowhere */
	int starting;        /* what container_start_ask gave; -1: the answer is there */
	bool started;        /* its process 1 may run: it is worth waiting for its end */
	bool ready;
	char last[512]; /* the last words that it wrote to standard error */
};

#define SIDECAR_INIT { STREAM_INIT, -1, NULL, -1, false, false, "" }

/* Who the sidecar is: the operator, or SIDECAR_USER for root. */
unsigned sidecar_uid(void);

/* Make it, attach, and ask for its start. image is what it runs. */
bool sidecar_start(struct sidecar *s, struct engine *en, const char *image, const struct plan *p,
		   const struct state *state, struct error *e);

/* It has started: hand over document and secrets. */
bool sidecar_deliver(struct sidecar *s, struct engine *en, const struct plan *p, const struct secret_set *secrets,
		     struct error *e);

/* Wait until all daemons are ready. Blocks, bounded. */
bool sidecar_wait(struct sidecar *s, struct error *e);

/*
 * Take what it has written: into the log, and the daemons' decisions into the audit log, which the sidecar itself has
 * no access to. False with an error when it has ended, or when that cannot be written.
 */
bool sidecar_hear(struct sidecar *s, struct error *e);

/* Let it end by itself, in its time. Idempotent. Blocks, bounded. */
void sidecar_end(struct sidecar *s);

#endif
