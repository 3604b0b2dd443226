#include "remains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/launch-native/record.h"
#include "container.h"
#include "program.h"
#include "snapshot.h"
#include "state.h"

/* The work of one cleanup. */
struct cleaning {
	const char *home;
	struct engine engine;
	struct doc *items;
	struct doc *active; /* identities whose bottles run or are being started */
	bool ours;          /* a state directory of this backend is there */
	bool text, keep;
};

/* Add something to the list of what is removed. */
static void add_item(const struct cleaning *c, const char *type, const char *name, const char *path)
{
	struct doc *item = doc_append(c->items, doc_new_object());

	doc_put_str(item, "type", type);
	doc_put_str(item, "name", name);
	doc_put_str(item, "path", path);
	if (c->text)
		printf("%s %s\n", type, name);
}

/* Note who runs. One that is being started has no metadata yet and counts whatever its backend. */
static bool note_state(void *ctx, const struct state_entry *entry, struct error *e)
{
	struct cleaning *c = ctx;

	(void)e;
	if (entry->active)
		doc_append_str(c->active, entry->identity);
	if (slice_eq(doc_get_str(entry->metadata, "backend"), SLICE("docker")))
		c->ours = true;
	return true;
}

static bool is_active(const struct cleaning *c, const char *identity)
{
	for (size_t i = 0; i < doc_count(c->active); i++)
		if (slice_eq(doc_str(doc_at(c->active, i)), slice_str(identity)))
			return true;
	return false;
}

/* A state directory of a bottle that does not run. */
static bool sweep_state(void *ctx, const struct state_entry *entry, struct error *e)
{
	const struct cleaning *c = ctx;
	struct error unrecorded = ERROR_INIT;

	(void)e;
	add_item(c, "state", entry->identity, entry->dir);
	if (!c->keep && !record_removal(c->home, entry->identity, &unrecorded))
		program_warn("%s", unrecorded.text);
	return true;
}

/* What the engine has; NULL without an error when there is no engine and never was a bottle on one. */
static struct doc *list_parts(struct cleaning *c, const char *home, struct error *e)
{
	struct error refused = ERROR_INIT;

	if (engine_open(&c->engine, &refused) && engine_call(&c->engine, "GET", "/_ping", NULL, NULL, &refused))
		return part_list(&c->engine, home, e);
	if (state_each(home, note_state, c, e) && c->ours)
		*e = refused;
	return NULL;
}

/* Remove the parts of bottles that do not run. By their ids: a new bottle of the same name has others. */
static bool sweep_parts(struct cleaning *c, const struct doc *parts, struct error *e)
{
	for (size_t i = 0; i < doc_count(parts); i++) {
		const struct doc *d = doc_at(parts, i);
		enum part p = (enum part)doc_get_int(d, "part");

		if (is_active(c, doc_get_cstr(d, "identity")))
			continue;
		add_item(c, part_types[p], doc_get_cstr(d, "name"), c->engine.socket);
		if (!c->keep && !part_remove(&c->engine, p, doc_get_cstr(d, "id"), e))
			return false;
	}
	return true;
}

/* Is this image what a snapshot of this home is made of? One whose document cannot be read is left alone. */
static bool is_kept(const struct cleaning *c, const char *name, const char *id)
{
	AUTO_FREE char *path = alloc_format("%s/snapshots/%s/snapshot.json", c->home, name);
	struct error ignored = ERROR_INIT;
	AUTO_DOC *d = NULL;

	if (!state_is_identity(slice_str(name)) || (access(path, F_OK) < 0 && errno == ENOENT))
		return false;
	d = snapshot_read(c->home, name, &ignored);
	return !d || slice_eq(doc_get_str(d, "image"), slice_str(id));
}

/* Remove the images of snapshots that are no more. One that a container is made of stays until that is gone. */
static bool sweep_images(struct cleaning *c, const struct doc *images, struct error *e)
{
	if (!doc_count(images) || draft_active(c->home))
		return true;
	for (size_t i = 0; i < doc_count(images); i++) {
		const char *id = doc_get_cstr(doc_at(images, i), "id"),
			   *name = doc_get_cstr(doc_at(images, i), "snapshot");
		AUTO_FREE char *tag = alloc_format(IMAGE_COMMITTED "%s", name);
		AUTO_FREE char *path = alloc_format("/images/%s", id);

		if (is_kept(c, name, id))
			continue;
		add_item(c, "image", tag, id);
		if (!c->keep && !engine_call_unless(&c->engine, 404, "DELETE", path, e)) {
			if (c->engine.status != 409)
				return error_wrap(e, "unable to remove the image '%s'", tag);
			*e = (struct error)ERROR_INIT;
		}
	}
	return true;
}

/*
 * The parts are listed before it is asked who runs: whoever made one that is listed held the state directory then, and
 * holds it still, or has ended.
 */
static bool sweep(struct cleaning *c, const char *home, bool dry_run, struct error *e)
{
	AUTO_DOC *parts = list_parts(c, home, e);
	AUTO_DOC *images = parts ? image_list(&c->engine, home, e) : NULL;

	if ((!parts || !images) && e->status != STATUS_YES)
		return false;
	return state_each(home, note_state, c, e) && sweep_parts(c, parts, e) && sweep_images(c, images, e) &&
	       state_sweep(home, "docker", dry_run, sweep_state, c, e);
}

bool remains_remove(const char *home, bool dry_run, bool json, struct error *e)
{
	AUTO_DOC *d = doc_new("cleanup", 1);
	AUTO_DOC *active = doc_new_array();
	struct cleaning c = { .home = home, .engine = ENGINE_INIT, .active = active, .text = !json, .keep = dry_run };
	bool ok;

	doc_put_str(d, "backend", "docker");
	doc_put_bool(d, "dry_run", dry_run);
	c.items = doc_put(d, "items", doc_new_array());
	ok = sweep(&c, home, dry_run, e);
	engine_close(&c.engine);
	if (!ok)
		return false;
	return json ? doc_write(d, STDOUT_FILENO, e) : program_flush(e);
}
