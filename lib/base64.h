/*
 * Base64 with padding, as HTTP's Basic scheme and logs want it.
 * Pure; may be called after confinement. Source: RFC 4648 §4.
 */
#ifndef BB_BASE64_H
#define BB_BASE64_H

#include "buf.h"

/* Append bytes encoded; four characters for each three bytes. */
void base64_encode(struct buf *out, struct slice bytes);

#endif
