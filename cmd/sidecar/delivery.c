#include "delivery.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "fd.h"

#define DIGITS_MAX 9 /* of a length */

/* Read exactly so many bytes. */
static bool read_exactly(int fd, void *bytes, size_t len, struct error *e)
{
	for (char *p = bytes; len;) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read standard input");
		if (n == 0)
			return error_set(e, STATUS_CALLER,
					 "standard input ends before the document and the secrets do");
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Read the digits and the colon that open a netstring. */
static bool read_length(int fd, size_t max, size_t *len, struct error *e)
{
	char digits[DIGITS_MAX + 1];
	uint64_t value;

	for (size_t n = 0; n < sizeof(digits); n++) {
		if (!read_exactly(fd, &digits[n], 1, e))
			return false;
		if (digits[n] != ':')
			continue;
		if (!slice_to_u64(slice_of(digits, n), &value) || value > max)
			break;
		*len = (size_t)value;
		return true;
	}
	return error_set(e, STATUS_CALLER, "standard input is not two netstrings of at most %zu bytes", max);
}

/* Copy a netstring into a memory file. Returns -1 with an error. */
static int read_netstring(int from, const char *name, size_t max, struct error *e)
{
	AUTO_FD fd = -1;
	char chunk[4096], comma;
	size_t len = 0;
	bool ok = read_length(from, max, &len, e);

	if (!ok)
		return -1;
	fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	for (size_t n; ok && len; len -= n) {
		n = len < sizeof(chunk) ? len : sizeof(chunk);
		ok = read_exactly(from, chunk, n, e) && fd_write_all(fd, slice_of(chunk, n), name, e);
	}
	alloc_wipe(chunk, sizeof(chunk));
	ok = ok && read_exactly(from, &comma, 1, e);
	if (ok && comma != ',')
		ok = error_set(e, STATUS_CALLER, "standard input is not two netstrings");
	if (ok && lseek(fd, 0, SEEK_SET) < 0)
		ok = error_sys(e, "unable to rewind a memory file");
	return ok ? fd_steal(&fd) : -1;
}

bool delivery_read(int from, int *document, int *secrets, struct error *e)
{
	AUTO_FD first = read_netstring(from, "document", DELIVERY_DOCUMENT_MAX, e);
	AUTO_FD second = first < 0 ? -1 : read_netstring(from, "secrets", DELIVERY_SECRETS_MAX, e);

	if (second < 0)
		return false;
	*document = fd_steal(&first);
	*secrets = fd_steal(&second);
	return true;
}

/* A socket at the path that everyone may connect to. Returns -1 with an error. */
static int open_door(const char *path, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		error_set(e, STATUS_CALLER, "the path of the door is too long: '%s'", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || (unlink(path) < 0 && errno != ENOENT) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, 1) < 0) {
		error_sys(e, "unable to open the door '%s'", path);
		return -1;
	}
	return fd_steal(&fd);
}

/* Wait until someone is at the door. */
static bool await_visitor(int door, int lifeline, struct error *e)
{
	struct pollfd p[2] = { { door, POLLIN, 0 }, { lifeline, POLLIN, 0 } };

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return error_sys(e, "unable to wait at the door");
	if (p[1].revents & (POLLHUP | POLLERR) || (p[1].revents & POLLIN && !p[0].revents))
		return error_set(e, STATUS_WORLD, "the launcher is gone");
	return true;
}

bool door_receive(const char *path, int lifeline, int *fds, size_t count, struct error *e)
{
	struct timeval limit = { DOOR_SECONDS, 0 };
	AUTO_FD visitor = -1;
	AUTO_FD door = open_door(path, e);

	if (door < 0 || !await_visitor(door, lifeline, e))
		return false;
	visitor = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	unlink(path);
	if (visitor < 0 || setsockopt(visitor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return error_sys(e, "unable to open the door");
	return fd_receive(visitor, fds, count, e);
}
