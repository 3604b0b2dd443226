/*
 * A clock that a test turns: linked into the objects of bb-egress it makes a
 * bb-egress whose time stands still but for what the test writes into the file
 * PROGRAM.clock beside it. A limit of fifteen minutes is then met to the
 * millisecond, on a machine of any speed. Nothing of it is in a release.
 *
 * The file holds two int64_t: what CLOCK_MONOTONIC says, in milliseconds (0: the
 * real one), and how many seconds CLOCK_REALTIME is off. It is mapped before the
 * program begins, so that confinement does not matter. These definitions come
 * before those of libc, for the shared libraries as well.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EVERY = 10 }; /* milliseconds after which a waiting loop sees that the clock was turned */

struct turned {
	int64_t monotonic;
	int64_t off;
};

static volatile const struct turned *turned;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);

/* Give up: a test whose clock does not work must not pass. */
static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	_exit(111);
}

__attribute__((constructor)) static void map_clock(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(".clock"));
	void *next;
	int fd;

	must(n > 0, "readlink");
	memcpy(path + n, ".clock", sizeof(".clock"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0, path);
	next = mmap(NULL, sizeof(struct turned), PROT_READ, MAP_SHARED, fd, 0);
	must(next != MAP_FAILED, "mmap");
	close(fd);
	turned = next;
	next = dlsym(RTLD_NEXT, "clock_gettime");
	must(next != NULL, "clock_gettime");
	memcpy(&real_clock_gettime, &next, sizeof(next));
	next = dlsym(RTLD_NEXT, "epoll_wait");
	must(next != NULL, "epoll_wait");
	memcpy(&real_epoll_wait, &next, sizeof(next));
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int64_t now = turned ? turned->monotonic : 0;
	int r;

	if (clock == CLOCK_MONOTONIC && now) {
		*t = (struct timespec){ now / 1000, now % 1000 * 1000000 };
		return 0;
	}
	if (!real_clock_gettime)
		abort();
	r = real_clock_gettime(clock, t);
	if (clock == CLOCK_REALTIME)
		t->tv_sec += turned->off;
	return r;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	if (turned->monotonic && (timeout < 0 || timeout > LOOK_EVERY))
		timeout = LOOK_EVERY;
	return real_epoll_wait(epoll, events, max, timeout);
}
