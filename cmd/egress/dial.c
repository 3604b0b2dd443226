/*
 * From a place to an open connection: a kept one, an address as such, or a name that is resolved, judged and dialled.
 */
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
static bool judge_addresses(const struct route *route, const char *host, const struct sockaddr_storage *list,
			    size_t count, struct refusal *no)
{
	for (size_t i = 0; i < count; i++) {
		struct address_verdict v = address_judge((const struct sockaddr *)&list[i], address_len(&list[i]));

		if (!address_permitted(v, route->allow_private))
			return refuse(no, 403, "address", "'%s' is at a %s address, which is refused%s", host, v.range,
				      v.class == ADDRESS_PRIVATE ? "; 'allow_private' of its route would permit it"
								 : "");
	}
	return true;
}

bool dial_judge_literal(const struct route *route, const struct authority *a, struct refusal *no)
{
	struct sockaddr_storage address;

	return route->has_connect || a->kind == HOST_NAME || !literal_address(a, &address) ||
	       judge_addresses(route, a->host, &address, 1, no);
}

const struct proxy *dial_proxy(const struct upstream *u, const struct route *route)
{
	return u->options.proxy && !route->has_connect ? &u->proxy : NULL;
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
	const struct proxy *proxy = dial_proxy(u, policy_route(j->place.rules->policy, j->place.route));
	struct refusal no;

	if (j->addresses->next < j->addresses->count) {
		try_next(u, j);
		return;
	}
	if (proxy)
		refuse(&no, status, "upstream-proxy", "unable to reach the proxy on the way to '%s': %s",
		       j->place.authority.host, why);
	else
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
	if (dial_proxy(u, route) ? !dial_judge_literal(route, &j->place.authority, &no) : !route->has_connect &&
	    !judge_addresses(route, j->place.authority.host, j->addresses->list, j->addresses->count, &no))
		job_fail(u, j, &no);
	else
		try_next(u, j);
}

void dial_start(struct upstream *u, struct job *j, bool fresh)
{
	const struct route *route = policy_route(j->place.rules->policy, j->place.route);
	const struct proxy *proxy = dial_proxy(u, route);
	struct authority to = route->has_connect ? route->connect : proxy ? proxy->at : j->place.authority;

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
	const struct proxy *proxy;
	struct refusal no;

	if (j->state != JOB_RESOLVING || j->stream != answer->token)
		return;
	proxy = dial_proxy(u, policy_route(j->place.rules->policy, j->place.route));
	if (answer->failure) {
		refuse(&no, 502, proxy ? "upstream-proxy" : "resolve", "unable to resolve %s'%s': %s",
		       proxy ? "the upstream proxy " : "", proxy ? proxy->at.host : j->place.authority.host,
		       answer->failure);
		job_fail(u, j, &no);
		return;
	}
	j->addresses->count = answer->count;
	memcpy(j->addresses->list, answer->addresses, answer->count * sizeof(answer->addresses[0]));
	dial_addresses(u, j);
}

/* --- another proxy on the way --- */

/* Send it the question. False when it is gone. */
static bool write_ask(struct origin *o)
{
	while (o->ask_at < o->ask.len) {
		ssize_t n = tls_write(&o->tls, o->ask.ptr + o->ask_at, o->ask.len - o->ask_at);

		if (n < 0)
			return n == LINK_WAIT;
		o->ask_at += (size_t)n;
	}
	return true;
}

/* Its answer, if that is whole. Behind a yes there is nothing yet: the origin waits for us. */
static void take_answer(struct upstream *u, struct origin *o)
{
	const char *host = o->place.authority.host;
	struct http_head h;
	struct refusal no;
	size_t consumed;
	const char *why;

	switch (http_parse_response(buf_slice(&o->in), &o->scanned, true, &h, &consumed, &why)) {
	case HTTP_MORE:
		return;
	case HTTP_BAD:
		refuse(&no, 502, "upstream-proxy", "the upstream proxy's answer for '%s' is malformed: %s", host, why);
		job_fail(u, o->job, &no);
		return;
	case HTTP_DONE:
		break;
	}
	if (h.status < 200 || h.status > 299) {
		refuse(&no, 502, "upstream-proxy", "the upstream proxy does not connect to '%s': it says %u", host,
		       h.status);
		job_fail(u, o->job, &no);
	} else if (consumed != o->in.len) {
		refuse(&no, 502, "upstream-proxy", "the upstream proxy's answer for '%s' goes on behind its end", host);
		job_fail(u, o->job, &no);
	} else {
		o->scanned = 0;
		buf_release(&o->in);
		buf_wipe(&o->ask);
		origin_begin(u, o);
	}
}

void dial_ask(struct upstream *u, struct origin *o)
{
	ssize_t n = LINK_ERROR;

	if (write_ask(o)) {
		buf_reserve(&o->in, HTTP_HEAD_MAX - o->in.len);
		n = tls_read(&o->tls, o->in.ptr + o->in.len, HTTP_HEAD_MAX - o->in.len);
	}
	if (n > 0) {
		o->in.len += (size_t)n;
		o->in.ptr[o->in.len] = '\0';
		origin_touch(u, o); /* there may be more */
		take_answer(u, o);
	} else if (n != LINK_WAIT) {
		job_fail_with(u, o->job, 502, "upstream-proxy",
			      "the upstream proxy closed the connection without an answer");
	}
}
