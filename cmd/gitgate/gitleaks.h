/*
 * gitleaks as a second opinion, where the manifest asks for it (git-gate.scanner).
 *
 * What a push adds is laid out by a confined process ("unpack"), each object a file
 * named by its id and nothing by a name of the bottle's: so nothing in the pushed
 * tree is a configuration, an ignore file or an exception to gitleaks. It runs in
 * the jail with an empty configuration of its own and no environment; its report is
 * read by the judge.
 */
#ifndef BB_GITGATE_GITLEAKS_H
#define BB_GITGATE_GITLEAKS_H

#include "gate.h"

/* Its path, looked for in PATH; NULL with an error that says what to do. The caller frees it. */
char *gitleaks_find(struct error *e);

/*
 * Have it look at the objects of a request (verdict.h), whose fresh ones are in judged. Blocks. Returns a descriptor of
 * its report, -1 with an error; *leaks says whether it claims to have found anything.
 */
int gitleaks_run(const struct gate *g, const char *judged, const struct doc *request, bool *leaks, struct error *e);

/* The verb: unpack DIR, a "push" document on standard input. Returns the exit status. */
int unpack_main(int argc, char **argv);

#endif
