/*
 * Addresses of names, without waiting.
 *
 * A resolver asks the system's name servers (and its hosts file) for the IPv4
 * and IPv6 addresses of exactly the name given: no search list, no alias file.
 * Queries run side by side; each carries the caller's token, with which its
 * answer comes back from resolver_next. An answer to a question that no longer
 * interests its asker is recognised by its token.
 *
 * The resolver watches its own sockets in the caller's loop under a type of
 * reference that the caller gives it; the caller hands events of that type to
 * resolver_event and calls resolver_tick when resolver_deadline has come.
 *
 * Nothing blocks. After confinement the paths of resolver_paths must be readable
 * and the calls of resolver_calls allowed. The only file that includes c-ares.
 */
#ifndef BB_RESOLVE_H
#define BB_RESOLVE_H

#include <sys/socket.h>

#include "confine.h"
#include "loop.h"

#define RESOLVE_ADDRESSES_MAX 16 /* addresses of one name that are looked at */
#define RESOLVE_TIMEOUT 2000     /* milliseconds for the first try of a query; later tries take longer */
#define RESOLVE_TRIES 3

struct resolver;

struct resolve_answer {
	uint32_t token;
	const char *failure; /* why there is no address, in words; NULL when there is one */
	size_t count;
	struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
};

/* Make a resolver that watches its sockets in l as references of this type. NULL on failure. */
struct resolver *resolver_new(struct loop *l, uint8_t type, struct error *e);
void resolver_release(struct resolver *r);

/* Ask for host; the addresses come back with this port. */
void resolver_ask(struct resolver *r, const char *host, uint16_t port, uint32_t token);

void resolver_event(struct resolver *r, const struct loop_event *event);

/* When resolver_tick wants to be called, in the loop's milliseconds; -1: not at all. */
int64_t resolver_deadline(struct resolver *r, int64_t now);
void resolver_tick(struct resolver *r);

/* Take one answer; false when there is none. */
bool resolver_next(struct resolver *r, struct resolve_answer *answer);

extern const char *const resolver_paths[];
extern const struct confine_call resolver_calls[];

#endif
