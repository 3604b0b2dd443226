#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

#define METADATA_MAX (1u << 20) /* bytes of metadata.json that are read */

/*
 * A dying bottle may still make files while its directory is being removed: its
 * lock is gone a moment before its last process.
 */
#define REMOVE_TRIES 50
#define REMOVE_PAUSE_MS 20

char *state_home(struct error *e)
{
	const char *home = getenv("BOT_BOTTLE_HOME"), *user = getenv("HOME");

	if (home && *home && home[0] != '/')
		error_set(e, STATUS_CALLER, "BOT_BOTTLE_HOME is '%s': give an absolute path", home);
	else if (home && *home)
		return alloc_copy(home, strlen(home));
	else if (user && user[0] == '/')
		return alloc_format("%s/.bot-bottle", user);
	else
		error_set(e, STATUS_CALLER, "neither BOT_BOTTLE_HOME nor HOME names a directory");
	return NULL;
}

bool state_is_identity(struct slice text)
{
	if (!text.len || text.len > STATE_IDENTITY_MAX || text.ptr[0] == '-' || text.ptr[text.len - 1] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c != '-' && !ascii_is_digit(c) && !(c >= 'a' && c <= 'z'))
			return false;
		if (c == '-' && text.ptr[i - 1] == '-')
			return false;
	}
	return true;
}

/* Open HOME/state, made if needed, and lock it for the time of a change. Returns -1 on error. */
static int lock_all(const char *home, struct error *e)
{
	AUTO_FREE char *all = alloc_format("%s/state", home);
	AUTO_FD fd = -1;

	if (!file_make_dirs(all, 0700, e))
		return -1;
	fd = open(all, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_sys(e, "unable to open '%s'", all);
		return -1;
	}
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		error_sys(e, "unable to lock '%s'", all);
		return -1;
	}
	return fd_steal(&fd);
}

enum hold { HOLD_OK, HOLD_BUSY, HOLD_FAILED };

/* Take the lock of one directory without waiting. */
static enum hold hold(const char *dir, bool make, int *lock, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/lock", dir);
	AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);

	if (fd < 0) {
		error_sys(e, "unable to open '%s'", path);
		return HOLD_FAILED;
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return HOLD_BUSY;
		error_sys(e, "unable to lock '%s'", path);
		return HOLD_FAILED;
	}
	*lock = fd_steal(&fd);
	return HOLD_OK;
}

/* Is there a file called .preserve in the directory? */
static bool has_preserve(const char *dir)
{
	AUTO_FREE char *path = alloc_format("%s/.preserve", dir);

	return access(path, F_OK) == 0;
}

