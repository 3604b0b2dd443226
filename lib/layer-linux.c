#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "unpack.h"

#define BLOCK 65536           /* a hole is this long, whatever the file system says: so archives do not depend on it */
#define ATTRIBUTES_MAX 65536  /* bytes of the list, and of one value: the kernel's own bounds */
#define OPAQUE "user.overlay.opaque"
#define OVERLAYS_OWN "user.overlay."

const struct confine_call layer_calls[] = {
	CONFINE_ALLOW(__NR_read),       CONFINE_ALLOW(__NR_write),      CONFINE_ALLOW(__NR_pread64),
	CONFINE_ALLOW(__NR_pwrite64),   CONFINE_ALLOW(__NR_lseek),      CONFINE_ALLOW(__NR_ftruncate),
	CONFINE_ALLOW(__NR_openat),     CONFINE_ALLOW(__NR_fstat),      CONFINE_ALLOW(__NR_newfstatat),
	CONFINE_ALLOW(__NR_getdents64), CONFINE_ALLOW(__NR_readlinkat), CONFINE_ALLOW(__NR_flistxattr),
	CONFINE_ALLOW(__NR_fgetxattr),  CONFINE_ALLOW(__NR_fcntl),      CONFINE_ALLOW(__NR_sysinfo),
	CONFINE_END,
};

/* Where a file with several names was seen first. */
struct inode {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct extent {
	off_t start, end;
};

struct walk {
	const struct layer_job *job;
	struct layer_count *count;
	struct archive *archive;
	void *inodes; /* tsearch(3) */
	struct extent *extents; /* of the staged file: what is no hole */
	size_t n_extents;
};

/* An entry that ends with its scope. */
static void release_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}
#define AUTO_ENTRY __attribute__((cleanup(release_entry))) struct archive_entry

static bool fail(const struct walk *w, struct error *e)
{
	const char *text = archive_error_string(w->archive);

	return error_set(e, STATUS_WORLD, "unable to write the archive: %s", text ? text : "out of memory");
}

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	return x->dev != y->dev ? (x->dev < y->dev ? -1 : 1) : x->ino != y->ino ? (x->ino < y->ino ? -1 : 1) : 0;
}

static void free_inode(void *p)
{
	struct inode *inode = p;

	free(inode->path);
	free(inode);
}

/* An entry without set-id bits and times. */
static struct archive_entry *new_entry(const struct walk *w, const char *path, mode_t mode)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode & (S_IFMT | 0777));
	archive_entry_set_uid(entry, w->job->uid);
	archive_entry_set_gid(entry, w->job->gid);
	archive_entry_set_size(entry, 0);
	archive_entry_set_mtime(entry, 0, 0);
	return entry;
}

