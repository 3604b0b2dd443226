#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

bool supervise_is_wanted(const struct planner *p)
{
	return doc_get_bool(p->manifest, "supervise");
}

/*
 * The queue and the routes in force are neighbours of the daemon's own directory. What it keeps over a restart is the
 * key that its sessions are signed with.
 */
struct doc *supervise_make(const struct planner *p)
{
	const char *const args[] = { "--queue",	      "{dir}/../queue",
				     "--routes",	"{dir}/../egress/routes.yaml",
				     "--bottle",      p->options->identity,   "--listener",	"{listener:supervise}",
				     "--session-key", "{keep:sessions}",      "--ready",	"{ready}" };
	struct doc *d = doc_new_object(), *list, *listener;

	doc_put_str(d, "name", "supervise");
	doc_put_str(d, "program", "bb-supervise");
	list = doc_put(d, "args", doc_new_array());
	for (size_t i = 0; i < COUNT_OF(args); i++)
		doc_append_str(list, args[i]);
	listener = doc_append(doc_put(d, "listeners", doc_new_array()), doc_new_object());
	doc_put_str(listener, "name", "supervise");
	doc_put_int(listener, "port", PLAN_SUPERVISE_PORT);
	doc_append_str(doc_put(d, "keep", doc_new_array()), "sessions");
	doc_append_str(doc_put(d, "env", doc_new_array()), "SUPERVISE_RESPONSE_TIMEOUT_SECONDS");
	return d;
}

void supervise_register(const struct planner *p, struct doc *setup)
{
	const struct doc *command = doc_get(p->provider, "mcp");
	struct doc *entry, *argv;

	if (!supervise_is_wanted(p) || !doc_count(command))
		return;
	entry = doc_append(setup, doc_new_object());
	argv = doc_put(entry, "argv", doc_new_array());
	for (size_t i = 0; i < doc_count(command); i++) {
		AUTO_BUF word = BUF_INIT;

		template_replace(doc_str(doc_at(command, i)), "{url}", PLAN_SUPERVISE_URL, &word);
		doc_append_str(argv, buf_str(&word));
	}
	doc_put_str(entry, "on_failure", "warn"); /* the agent works without; it only cannot ask */
}
