#include "listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fd.h"

/* Parse ADDR:PORT. */
static bool parse(const char *text, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	struct slice name;
	uint64_t port;

	*sa = (struct sockaddr_storage){ 0 };
	if (!colon || !slice_to_u64(slice_str(colon + 1), &port) || port > UINT16_MAX)
		return false;
	name = slice_of(text, (size_t)(colon - text));
	if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = slice_sub(name, 1, name.len - 1);
	if (name.len >= sizeof(host))
		return false;
	memcpy(host, name.ptr, name.len);
	host[name.len] = '\0';
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len = sizeof(*v4);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*len = sizeof(*v6);
	return *text == '[' && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

bool listen_open(const char *text, int *fd, struct error *e)
{
	struct sockaddr_storage sa;
	socklen_t len;
	AUTO_FD s = -1;
	int on = 1;

	if (!parse(text, &sa, &len))
		return error_set(e, STATUS_CALLER, "'%s' is not an address and a port, such as 127.0.0.1:9099", text);
	s = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return error_sys(e, "unable to make a socket");
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(s, (const struct sockaddr *)&sa, len) < 0 || listen(s, SOMAXCONN) < 0)
		return error_sys(e, "unable to listen at '%s'", text);
	*fd = fd_steal(&s);
	return true;
}

bool listen_check(int fd, struct error *e)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return error_set(e, STATUS_CALLER, "descriptor %d is not a listening socket", fd);
	return true;
}

void listen_format(int fd, struct buf *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	if (sa.ss_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)))
		buf_add_format(out, "%s:%u", host, ntohs(v4->sin_port));
	else if (sa.ss_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)))
		buf_add_format(out, "[%s]:%u", host, ntohs(v6->sin6_port));
	else
		buf_add_str(out, "unix");
}
