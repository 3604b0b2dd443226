#include "changeset.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "unpack.h"

#define BLOCK (1u << 20)
#define WHITEOUT ".wh."
#define ROOTS_MAX 64 /* what may have changed in the root directory, which has twenty names in a usual image */
#define REMOVED 2 /* Kind of a path that is gone; 0 and 1 are changed and added */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool holds(const char *const *list, size_t n, const char *path)
{
	return bsearch(&path, list, n, sizeof(*list), by_name) != NULL;
}

/* Is it one of these, or below one? */
static bool is_left_out(const char *const *left_out, const char *path)
{
	for (; *left_out; left_out++) {
		size_t n = strlen(*left_out);

		if (strncmp(path, *left_out, n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return true;
	}
	return false;
}

bool changeset_init(struct changeset *s, const struct doc *changes, const char *const *left_out, struct error *e)
{
	size_t n = doc_count(changes);

	*s = (struct changeset){ .changed = alloc_zero(n + 1, sizeof(char *)),
				  .removed = alloc_zero(n + 1, sizeof(char *)),
				 .left_out = left_out };
	for (size_t i = 0; i < n; i++) {
		const char *path = doc_get_cstr(doc_at(changes, i), "Path");

		if (!path || path[0] != '/' || !path[1])
			return error_set(e, STATUS_WORLD, "the engine's list of changes is not understood");
		if (is_left_out(left_out, path + 1))
			continue;
		if (doc_get_int(doc_at(changes, i), "Kind") == REMOVED)
			s->removed[s->n_removed++] = path + 1;
		else
			s->changed[s->n_changed++] = path + 1;
	}
	qsort(s->changed, s->n_changed, sizeof(char *), by_name);
	qsort(s->removed, s->n_removed, sizeof(char *), by_name);
	return true;
}

void changeset_release(struct changeset *s)
{
	free(s->changed);
	free(s->removed);
	*s = (struct changeset)CHANGESET_INIT;
}

/* Does it hold something that is left out? Such a directory changes with that. */
static bool holds_left_out(const char *const *left_out, const char *path)
{
	size_t n = strlen(path);

	for (; *left_out; left_out++)
		if (strncmp(*left_out, path, n) == 0 && (*left_out)[n] == '/')
			return true;
	return false;
}

/* A first part of a path that was called for already. */
static bool is_root(const char *const *roots, size_t n, const char *path, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(roots[i]) == len && strncmp(roots[i], path, len) == 0)
			return true;
	return false;
}

bool changeset_each_root(const struct changeset *s, changeset_root_fn *fn, void *ctx, struct error *e)
{
	const char *roots[ROOTS_MAX];
	size_t n = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < s->n_changed; i++) {
		size_t len = strcspn(s->changed[i], "/");

		if (holds_left_out(s->left_out, s->changed[i]) || is_root(roots, n, s->changed[i], len))
			continue;
		if (n == ROOTS_MAX) {
			ok = error_set(e, STATUS_CALLER, "more than %d things of the root directory have changed",
				       ROOTS_MAX);
			break;
		}
		roots[n] = alloc_copy(s->changed[i], len);
		ok = fn(ctx, roots[n++], e);
	}
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)roots[i]);
	return ok;
}

/* --- the work --- */

struct packing {
	const struct changeset_job *job;
	struct layer_count *count;
	struct archive *in, *out;
	const char **linked; /* what links in the layer lead to that the list does not name; sorted, owned */
	size_t n_linked;
	struct buf shown;    /* a name as the engine's list has it */
};

/*
 * A path as it is in the engine's list, whose text is JSON: each byte that is not UTF-8 has become a replacement
 * character (Go's encoding/json). Lasts until the next call.
 */
static const char *listed_name(struct packing *p, const char *path)
{
	struct slice rest = slice_str(path);

	buf_truncate(&p->shown, 0);
	while (rest.len) {
		unsigned char lead = (unsigned char)rest.ptr[0];
		size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

		if (n <= rest.len && slice_is_utf8(slice_sub(rest, 0, n))) {
			buf_add_slice(&p->shown, slice_sub(rest, 0, n));
		} else {
			buf_add_str(&p->shown, "\xef\xbf\xbd");
			n = 1;
		}
		rest = slice_sub(rest, n, rest.len);
	}
	return buf_str(&p->shown);
}

static bool fail(struct archive *a, const char *what, struct error *e)
{
	const char *text = a ? archive_error_string(a) : NULL;

	return error_set(e, STATUS_WORLD, "unable to %s: %s", what, text ? text : "out of memory");
}

/* The path of an entry below the root; "" for the root itself. */
static const char *below_root(const char *path)
{
	while (path && (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1]))))
		path++;
	return path ? path : "";
}

