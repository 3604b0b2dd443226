#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "log.h"
#include "state.h"

#define LOG_SUFFIX ".jsonl"
#define HEAD_SUFFIX ".head"
#define KEY_NAME "key"
#define PUBLIC_NAME "key.pub"
#define KEY_MAX 4096	  /* bytes of a key in PEM */
#define EXCERPT_MAX 1024  /* bytes of what was cut off that are kept */
#define READ_SIZE (64u << 10)

/* --- names --- */

char *audit_path(const char *home, const char *identity)
{
	return alloc_format("%s/audit/%s" LOG_SUFFIX, home, identity);
}

char *audit_key_path(const char *home, bool is_public)
{
	return alloc_format("%s/audit/%s", home, is_public ? PUBLIC_NAME : KEY_NAME);
}

/* Take a path apart: identity and path of the head, both the caller's. */
static bool parse_path(const char *file, char **identity, char **head, struct error *e)
{
	const char *slash = strrchr(file, '/');
	struct slice name = slice_str(slash ? slash + 1 : file);

	if (!slice_ends(name, SLICE(LOG_SUFFIX)))
		return error_set(e, STATUS_CALLER, "'%s' does not end in '" LOG_SUFFIX "'", file);
	name.len -= strlen(LOG_SUFFIX);
	if (!state_is_identity(name))
		return error_set(e, STATUS_CALLER, "'%s' is not named after a bottle", file);
	*identity = alloc_copy(name.ptr, name.len);
	*head = alloc_format("%.*s" HEAD_SUFFIX, (int)(name.ptr + name.len - file), file);
	return true;
}

/* --- opening --- */

/* Read the key, or make one. The directory is locked meanwhile, so that two do not make two. */
static struct signature_key *open_key(const char *dir, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/" KEY_NAME, dir);
	AUTO_FREE char *public_path = alloc_format("%s/" PUBLIC_NAME, dir);
	struct signature_key *key = NULL;
	struct buf pem = BUF_INIT;
	AUTO_BUF public_pem = BUF_INIT;
	AUTO_FD lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		error_sys(e, "unable to lock '%s'", dir);
		return NULL;
	}
	if (access(path, F_OK) == 0 || errno != ENOENT) {
		if (file_read_at(AT_FDCWD, path, KEY_MAX, &pem, e))
			key = signature_load(buf_slice(&pem), e);
		if (!key)
			error_wrap(e, "unable to use the key '%s'", path);
		buf_wipe(&pem);
		return key;
	}
	key = signature_make(e);
	if (!key)
		return NULL;
	signature_store(key, &pem);
	signature_store_public(key, &public_pem);
	ok = file_replace(public_path, buf_slice(&public_pem), 0644, e) && file_replace(path, buf_slice(&pem), 0600, e);
	buf_wipe(&pem);
	if (ok)
		return key;
	signature_release(key);
	return NULL;
}

/* Open the log itself; nobody else may have a say in it. */
static int open_log(const char *file, int flags, struct error *e)
{
	AUTO_FD fd = open(file, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_sys(e, "unable to open '%s'", file);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		error_set(e, STATUS_WORLD, "unable to open '%s': not a regular file", file);
		return -1;
	}
	return fd_steal(&fd);
}

bool audit_open(struct audit *a, const char *file, struct error *e)
{
	const char *slash = strrchr(file, '/');
	AUTO_FREE char *dir = slash ? alloc_copy(file, (size_t)(slash - file)) : alloc_copy(".", 1);

	*a = (struct audit)AUDIT_INIT;
	if (!parse_path(file, &a->identity, &a->head, e) || !file_make_dirs(dir, 0700, e))
		return false;
	a->file = alloc_copy(file, strlen(file));
	a->key = open_key(dir, e);
	if (!a->key)
		return false;
	a->fd = open_log(file, O_RDWR | O_APPEND | O_CREAT, e);
	return a->fd >= 0;
}

void audit_release(struct audit *a)
{
	fd_close(&a->fd);
	signature_release(STEAL(a->key));
	buf_release(&a->pending);
	free(STEAL(a->file));
	free(STEAL(a->head));
	free(STEAL(a->identity));
}

/* --- collecting --- */

void audit_add(struct audit *a, const struct chain_entry *entry)
{
	chain_body(a->identity, entry, &a->pending);
	buf_add_char(&a->pending, '\n');
}

/* Is it about traffic that passed? */
static bool is_traffic(struct slice event)
{
	static const char *const events[] = { "request", "response", "body", "end" };

	for (size_t i = 0; i < COUNT_OF(events); i++)
		if (slice_eq(event, slice_str(events[i])))
			return true;
	return false;
}

