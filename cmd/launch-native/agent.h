/*
 * Starting things in the finished bottle, as the agent's user, with the agent's
 * environment: bb-prove, setup commands, the agent itself.
 */
#ifndef BB_LAUNCH_AGENT_H
#define BB_LAUNCH_AGENT_H

#include <sys/types.h>

#include "plan.h"
#include "secret.h"

#define SETUP_OUTPUT_MAX 65536 /* bytes of a setup command's output that are read */
#define SETUP_MS 120000        /* for one setup command, which may install something; then it is killed */

struct agent {
	const struct plan *plan;
	char **env;   /* ended by NULL; owned */
	int landlock; /* ruleset for everything that is started; owned, 0 or -1: none */
};

/* Make the environment from the plan and the secrets that it names. */
bool agent_prepare(struct agent *a, const struct secret_set *secrets, struct error *e);
void agent_release(struct agent *a);

/*
 * Start the agent with terminal (-1: none, and stdio's three descriptors instead). Returns its pid, which is
 * also that of its process group, or -1 with an error.
 */
pid_t agent_start(const struct agent *a, int terminal, const int stdio[3], struct error *e);

/*
 * Run a command to its end, or to SETUP_MS, with its output collected; children is a signalfd for SIGCHLD. What it
 * leaves in the background is not waited for. Returns its exit code or -1. Blocks.
 */
int agent_run(const struct agent *a, const struct doc *argv, int children, struct buf *output, struct error *e);

/* Run bb-prove with a document to read and a descriptor for its verdict; returns its exit code or -1. Blocks. */
int agent_prove(const struct agent *a, const char *program, int probe, int verdict, struct error *e);

#endif
