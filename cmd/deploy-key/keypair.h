/*
 * A key pair for ssh: made here, so that the private half is never in a file.
 *
 * The private key is in OpenSSH's own format, without a passphrase. Neither blocks.
 * Sources: openssh's PROTOCOL.key; RFC 4253 §6.6; RFC 8709.
 */
#ifndef BB_DEPLOY_KEY_KEYPAIR_H
#define BB_DEPLOY_KEY_KEYPAIR_H

#include "buf.h"
#include "error.h"

/* Make an ed25519 key. Release private with buf_wipe; public is "ssh-ed25519 BASE64", without a newline. */
bool keypair_make(struct buf *private, struct buf *public, struct error *e);

#endif
