#include "approval.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "journal.h"
#include "limits.h"
#include "log.h"
#include "queue.h"

/* --- what was approved before --- */

/* One finding as it is remembered: the object's bytes, and what in them. */
static void key_of(const struct doc *finding, struct buf *out)
{
	buf_add_format(out, "%s %s %lld %lld\n", doc_get_cstr(finding, "object"), doc_get_cstr(finding, "rule"),
		       (long long)doc_get_int(finding, "line"), (long long)doc_get_int(finding, "offset"));
}

static char *memory_path(const struct repo *r)
{
	return alloc_format("approved/%s", r->name);
}

/* Is a line among the lines of a text? */
static bool has_line(struct slice text, struct slice line)
{
	while (text.len)
		if (slice_eq(slice_cut(&text, '\n'), line))
			return true;
	return false;
}

/* The findings that were not approved before. A memory that cannot be read remembers nothing. */
static struct doc *find_new(const struct repo *r, const struct doc *findings)
{
	AUTO_FREE char *path = memory_path(r);
	struct error ignored = ERROR_INIT;
	struct doc *fresh = doc_new_array();
	AUTO_BUF known = BUF_INIT;

	if (!file_read(path, APPROVED_BYTES_MAX, &known, &ignored))
		buf_truncate(&known, 0);
	for (size_t i = 0; i < doc_count(findings); i++) {
		AUTO_BUF key = BUF_INIT;

		key_of(doc_at(findings, i), &key);
		if (!has_line(buf_slice(&known), slice_sub(buf_slice(&key), 0, key.len - 1)))
			doc_append(fresh, doc_copy(doc_at(findings, i)));
	}
	return fresh;
}

/* Add findings to what is remembered, in one write. When it fails, the next push asks again. */
static void remember(const struct repo *r, const struct doc *findings)
{
	AUTO_FREE char *path = memory_path(r);
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct error e = ERROR_INIT;
	AUTO_BUF lines = BUF_INIT;

	for (size_t i = 0; i < doc_count(findings); i++)
		key_of(doc_at(findings, i), &lines);
	if (fd < 0)
		error_sys(&e, "unable to open '%s'", path);
	if (fd < 0 || !fd_write_all(fd, buf_slice(&lines), path, &e))
		journal_failure(r->name, e.text);
}

/* --- asking --- */

/* The document that the person reads. */
static void compose(const struct repo *r, const struct doc *findings, struct buf *out)
{
	static const char *const members[] = { "ref", "place", "line", "rule", "commit", "object", "excerpt" };
	AUTO_DOC *d = doc_new("findings", 1);
	struct doc *list;

	doc_put_str(d, "repo", r->name);
	list = doc_put(d, "findings", doc_new_array());
	for (size_t i = 0; i < doc_count(findings); i++) {
		struct doc *one = doc_append(list, doc_new_object());

		for (size_t m = 0; m < COUNT_OF(members); m++)
			if (doc_get(doc_at(findings, i), members[m]))
				doc_put(one, members[m], doc_copy(doc_get(doc_at(findings, i), members[m])));
	}
	doc_format(d, true, out);
	buf_add_char(out, '\n');
}

static void log_asking(const struct repo *r, const char *id, const char *status)
{
	AUTO_BUF line = BUF_INIT;

	log_begin(&line, "ask");
	log_str(&line, "repo", r->name);
	log_str(&line, "proposal", id);
	log_str(&line, "status", status);
	journal_write(&line);
}

/* Put the question and tell the client of it. */
static bool ask(const struct approval *a, struct queue *q, const struct doc *findings, struct ticket *t,
		struct error *e)
{
	const struct settings *s = &a->gate->settings;
	AUTO_FREE char *why = alloc_format("a push to '%s' has lines that say gitleaks:allow", a->repo->name);
	struct question question = { .tool = QUEUE_GITLEAKS_ALLOW, .bottle = s->bottle,
				     .justification = slice_str(why) };
	AUTO_FREE char *told = NULL;
	AUTO_BUF file = BUF_INIT;

	compose(a->repo, findings, &file);
	question.file = buf_slice(&file);
	if (!queue_ask(q, &question, t, e))
		return false;
	told = alloc_format("%zu suppressed finding%s: waiting up to %d seconds for the operator (proposal %s)",
			    doc_count(findings), doc_count(findings) == 1 ? "" : "s", s->ask_seconds, t->id);
	a->say(a->ctx, slice_str(told));
	log_asking(a->repo, t->id, t->again ? "joined" : "asked");
	return true;
}

/* Wait for the answer as long as somebody waits for us. */
static enum queue_result wait_for_answer(const struct approval *a, struct queue *q, const struct ticket *t,
					 struct response *r, struct error *e)
{
	int64_t deadline = watch_clock() + (int64_t)a->gate->settings.ask_seconds * 1000;

	for (;;) {
		struct pollfd p[2] = { { q->watch.fd, POLLIN, 0 }, { a->client, 0, 0 } };
		enum queue_result result;
		int64_t left;

		watch_drain(&q->watch);
		result = queue_check(q, t, r, e);
		left = deadline - watch_clock();
		if (result != QUEUE_WAITING)
			return result;
		if (left <= 0)
			return queue_withdraw(q, t, r, e);
		if (q->watch.fd < 0 && left > WATCH_POLL_MS)
			left = WATCH_POLL_MS;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR) {
			error_sys(e, "unable to wait for the operator");
			return QUEUE_ERROR;
		}
		if (p[1].revents)
			return queue_withdraw(q, t, r, e);
	}
}

/* What an answer means. */
static bool conclude(const struct approval *a, const struct ticket *t, enum queue_result result,
		     const struct response *r, struct error *e)
{
	struct slice notes = doc_get_str(r->doc, "notes");

	switch (result) {
	case QUEUE_ANSWERED:
		log_asking(a->repo, t->id, queue_status_names[r->status]);
		if (r->status == QUEUE_APPROVED)
			return true;
		return error_set(e, STATUS_NO, "the operator has rejected the suppressed findings%s%.*s",
				 notes.len ? ": " : "", SLICE_ARG(notes));
	case QUEUE_WAITING:
		log_asking(a->repo, t->id, "withdrawn");
		/* a client that has gone reads nothing of it */
		return error_set(e, STATUS_NO, "suppressed findings need approval, and nobody has given it within %d "
					       "seconds; push again",
				 a->gate->settings.ask_seconds);
	case QUEUE_VOID:
		log_asking(a->repo, t->id, "void");
		return false;
	case QUEUE_ERROR:
		return false;
	}
	return false;
}

bool approval_get(const struct approval *a, const struct doc *findings, struct error *e)
{
	AUTO_DOC *fresh = find_new(a->repo, findings);
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error unarchived = ERROR_INIT;
	struct ticket t;
	enum queue_result result;

	if (!doc_count(fresh))
		return true;
	if (!a->gate->settings.queue)
		return error_set(e, STATUS_NO, "suppressed findings need approval, and nobody is there to give it");
	if (!queue_open(&q, a->gate->settings.queue, true, e) || !ask(a, &q, fresh, &t, e))
		return false;
	result = wait_for_answer(a, &q, &t, &r, e);
	if (result == QUEUE_ANSWERED && !queue_archive(&q, t.id, &unarchived))
		journal_failure(a->repo->name, unarchived.text);
	if (!conclude(a, &t, result, &r, e))
		return false;
	remember(a->repo, fresh);
	return true;
}
