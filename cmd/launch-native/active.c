#include "active.h"

#include <stdio.h>
#include <unistd.h>

#include "document.h"
#include "program.h"
#include "state.h"

/* What a walk over the state directories adds to. */
struct listing {
	const char *backend;
	struct doc *list;
	bool text; /* print a line for each as well */
};

/* Names of the sidecar's daemons, from the plan. */
static struct doc *daemon_names(const struct doc *plan)
{
	const struct doc *daemons = doc_get(doc_get(plan, "sidecar"), "daemons");
	struct doc *names = doc_new_array();

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const char *name = doc_get_cstr(doc_at(daemons, i), "name");

		if (name)
			doc_append_str(names, name);
	}
	return names;
}

/* Add an active bottle of this backend. One that is still being started has no metadata yet. */
static bool add_active(void *ctx, const struct state_entry *entry, struct error *e)
{
	static const char *const copied[] = { "agent", "label", "color", "started_at" };
	const struct listing *l = ctx;
	struct doc *bottle;

	(void)e;
	if (!entry->active || !slice_eq(doc_get_str(entry->metadata, "backend"), slice_str(l->backend)))
		return true;
	bottle = doc_append(l->list, doc_new_object());
	doc_put_str(bottle, "identity", entry->identity);
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		const struct doc *value = doc_get(entry->metadata, copied[i]);

		if (value)
			doc_put(bottle, copied[i], doc_copy(value));
	}
	doc_put(bottle, "daemons", daemon_names(entry->plan));
	if (l->text)
		printf("%s\n", entry->identity);
	return true;
}

bool active_list(const char *home, const char *backend, bool json, struct error *e)
{
	AUTO_DOC *d = doc_new("active", 1);
	struct listing l = { backend, NULL, !json };

	doc_put_str(d, "backend", backend);
	l.list = doc_put(d, "bottles", doc_new_array());
	if (!state_each(home, add_active, &l, e))
		return false;
	return json ? doc_write(d, STDOUT_FILENO, e) : program_flush(e);
}