static bool put(const struct walk *w, struct archive_entry *entry, struct error *e)
{
	return archive_write_header(w->archive, entry) == ARCHIVE_OK || fail(w, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Take the user's attributes over; of those of the overlay, only that a directory hides what is below it. */
static void add_attributes(struct archive_entry *entry, int fd)
{
	AUTO_FREE char *list = alloc_zero(1, ATTRIBUTES_MAX);
	AUTO_FREE char *value = alloc_zero(1, ATTRIBUTES_MAX);
	ssize_t n = flistxattr(fd, list, ATTRIBUTES_MAX);
	const char *names[ATTRIBUTES_MAX / 6] = {NULL};
	size_t count = 0;

	for (char *name = list; n > 0 && name < list + n; name += strlen(name) + 1)
		if (strncmp(name, "user.", 5) == 0 && count < COUNT_OF(names))
			names[count++] = name;
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		ssize_t len = fgetxattr(fd, names[i], value, ATTRIBUTES_MAX);

		if (len < 0 || (strncmp(names[i], OVERLAYS_OWN, sizeof(OVERLAYS_OWN) - 1) == 0 &&
				!(strcmp(names[i], OPAQUE) == 0 && len == 1 && value[0] == 'y')))
			continue;
		archive_entry_xattr_add_entry(entry, names[i], value, (size_t)len);
	}
}

/* --- files --- */

/* Note that a block is no hole. */
static void add_extent(struct walk *w, off_t start, off_t end)
{
	if (w->n_extents && w->extents[w->n_extents - 1].end == start) {
		w->extents[w->n_extents - 1].end = end;
		return;
	}
	if ((w->n_extents & (w->n_extents - 1)) == 0)
		w->extents = alloc_resize(w->extents, w->n_extents ? w->n_extents * 2 : 1, sizeof(*w->extents));
	w->extents[w->n_extents++] = (struct extent){ start, end };
}

static bool is_zero(const char *block, size_t n)
{
	return n == 0 || (block[0] == 0 && memcmp(block, block + 1, n - 1) == 0);
}

/* Copy what is no hole of a file of that size to the staging file. */
static bool stage_once(struct walk *w, int fd, off_t size, const char *path, struct error *e)
{
	static char block[BLOCK];
	off_t at = 0;

	w->n_extents = 0;
	if (ftruncate(w->job->staging, 0) < 0)
		return error_sys(e, "unable to empty the file for copies");
	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		ssize_t n;

		if (data < 0 && errno == ENXIO)
			break;
		if (data > at)
			at = data - data % BLOCK;
		if (at >= size)
			break;
		n = pread(fd, block, size - at < BLOCK ? (size_t)(size - at) : BLOCK, at);
		if (n < 0)
			return error_sys(e, "unable to read '%s'", path);
		if (n == 0)
			break;
		if (!is_zero(block, (size_t)n)) {
			off_t end = at + n;

			if (pwrite(w->job->staging, block, (size_t)n, at) != n)
				return error_sys(e, "unable to copy '%s'", path);
			add_extent(w, at, end);
		}
		at += n;
	}
	return true;
}

/* The same until the file was at rest meanwhile; *st is what was copied. */
static bool stage(struct walk *w, int fd, struct stat *st, const char *path, struct error *e)
{
	for (int i = 0; i < LAYER_READS_MAX; i++) {
		struct stat after;

		if ((uint64_t)st->st_size > UNPACK_BYTES_MAX - w->count->bytes)
			return error_set(e, STATUS_CALLER, "'%s': with it the snapshot has more than %llu bytes", path,
					 (unsigned long long)UNPACK_BYTES_MAX);
		if (!stage_once(w, fd, st->st_size, path, e))
			return false;
		if (fstat(fd, &after) < 0)
			return error_sys(e, "unable to look at '%s'", path);
		if (after.st_size == st->st_size && after.st_mtim.tv_sec == st->st_mtim.tv_sec &&
		    after.st_mtim.tv_nsec == st->st_mtim.tv_nsec && after.st_ctim.tv_sec == st->st_ctim.tv_sec &&
		    after.st_ctim.tv_nsec == st->st_ctim.tv_nsec)
			return true;
		if (i + 1 < LAYER_READS_MAX)
			*st = after;
	}
	w->count->unstable++;
	w->job->tell(w->job->ctx, path, "it changes while it is read");
	return true;
}

/* Write zeros or staged bytes; the archive leaves out the former. */
static bool add_staged(struct walk *w, off_t from, off_t to, bool hole, const char *path, struct error *e)
{
	static char block[1 << 20];

	if (hole)
		memset(block, 0, sizeof(block));
	while (from < to) {
		size_t want = to - from < (off_t)sizeof(block) ? (size_t)(to - from) : sizeof(block);
		ssize_t n = hole ? (ssize_t)want : pread(w->job->staging, block, want, from);

		if (n <= 0)
			return error_sys(e, "unable to read the copy of '%s'", path);
		if (!hole && !w->job->look(w->job->ctx, path, slice_of(block, (size_t)n), e))
			return false;
		if (archive_write_data(w->archive, block, (size_t)n) != (la_ssize_t)n)
			return fail(w, e);
		from += n;
	}
	return true;
}

