/*
 * What is put into the agent's container: our programs, prompt, skills, the
 * provider's files, git configuration, the workspace; later the certificates.
 *
 * Everything goes as one archive over the engine's API, so that nothing of the
 * host is mounted. The agent's writes stay in the container.
 */
#ifndef BB_LAUNCH_PROVISION_H
#define BB_LAUNCH_PROVISION_H

#include "cmd/launch-native/plan.h"
#include "engine.h"
#include "state.h"

/* Where our programs are inside. */
#define PROVISION_PROGRAMS "/opt/bot-bottle"

/* Into a container that is made but not started. One that is restored has its workspace. */
bool provision(struct engine *en, const char *container, const char *programs, const struct plan *p, bool restored,
	       struct error *e);

/* Certificates, into a running one: the host's roots and the CA that the bottle's proxy has just made. */
bool provision_trust(struct engine *en, const char *container, const struct plan *p, const struct state *s,
		     struct error *e);

/* What bb-prove is told; the caller releases it. */
struct doc *provision_probe(const struct plan *p, const struct state *s);

/* A file without a name, to write an archive to. Returns -1 with an error. */
int provision_file(struct error *e);

#endif