/* Remove a directory that a bottle may just be dying in. */
static bool remove_dir(const char *dir, struct error *e)
{
	const struct timespec pause = { 0, REMOVE_PAUSE_MS * 1000000L };

	for (int i = 1; !file_remove_tree(dir, e); i++) {
		if (i == REMOVE_TRIES)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Refuse a name that is in use, or clear away a remnant of that name. */
static bool make_room(const char *dir, const char *identity, struct error *e)
{
	AUTO_FD lock = -1;
	struct stat st;

	if (lstat(dir, &st) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to look at '%s'", dir);
	switch (hold(dir, true, &lock, e)) {
	case HOLD_FAILED:
		return false;
	case HOLD_BUSY:
		return error_set(e, STATUS_CALLER, "a bottle named '%s' is running; choose another label", identity);
	case HOLD_OK:
		break;
	}
	if (has_preserve(dir))
		return error_set(e, STATUS_CALLER,
				 "the state of an earlier bottle named '%s' is kept in '%s'; resume it, remove it or "
				 "choose another label",
				 identity, dir);
	return remove_dir(dir, e);
}

/* Take over the directory of a bottle that has ended. */
static bool take_over(struct state *s, const char *identity, struct error *e)
{
	struct stat st;

	if (lstat(s->dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(e, STATUS_CALLER, "there is no state of a bottle named '%s' to resume", identity);
	switch (hold(s->dir, true, &s->lock, e)) {
	case HOLD_FAILED:
		return false;
	case HOLD_BUSY:
		return error_set(e, STATUS_CALLER, "the bottle '%s' is running", identity);
	case HOLD_OK:
		break;
	}
	return true;
}

bool state_create(struct state *s, const char *home, const char *identity, bool resume, struct error *e)
{
	AUTO_FD all = -1;

	if (home[0] != '/')
		return error_set(e, STATUS_CALLER, "the home '%s' is not an absolute path", home);
	if (!state_is_identity(slice_str(identity)))
		return error_set(e, STATUS_CALLER, "'%s' cannot name a bottle: use a-z, 0-9 and single dashes",
				 identity);
	all = lock_all(home, e);
	if (all < 0)
		return false;
	s->dir = alloc_format("%s/state/%s", home, identity);
	if (resume)
		return take_over(s, identity, e);
	if (!make_room(s->dir, identity, e))
		return false;
	if (mkdir(s->dir, 0700) < 0)
		return error_sys(e, "unable to make the directory '%s'", s->dir);
	return hold(s->dir, true, &s->lock, e) == HOLD_OK;
}

char *state_path(const struct state *s, const char *name)
{
	return alloc_format("%s/%s", s->dir, name);
}

bool state_write(const struct state *s, const char *name, const struct doc *d, struct error *e)
{
	AUTO_FREE char *path = state_path(s, name);
	AUTO_BUF text = BUF_INIT;

	doc_format(d, true, &text);
	buf_add_char(&text, '\n');
	return file_replace(path, buf_slice(&text), 0600, e);
}

bool state_preserve(const struct state *s, const char *reason, struct error *e)
{
	AUTO_FREE char *path = state_path(s, ".preserve");
	AUTO_FREE char *line = alloc_format("%s\n", reason);

	return file_replace(path, slice_str(line), 0600, e);
}

bool state_is_kept(const struct state *s)
{
	AUTO_FREE char *path = state_path(s, ".preserve");
	struct error absent = ERROR_INIT;
	AUTO_BUF reason = BUF_INIT;

	if (!has_preserve(s->dir))
		return false;
	return !file_read_at(AT_FDCWD, path, 1024, &reason, &absent) ||
	       !slice_eq(slice_trim(buf_slice(&reason), "\n"), SLICE(STATE_FAILED));
}

bool state_remove(struct state *s, struct error *e)
{
	bool ok = remove_dir(s->dir, e);

	fd_close(&s->lock);
	return ok;
}

void state_release(struct state *s)
{
	fd_close(&s->lock);
	free(STEAL(s->dir));
}

/* Read a document of the directory; NULL when there is none that can be read. */
static struct doc *read_document(const char *dir, const char *name, const char *kind, size_t max)
{
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);
	struct error unread = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *d = NULL;

	if (!file_read_at(AT_FDCWD, path, max, &text, &unread))
		return NULL;
	d = doc_parse(buf_slice(&text), &unread);
	if (!d || doc_type_of(d) != DOC_OBJECT || !doc_is(d, kind, 1, &unread))
		return NULL;
	return STEAL(d);
}

/* Names that may be those of bottles. */
static int is_candidate(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

struct sweep {
	const char *backend; /* NULL: only show */
	bool dry_run;
	state_each_fn *fn;
	void *ctx;
};

/* Does a directory belong to what is swept? */
static bool is_remnant(const struct sweep *w, const struct state_entry *entry)
{
	const char *backend = doc_get_cstr(entry->metadata, "backend");

	return !entry->active && !entry->preserved && (!backend || strcmp(backend, w->backend) == 0);
}

/* Look at one directory, show it, and remove it if that is asked for. Its lock is held meanwhile. */
static bool visit(const struct sweep *w, const char *all, const char *identity, struct error *e)
{
	AUTO_FREE char *dir = alloc_format("%s/%s", all, identity);
	struct state_entry entry = { .identity = identity, .dir = dir };
	AUTO_DOC *metadata = NULL;
	AUTO_DOC *plan = NULL;
	AUTO_FD lock = -1;
	struct stat st;

	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || !state_is_identity(slice_str(identity)))
		return true;
	switch (hold(dir, w->backend != NULL, &lock, e)) {
	case HOLD_FAILED:
		if (w->backend)
			return false;
		e->status = STATUS_YES; /* only looking: gone meanwhile, or never locked; not active */
		break;
	case HOLD_BUSY:
		entry.active = true;
		break;
	case HOLD_OK:
		break;
	}
	entry.preserved = has_preserve(dir);
	entry.metadata = metadata = read_document(dir, "metadata.json", "metadata", METADATA_MAX);
	entry.plan = plan = read_document(dir, "plan.json", "plan", DOCUMENT_MAX);
	if (!w->backend)
		return w->fn(w->ctx, &entry, e);
	if (!is_remnant(w, &entry))
		return true;
	return w->fn(w->ctx, &entry, e) && (w->dry_run || remove_dir(dir, e));
}

/* Visit all directories while nobody else makes, removes or probes one. */
static bool visit_all(const struct sweep *w, const char *home, struct error *e)
{
	AUTO_FREE char *all = alloc_format("%s/state", home);
	struct dirent **names;
	AUTO_FD lock = -1;
	bool ok = true;
	int n;

	if (access(all, F_OK) < 0 && errno == ENOENT)
		return true;
	lock = lock_all(home, e);
	if (lock < 0)
		return false;
	n = scandir(all, &names, is_candidate, alphasort);
	if (n < 0)
		return error_sys(e, "unable to read '%s'", all);
	for (int i = 0; ok && i < n; i++)
		ok = visit(w, all, names[i]->d_name, e);
	free_names(names, n);
	return ok;
}

bool state_each(const char *home, state_each_fn *fn, void *ctx, struct error *e)
{
	const struct sweep w = { .fn = fn, .ctx = ctx };

	return visit_all(&w, home, e);
}

bool state_sweep(const char *home, const char *backend, bool dry_run, state_each_fn *fn, void *ctx, struct error *e)
{
	const struct sweep w = { .backend = backend, .dry_run = dry_run, .fn = fn, .ctx = ctx };

	return visit_all(&w, home, e);
}
