#include "hatch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"

/* What goes over the socket; descriptors travel beside it. */
struct wire {
	int kind, index, value, status;
	char text[ERROR_TEXT_MAX];
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(HATCH_FDS * sizeof(int))];
};

/* The other side is gone: its last words may still be there. Returns false. */
static bool hear_why(int hatch, struct error *e)
{
	struct hatch_message m;

	while (hatch_receive(hatch, &m, e))
		for (size_t i = 0; i < m.n_fds; i++)
			fd_close(&m.fds[i]);
	return false;
}

bool hatch_send(int hatch, const struct hatch_message *m, struct error *e)
{
	struct wire wire = { (int)m->kind, m->index, m->value, (int)m->error.status, "" };
	struct iovec iov = { &wire, sizeof(wire) };
	union control control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	memcpy(wire.text, m->error.text, sizeof(wire.text));
	if (m->n_fds) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(m->n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fds, m->n_fds * sizeof(int));
	}
	do {
		n = sendmsg(hatch, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return hear_why(hatch, e);
	return n == (ssize_t)sizeof(wire) ? true : error_sys(e, "unable to talk to the bottle");
}

bool hatch_say(int hatch, enum hatch_kind kind, int value, struct error *e)
{
	struct hatch_message m = { .kind = kind, .value = value };

	return hatch_send(hatch, &m, e);
}

/* Take the descriptors out of what was received. */
static void take_fds(struct msghdr *msg, struct hatch_message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || m->n_fds)
			continue;
		m->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fds, CMSG_DATA(c), m->n_fds * sizeof(int));
	}
}

bool hatch_receive(int hatch, struct hatch_message *m, struct error *e)
{
	struct wire wire;
	struct iovec iov = { &wire, sizeof(wire) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	memset(m, 0, sizeof(*m));
	do {
		n = recvmsg(hatch, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(e, "unable to hear from the bottle");
	take_fds(&msg, m);
	if (n != (ssize_t)sizeof(wire)) {
		for (size_t i = 0; i < m->n_fds; i++)
			fd_close(&m->fds[i]);
		return error_set(e, STATUS_WORLD, "the bottle ended before its agent did");
	}
	m->kind = (enum hatch_kind)wire.kind;
	m->index = wire.index;
	m->value = wire.value;
	m->error.status = (enum status)wire.status;
	memcpy(m->error.text, wire.text, sizeof(m->error.text));
	m->error.text[ERROR_TEXT_MAX - 1] = '\0';
	return m->kind != HATCH_FAILED || error_set(e, m->error.status, "%s", m->error.text);
}

bool hatch_expect(int hatch, enum hatch_kind kind, size_t n_fds, struct hatch_message *m, struct error *e)
{
	if (!hatch_receive(hatch, m, e))
		return false;
	if (m->kind == kind && m->n_fds == n_fds)
		return true;
	for (size_t i = 0; i < m->n_fds; i++)
		fd_close(&m->fds[i]);
	return error_set(e, STATUS_WORLD, "the bottle said %d where %d was due", (int)m->kind, (int)kind);
}
