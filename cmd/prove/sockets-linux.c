#include "network-linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "attempt-linux.h"

#define HIGH_BIT (1UL << 32) /* the kernel looks at 32 bits of each argument, a careless filter at 64 */

/*
 * Make a socket by the raw call, so that arguments reach the filter as they are.
 * A kernel without such a socket and a filter that answers like one are the same.
 */
static int make(unsigned long family, unsigned long type, unsigned long protocol)
{
	long fd = syscall(SYS_socket, family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
		return ATTEMPT_ABSENT;
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static int try_raw4(const struct probe *p)
{
	(void)p;
	return make(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int try_raw6(const struct probe *p)
{
	(void)p;
	return make(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}

static int try_packet(const struct probe *p)
{
	(void)p;
	return make(AF_PACKET, SOCK_RAW, 0);
}

static int try_packet_high(const struct probe *p)
{
	(void)p;
	return make(HIGH_BIT | AF_PACKET, SOCK_DGRAM, 0);
}

static int try_vsock(const struct probe *p)
{
	(void)p;
	return make(AF_VSOCK, SOCK_STREAM, 0);
}

static int try_vsock_high(const struct probe *p)
{
	(void)p;
	return make(HIGH_BIT | AF_VSOCK, SOCK_STREAM, 0);
}

static int try_alg(const struct probe *p)
{
	(void)p;
	return make(AF_ALG, SOCK_SEQPACKET, 0);
}

static int try_uevent(const struct probe *p)
{
	(void)p;
	return make(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
}

static int try_uevent_high(const struct probe *p)
{
	(void)p;
	return make(AF_NETLINK, SOCK_RAW, HIGH_BIT | NETLINK_KOBJECT_UEVENT);
}

static int try_netfilter(const struct probe *p)
{
	(void)p;
	return make(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}

static int try_diag(const struct probe *p)
{
	(void)p;
	return make(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
}

static const struct attempt attempts[] = {
	{ CHECK_RAW, "a raw IPv4 socket", try_raw4, 0, false },
	{ CHECK_RAW, "a raw IPv6 socket", try_raw6, 0, false },
	{ CHECK_RAW, "a packet socket", try_packet, 0, false },
	{ CHECK_RAW, "a packet socket, high bits set", try_packet_high, 0, false },
	{ CHECK_VSOCK, "a vsock socket", try_vsock, 0, false },
	{ CHECK_VSOCK, "a vsock socket, high bits set", try_vsock_high, 0, false },
	{ CHECK_VSOCK, "a kernel crypto socket", try_alg, 0, false },
	{ CHECK_NETLINK, "a uevent netlink socket", try_uevent, 0, false },
	{ CHECK_NETLINK, "a uevent netlink socket, high bits set", try_uevent_high, 0, false },
	{ CHECK_NETLINK, "a netfilter netlink socket", try_netfilter, 0, false },
	{ CHECK_NETLINK, "a socket-diagnosis netlink socket", try_diag, 0, false },
};

void sockets_prove(const struct probe *p, struct verdict *v)
{
	attempt_run(attempts, COUNT_OF(attempts), p, v);
}
