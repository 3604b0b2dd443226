#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

#ifndef __linux__
void watch_open(struct watch *w, const char *directory)
{
	(void)directory;
	w->fd = -1;
}
#endif

void watch_release(struct watch *w)
{
	fd_close(&w->fd);
}

void watch_drain(struct watch *w)
{
	char reports[4096];

	while (w->fd >= 0 && read(w->fd, reports, sizeof(reports)) > 0)
		;
}

int64_t watch_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool watch_wait(struct watch *w, int64_t deadline, struct error *e)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	int64_t left = deadline - watch_clock();
	int64_t most = w->fd >= 0 ? 60000 : WATCH_POLL_MS; /* also with reports: now and then one may be lost */

	if (left <= 0)
		return true;
	if (poll(&p, 1, (int)(left < most ? left : most)) < 0 && errno != EINTR)
		return error_sys(e, "unable to wait");
	return true;
}
