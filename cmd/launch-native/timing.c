#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

/* Microseconds of a clock. */
static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void timing_start(struct timing *t, bool wanted)
{
	memset(t, 0, sizeof(*t));
	t->wanted = wanted;
	/* What the process has computed so far, loading included, is time that has passed as well. */
	t->start = now(CLOCK_MONOTONIC) - now(CLOCK_PROCESS_CPUTIME_ID);
}

void timing_mark(struct timing *t, const char *name)
{
	if (!t->wanted || t->n == TIMING_STAGES)
		return;
	t->stages[t->n].name = name;
	t->stages[t->n++].at = now(CLOCK_MONOTONIC) - t->start;
}

void timing_print(const struct timing *t)
{
	AUTO_BUF line = BUF_INIT;

	if (!t->wanted)
		return;
	buf_add_str(&line, "{\"kind\":\"timing\",\"v\":1,\"stages\":[");
	for (unsigned i = 0; i < t->n; i++)
		buf_add_format(&line, "%s{\"name\":\"%s\",\"ms\":%lld.%03lld}", i ? "," : "", t->stages[i].name,
			       (long long)(t->stages[i].at / 1000), (long long)(t->stages[i].at % 1000));
	buf_add_str(&line, "]}\n");
	fwrite(line.ptr, 1, line.len, stderr);
	fflush(stderr);
}