static bool add_contents(struct walk *w, off_t size, const char *path, struct error *e)
{
	off_t at = 0;

	if (!w->job->look(w->job->ctx, path, slice_of(NULL, 0), e))
		return false;
	for (size_t i = 0; i < w->n_extents; i++) {
		if (!add_staged(w, at, w->extents[i].start, true, path, e) ||
		    !add_staged(w, w->extents[i].start, w->extents[i].end, false, path, e))
			return false;
		at = w->extents[i].end;
	}
	return add_staged(w, at, size, true, path, e);
}

/* A further name of a file that is in the archive? */
static const struct inode *find_inode(struct walk *w, const struct stat *st)
{
	const struct inode key = { st->st_dev, st->st_ino, NULL };
	struct inode *const *found = st->st_nlink > 1 ? tfind(&key, &w->inodes, by_inode) : NULL;

	return found ? *found : NULL;
}

static void note_inode(struct walk *w, const struct stat *st, const char *path)
{
	struct inode *inode;

	if (st->st_nlink < 2)
		return;
	inode = alloc_zero(1, sizeof(*inode));
	*inode = (struct inode){ st->st_dev, st->st_ino, alloc_copy(path, strlen(path)) };
	if (!tsearch(inode, &w->inodes, by_inode))
		free_inode(inode); /* no memory: its names become files of their own */
}

/* Leave out what its owner may not read; what is gone or became something else is passed over. */
static bool judge_open(struct walk *w, const char *path, struct error *e)
{
	if (errno == EACCES) {
		w->count->unread++;
		w->job->tell(w->job->ctx, path, "it is left out: its mode forbids to read it");
		return true;
	}
	return errno == ENOENT || errno == ELOOP || errno == ENOTDIR || error_sys(e, "unable to read '%s'", path);
}

