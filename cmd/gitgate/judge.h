/*
 * The judge: reads every object that a push adds, and says what is wrong with it.
 *
 * Nothing is taken from the pushed tree: no configuration, no ignore file. What
 * cannot be read, or is beyond a limit, is a problem like a secret is.
 */
#ifndef BB_GITGATE_JUDGE_H
#define BB_GITGATE_JUDGE_H

#include "fingerprint.h"
#include "verdict.h"

/*
 * Judge a request; the verdict's document, or NULL with an error. Before it, judge_open; it may be called after
 * confinement.
 */
struct judge;
/*
 * known: fingerprints of known secrets (known.h), or NULL; owned once it has returned. walk: what is new is found by
 * walking.
 */
struct judge *judge_open(const struct push_request *r, bool walk, struct fingerprints *known, struct error *e);
void judge_release(struct judge *j);
struct doc *judge_run(struct judge *j, struct error *e);

/* Look at the report of gitleaks as well: a view, valid until judge_run is done. */
void judge_report(struct judge *j, const struct doc *report);

#define JUDGE_REPORT 4 /* descriptor of the report of gitleaks, where the request says that there is one */
#define JUDGE_KNOWN 3 /* descriptor on which it finds the fingerprints of what may not be pushed */

/* The verb: judge, a "push" document on standard input, a "verdict" on standard output. */
int judge_main(int argc, char **argv);
/* The verb: check [--rules FILE] [policy options] REPO OLD NEW REF. */
int check_main(int argc, char **argv);

#endif
