/* From a place to an open connection: a kept one, an address as such, or a name that is resolved, judged and dialled. */
#include "upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "alloc.h"

/* Length of an address of its family. */
static socklen_t address_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* The address that a literal names. */
static bool literal_address(const struct authority *a, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ 0 };
	if (a->kind == HOST_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(a->port);
		return address_parse_v4(slice_str(a->host), &v4->sin_addr);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(a->port);
	return address_parse_v6(slice_str(a->host), &v6->sin6_addr);
}

/*
 * Judge every address of a name. One that is refused refuses them all: a name
 * with a public and a private address is a trick or a mistake.
 */
static bool judge_addresses(const struct route *route, const char *host, const struct sockaddr_storage *list, size_t count,
			    struct refusal *no)
{
	for (size_t i = 0; i < count; i++) {
		struct address_verdict v = address_judge((const struct sockaddr *)&list[i], address_len(&list[i]));

		if (!address_permitted(v, route->allow_private))
			return refuse(no, 403, "address", "'%s' is at a %s address, which is refused%s", host, v.range,
				      v.class == ADDRESS_PRIVATE ? "; 'allow_private' of its route would permit it" : "");
	}
	return true;
}

bool dial_judge_literal(const struct route *route, const struct authority *a, struct refusal *no)
{
	struct sockaddr_storage address;

	return route->has_connect || a->kind == HOST_NAME || !literal_address(a, &address) ||
	       judge_addresses(route, a->host, &address, 1, no);
}

/* Try the next address; when one cannot be tried at all, the one after it. */
static void try_next(struct upstream *u, struct job *j)
{
	const char *why = "it has no address";

	while (j->addresses->next < j->addresses->count) {
		if (origin_dial(u, j, &j->addresses->list[j->addresses->next++]))
			return;
		why = strerror(errno);
	}
	dial_next(u, j, 502, why);
}

void dial_next(struct upstream *u, struct job *j, unsigned status, const char *why)
{
	struct refusal no;

	if (j->addresses->next < j->addresses->count) {
		try_next(u, j);
		return;
	}
	refuse(&no, status, "connect", "unable to reach '%s' port %u: %s", j->place.authority.host,
	       j->place.authority.port, why);
	job_fail(u, j, &no);
}

/* The addresses are known: judge them unless the operator chose the place, and dial. */
static void dial_addresses(struct upstream *u, struct job *j)
{
	const struct route *route = policy_route(j->place.rules->policy, j->place.route);
	struct refusal no;

	j->state = JOB_DIALING;
	if (!route->has_connect &&
	    !judge_addresses(route, j->place.authority.host, j->addresses->list, j->addresses->count, &no))
		job_fail(u, j, &no);
	else
		try_next(u, j);
}

void dial_start(struct upstream *u, struct job *j, bool fresh)
{
	const struct route *route = policy_route(j->place.rules->policy, j->place.route);
	struct authority to = route->has_connect ? route->connect : j->place.authority;

	if (!fresh && origin_reuse(u, j))
		return;
	if (!to.port)
		to.port = j->place.authority.port;
	upstream_deadline(u, &j->deadline, CONNECT_TIME);
	free(j->addresses);
	j->addresses = alloc_zero(1, sizeof(*j->addresses));
	j->state = JOB_RESOLVING;
	if (to.kind == HOST_NAME) {
		resolver_ask(u->resolver, to.host, to.port, j->stream);
		return;
	}
	j->addresses->count = literal_address(&to, &j->addresses->list[0]) ? 1 : 0;
	dial_addresses(u, j);
}

void dial_answer(struct upstream *u, const struct resolve_answer *answer)
{
	struct job *j = &u->jobs[stream_slot(answer->token)];
	struct refusal no;

	if (j->state != JOB_RESOLVING || j->stream != answer->token)
		return;
	if (answer->failure) {
		refuse(&no, 502, "resolve", "unable to resolve '%s': %s", j->place.authority.host, answer->failure);
		job_fail(u, j, &no);
		return;
	}
	j->addresses->count = answer->count;
	memcpy(j->addresses->list, answer->addresses, answer->count * sizeof(answer->addresses[0]));
	dial_addresses(u, j);
}
