#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"

static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = HEALTH_SOCKET };

int health_listen(struct error *e)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || (unlink(HEALTH_SOCKET) < 0 && errno != ENOENT) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0) {
		error_sys(e, "unable to listen on '%s'", HEALTH_SOCKET);
		return -1;
	}
	return fd_steal(&fd);
}

/* Describe every daemon. */
static struct doc *describe(const struct daemon *daemons, size_t count, bool ready)
{
	struct doc *health = doc_new("health", 1), *list;

	doc_put_bool(health, "ready", ready);
	list = doc_put(health, "daemons", doc_new_array());
	for (size_t i = 0; i < count; i++) {
		const struct daemon *d = &daemons[i];
		struct doc *entry = doc_append(list, doc_new_object());

		doc_put_str(entry, "name", d->spec->name);
		doc_put_str(entry, "state", daemon_state_name(d->state));
		if (d->pid)
			doc_put_int(entry, "pid", d->pid);
		doc_put_int(entry, "for_ms", loop_clock() - d->since);
		doc_put_int(entry, "restarts", (int64_t)d->restarts);
		if (d->last_status >= 0)
			doc_put_int(entry, "last_status", d->last_status);
	}
	return health;
}

void health_answer(int fd, const struct daemon *daemons, size_t count, bool ready)
{
	AUTO_DOC *health = describe(daemons, count, ready);
	AUTO_BUF text = BUF_INIT;

	doc_format(health, false, &text);
	buf_add_char(&text, '\n');
	for (;;) {
		AUTO_FD peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer < 0 || send(peer, text.ptr, text.len, MSG_NOSIGNAL) < 0)
			return;
	}
}

enum status health_ask(const char *dir, struct error *e)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = HEALTH_PATIENCE_MS / 1000 };
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *health = NULL;

	if (fd < 0 || chdir(dir) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		error_sys(e, "unable to ask the sidecar in '%s'", dir);
		return e->status;
	}
	if (!fd_read_all(fd, HEALTH_MAX, "the sidecar's answer", &text, e))
		return e->status;
	health = doc_parse(buf_slice(&text), e);
	if (!health || !doc_is(health, "health", 1, e)) {
		error_wrap(e, "the sidecar's answer");
		return e->status = STATUS_WORLD;
	}
	fwrite(text.ptr, 1, text.len, stdout);
	return doc_get_bool(health, "ready") ? STATUS_YES : STATUS_NO;
}