void audit_add_line(struct audit *a, const char *daemon, struct slice line)
{
	struct error unparsed = ERROR_INIT;
	AUTO_DOC *d = doc_parse(line, &unparsed);
	AUTO_DOC *detail = NULL;
	AUTO_FREE char *event = NULL;
	struct slice word = { NULL, 0 };

	if (d && doc_type_of(d) == DOC_OBJECT && doc_get(d, "event") && doc_type_of(doc_get(d, "event")) == DOC_STR)
		word = doc_get_str(d, "event");
	if (is_traffic(word))
		return;
	if (chain_is_word(word)) {
		event = alloc_copy(word.ptr, word.len);
		doc_remove(d, "event");
		detail = STEAL(d);
	} else {
		AUTO_BUF text = BUF_INIT;
		AUTO_DOC *quoted = NULL;

		log_json_string(&text, slice_sub(line, 0, CHAIN_TEXT_MAX));
		quoted = doc_parse(buf_slice(&text), &unparsed);
		detail = doc_new_object();
		if (quoted)
			doc_put(detail, "text", STEAL(quoted));
	}
	audit_add(a, &(struct chain_entry){ .component = daemon, .event = event ? event : "text", .detail = detail });
}

/* --- what is on disk --- */

/* Read the part of the log from one place to another. */
static bool read_part(const struct audit *a, off_t from, off_t to, struct buf *out, struct error *e)
{
	char bytes[READ_SIZE];

	while (from < to) {
		ssize_t n = pread(a->fd, bytes, to - from < (off_t)sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes),
				  from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_sys(e, "unable to read '%s'", a->file);
		buf_add(out, bytes, (size_t)n);
		from += n;
	}
	return true;
}

/* Read where the signed part ends; the beginning, when there is no head. */
static bool read_head(struct audit *a, off_t size, off_t *signed_size, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	uint64_t bytes = 0;

	a->at = (struct chain)CHAIN_INIT;
	*signed_size = 0;
	if (access(a->head, F_OK) < 0 && errno == ENOENT)
		return true;
	if (!file_read_at(AT_FDCWD, a->head, CHAIN_HEAD_MAX, &text, e))
		return false;
	if (!chain_head_read(buf_slice(&text), a->identity, a->key, &a->at, &bytes, e) || bytes > (uint64_t)size) {
		if (e->status == STATUS_YES)
			error_set(e, STATUS_NO, "it is shorter than what was signed");
		e->status = STATUS_WORLD;
		return error_wrap(e,
				  "the audit log '%s' was tampered with, nothing is added to it; run 'bb audit verify' "
				  "and move it away",
				  a->file);
	}
	*signed_size = (off_t)bytes;
	return true;
}

/* Put an entry of our own in front of those that wait. */
static void add_first(struct audit *a, const char *event, const struct doc *detail)
{
	AUTO_BUF own = BUF_INIT;
	struct chain_entry entry = { .component = "audit", .event = event, .detail = detail };

	chain_body(a->identity, &entry, &own);
	buf_add_char(&own, '\n');
	buf_add_slice(&own, buf_slice(&a->pending));
	buf_release(&a->pending);
	a->pending = own;
	own = (struct buf)BUF_INIT;
}

/* Cut off what is no whole entry, keeping in an entry what it was. */
static bool cut_rest(struct audit *a, struct slice rest, off_t keep, struct error *e)
{
	AUTO_DOC *detail = doc_new_object();
	AUTO_BUF excerpt = BUF_INIT;
	AUTO_BUF hex = BUF_INIT;

	chain_digest(rest, &hex);
	escape_cut(&excerpt, rest, EXCERPT_MAX);
	doc_put_int(detail, "bytes", (int64_t)rest.len);
	doc_put_slice(detail, "sha256", buf_slice(&hex));
	doc_put_slice(detail, "text", buf_slice(&excerpt));
	if (ftruncate(a->fd, keep) < 0)
		return error_sys(e, "unable to repair '%s'", a->file);
	a->size = keep;
	add_first(a, "repaired", detail);
	return true;
}

/* Deal with bytes behind the signed part: entries are followed, what is none is cut off. */
static bool settle_tail(struct audit *a, off_t signed_size, off_t size, struct error *e)
{
	AUTO_BUF tail = BUF_INIT;
	uint64_t first = a->at.seq + 1;
	struct slice rest;

	if (!read_part(a, signed_size, size, &tail, e))
		return false;
	rest = buf_slice(&tail);
	while (rest.len) {
		size_t newline = slice_find(rest, '\n');
		struct error broken = ERROR_INIT;

		if (newline == SLICE_NONE ||
		    !chain_follow(&a->at, a->identity, slice_sub(rest, 0, newline), NULL, &broken))
			break;
		rest = slice_sub(rest, newline + 1, rest.len);
	}
	a->size = size - (off_t)rest.len;
	if (rest.len && !cut_rest(a, rest, a->size, e))
		return false;
	if (a->at.seq >= first) {
		AUTO_DOC *detail = doc_new_object();

		doc_put_int(detail, "first", (int64_t)first);
		doc_put_int(detail, "last", (int64_t)a->at.seq);
		add_first(a, "adopted", detail);
	}
	return true;
}

/* Find our place, unless nobody has written since we did. */
static bool settle(struct audit *a, struct error *e)
{
	off_t signed_size;
	struct stat st;

	if (fstat(a->fd, &st) < 0)
		return error_sys(e, "unable to look at '%s'", a->file);
	if (a->size >= 0 && st.st_size == a->size)
		return true;
	if (!read_head(a, st.st_size, &signed_size, e))
		return false;
	a->size = signed_size;
	return st.st_size == signed_size || settle_tail(a, signed_size, st.st_size, e);
}

