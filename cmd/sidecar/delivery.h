/*
 * What reaches a sidecar in a container: the document and the secrets on its
 * standard input, and its listening sockets through a door.
 *
 * The input is two netstrings, the document and the secrets, which themselves are
 * pairs of netstrings (secret.h); after them it stays open for as long as the
 * sidecar is wanted. Nothing of it is in the container's description.
 *
 * The door is a Unix socket in a directory that the sidecar shares with the
 * agent's container. The first who connects hands over sockets that listen in the
 * agent's network namespace; then the door is gone.
 *
 * Both block, the door until someone comes or the lifeline ends.
 */
#ifndef BB_SIDECAR_DELIVERY_H
#define BB_SIDECAR_DELIVERY_H

#include <stddef.h>

#include "error.h"

#define DELIVERY_DOCUMENT_MAX (64u << 20) /* bytes of the document (document.h) */
#define DELIVERY_SECRETS_MAX (24u << 20)  /* bytes of all secrets: more than SECRET_COUNT_MAX of SECRET_VALUE_MAX */
#define DOOR_SECONDS 10                   /* from the connection to the sockets */

/* Read both from a descriptor into memory files of their own, close-on-exec. */
bool delivery_read(int from, int *document, int *secrets, struct error *e);

/* Wait at the path for count sockets, in the document's order. */
bool door_receive(const char *path, int lifeline, int *fds, size_t count, struct error *e);

#endif
