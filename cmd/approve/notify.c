#include "notify.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "program.h"
#include "spawn.h"

void notified_release(struct notified *n)
{
	free(n->ids);
	*n = (struct notified)NOTIFIED_INIT;
}

static bool is_known(const struct notified *n, const char *id)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->ids[i], id) == 0)
			return true;
	return false;
}

/* Run the command for one. */
static bool run(const struct item *i, const char *command, struct error *e)
{
	const char *const argv[] = { "sh", "-c", command, "bb-approve", i->identity, queue_tool_names[i->proposal.tool],
				     i->proposal.id, NULL };
	static const struct spawn_fd fds[] = { { STDOUT_FILENO, STDOUT_FILENO }, { STDERR_FILENO, STDERR_FILENO } };
	const struct spawn s = { .path = "/bin/sh", .argv = argv, .fds = fds, .n_fds = COUNT_OF(fds) };
	pid_t pid = spawn_start(&s, e);
	int status;

	if (pid < 0)
		return false;
	status = spawn_wait(pid, e);
	if (status > 0)
		program_warn("the command of --notify ended with status %d", status);
	return status >= 0;
}

bool notify_new(struct notified *n, const struct inbox *b, const char *command, struct error *e)
{
	struct notified now = NOTIFIED_INIT;

	now.ids = alloc_zero(b->count + 1, sizeof(*now.ids));
	for (size_t i = 0; i < b->count; i++) {
		if (!is_known(n, b->list[i].proposal.id) && !run(&b->list[i], command, e)) {
			notified_release(&now);
			return false;
		}
		memcpy(now.ids[now.count++], b->list[i].proposal.id, QUEUE_ID_SIZE);
	}
	notified_release(n); /* what is no longer pending is forgotten */
	*n = now;
	return true;
}