/* Is the entry of this path in the layer? */
static bool is_wanted(struct packing *p, const char *path)
{
	const struct changeset *s = p->job->set;
	const char *name = listed_name(p, path);
	size_t n = strlen(name);

	while (n && name[n - 1] == '/') /* a directory's */
		buf_truncate(&p->shown, --n);
	name = buf_str(&p->shown);
	return n && !is_left_out(s->left_out, name) &&
	       (holds(s->changed, s->n_changed, name) || holds(p->linked, p->n_linked, name));
}

/* Does a part of the path begin as whiteouts do? */
static bool is_command(const char *path)
{
	return strncmp(path, WHITEOUT, sizeof(WHITEOUT) - 1) == 0 || strstr(path, "/" WHITEOUT);
}

/* Begin to read. */
static bool open_input(struct packing *p, struct error *e)
{
	if (lseek(p->job->from, 0, SEEK_SET) < 0)
		return error_sys(e, "unable to rewind the engine's archive");
	p->in = archive_read_new();
	return (p->in && archive_read_support_format_tar(p->in) == ARCHIVE_OK &&
		archive_read_support_format_empty(p->in) == ARCHIVE_OK && /* nothing has changed */
		archive_read_set_format_option(p->in, "tar", "read_concatenated_archives", "1") == ARCHIVE_OK &&
		archive_read_open_fd(p->in, p->job->from, BLOCK) == ARCHIVE_OK) ||
	       fail(p->in, "read the engine's archive", e);
}

static void close_input(struct packing *p)
{
	if (p->in)
		archive_read_free(p->in);
	p->in = NULL;
}

/* The next entry with its path; false at the end, with an error where it is none. */
static bool next_entry(struct packing *p, struct archive_entry **entry, const char **path, struct error *e)
{
	int r = archive_read_next_header(p->in, entry);

	if (r == ARCHIVE_EOF)
		return false;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN) /* a warning is a name that no character set has */
		return fail(p->in, "read the engine's archive", e);
	*path = below_root(archive_entry_pathname(*entry));
	return strlen(*path) <= UNPACK_PATH_MAX ||
	       error_set(e, STATUS_CALLER, "'%.200s…': a path longer than %u bytes", *path, UNPACK_PATH_MAX);
}

/*
 * Find what links of the layer lead to. A file of the image that has a further name now is not changed by that; in
 * the layer it has to be there for the link.
 */
static bool find_linked(struct packing *p, struct error *e)
{
	const char **found = NULL;
	struct archive_entry *entry;
	const char *path;
	size_t n = 0;
	bool ok = open_input(p, e);

	while (ok && next_entry(p, &entry, &path, e)) {
		const char *target = archive_entry_hardlink(entry);

		if (!target || !is_wanted(p, path))
			continue;
		target = below_root(target);
		if (is_wanted(p, target))
			continue;
		if ((n & (n - 1)) == 0)
			found = alloc_resize(found, n ? n * 2 : 1, sizeof(*found));
		target = listed_name(p, target);
		found[n++] = alloc_copy(target, strlen(target));
	}
	close_input(p);
	if (n)
		qsort(found, n, sizeof(*found), by_name);
	p->linked = found;
	p->n_linked = n;
	return ok && e->status == STATUS_YES;
}

/* What a file holds. */
static bool copy_contents(struct packing *p, const char *path, int64_t size, struct error *e)
{
	static char block[BLOCK];

	if (!p->job->look(p->job->ctx, path, slice_of(NULL, 0), e))
		return false;
	while (size > 0) {
		la_ssize_t n =
			archive_read_data(p->in, block, size < (int64_t)sizeof(block) ? (size_t)size : sizeof(block));

		if (n <= 0)
			return fail(p->in, "read the engine's archive", e);
		if (!p->job->look(p->job->ctx, path, slice_of(block, (size_t)n), e))
			return false;
		if (archive_write_data(p->out, block, (size_t)n) != n)
			return fail(p->out, "write the layer", e);
		size -= n;
	}
	return true;
}

/* Tell that a name is not in the layer. */
static bool leave_out(struct packing *p, const char *path, const char *why)
{
	p->count->unread++;
	p->job->tell(p->job->ctx, path, why);
	return true;
}

