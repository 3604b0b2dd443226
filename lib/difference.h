/*
 * What changes when one set of routes takes the place of another, in words, with
 * a request for each that shows it.
 *
 * Whether a request passes is asked of the policy (policy.h), which decides for
 * bb-egress as well; so "allows" and "takes away" are only said with a request that
 * the one policy refuses and the other lets through. A rule for which no such request
 * was found is said to be "may allow", unless it is plain from how the rules are written
 * that it lets nothing more through (then it is told without a claim): so whatever comes
 * to pass is named by some change that grants. What is not a matter of
 * passing or not (credentials, detectors, where it goes) is compared as written.
 *
 * When nothing is said, every request is decided alike and treated alike.
 *
 * Pure. Texts are escaped (escape.h).
 */
#ifndef BB_DIFFERENCE_H
#define BB_DIFFERENCE_H

#include "policy.h"

/* changes that are told; the rest is counted: nobody reads more, and each costs time to show */
#define DIFFERENCE_MAX 200
/* requests that are tried to show that a port or git is open: a proposal may have thousands of rules */
#define DIFFERENCE_TRIES 100

enum change_kind {
	CHANGE_GRANTS, /* a request passes that did not, or something watches it less */
	CHANGE_TAKES,  /* the reverse */
	CHANGE_OTHER,  /* neither, or not shown to be */
};

struct change {
	enum change_kind kind;
	char *text;
	char *request; /* a head as a proxy gets it, which is decided otherwise by the two; NULL: none */
};

struct difference {
	struct change *list;
	size_t count;
	size_t untold;
};

#define DIFFERENCE_INIT { NULL, 0, 0 }
#define AUTO_DIFFERENCE __attribute__((cleanup(difference_release))) struct difference
void difference_release(struct difference *d);

/* Compare. */
void difference_find(struct difference *d, const struct policy *before, const struct policy *after);

/* Does a policy let the request with this head through? */
bool difference_decide(const struct policy *p, struct slice request);

/* Append the changes as lines, each with its example on the line below. */
void difference_format(const struct difference *d, struct buf *out);

#endif