static bool pack_file(struct walk *w, int dir, const char *leaf, const char *path, struct error *e)
{
	AUTO_FD fd = openat(dir, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const struct inode *first;
	AUTO_ENTRY *entry = NULL;
	struct stat st;

	if (fd < 0)
		return judge_open(w, path, e);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return true;
	entry = new_entry(w, path, st.st_mode);
	first = find_inode(w, &st);
	if (first) {
		archive_entry_set_hardlink(entry, first->path);
		return put(w, entry, e);
	}
	if (!stage(w, fd, &st, path, e))
		return false;
	archive_entry_set_size(entry, st.st_size);
	archive_entry_set_mtime(entry, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	add_attributes(entry, fd);
	if (st.st_size && !w->n_extents)
		archive_entry_sparse_add_entry(entry, 0, 0);
	else if (w->n_extents > 1 || (w->n_extents && w->extents[0].end - w->extents[0].start != st.st_size))
		for (size_t i = 0; i < w->n_extents; i++)
			archive_entry_sparse_add_entry(entry, w->extents[i].start,
						       w->extents[i].end - w->extents[i].start);
	w->count->bytes += (uint64_t)st.st_size;
	if (!put(w, entry, e) || !add_contents(w, st.st_size, path, e))
		return false;
	note_inode(w, &st, path);
	return true;
}

/* --- everything else --- */

static bool pack_symlink(struct walk *w, int dir, const char *leaf, const char *path, struct error *e)
{
	AUTO_ENTRY *entry = new_entry(w, path, S_IFLNK | 0777);
	char text[PATH_MAX];
	ssize_t n = readlinkat(dir, leaf, text, sizeof(text) - 1);

	if (n < 0)
		return judge_open(w, path, e);
	text[n] = '\0';
	archive_entry_set_symlink(entry, text);
	return put(w, entry, e);
}

static bool pack_whiteout(struct walk *w, const char *path, struct error *e)
{
	AUTO_ENTRY *entry = new_entry(w, path, S_IFCHR);

	archive_entry_set_rdevmajor(entry, 0);
	archive_entry_set_rdevminor(entry, 0);
	return put(w, entry, e);
}

static bool pack_node(struct walk *w, int dir, const char *leaf, const char *path, int depth, struct error *e);

/* All that is in an open directory. */
static bool pack_entries(struct walk *w, int fd, const char *path, int depth, struct error *e)
{
	struct dirent **list = NULL;
	int n = scandirat(fd, ".", &list, NULL, alphasort);
	bool ok = n >= 0 || error_sys(e, "unable to read '%s'", path);

	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (ok && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			AUTO_FREE char *below = alloc_format("%s/%s", path, name);

			ok = pack_node(w, fd, name, below, depth + 1, e);
		}
		free(list[i]);
	}
	free(list);
	return ok;
}

static bool pack_directory(struct walk *w, int dir, const char *leaf, const char *path, int depth, struct error *e)
{
	AUTO_FD fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ENTRY *entry = NULL;
	struct stat st;

	if (fd < 0)
		return judge_open(w, path, e);
	if (fstat(fd, &st) < 0)
		return error_sys(e, "unable to look at '%s'", path);
	if (depth > LAYER_DEPTH_MAX)
		return error_set(e, STATUS_CALLER, "'%.200s…': directories deeper than %d", path, LAYER_DEPTH_MAX);
	entry = new_entry(w, path, st.st_mode);
	add_attributes(entry, fd);
	return put(w, entry, e) && pack_entries(w, fd, path, depth, e);
}

static bool is_left_out(const struct walk *w, const char *path)
{
	for (const char *const *p = w->job->left_out; *p; p++)
		if (strcmp(*p, path) == 0)
			return true;
	return false;
}

/* One entry of a directory, whatever it is. */
static bool pack_node(struct walk *w, int dir, const char *leaf, const char *path, int depth, struct error *e)
{
	struct stat st;

	if (is_left_out(w, path))
		return true;
	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(e, "unable to look at '%s'", path);
	if (strlen(path) > UNPACK_PATH_MAX)
		return error_set(e, STATUS_CALLER, "'%.200s…': a path longer than %u bytes", path, UNPACK_PATH_MAX);
	if (++w->count->files > UNPACK_FILES_MAX)
		return error_set(e, STATUS_CALLER, "the bottle has more than %u files", UNPACK_FILES_MAX);
	if (S_ISDIR(st.st_mode))
		return pack_directory(w, dir, leaf, path, depth, e);
	if (S_ISREG(st.st_mode))
		return pack_file(w, dir, leaf, path, e);
	if (S_ISLNK(st.st_mode))
		return pack_symlink(w, dir, leaf, path, e);
	if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
		return pack_whiteout(w, path, e);
	w->count->files--;
	return true;
}

/* The format; an archive that another program would have to pack is none. */
static bool open_archive(struct walk *w, struct error *e)
{
	if (!w->archive || archive_write_set_format_pax(w->archive) != ARCHIVE_OK ||
	    archive_write_set_format_option(w->archive, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(w->archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(w->archive, 0) != ARCHIVE_OK ||
	    archive_write_open_fd(w->archive, w->job->to) != ARCHIVE_OK)
		return w->archive ? fail(w, e) : error_set(e, STATUS_WORLD, "unable to write the archive");
	return true;
}

bool layer_pack(const struct layer_job *job, struct layer_count *count, struct error *e)
{
	struct walk w = { .job = job, .count = count, .archive = archive_write_new() };
	bool ok = open_archive(&w, e);

	for (const char *const *name = job->names; ok && *name; name++)
		ok = pack_node(&w, job->dir, *name, *name, 0, e);
	if (ok && archive_write_close(w.archive) != ARCHIVE_OK)
		ok = fail(&w, e);
	if (w.archive)
		archive_write_free(w.archive);
	tdestroy(w.inodes, free_inode);
	free(w.extents);
	return ok;
}
