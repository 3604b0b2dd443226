/*
 * The asker: the one process that writes the queue of questions to the operator.
 * It asks what fronts have found in requests, waits for the answers, and keeps
 * which values were let go. It has no network and no files but the queue's, and
 * never sees a value, only its digest.
 *
 * Several requests with one value are one question. An answer goes to all fronts:
 * a request that has given up meanwhile passes when it is made again.
 */
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "limits.h"
#include "loop.h"
#include "message.h"
#include "permits.h"
#include "program.h"
#include "queue.h"
#include "role.h"

enum ref { REF_CONTROL, REF_FRONT, REF_QUEUE };

/* A question that has no answer yet. */
struct pending {
	uint8_t digest[DIGEST_SIZE];
	struct ticket ticket;
	int64_t deadline;
};

struct asker {
	struct role_options options;
	struct loop loop;
	struct channel control;
	struct channel fronts[WORKERS_MAX];
	size_t n_fronts;
	struct queue queue;
	struct permits permits;
	struct pending list[QUEUE_PENDING_MAX];
	size_t n;
	int64_t next_look; /* at the queue, where the kernel does not tell of changes */
};

/* --- what was let go --- */

/* Read the key and the digests, or draw a key. */
static bool load_permits(struct asker *a, struct error *e)
{
	struct permits *p = &a->permits;
	AUTO_BUF bytes = BUF_INIT;
	int store = a->options.permits;

	p->asks = true;
	if (store >= 0 && (lseek(store, 0, SEEK_SET) < 0 || !fd_read_all(store, DIGEST_SIZE * (1 + PERMITS_MAX),
									 "the values that were let go", &bytes, e)))
		return error_wrap(e, "'--permits'");
	if (bytes.len >= DIGEST_SIZE) {
		memcpy(p->key, bytes.ptr, DIGEST_SIZE);
		for (size_t at = DIGEST_SIZE; at + DIGEST_SIZE <= bytes.len; at += DIGEST_SIZE)
			permits_add(p, (const uint8_t *)bytes.ptr + at);
		return true;
	}
	if (getrandom(p->key, sizeof(p->key), 0) != (ssize_t)sizeof(p->key))
		return error_sys(e, "no random key");
	if (store >= 0 && pwrite(store, p->key, sizeof(p->key), 0) != (ssize_t)sizeof(p->key))
		return error_sys(e, "unable to keep the key of the values that were let go");
	return true;
}

/* A value may go from now on. */
static void permit(struct asker *a, const uint8_t digest[DIGEST_SIZE])
{
	off_t place = (off_t)(DIGEST_SIZE * (1 + permits_add(&a->permits, digest)));

	if (a->options.permits >= 0 && pwrite(a->options.permits, digest, DIGEST_SIZE, place) != DIGEST_SIZE)
		program_warn("unable to keep what the operator has approved: it will be asked for again after a "
			     "restart");
}

/* --- answers --- */

/* Tell all fronts. text is why not, or NULL. */
static void tell(struct asker *a, const uint8_t digest[DIGEST_SIZE], const char *text)
{
	for (size_t i = 0; i < a->n_fronts; i++) {
		struct buf *body = channel_open(&a->fronts[i], text ? MESSAGE_DENY : MESSAGE_PERMIT, 0);

		buf_add(body, digest, DIGEST_SIZE);
		buf_add_str(body, text ? text : "");
		channel_close(&a->fronts[i]);
		role_send(&a->fronts[i]);
	}
}

/* The operator has decided. */
static void take_answer(struct asker *a, const struct pending *p, const struct response *r)
{
	struct slice notes = slice_sub(doc_get_str(r->doc, "notes"), 0, ANSWER_TEXT_MAX);
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;

	if (r->status == QUEUE_APPROVED) {
		permit(a, p->digest);
		tell(a, p->digest, NULL);
	} else {
		buf_add_format(&text, "the operator has rejected it%s%.*s", notes.len ? ": " : "", SLICE_ARG(notes));
		tell(a, p->digest, buf_str(&text));
	}
	if (!queue_archive(&a->queue, p->ticket.id, &e))
		program_warn("%s", e.text);
}

/* Look after one question. True when it is settled. */
static bool look(struct asker *a, const struct pending *p)
{
	bool late = a->loop.now >= p->deadline;
	AUTO_RESPONSE r = RESPONSE_INIT;
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;

	switch (late ? queue_withdraw(&a->queue, &p->ticket, &r, &e) : queue_check(&a->queue, &p->ticket, &r, &e)) {
	case QUEUE_ANSWERED:
		take_answer(a, p, &r);
		return true;
	case QUEUE_VOID: /* the question stands */
	case QUEUE_ERROR:
		program_warn("%s", e.text);
		break;
	case QUEUE_WAITING:
		break;
	}
	if (!late)
		return false;
	buf_add_format(&text, "the operator has not answered within %d seconds", a->options.ask_seconds);
	tell(a, p->digest, buf_str(&text));
	return true;
}

static void look_all(struct asker *a)
{
	watch_drain(&a->queue.watch);
	for (size_t i = a->n; i > 0; i--)
		if (look(a, &a->list[i - 1]))
			a->list[i - 1] = a->list[--a->n];
	a->next_look = a->loop.now + WATCH_POLL_MS;
}

/* --- questions --- */

