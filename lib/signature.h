/*
 * Signatures of an operator: Ed25519 keys and what they sign.
 *
 * A key is private (signs and checks) or public (checks only). On disk both are
 * PEM as openssl(1) reads and writes it. A signature is text: 64 bytes in base64.
 *
 * Life: signature_make, signature_load or signature_load_public; any number of
 * signature_sign and signature_check; signature_release, which wipes. Nothing here
 * blocks; everything may be called after confinement. Source: RFC 8032, RFC 8410.
 */
#ifndef BB_SIGNATURE_H
#define BB_SIGNATURE_H

#include "buf.h"
#include "error.h"

#define SIGNATURE_TEXT 88 /* characters of a signature */

struct signature_key;

/* A new private key. NULL on failure. */
struct signature_key *signature_make(struct error *e);
/* Read a private or a public key; one of another kind is an error. NULL on failure. */
struct signature_key *signature_load(struct slice pem, struct error *e);
struct signature_key *signature_load_public(struct slice pem, struct error *e);
void signature_release(struct signature_key *k);

/* Append the private key (release the buf with buf_wipe) or the public one. */
void signature_store(const struct signature_key *k, struct buf *pem);
void signature_store_public(const struct signature_key *k, struct buf *pem);

/* Append the signature of bytes. k must be private. */
void signature_sign(const struct signature_key *k, struct slice bytes, struct buf *text);
/* Is text the signature of bytes? Only the one way to write it in base64 is. */
bool signature_check(const struct signature_key *k, struct slice bytes, struct slice text);

#endif
