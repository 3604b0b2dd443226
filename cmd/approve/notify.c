#include "notify.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "spawn.h"

void notified_release(struct notified *n)
{
	free(n->list);
	*n = (struct notified)NOTIFIED_INIT;
}

struct notified_one *notified_find(const struct notified *n, const char *id)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->list[i].id, id) == 0)
			return &n->list[i];
	return NULL;
}

/* Run the command for one. */
static bool run(const struct item *i, const char *command, bool quiet, struct error *e)
{
	const char *const argv[] = { "sh", "-c", command, "bb-approve", i->identity, queue_tool_names[i->proposal.tool],
				     i->proposal.id, NULL };
	static const struct spawn_fd fds[] = { { STDOUT_FILENO, STDOUT_FILENO }, { STDERR_FILENO, STDERR_FILENO } };
	const struct spawn s = { .path = "/bin/sh", .argv = argv, .fds = fds, .n_fds = quiet ? 0 : COUNT_OF(fds) };
	pid_t pid = spawn_start(&s, e);

	return pid >= 0 && spawn_wait(pid, e) >= 0;
}

bool notify_new(struct notified *n, const struct inbox *b, const char *command, bool quiet, bool *arrived,
		struct error *e)
{
	struct notified now = { alloc_zero(b->count + 1, sizeof(*now.list)), 0 };
	bool first = !n->list, any = false, ok = true;

	for (size_t i = 0; i < b->count; i++) {
		const struct notified_one *known = notified_find(n, b->list[i].proposal.id);
		struct notified_one *one = &now.list[now.count++];

		memcpy(one->id, b->list[i].proposal.id, sizeof(one->id));
		one->is_new = known ? known->is_new : !first;
		if (known)
			continue;
		any = true;
		ok = ok && (!command || run(&b->list[i], command, quiet, e));
	}
	notified_release(n); /* what is no longer pending is forgotten */
	*n = now;
	if (arrived)
		*arrived = any && !first;
	return ok;
}
