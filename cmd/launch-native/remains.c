#include "remains.h"

#include <stdio.h>
#include <unistd.h>

#include "cgroup.h"
#include "document.h"
#include "program.h"
#include "record.h"
#include "rootfs.h"
#include "snapshot.h"
#include "state.h"

/* What a walk over the state directories adds to. */
struct listing {
	struct doc *list;
	bool text;	  /* print a line for each as well */
	const char *home; /* where removals are recorded; NULL: nothing is removed */
};

/* The document that is printed. */
static struct doc *new_document(const char *kind)
{
	struct doc *d = doc_new(kind, 1);

	doc_put_str(d, "backend", "native");
	return d;
}

/* Add what is to be removed; the control group is found through the state, and so goes first. */
static bool add_remnant(void *ctx, const struct state_entry *entry, struct error *e)
{
	const struct listing *l = ctx;
	struct doc *item = doc_append(l->list, doc_new_object());
	struct error unrecorded = ERROR_INIT;

	(void)e;
	if (l->home) {
		cgroup_sweep(entry->dir);
		if (!record_removal(l->home, entry->identity, &unrecorded))
			program_warn("%s", unrecorded.text); /* what is left of a bottle is no safer for staying */
	}
	doc_put_str(item, "type", "state");
	doc_put_str(item, "name", entry->identity);
	doc_put_str(item, "path", entry->dir);
	if (l->text)
		printf("%s\n", entry->identity);
	return true;
}

/* Add an unpacked archive that no bottle uses. */
static void add_rootfs(void *ctx, const char *name, const char *path)
{
	const struct listing *l = ctx;
	struct doc *item = doc_append(l->list, doc_new_object());

	doc_put_str(item, "type", "rootfs");
	doc_put_str(item, "name", name);
	doc_put_str(item, "path", path);
	if (l->text)
		printf("%s\n", path);
}

/* Add a snapshot that was never finished. */
static void add_draft(void *ctx, const char *name, const char *path)
{
	const struct listing *l = ctx;
	struct doc *item = doc_append(l->list, doc_new_object());

	doc_put_str(item, "type", "draft");
	doc_put_str(item, "name", name);
	doc_put_str(item, "path", path);
	if (l->text)
		printf("%s\n", path);
}

/* Print the document where it is wanted, and make sure that all was written. */
static bool finish(const struct doc *d, bool json, struct error *e)
{
	return json ? doc_write(d, STDOUT_FILENO, e) : program_flush(e);
}

bool remains_remove(const char *home, bool dry_run, bool json, struct error *e)
{
	AUTO_DOC *d = new_document("cleanup");
	struct listing l = { NULL, !json, dry_run ? NULL : home };

	doc_put_bool(d, "dry_run", dry_run);
	l.list = doc_put(d, "items", doc_new_array());
	return state_sweep(home, "native", dry_run, add_remnant, &l, e) &&
	       rootfs_sweep(home, dry_run, add_rootfs, &l, e) && draft_sweep(home, dry_run, add_draft, &l, e) &&
	       finish(d, json, e);
}
