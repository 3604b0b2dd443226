#include "queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "log.h"

#define PROPOSAL ".proposal.json"
#define RESPONSE ".response.json"
#define REPEATS	 ".repeats"
#define NEW	 ".new" /* what is being written; there is one writer at a time */
#define NAME_SIZE 64	/* of ID and the longest of these */
#define COUNT_SIZE 24	/* of a decimal number and NUL */

const char *const queue_tool_names[QUEUE_TOOLS] = { "allow", "egress-block", "gitleaks-allow", "egress-token-allow" };
const char *const queue_status_names[] = { "approved", "modified", "rejected" };

static const struct doc_field proposal_fields[] = {
	{ "id", DOC_STR, true },	    { "bottle_slug", DOC_STR, true },
	{ "tool", DOC_STR, true },	    { "proposed_file", DOC_STR, true },
	{ "justification", DOC_STR, true }, { "arrival_timestamp", DOC_STR, true },
	{ "current_file_hash", DOC_STR, true }, { NULL, 0, false },
};

static const struct doc_field response_fields[] = {
	{ "id", DOC_STR, true },	 { "status", DOC_STR, true },	  { "notes", DOC_STR, true },
	{ "final_file", DOC_STR, true }, { "decided_at", DOC_STR, true }, { "proposal_hash", DOC_STR, true },
	{ NULL, 0, false },
};

/* --- opening --- */

/*
 * Open a directory of the queue, made if asked for; it has to be this user's alone. Root decides for those who run a
 * sidecar for him without being root. Returns -1 on error.
 */
static int open_directory(int parent, const char *path, bool make, struct error *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (make && mkdirat(parent, path, 0700) < 0 && errno != EEXIST) {
		error_sys(e, "unable to make the directory '%s'", path);
		return -1;
	}
	fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		error_sys(e, "unable to open the queue '%s'", path);
		return -1;
	}
	if ((st.st_uid != geteuid() && geteuid() != 0) || (st.st_mode & 077)) {
		error_set(e, STATUS_CALLER,
			  "the queue '%s' is open to others; wanted a directory of this user, mode 0700", path);
		return -1;
	}
	return fd_steal(&fd);
}

bool queue_open(struct queue *q, const char *path, bool make, struct error *e)
{
	struct stat st;

	*q = (struct queue)QUEUE_INIT;
	q->dir = open_directory(AT_FDCWD, path, make, e);
	if (q->dir < 0)
		return false;
	if (fstat(q->dir, &st) < 0)
		return error_sys(e, "unable to look at the queue '%s'", path);
	q->theirs = st.st_uid != geteuid();
	q->uid = st.st_uid;
	q->gid = st.st_gid;
	q->path = alloc_copy(path, strlen(path));
	q->processed = open_directory(q->dir, "processed", true, e);
	if (q->processed < 0)
		return error_wrap(e, "in '%s'", path);
	watch_open(&q->watch, path);
	return true;
}

void queue_release(struct queue *q)
{
	watch_release(&q->watch);
	fd_close(&q->dir);
	fd_close(&q->processed);
	free(STEAL(q->path));
}

