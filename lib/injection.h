/*
 * Instructions hidden in what an agent reads: a naive detector of the phrases that
 * such texts are made of.
 *
 * A rule file (rules/injection.yaml, in the keys of rules.h) lists phrases. The
 * first word of a rule's id is its kind:
 *
 *	jailbreak-…	tells a model to leave its task, its rules or its role: 2 points
 *	hint-…		what such texts say as well, and others too: 1 point
 *	disclosure-…	tells to hand something out
 *	credential-…	names something that is worth it
 *
 * Each rule counts once within INJECTION_FAR bytes, a page. INJECTION_BLOCKS points
 * block: two jailbreaks, or one and two hints. INJECTION_WARNS points warn. So does
 * a disclosure; with a credential within INJECTION_NEAR bytes it blocks. A credential
 * alone is nothing. What it cannot see is what no phrase gives away.
 *
 * The text is looked at as it reads (normal.h), in every view that opens when its
 * encodings are taken off (decode.h), cut into words (words.h). Phrases are matched
 * against that, and are themselves read the same way beyond ASCII.
 *
 * A struct injection is a stream: the verdict is the same for every way of cutting
 * it, and only rises. Nothing blocks; feeding may be done after confinement, and by
 * one thread at a time for all streams of the same rules.
 */
#ifndef BB_INJECTION_H
#define BB_INJECTION_H

#include "rules.h"

#define INJECTION_NEAR 200        /* bytes between a credential and its disclosure: two sentences */
#define INJECTION_FAR 2000        /* bytes between two phrases of one attempt: a page */
#define INJECTION_WARNS 2         /* points: one phrase that is hardly said for another reason */
#define INJECTION_BLOCKS 4        /* points: two of them */
#define INJECTION_RULES_MAX 512   /* phrases of one set */

enum injection_verdict { INJECTION_PASS, INJECTION_WARN, INJECTION_BLOCK };

struct injection;

/* Add the phrases of a file's text to a set, as rules_load does. False with problems, also for an id of no kind. */
bool injection_load(struct rules *rules, struct slice yaml, const char *file, struct problems *problems);

/* The set must be built and outlive the stream. Reused for another one after injection_reset. */
struct injection *injection_new(const struct rules *rules);
void injection_release(struct injection *i);
void injection_reset(struct injection *i);

/* Add bytes; end the stream. The verdict on all of it so far. */
enum injection_verdict injection_feed(struct injection *i, struct slice bytes);
enum injection_verdict injection_finish(struct injection *i);

/* Ids of the rules that decided it, "a, b, c"; "" with a pass. Valid until the next call. */
const char *injection_names(const struct injection *i);

#endif
