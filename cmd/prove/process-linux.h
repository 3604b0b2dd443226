/*
 * What this process is and what it can see: identity, capabilities, namespaces,
 * other processes, descriptors, environment, limits.
 */
#ifndef BB_PROVE_PROCESS_H
#define BB_PROVE_PROCESS_H

#include "probe.h"
#include "verdict.h"

/* Ids, capabilities, no new privileges, seccomp, limits, set-id programs. Blocks for at most SETID_MS. */
#define SETID_MS 100
void privileges_prove(const struct probe *p, struct verdict *v);

/* The namespaces against those of the host. */
void namespaces_prove(const struct probe *p, struct verdict *v);

/* Other processes, process 1, inherited descriptors, the operator's terminal, variables, Landlock's scopes. */
void process_prove(const struct probe *p, struct verdict *v);

#endif
