#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"

#define REFUSED_AT_ONCE 64 /* so that a flood of connections does not keep the sidecar from its other work */

bool listener_check(int fd, const char *name, struct error *e)
{
	socklen_t len = sizeof(int);
	int listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return error_set(e, STATUS_CALLER, "the listener '%s' (descriptor %d) is not a listening socket", name,
				 fd);
	return true;
}

/* Fill in a socket address from text; 0 when it is neither IPv4 nor IPv6. */
static socklen_t to_sockaddr(const char *address, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

int listener_bind(const char *address, uint16_t port, const char *name, struct error *e)
{
	struct sockaddr_storage where;
	socklen_t len = to_sockaddr(address, port, &where);
	AUTO_FD fd = -1;
	int on = 1;

	if (!len) {
		error_set(e, STATUS_CALLER, "'%s' is not a numeric address", address);
		return -1;
	}
	fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&where, len) < 0 || listen(fd, SOMAXCONN) < 0) {
		error_sys(e, "unable to listen on '%s' port %u for '%s'", address, port, name);
		return -1;
	}
	return fd_steal(&fd);
}

void listener_refuse_waiting(int fd)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < REFUSED_AT_ONCE; i++) {
		AUTO_FD connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (connection < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (connection < 0)
			return;
		setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
}
