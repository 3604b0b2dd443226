/*
 * SHA-256 of bytes, and SHA-1 where a protocol asks for it and nothing rests on it.
 *
 * digest_init keeps the library from reading its configuration file, so that a
 * digest touches nothing outside the process; call it first, in programs that
 * do not use the library for TLS. Pure otherwise; may be called after
 * confinement once one digest has been made. Source: FIPS 180-4.
 */
#ifndef BB_DIGEST_H
#define BB_DIGEST_H

#include <stdint.h>

#include "error.h"
#include "slice.h"

#define DIGEST_SIZE 32 /* bytes */
#define DIGEST_SHA1_SIZE 20
#define DIGEST_HEX  65 /* bytes of its text, NUL included */

void digest_init(void);

/* Digest of the parts as if they were written one after the other. */
void digest_sha256(const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE]);

/* The same with SHA-1, for WebSocket's handshake (RFC 6455 §4.2.2), which guards against mistakes only. */
void digest_sha1(const struct slice *parts, size_t n, uint8_t out[DIGEST_SHA1_SIZE]);

/* Digest of one text, in lower-case hexadecimal. */
void digest_text(struct slice text, char out[DIGEST_HEX]);

/* The same of a whole file that is not empty; path is for the error. Blocks on the disk. */
bool digest_file(int fd, const char *path, char out[DIGEST_HEX], struct error *e);

#endif
