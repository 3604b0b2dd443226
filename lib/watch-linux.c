#include <sys/inotify.h>
#include <sys/syscall.h>

#include "fd.h"
#include "watch.h"

const struct confine_call watch_calls[] = {
	CONFINE_ALLOW(__NR_read),
#ifdef __NR_poll
	CONFINE_ALLOW(__NR_poll),
#endif
	CONFINE_ALLOW(__NR_ppoll),
	CONFINE_END,
};

void watch_open(struct watch *w, const char *directory)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd >= 0 &&
	    inotify_add_watch(w->fd, directory, IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0)
		fd_close(&w->fd);
}
