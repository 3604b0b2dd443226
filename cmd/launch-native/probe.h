/*
 * What bb-prove is told to try, as far as the plan and the host say it, and what
 * follows from its verdict. A verdict that is not there, not well-formed or not a
 * yes is a no.
 */
#ifndef BB_LAUNCH_PROBE_H
#define BB_LAUNCH_PROBE_H

#include "document.h"
#include "plan.h"

/*
 * The probe document of a bottle whose services listen on its loopback interface: all but the paths and namespaces,
 * which are the backend's to add. The caller releases it.
 */
struct doc *probe_new(const struct plan *p, const char *backend);

/* What a verdict and an exit code mean together. False with an error that names the layer which does not hold. */
bool probe_judge(struct slice text, int code, struct error *e);

#endif