/* Put a question, unless it is there. */
static void ask(struct asker *a, const uint8_t digest[DIGEST_SIZE], struct slice file)
{
	struct question q = { .tool = QUEUE_EGRESS_TOKEN_ALLOW, .bottle = a->options.bottle, .file = file };
	struct pending *p = &a->list[a->n];
	AUTO_BUF why = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < a->n; i++)
		if (memcmp(a->list[i].digest, digest, DIGEST_SIZE) == 0)
			return;
	if (a->n == QUEUE_PENDING_MAX) {
		tell(a, digest, "too many questions wait for the operator; try again when some are decided");
		return;
	}
	buf_add_format(&why, "A request holds this. It is held for at most %d seconds.", a->options.ask_seconds);
	q.justification = buf_slice(&why);
	if (queue_ask(&a->queue, &q, &p->ticket, &e)) {
		memcpy(p->digest, digest, DIGEST_SIZE);
		p->deadline = a->loop.now + (int64_t)a->options.ask_seconds * 1000;
		a->n++;
		look_all(a); /* it may have been answered while nobody waited */
		return;
	}
	if (e.status == STATUS_WORLD)
		program_warn("%s", e.text);
	buf_add_format(&text, "the operator cannot be asked: %s",
		       e.status == STATUS_NO ? e.text : "the queue does not work");
	tell(a, digest, buf_str(&text));
}

/* Serve what a front has sent. */
static void serve(struct asker *a, struct channel *front)
{
	enum channel_result r = channel_fill(front);
	struct message m;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	while ((r = channel_next(front, &m)) == CHANNEL_DONE) {
		const uint8_t *digest = (const uint8_t *)m.body.ptr;

		if (m.type != MESSAGE_ASK || m.body.len < DIGEST_SIZE)
			role_peer_broke("front", "an unknown message");
		if (permits_has(&a->permits, digest))
			tell(a, digest, NULL);
		else
			ask(a, digest, slice_sub(m.body, DIGEST_SIZE, m.body.len));
	}
	if (r == CHANNEL_BAD)
		role_peer_broke("front", "a message that is too large");
}

/* When to wake up at the latest; -1: not before something happens. */
static int64_t next_due(const struct asker *a)
{
	int64_t due = a->n && a->queue.watch.fd < 0 ? a->next_look : -1;

	for (size_t i = 0; i < a->n; i++)
		if (due < 0 || a->list[i].deadline < due)
			due = a->list[i].deadline;
	return due;
}

/* --- the start --- */

/* Everything that needs power: queue, store, loop. */
static bool prepare(struct asker *a, struct error *e)
{
	struct role_options *o = &a->options;

	document_seed();
	digest_init();
	if (!queue_open(&a->queue, o->queue, true, e) || !load_permits(a, e) || !loop_init(&a->loop, e))
		return false;
	channel_init(&a->control, o->control, 0);
	if (!loop_add(&a->loop, o->control, LOOP_READ, (struct loop_ref){ REF_CONTROL, 0, 0 }, e))
		return false;
	if (a->queue.watch.fd >= 0 &&
	    !loop_add(&a->loop, a->queue.watch.fd, LOOP_READ, (struct loop_ref){ REF_QUEUE, 0, 0 }, e))
		return false;
	a->n_fronts = o->n_peers;
	for (size_t i = 0; i < o->n_peers; i++) {
		channel_init(&a->fronts[i], o->peers[i], QUESTION_MAX);
		if (!loop_add(&a->loop, o->peers[i], LOOP_READ, (struct loop_ref){ REF_FRONT, 0, (uint32_t)i }, e))
			return false;
	}
	return true;
}

/* It keeps its user, who owns the queue, but none of root's powers. */
static bool confine_asker(const struct asker *a, struct error *e)
{
	static const struct confine_call *const calls[] = { loop_calls, channel_calls, role_calls, queue_calls,
							    watch_calls, NULL };
	const char *const writable[] = { a->options.queue, NULL };
	const struct confinement c = { .role = "asker", .tied = true, .descriptors = 64, .writable = writable,
				       .calls = calls };

	return confine(&c, e);
}

/* Give the fronts the key, and tell main that questions can be asked. */
static void report(struct asker *a)
{
	for (size_t i = 0; i < a->n_fronts; i++) {
		channel_put(&a->fronts[i], MESSAGE_PERMITS_KEY, 0, slice_of(a->permits.key, DIGEST_SIZE));
		role_send(&a->fronts[i]);
	}
	for (size_t i = 0; i < a->permits.n; i++)
		tell(a, a->permits.list[i], NULL);
	channel_put(&a->control, MESSAGE_READY, 0, SLICE(""));
	role_send(&a->control);
}

int asker_main(int argc, char **argv)
{
	static struct asker a = { .queue = QUEUE_INIT };
	struct loop_event events[LOOP_EVENTS_MAX];
	struct error e = ERROR_INIT;
	int n;

	role_start("asker", argc, argv, &a.options);
	if (!prepare(&a, &e) || !confine_asker(&a, &e))
		return program_fail(&e);
	report(&a);
	while ((n = loop_wait(&a.loop, next_due(&a), events, &e)) >= 0) {
		for (int i = 0; i < n; i++) {
			if (events[i].ref.type == REF_CONTROL) /* main says nothing to the asker: it is gone */
				role_peer_gone();
			if (events[i].ref.type == REF_FRONT)
				serve(&a, &a.fronts[events[i].ref.index]);
		}
		look_all(&a);
	}
	return program_fail(&e);
}
