/*
 * Ways out that are packets: straight to addresses, to resolvers, through the
 * proxy with a request that it must refuse.
 *
 * A packet that the kernel accepts has left, whether or not it is answered: an
 * attempt is refused only if the call says so. All attempts are under way at
 * the same time.
 */
#ifndef BB_PROVE_NETWORK_H
#define BB_PROVE_NETWORK_H

#include "probe.h"
#include "verdict.h"

#define NETWORK_MS 40 /* for a peer to show itself; in a bottle that holds no call waits */
#define PROXY_MS 10000 /* for all answers of the proxy, which may still be starting, on a busy machine */

/* Sockets that must not exist: raw, packet, vsock, netlink. */
void sockets_prove(const struct probe *p, struct verdict *v);

/* What /proc/net knows: interfaces, routes, listeners, named sockets. */
void neighbours_prove(const struct probe *p, struct verdict *v);

/* TCP and UDP to everything that must not be reachable. Blocks for at most NETWORK_MS. */
void network_prove(const struct probe *p, struct verdict *v);

/* Requests that the proxy must refuse. Blocks for at most PROXY_MS. */
void proxy_prove(const struct probe *p, struct verdict *v);

#endif