/* Append lines and see them on disk, then a head that covers them. */
static bool append(const struct audit *a, struct slice lines, struct slice head, struct error *e)
{
	if (!fd_write_all(a->fd, lines, "the audit log", e))
		return false;
	if (fdatasync(a->fd) < 0)
		return error_sys(e, "unable to sync '%s'", a->file);
	return file_replace(a->head, head, 0600, e);
}

/* Chain what waits behind our place, append it and sign the new head; when that fails the log is what it was. */
static bool write_pending(struct audit *a, struct error *e)
{
	struct slice rest = buf_slice(&a->pending);
	struct chain next = a->at;
	AUTO_BUF lines = BUF_INIT;
	AUTO_BUF head = BUF_INIT;

	while (rest.len)
		chain_link(&next, slice_cut(&rest, '\n'), &lines);
	chain_head(&next, a->identity, (uint64_t)a->size + lines.len, a->key, &head);
	if (!append(a, buf_slice(&lines), buf_slice(&head), e)) {
		if (ftruncate(a->fd, a->size) < 0)
			error_wrap(e, "the log may end in what is no entry until the next writer repairs it");
		return false;
	}
	a->at = next;
	a->size += (off_t)lines.len;
	buf_release(&a->pending);
	return true;
}

bool audit_repair(struct audit *a, struct error *e)
{
	bool ok;

	while (flock(a->fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_sys(e, "unable to lock '%s'", a->file);
	ok = settle(a, e) && (!audit_is_pending(a) || write_pending(a, e));
	if (!ok)
		a->size = -1; /* look again next time */
	flock(a->fd, LOCK_UN);
	return ok;
}

bool audit_commit(struct audit *a, struct error *e)
{
	return !audit_is_pending(a) || audit_repair(a, e);
}

bool audit_record(const char *home, const char *identity, const struct chain_entry *entry, struct error *e)
{
	AUTO_FREE char *file = audit_path(home, identity);
	AUTO_AUDIT a = AUDIT_INIT;

	if (!audit_open(&a, file, e))
		return false;
	audit_add(&a, entry);
	return audit_commit(&a, e);
}

/* --- verifying --- */

struct verification {
	struct chain_walk *walk;
	audit_entry_fn *fn;
	void *ctx;
};

/* Judge the whole lines at the front of bytes and drop them. */
static bool take_lines(const struct verification *v, struct buf *bytes, struct error *e)
{
	struct slice rest = buf_slice(bytes);
	size_t newline;

	while ((newline = slice_find(rest, '\n')) != SLICE_NONE) {
		struct slice line = slice_sub(rest, 0, newline);
		AUTO_DOC *entry = NULL;

		if (!chain_take(v->walk, line, &entry, e) || (v->fn && !v->fn(v->ctx, entry, line, e)))
			return false;
		rest = slice_sub(rest, newline + 1, rest.len);
	}
	buf_consume(bytes, bytes->len - rest.len);
	return bytes->len <= CHAIN_LINE_MAX || error_set(e, STATUS_NO, "entry %" PRIu64 ": it is longer than %u bytes",
							 v->walk->at.seq + 1, CHAIN_LINE_MAX);
}

/* Read the log through. */
static bool walk_log(const struct verification *v, int fd, const char *file, struct error *e)
{
	AUTO_BUF bytes = BUF_INIT;
	ssize_t n;

	do {
		buf_reserve(&bytes, READ_SIZE);
		n = read(fd, bytes.ptr + bytes.len, READ_SIZE);
		if (n < 0 && errno != EINTR)
			return error_sys(e, "unable to read '%s'", file);
		bytes.len += n > 0 ? (size_t)n : 0;
		if (n > 0 && !take_lines(v, &bytes, e))
			return false;
	} while (n != 0);
	return chain_end(v->walk, buf_slice(&bytes), e);
}

bool audit_verify(const char *file, const struct signature_key *key, audit_entry_fn *fn, void *ctx,
		  struct chain_walk *w, struct error *e)
{
	const struct verification v = { w, fn, ctx };
	AUTO_FREE char *identity = NULL;
	AUTO_FREE char *head_path = NULL;
	AUTO_BUF head = BUF_INIT;
	AUTO_FD fd = -1;
	bool ok;

	*w = (struct chain_walk){ .at = CHAIN_INIT };
	if (!parse_path(file, &identity, &head_path, e))
		return false;
	fd = open_log(file, O_RDONLY, e);
	if (fd < 0)
		return false;
	while (flock(fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return error_sys(e, "unable to lock '%s'", file);
	if (access(head_path, F_OK) == 0 && !file_read_at(AT_FDCWD, head_path, CHAIN_HEAD_MAX, &head, e))
		return false;
	ok = chain_begin(w, identity, buf_slice(&head), key, e) && walk_log(&v, fd, file, e);
	w->identity = NULL; /* it was ours */
	return ok;
}