/* Write an entry of the layer as it is there. */
static bool put(struct packing *p, const char *path, struct archive_entry *given, struct error *e)
{
	struct archive_entry *entry = archive_entry_new();
	const char *link = archive_entry_hardlink(given);
	mode_t mode = archive_entry_filetype(given);
	bool file = mode == S_IFREG && !link, ok;

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode | (archive_entry_perm(given) & 0777));
	archive_entry_set_uid(entry, archive_entry_uid(given));
	archive_entry_set_gid(entry, archive_entry_gid(given));
	archive_entry_set_mtime(entry, file ? archive_entry_mtime(given) : 0,
				file ? archive_entry_mtime_nsec(given) : 0);
	archive_entry_set_size(entry, file ? archive_entry_size(given) : 0);
	if (link)
		archive_entry_set_hardlink(entry, below_root(link));
	else if (mode == S_IFLNK)
		archive_entry_set_symlink(entry, archive_entry_symlink(given));
	ok = archive_write_header(p->out, entry) == ARCHIVE_OK || fail(p->out, "write the layer", e);
	archive_entry_free(entry);
	return ok;
}

/* One entry that is wanted. */
static bool pack_entry(struct packing *p, const char *path, struct archive_entry *entry, struct error *e)
{
	const char *link = archive_entry_hardlink(entry);
	mode_t type = archive_entry_filetype(entry);
	int64_t size = link || type != S_IFREG ? 0 : archive_entry_size(entry);

	if (!link && type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
		return true;
	if (is_command(path))
		return leave_out(p, path, "it is left out: an image cannot hold this name");
	if (link && (!is_wanted(p, below_root(link)) || is_command(below_root(link))))
		return leave_out(p, path, "it is left out: a further name of what is left out");
	if (++p->count->files > UNPACK_FILES_MAX)
		return error_set(e, STATUS_CALLER, "the bottle has more than %u files", UNPACK_FILES_MAX);
	if ((uint64_t)size > UNPACK_BYTES_MAX - p->count->bytes)
		return error_set(e, STATUS_CALLER, "'%s': with it the snapshot has more than %llu bytes", path,
				 (unsigned long long)UNPACK_BYTES_MAX);
	p->count->bytes += (uint64_t)size;
	return put(p, path, entry, e) && (!size || copy_contents(p, path, size, e));
}

/* "a/b" is gone: "a/.wh.b". */
static bool pack_whiteout(struct packing *p, const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	AUTO_FREE char *name = alloc_format("%.*s" WHITEOUT "%s", (int)dir, path, path + dir);
	struct archive_entry *entry;
	bool ok;

	if (strstr(path, "\xef\xbf\xbd"))
		return leave_out(p, path, "it is not removed: the engine does not tell its name");
	if (++p->count->files > UNPACK_FILES_MAX)
		return error_set(e, STATUS_CALLER, "the bottle has more than %u files", UNPACK_FILES_MAX);
	entry = archive_entry_new();
	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, S_IFREG | 0600);
	archive_entry_set_size(entry, 0);
	archive_entry_set_mtime(entry, 0, 0);
	ok = archive_write_header(p->out, entry) == ARCHIVE_OK || fail(p->out, "write the layer", e);
	archive_entry_free(entry);
	return ok;
}

/* All of it, in the order of the engine's archive; then what was removed. */
static bool pack_all(struct packing *p, struct error *e)
{
	struct archive_entry *entry;
	const char *path;
	bool ok = open_input(p, e);

	while (ok && next_entry(p, &entry, &path, e)) {
		AUTO_FREE char *name = alloc_copy(path, strlen(path));

		ok = !is_wanted(p, name) || pack_entry(p, name, entry, e);
	}
	close_input(p);
	ok = ok && e->status == STATUS_YES;
	for (size_t i = 0; ok && i < p->job->set->n_removed; i++)
		ok = pack_whiteout(p, p->job->set->removed[i], e);
	return ok;
}

bool changeset_pack(const struct changeset_job *job, struct layer_count *count, struct error *e)
{
	struct packing p = { .job = job, .count = count, .out = archive_write_new(), .shown = BUF_INIT };
	bool ok = p.out && archive_write_set_format_pax(p.out) == ARCHIVE_OK &&
		  archive_write_set_format_option(p.out, "pax", "hdrcharset", "BINARY") == ARCHIVE_OK &&
		  archive_write_set_bytes_in_last_block(p.out, 1) == ARCHIVE_OK &&
		  archive_write_open_fd(p.out, job->to) == ARCHIVE_OK;

	ok = ok || fail(p.out, "write the layer", e);
	ok = ok && find_linked(&p, e) && pack_all(&p, e);
	if (ok && archive_write_close(p.out) != ARCHIVE_OK)
		ok = fail(p.out, "write the layer", e);
	if (p.out)
		archive_write_free(p.out);
	for (size_t i = 0; i < p.n_linked; i++)
		free((void *)(uintptr_t)p.linked[i]);
	free(p.linked);
	buf_release(&p.shown);
	return ok;
}
