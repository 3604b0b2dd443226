#include "peers.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"

bool peers_listen(struct peers *p, struct error *e)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RELOAD_SOCKET };

	*p = (struct peers){ .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
	for (size_t i = 0; i < PEERS_MAX; i++)
		p->fds[i] = -1;
	if (p->listener < 0 || (unlink(RELOAD_SOCKET) < 0 && errno != ENOENT) ||
	    bind(p->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(p->listener, PEERS_MAX) < 0)
		return error_sys(e, "unable to listen on '%s'", RELOAD_SOCKET);
	return true;
}

void peers_release(struct peers *p)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		fd_close(&p->fds[i]);
	fd_close(&p->listener);
	unlink(RELOAD_SOCKET);
}

int peers_accept(struct peers *p)
{
	AUTO_FD fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;
	socklen_t len = sizeof(who);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || (who.uid != geteuid() && who.uid != 0))
		return -1;
	for (int i = 0; i < PEERS_MAX; i++) {
		if (p->fds[i] >= 0)
			continue;
		p->fds[i] = fd_steal(&fd);
		p->lives[i]++;
		return i;
	}
	return -1;
}

void peers_hear(struct peers *p, size_t place)
{
	char bytes[256];
	ssize_t n = read(p->fds[place], bytes, sizeof(bytes));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fd_close(&p->fds[place]);
}

void peers_tell(struct peers *p, struct slice report)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (p->fds[i] >= 0 && send(p->fds[i], report.ptr, report.len, MSG_NOSIGNAL) != (ssize_t)report.len)
			fd_close(&p->fds[i]);
}

void peers_report(const char *daemon, struct slice line, struct buf *reports)
{
	struct error unparsed = ERROR_INIT;
	AUTO_DOC *d = NULL, *report = NULL;
	const struct doc *reason, *sha256;
	struct slice event;

	if (slice_search(line, SLICE("\"event\":\"reload\"")) == SLICE_NONE &&
	    slice_search(line, SLICE("\"event\":\"start\"")) == SLICE_NONE)
		return;
	d = doc_parse(line, &unparsed);
	if (!d || doc_type_of(d) != DOC_OBJECT || !doc_get(d, "event") || doc_type_of(doc_get(d, "event")) != DOC_STR)
		return;
	event = doc_get_str(d, "event");
	if (!slice_eq(event, SLICE("reload")) && !slice_eq(event, SLICE("start")))
		return;
	sha256 = doc_get(d, "sha256");
	reason = doc_get(d, "reason");
	report = doc_new("reload", 1);
	doc_put_str(report, "daemon", daemon);
	doc_put_slice(report, "event", event);
	doc_put_bool(report, "ok",
		     slice_eq(event, SLICE("start")) ||
			     (doc_get(d, "ok") && doc_type_of(doc_get(d, "ok")) == DOC_BOOL && doc_get_bool(d, "ok")));
	if (sha256 && doc_type_of(sha256) == DOC_STR)
		doc_put(report, "sha256", doc_copy(sha256));
	if (reason && doc_type_of(reason) == DOC_STR)
		doc_put(report, "reason", doc_copy(reason));
	doc_format(report, false, reports);
	buf_add_char(reports, '\n');
}
