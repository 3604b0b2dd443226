/*
 * Which system calls the agent may not make.
 *
 * A coding agent runs compilers, package managers and test suites: the filter
 * lists what is denied, not what is allowed, and answers with an error instead of
 * a kill, so that programs fall back as on an older kernel. What is denied are the
 * calls that make or enter namespaces, mount, trace, load code into the kernel,
 * change the clock or the machine, or open parts of the kernel that a tool has no
 * use for. Calls newer than this list are answered ENOSYS.
 *
 * Arguments that the kernel reads as 32 bits are compared as 32 bits, so that
 * rubbish in the upper half passes no rule by.
 *
 * Sources: seccomp(2), seccomp_rule_add(3), the manual pages of the calls.
 */
#ifndef BB_LAUNCH_FILTER_H
#define BB_LAUNCH_FILTER_H

#include "error.h"

struct filter;

/* Prepare the filter in memory: the slow part. NULL with an error. */
struct filter *filter_make(struct error *e);
/* Put it in force for this process and all that it starts, for good. Needs no_new_privs. Releases it. */
bool filter_load(struct filter *f, struct error *e);

#endif
