/*
 * A text that a regular expression may match: for examples.
 *
 * Follows the first alternative of everything: literals, classes, groups,
 * repetitions. What it does not understand (assertions, back references) it takes
 * literally, so whoever asks has to try whether the text does match. Pure.
 */
#ifndef BB_SAMPLE_H
#define BB_SAMPLE_H

#include "buf.h"

#define SAMPLE_MAX   1024 /* bytes of a text; longer ones are cut, and then do not match */
#define SAMPLE_DEPTH 32   /* groups inside each other that are followed */

void sample_regex(struct slice pattern, struct buf *out);

#endif