bool queue_is_id(struct slice text)
{
	if (text.len != QUEUE_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (i == 8 || i == 13 || i == 18 || i == 23 ? c != '-' : !(ascii_is_digit(c) || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* --- files of the directory --- */

/* A file that root has made in someone's queue is theirs. */
static bool give_away(const struct queue *q, int fd)
{
	return !q->theirs || fchown(fd, q->uid, q->gid) == 0;
}

/* Hold a lock of the queue until the descriptor is closed. Returns -1 on error. Waits. */
static int hold(const struct queue *q, const char *name, struct error *e)
{
	AUTO_FD fd = openat(q->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		fd_close(&fd);
	}
	if (fd < 0 || !give_away(q, fd)) {
		error_sys(e, "unable to lock the queue '%s'", q->path);
		return -1;
	}
	return fd_steal(&fd);
}

int queue_decide(const struct queue *q, struct error *e)
{
	return hold(q, "deciding", e);
}

static void name_of(char name[NAME_SIZE], const char *id, const char *suffix)
{
	snprintf(name, NAME_SIZE, "%s%s", id, suffix);
}

static bool exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

/* Write bytes under the name of what is not finished. Call with the lock held. */
static bool write_new(const struct queue *q, struct slice bytes, struct error *e)
{
	AUTO_FD fd = -1;

	unlinkat(q->dir, NEW, 0); /* of a writer that died */
	fd = openat(q->dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || !give_away(q, fd))
		return error_sys(e, "unable to write to the queue '%s'", q->path);
	if (!fd_write_all(fd, bytes, "a file of the queue", e))
		return false;
	return fsync(fd) == 0 || error_sys(e, "unable to write to the queue '%s'", q->path);
}

/* Write a document under a name that must not exist yet: whole or not at all. Call with the lock held. */
static bool publish(const struct queue *q, const char *name, const struct buf *text, struct error *e)
{
	bool ok = write_new(q, buf_slice(text), e);

	/* A link, as a rename would replace what is there. */
	if (ok && linkat(q->dir, NEW, q->dir, name, 0) < 0)
		ok = error_sys(e, "unable to write '%s/%s'", q->path, name);
	unlinkat(q->dir, NEW, 0);
	if (ok && fsync(q->dir) < 0 && errno != EINVAL)
		ok = error_sys(e, "unable to write '%s/%s'", q->path, name);
	return ok;
}

/* A small number kept in a file; fallback when there is none that can be read. */
static uint64_t read_number(int dir, const char *name, uint64_t fallback)
{
	struct error unread = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	uint64_t v;

	if (!file_read_at(dir, name, COUNT_SIZE, &text, &unread) ||
	    !slice_to_u64(slice_trim(buf_slice(&text), "\n"), &v))
		return fallback;
	return v;
}

static bool write_number(const struct queue *q, const char *name, uint64_t v, struct error *e)
{
	AUTO_FD fd = openat(q->dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	char text[COUNT_SIZE];
	int n = snprintf(text, sizeof(text), "%020" PRIu64 "\n", v); /* of one width: a reader never sees half of two */

	if (fd < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return error_sys(e, "unable to write '%s/%s'", q->path, name);
	return true;
}

static bool find_tool(struct slice name, enum queue_tool *tool)
{
	for (size_t i = 0; i < QUEUE_TOOLS; i++) {
		if (slice_eq(name, slice_str(queue_tool_names[i]))) {
			*tool = (enum queue_tool)i;
			return true;
		}
	}
	return false;
}

/* Parse and check a file's text as a document of the queue about id. */
static struct doc *parse_about(const struct buf *text, const char *kind, const struct doc_field *fields, const char *id,
			       struct error *e)
{
	AUTO_DOC *d = doc_parse(buf_slice(text), e);

	if (!d)
		return NULL;
	if (doc_type_of(d) != DOC_OBJECT) {
		error_set(e, STATUS_CALLER, "not a document");
		return NULL;
	}
	if (!doc_is(d, kind, 1, e) || !doc_check(d, kind, fields, e))
		return NULL;
	if (!slice_eq(doc_get_str(d, "id"), slice_str(id))) {
		error_set(e, STATUS_CALLER, "%s.id is not that of the file's name", kind);
		return NULL;
	}
	return STEAL(d);
}

void proposal_release(struct proposal *p)
{
	doc_release(p->doc);
	p->doc = NULL;
}

/* Read the proposal of an id. */
static bool load(const struct queue *q, const char *id, struct proposal *p, struct error *e)
{
	char proposal[NAME_SIZE], response[NAME_SIZE], repeats[NAME_SIZE];
	AUTO_BUF text = BUF_INIT;

	name_of(proposal, id, PROPOSAL);
	name_of(response, id, RESPONSE);
	name_of(repeats, id, REPEATS);
	*p = (struct proposal){ .doc = NULL };
	if (!file_read_at(q->dir, proposal, QUEUE_BYTES_MAX, &text, e))
		return false;
	p->doc = parse_about(&text, "proposal", proposal_fields, id, e);
	if (!p->doc)
		return error_wrap(e, "unable to read '%s'", proposal);
	if (!find_tool(doc_get_str(p->doc, "tool"), &p->tool)) {
		proposal_release(p);
		return error_set(e, STATUS_CALLER, "unable to read '%s': proposal.tool is none that is known",
				 proposal);
	}
	memcpy(p->id, id, QUEUE_ID_SIZE);
	digest_text(buf_slice(&text), p->hash);
	p->answered = exists(q->dir, response);
	p->repeats = read_number(q->dir, repeats, 0);
	return true;
}

bool queue_read(const struct queue *q, const char *id, struct proposal *p, struct error *e)
{
	char proposal[NAME_SIZE];

	*p = (struct proposal){ .doc = NULL };
	if (!queue_is_id(slice_str(id)))
		return error_set(e, STATUS_CALLER, "'%s' is not the id of a proposal", id);
	name_of(proposal, id, PROPOSAL);
	if (!exists(q->dir, proposal))
		return error_set(e, STATUS_NO, "there is no proposal %s any more", id);
	return load(q, id, p, e);
}

/* --- listing --- */

/* A proposal's file, before it is read. */
struct entry {
	char id[QUEUE_ID_SIZE];
	struct timespec time;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time.tv_sec != y->time.tv_sec)
		return x->time.tv_sec < y->time.tv_sec ? -1 : 1;
	if (x->time.tv_nsec != y->time.tv_nsec)
		return x->time.tv_nsec < y->time.tv_nsec ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Open the directory for reading its entries from the start. */
static DIR *entries_of(int fd, const char *path, struct error *e)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;

	if (!dir) {
		error_sys(e, "unable to read the queue '%s'", path);
		fd_close(&again);
	}
	return dir;
}

/* Find all proposals by name and age. */
static bool find_entries(const struct queue *q, struct slice begins, struct entry **list, size_t *count,
			 struct error *e)
{
	DIR *dir = entries_of(q->dir, q->path, e);
	size_t n = 0, room = 0, seen = 0;
	struct dirent *entry;
	struct stat st;

	if (!dir)
		return false;
	while ((entry = readdir(dir)) && ++seen <= QUEUE_ENTRIES_MAX) {
		struct slice name = slice_str(entry->d_name);
		struct slice id = slice_sub(name, 0, QUEUE_ID_SIZE - 1);

		if (!slice_ends(name, SLICE(PROPOSAL)) || name.len != QUEUE_ID_SIZE - 1 + sizeof(PROPOSAL) - 1 ||
		    !queue_is_id(id) || !slice_starts(id, begins))
			continue;
		if (fstatat(q->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone meanwhile */
		if (n == room)
			*list = alloc_resize(*list, room = room ? 2 * room : 32, sizeof(**list));
		memcpy((*list)[n].id, id.ptr, id.len);
		(*list)[n].id[id.len] = '\0';
		(*list)[n].time = st.st_mtim;
		n++;
	}
	closedir(dir);
	if (seen > QUEUE_ENTRIES_MAX)
		return error_set(e, STATUS_WORLD, "the queue '%s' has more than %d entries: something is filling it",
				 q->path, QUEUE_ENTRIES_MAX);
	if (n)
		qsort(*list, n, sizeof(**list), compare_entries);
	*count = n;
	return true;
}

void proposal_list_release(struct proposal_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		proposal_release(&l->list[i]);
	free(STEAL(l->list));
	l->count = 0;
}

bool queue_list(const struct queue *q, struct slice begins, struct proposal_list *l, struct error *e)
{
	AUTO_FREE struct entry *found = NULL;
	struct error unread = ERROR_INIT;
	size_t n = 0;

	*l = (struct proposal_list)PROPOSAL_LIST_INIT;
	if (!find_entries(q, begins, &found, &n, e))
		return false;
	l->list = alloc_zero(n < QUEUE_SHOWN_MAX ? n + 1 : QUEUE_SHOWN_MAX, sizeof(*l->list));
	for (size_t i = 0; i < n; i++) {
		if (l->count == QUEUE_SHOWN_MAX)
			l->unshown++;
		else if (load(q, found[i].id, &l->list[l->count], &unread))
			l->count++;
		else
			l->damaged++;
	}
	return true;
}

/* --- asking --- */

/* Is a text one that a document and a screen can hold? */
static bool check_text(struct slice text, size_t max, const char *what, struct error *e)
{
	if (text.len > max)
		return error_set(e, STATUS_CALLER, "%s has %zu bytes, more than %zu", what, text.len, max);
	if (!slice_is_utf8(text) || slice_find(text, '\0') != SLICE_NONE)
		return error_set(e, STATUS_CALLER, "%s is not UTF-8 text", what);
	return true;
}

/* Draw a random UUID, version 4 (RFC 9562 §5.4). */
static bool draw_id(char id[QUEUE_ID_SIZE], struct error *e)
{
	unsigned char r[16];

	if (getentropy(r, sizeof(r)) < 0)
		return error_sys(e, "unable to draw a random number");
	r[6] = (unsigned char)((r[6] & 0x0F) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3F) | 0x80);
	snprintf(id, QUEUE_ID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
		 r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	return true;
}

/*
 * Take one from the rate: the time is kept up to which it is used up, never more
 * than a burst ahead, so that a clock set back does not lock anyone out. A file
 * that cannot be read counts as a burst just used.
 */
static bool take_rate(const struct queue *q, struct error *e)
{
	const uint64_t burst = (uint64_t)QUEUE_BURST * QUEUE_INTERVAL_MS;
	struct timespec t;
	uint64_t now, used;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	used = exists(q->dir, "bucket") ? read_number(q->dir, "bucket", now + burst) : now;
	if (used < now)
		used = now;
	if (used > now + burst)
		used = now + burst;
	if (used + QUEUE_INTERVAL_MS > now + burst)
		return error_set(e, STATUS_NO, "too many proposals in a short time; try again in %" PRIu64 " seconds",
				 (used + QUEUE_INTERVAL_MS - now - burst) / 1000 + 1);
	return write_number(q, "bucket", used + QUEUE_INTERVAL_MS, e);
}

/* The proposal's text under a new id. */
static bool compose(const struct question *a, char id[QUEUE_ID_SIZE], struct buf *text, struct error *e)
{
	AUTO_DOC *d = doc_new("proposal", 1);
	AUTO_BUF now = BUF_INIT;

	if (!draw_id(id, e))
		return false;
	log_time(&now);
	doc_put_str(d, "id", id);
	doc_put_str(d, "bottle_slug", a->bottle);
	doc_put_str(d, "tool", queue_tool_names[a->tool]);
	doc_put_slice(d, "proposed_file", a->file);
	doc_put_slice(d, "justification", a->justification);
	doc_put_str(d, "arrival_timestamp", buf_str(&now));
	doc_put_slice(d, "current_file_hash", a->current_hash);
	doc_format(d, true, text);
	buf_add_char(text, '\n');
	if (text->len > QUEUE_BYTES_MAX)
		return error_set(e, STATUS_CALLER, "the proposal has more than %u bytes", QUEUE_BYTES_MAX);
	return true;
}

static bool is_equal(const struct proposal *p, const struct question *a)
{
	return p->tool == a->tool && slice_eq(doc_get_str(p->doc, "proposed_file"), a->file);
}

/* Join a proposal that is there. */
static bool join(const struct queue *q, const struct proposal *p, struct ticket *t, struct error *e)
{
	char repeats[NAME_SIZE];

	name_of(repeats, p->id, REPEATS);
	memcpy(t->id, p->id, sizeof(t->id));
	memcpy(t->hash, p->hash, sizeof(t->hash));
	t->again = true;
	return write_number(q, repeats, p->repeats + 1, e);
}

bool queue_ask(struct queue *q, const struct question *a, struct ticket *t, struct error *e)
{
	AUTO_PROPOSAL_LIST l = PROPOSAL_LIST_INIT;
	char proposal[NAME_SIZE];
	AUTO_BUF text = BUF_INIT;
	size_t pending = 0;
	AUTO_FD lock = -1;

	if (!check_text(a->file, QUEUE_FILE_MAX, "what is proposed", e) ||
	    !check_text(a->justification, QUEUE_TEXT_MAX, "the justification", e))
		return false;
	lock = hold(q, "lock", e);
	if (lock < 0 || !queue_list(q, SLICE(""), &l, e))
		return false;
	for (size_t i = 0; i < l.count; i++) {
		if (is_equal(&l.list[i], a))
			return join(q, &l.list[i], t, e);
		pending += !l.list[i].answered;
	}
	if (pending + l.unshown >= QUEUE_PENDING_MAX)
		return error_set(e, STATUS_NO, "%zu proposals wait for the operator; try again when some are decided",
				 pending + l.unshown);
	if (!take_rate(q, e) || !compose(a, t->id, &text, e))
		return false;
	name_of(proposal, t->id, PROPOSAL);
	digest_text(buf_slice(&text), t->hash);
	t->again = false;
	return publish(q, proposal, &text, e);
}

void response_release(struct response *r)
{
	doc_release(r->doc);
	r->doc = NULL;
}

/* Check what a response says against what was asked. */
static bool judge_response(const struct ticket *t, const struct buf *text, struct response *r, struct error *e)
{
	AUTO_DOC *d = parse_about(text, "response", response_fields, t->id, e);
	struct slice status;

	if (!d)
		return error_wrap(e, "the answer to proposal %s is void", t->id);
	if (!slice_eq(doc_get_str(d, "proposal_hash"), slice_str(t->hash)))
		return error_set(e, STATUS_CALLER, "the answer to proposal %s is void: it was given to other bytes",
				 t->id);
	status = doc_get_str(d, "status");
	for (size_t i = QUEUE_APPROVED; i <= QUEUE_REJECTED; i++) {
		if (slice_eq(status, slice_str(queue_status_names[i]))) {
			r->status = (enum queue_status)i;
			r->doc = STEAL(d);
			return true;
		}
	}
	return error_set(e, STATUS_CALLER, "the answer to proposal %s is void: its status is none that is known",
			 t->id);
}

enum queue_result queue_check(struct queue *q, const struct ticket *t, struct response *r, struct error *e)
{
	char response[NAME_SIZE], aside[NAME_SIZE];
	struct error unread = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	bool there, read;

	*r = (struct response)RESPONSE_INIT;
	name_of(response, t->id, RESPONSE);
	name_of(aside, t->id, ".void.json");
	there = exists(q->dir, response); /* first: what comes while it is read is not an answer that cannot be read */
	read = there && file_read_at(q->dir, response, QUEUE_BYTES_MAX, &text, &unread);
	if (!there || (!read && !exists(q->dir, response))) {
		buf_truncate(&text, 0);
		/* Someone else who asked the same may have read and archived it. */
		if (!file_read_at(q->processed, response, QUEUE_BYTES_MAX, &text, &unread))
			return QUEUE_WAITING;
		return judge_response(t, &text, r, e) ? QUEUE_ANSWERED : QUEUE_WAITING;
	}
	if (!read)
		error_set(e, STATUS_CALLER, "the answer to proposal %s is void: %s", t->id, unread.text);
	else if (judge_response(t, &text, r, e))
		return QUEUE_ANSWERED;
	if (renameat(q->dir, response, q->processed, aside) < 0 && errno != ENOENT) {
		error_sys(e, "unable to put aside '%s/%s'", q->path, response);
		return QUEUE_ERROR;
	}
	return QUEUE_VOID;
}

enum queue_result queue_await(struct queue *q, const struct ticket *t, int64_t deadline, struct response *r,
			      struct error *e)
{
	for (;;) {
		enum queue_result result;

		watch_drain(&q->watch);
		result = queue_check(q, t, r, e);
		if (result != QUEUE_WAITING || watch_clock() >= deadline)
			return result;
		if (!watch_wait(&q->watch, deadline, e))
			return QUEUE_ERROR;
	}
}

/* --- putting away --- */

/* Move one file of a proposal to processed/; absent is fine. */
static bool put_away(const struct queue *q, const char *id, const char *suffix, struct error *e)
{
	char name[NAME_SIZE];

	name_of(name, id, suffix);
	if (renameat(q->dir, name, q->processed, name) < 0 && errno != ENOENT)
		return error_sys(e, "unable to move '%s/%s' to processed", q->path, name);
	return true;
}

struct old {
	char *name;
	struct timespec time;
};

static int compare_old(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	if (x->time.tv_sec != y->time.tv_sec)
		return x->time.tv_sec < y->time.tv_sec ? -1 : 1;
	return x->time.tv_nsec < y->time.tv_nsec ? -1 : x->time.tv_nsec > y->time.tv_nsec;
}

/* Remove the oldest files of processed/ beyond what is kept: two of each proposal. */
static bool prune(const struct queue *q, struct error *e)
{
	const size_t keep = 2 * (size_t)QUEUE_PROCESSED_MAX;
	DIR *dir = entries_of(q->processed, q->path, e);
	AUTO_FREE struct old *list = NULL;
	size_t n = 0, room = 0;
	struct dirent *entry;
	struct stat st;

	if (!dir)
		return false;
	while (n < QUEUE_ENTRIES_MAX && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || fstatat(q->processed, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n == room)
			list = alloc_resize(list, room = room ? 2 * room : 64, sizeof(*list));
		list[n].name = alloc_copy(entry->d_name, strlen(entry->d_name));
		list[n++].time = st.st_mtim;
	}
	closedir(dir);
	if (n > keep)
		qsort(list, n, sizeof(*list), compare_old);
	for (size_t i = 0; i < n; i++) {
		if (i + keep < n)
			unlinkat(q->processed, list[i].name, 0); /* if not, it is tried again the next time */
		free(list[i].name);
	}
	return true;
}

/* Move the files of a proposal away. Call with the lock held. */
static bool put_away_all(const struct queue *q, const char *id, struct error *e)
{
	char repeats[NAME_SIZE];

	name_of(repeats, id, REPEATS);
	/* The proposal first: what has no proposal is nobody's question any more. */
	if (!put_away(q, id, PROPOSAL, e) || !put_away(q, id, RESPONSE, e))
		return false;
	unlinkat(q->dir, repeats, 0); /* absent when it was asked once */
	return prune(q, e);
}

bool queue_archive(struct queue *q, const char *id, struct error *e)
{
	AUTO_FD lock = hold(q, "lock", e);

	return lock >= 0 && put_away_all(q, id, e);
}

enum queue_result queue_withdraw(struct queue *q, const struct ticket *t, struct response *r, struct error *e)
{
	AUTO_FD lock = hold(q, "lock", e);
	enum queue_result result = lock < 0 ? QUEUE_ERROR : queue_check(q, t, r, e);

	if (result == QUEUE_WAITING || result == QUEUE_VOID)
		return put_away_all(q, t->id, e) ? result : QUEUE_ERROR;
	return result;
}

/* --- deciding --- */

bool queue_answer(const struct queue *q, const struct decision *d, struct error *e)
{
	AUTO_DOC *doc = doc_new("response", 1);
	struct proposal p = { .doc = NULL };
	char response[NAME_SIZE];
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF now = BUF_INIT;
	AUTO_FD lock = -1;
	bool same, answered;

	if (!check_text(d->notes, QUEUE_TEXT_MAX, "the reason", e) ||
	    !check_text(d->file, QUEUE_FILE_MAX, "the final file", e))
		return false;
	lock = hold(q, "lock", e);
	if (lock < 0 || !queue_read(q, d->id, &p, e))
		return false;
	same = strcmp(p.hash, d->hash) == 0;
	answered = p.answered;
	proposal_release(&p);
	if (!same)
		return error_set(e, STATUS_NO, "proposal %s has changed since it was shown", d->id);
	if (answered)
		return error_set(e, STATUS_NO, "proposal %s is decided already", d->id);
	log_time(&now);
	doc_put_str(doc, "id", d->id);
	doc_put_str(doc, "status", queue_status_names[d->status]);
	doc_put_slice(doc, "notes", d->notes);
	doc_put_slice(doc, "final_file", d->file);
	doc_put_str(doc, "decided_at", buf_str(&now));
	doc_put_str(doc, "proposal_hash", d->hash);
	doc_format(doc, true, &text);
	buf_add_char(&text, '\n');
	name_of(response, d->id, RESPONSE);
	return publish(q, response, &text, e);
}
