#include "resolve.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "alloc.h"

struct query {
	struct resolver *resolver;
	uint32_t token;
};

/* An answer that waits to be taken. */
struct waiting {
	struct waiting *next;
	struct resolve_answer answer;
};

struct resolver {
	ares_channel channel;
	struct loop *loop;
	uint8_t type;
	struct waiting *first, **last;
	size_t running; /* queries without an answer */
};

const char *const resolver_paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", NULL };

const struct confine_call resolver_calls[] = {
	{ __NR_socket, 0, ~(uint64_t)0, AF_INET },
	{ __NR_socket, 0, ~(uint64_t)0, AF_INET6 },
	CONFINE_ALLOW(__NR_connect),
	CONFINE_ALLOW(__NR_recvfrom),
	CONFINE_ALLOW(__NR_sendto),
	CONFINE_ALLOW(__NR_writev),
	CONFINE_ALLOW(__NR_getsockname),
	CONFINE_ALLOW(__NR_fcntl),
	CONFINE_ALLOW(__NR_ioctl),
	CONFINE_ALLOW(__NR_setsockopt),
	CONFINE_ALLOW(__NR_openat),
	CONFINE_ALLOW(__NR_read),
	CONFINE_ALLOW(__NR_lseek),
	CONFINE_ALLOW(__NR_newfstatat),
	CONFINE_ALLOW(__NR_fstat),
	CONFINE_END,
};

/* c-ares wants a socket watched, watched otherwise, or not any more. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = context;
	struct loop_ref ref = { r->type, 0, (uint32_t)fd };
	unsigned want = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);
	struct error ignored = ERROR_INIT;

	if (!want)
		loop_remove(r->loop, fd);
	else if (!loop_change(r->loop, fd, want, ref, &ignored))
		loop_add(r->loop, fd, want, ref, &ignored); /* failing that, the query times out */
}

struct resolver *resolver_new(struct loop *l, uint8_t type, struct error *e)
{
	struct resolver *r = alloc_zero(1, sizeof(*r));
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = RESOLVE_TIMEOUT,
		.tries = RESOLVE_TRIES,
		.ndots = 0,
		.domains = NULL,
		.ndomains = 0,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
		   ARES_OPT_SOCK_STATE_CB;
	int status;

	r->loop = l;
	r->type = type;
	r->last = &r->first;
	status = ares_library_init(ARES_LIB_INIT_ALL);
	if (status == ARES_SUCCESS)
		status = ares_init_options(&r->channel, &options, mask);
	if (status == ARES_SUCCESS)
		return r;
	error_set(e, STATUS_WORLD, "unable to start resolving names: %s", ares_strerror(status));
	free(r);
	return NULL;
}

void resolver_release(struct resolver *r)
{
	struct resolve_answer unused;

	if (!r)
		return;
	ares_destroy(r->channel);
	while (resolver_next(r, &unused))
		continue;
	ares_library_cleanup();
	free(r);
}

/* Copy the addresses that we know how to dial. */
static void take_addresses(struct resolve_answer *a, const struct ares_addrinfo *info)
{
	for (const struct ares_addrinfo_node *n = info->nodes; n && a->count < RESOLVE_ADDRESSES_MAX; n = n->ai_next) {
		if ((n->ai_family != AF_INET && n->ai_family != AF_INET6) || n->ai_addrlen > sizeof(a->addresses[0]))
			continue;
		memcpy(&a->addresses[a->count++], n->ai_addr, n->ai_addrlen);
	}
}

/* A query has ended: queue its answer. */
static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
	struct query *q = context;
	struct waiting *w = alloc_zero(1, sizeof(*w));

	(void)timeouts;
	w->answer.token = q->token;
	if (status == ARES_SUCCESS && info)
		take_addresses(&w->answer, info);
	if (w->answer.count == 0)
		w->answer.failure = status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);
	if (info)
		ares_freeaddrinfo(info);
	*q->resolver->last = w;
	q->resolver->last = &w->next;
	q->resolver->running--;
	free(q);
}

void resolver_ask(struct resolver *r, const char *host, uint16_t port, uint32_t token)
{
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NUMERICSERV | ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct query *q = alloc_zero(1, sizeof(*q));
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	q->resolver = r;
	q->token = token;
	r->running++;
	ares_getaddrinfo(r->channel, host, service, &hints, on_answer, q);
}

void resolver_event(struct resolver *r, const struct loop_event *event)
{
	ares_socket_t fd = (ares_socket_t)event->ref.index;
	bool failed = event->ready & LOOP_HANGUP;

	ares_process_fd(r->channel, event->ready & LOOP_READ || failed ? fd : ARES_SOCKET_BAD,
			event->ready & LOOP_WRITE || failed ? fd : ARES_SOCKET_BAD);
}

int64_t resolver_deadline(struct resolver *r, int64_t now)
{
	struct timeval left;

	if (!r->running || !ares_timeout(r->channel, NULL, &left))
		return -1;
	return now + (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
}

void resolver_tick(struct resolver *r)
{
	if (r->running)
		ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

bool resolver_next(struct resolver *r, struct resolve_answer *answer)
{
	struct waiting *w = r->first;

	if (!w)
		return false;
	*answer = w->answer;
	r->first = w->next;
	if (!r->first)
		r->last = &r->first;
	free(w);
	return true;
}
