#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "fd.h"
#include "loop.h"

const struct confine_call loop_calls[] = {
#ifdef __NR_epoll_wait
	CONFINE_ALLOW(__NR_epoll_wait),
#endif
	CONFINE_ALLOW(__NR_epoll_pwait),
	CONFINE_ALLOW(__NR_epoll_ctl),
	CONFINE_END,
};

int64_t loop_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool loop_init(struct loop *l, struct error *e)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->now = loop_clock();
	return l->epoll >= 0 ? true : error_sys(e, "unable to make an event loop");
}

void loop_release(struct loop *l)
{
	fd_close(&l->epoll);
}

static struct epoll_event to_epoll(unsigned want, struct loop_ref ref)
{
	struct epoll_event ev = { 0 };

	ev.events = (want & LOOP_READ ? EPOLLIN | EPOLLRDHUP : 0u) | (want & LOOP_WRITE ? EPOLLOUT : 0u) |
		    (want & LOOP_EDGE ? (uint32_t)EPOLLET : 0u);
	ev.data.u64 = (uint64_t)ref.type << 56 | (uint64_t)ref.generation << 48 | ref.index;
	return ev;
}

bool loop_add(struct loop *l, int fd, unsigned want, struct loop_ref ref, struct error *e)
{
	struct epoll_event ev = to_epoll(want, ref);

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return error_sys(e, "unable to watch descriptor %d", fd);
	return true;
}

bool loop_change(struct loop *l, int fd, unsigned want, struct loop_ref ref, struct error *e)
{
	struct epoll_event ev = to_epoll(want, ref);

	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &ev) < 0)
		return error_sys(e, "unable to watch descriptor %d", fd);
	return true;
}

void loop_remove(struct loop *l, int fd)
{
	struct epoll_event ignored = { 0 };

	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, &ignored);
}

int loop_wait(struct loop *l, int64_t deadline, struct loop_event events[LOOP_EVENTS_MAX], struct error *e)
{
	struct epoll_event got[LOOP_EVENTS_MAX];
	int timeout = -1, n;

	if (deadline >= 0) {
		int64_t left = deadline - loop_clock();

		timeout = left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
	}
	n = epoll_wait(l->epoll, got, LOOP_EVENTS_MAX, timeout);
	l->now = loop_clock();
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0) {
		error_sys(e, "unable to wait for events");
		return -1;
	}
	for (int i = 0; i < n; i++) {
		uint64_t u = got[i].data.u64;
		uint32_t ev = got[i].events;

		events[i].ref =
			(struct loop_ref){ (uint8_t)(u >> 56), (uint8_t)(u >> 48), (uint32_t)(u & 0xFFFFFFFFu) };
		events[i].ready = (ev & (EPOLLIN | EPOLLRDHUP) ? LOOP_READ : 0u) | (ev & EPOLLOUT ? LOOP_WRITE : 0u) |
				  (ev & (EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0u) | (ev & EPOLLRDHUP ? LOOP_END : 0u);
	}
	return n;
}
