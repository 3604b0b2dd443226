/* The queue of proposals: one question, one answer, to what was shown; whatever else lies or happens there. */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "lib/tap.h"

static char top[] = "/tmp/bb-queue.XXXXXX";

/* A queue of its own for each test. */
static void fresh(struct queue *q, const char *name)
{
	AUTO_FREE char *path = alloc_format("%s/%s", top, name);
	struct error e = ERROR_INIT;

	if (!queue_open(q, path, true, &e)) {
		printf("Bail out! %s\n", e.text);
		exit(1);
	}
}

static bool ask(struct queue *q, enum queue_tool tool, const char *file, struct ticket *t, struct error *e)
{
	struct question a = { tool, "dev-x1", slice_str(file), SLICE("because"), SLICE("") };

	*e = (struct error)ERROR_INIT;
	return queue_ask(q, &a, t, e);
}

static bool answer(const struct queue *q, const char *id, const char *hash, enum queue_status status, struct error *e)
{
	struct decision d = { id, hash, status, SLICE("fine"), SLICE("") };

	*e = (struct error)ERROR_INIT;
	return queue_answer(q, &d, e);
}

/* Replace or make a file of the queue's directory as someone without manners would. */
static void scribble(const struct queue *q, const char *name, const char *text)
{
	AUTO_FREE char *path = alloc_format("%s/%s", q->path, name);
	struct error e = ERROR_INIT;

	ok(file_replace(path, slice_str(text), 0600, &e), "someone writes %s", name);
}

/* Let the rate start over. */
static void forget_rate(const struct queue *q)
{
	unlinkat(q->dir, "bucket", 0);
}

static size_t count_list(const struct queue *q, size_t *damaged, size_t *unshown)
{
	AUTO_PROPOSAL_LIST l = PROPOSAL_LIST_INIT;
	struct error e = ERROR_INIT;

	ok(queue_list(q, SLICE(""), &l, &e), "the queue is read");
	if (damaged)
		*damaged = l.damaged;
	if (unshown)
		*unshown = l.unshown;
	return l.count;
}

static void test_ids(void)
{
	ok(queue_is_id(SLICE("0189abcd-0123-4567-89ab-cdef01234567")), "a UUID is an id");
	ok(!queue_is_id(SLICE("0189ABCD-0123-4567-89ab-cdef01234567")), "not in upper case");
	ok(!queue_is_id(SLICE("0189abcd-0123-4567-89ab-cdef0123456")), "not with a digit less");
	ok(!queue_is_id(SLICE("0189abcd-0123-4567-89ab-cdef012345678")), "nor one more");
	ok(!queue_is_id(SLICE("../../../../../../../../etc/passwd/..")), "a path is none");
	ok(!queue_is_id(SLICE("")), "nothing is none");
}

static void test_open(void)
{
	AUTO_FREE char *open_to_all = alloc_format("%s/open", top);
	AUTO_FREE char *link = alloc_format("%s/link", top);
	AUTO_FREE char *absent = alloc_format("%s/absent", top);
	AUTO_QUEUE q = QUEUE_INIT;
	struct error e = ERROR_INIT;
	struct stat st;

	ok(!queue_open(&q, absent, false, &e) && e.status == STATUS_WORLD,
	   "a queue that is not there is not opened: %s", e.text);
	queue_release(&q);
	mkdir(open_to_all, 0755);
	ok(!queue_open(&q, open_to_all, true, &e) && e.status == STATUS_CALLER, "nor one that is open to others: %s",
	   e.text);
	queue_release(&q);
	ok(symlink(top, link) == 0 && !queue_open(&q, link, true, &e), "nor through a link");
	queue_release(&q);
	ok(queue_open(&q, absent, true, &e), "one is made");
	ok(fstat(q.dir, &st) == 0 && (st.st_mode & 07777) == 0700, "for nobody else");
}

/* A question, its answer, and where both end. */
static void test_life(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct proposal p;
	struct ticket t, same;
	struct stat st;
	char name[64];

	fresh(&q, "life");
	ok(ask(&q, QUEUE_ALLOW, "routes: []\n", &t, &e), "a question is put %s", e.text);
	ok(queue_is_id(slice_str(t.id)) && !t.again, "under a new id");
	snprintf(name, sizeof(name), "%s.proposal.json", t.id);
	ok(fstatat(q.dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & 07777) == 0600,
	   "in a file for nobody else");
	ok(queue_read(&q, t.id, &p, &e), "it is read back %s", e.text);
	is_str(p.hash, t.hash, "with the hash that whoever asked knows");
	is_str(doc_get_cstr(p.doc, "tool"), "allow", "the tool,");
	is_str(doc_get_cstr(p.doc, "bottle_slug"), "dev-x1", "the bottle,");
	is_str(doc_get_cstr(p.doc, "proposed_file"), "routes: []\n", "the file,");
	is_str(doc_get_cstr(p.doc, "justification"), "because", "the reason,");
	is_int(doc_get_str(p.doc, "arrival_timestamp").len, 24, "and the time");
	proposal_release(&p);

	is_int(queue_check(&q, &t, &r, &e), QUEUE_WAITING, "there is no answer");
	is_int(queue_await(&q, &t, watch_clock() + 20, &r, &e), QUEUE_WAITING, "nor in a while");
	ok(ask(&q, QUEUE_ALLOW, "routes: []\n", &same, &e) && same.again, "asked again, it is the same question");
	is_str(same.id, t.id, "by its id");
	ok(queue_read(&q, t.id, &p, &e) && p.repeats == 1 && !p.answered, "which was repeated once");
	is_str(p.hash, t.hash, "without a change of its bytes");
	proposal_release(&p);
	ok(ask(&q, QUEUE_EGRESS_BLOCK, "routes: []\n", &same, &e) && !same.again, "with another tool it is another");
	ok(ask(&q, QUEUE_ALLOW, "routes: [ ]\n", &same, &e) && !same.again, "and with another file");

	ok(answer(&q, t.id, t.hash, QUEUE_APPROVED, &e), "it is answered %s", e.text);
	ok(!answer(&q, t.id, t.hash, QUEUE_REJECTED, &e) && e.status == STATUS_NO, "once: %s", e.text);
	is_int(queue_check(&q, &t, &r, &e), QUEUE_ANSWERED, "the answer is there");
	is_int(r.status, QUEUE_APPROVED, "as it was given");
	is_str(doc_get_cstr(r.doc, "notes"), "fine", "with its notes");
	response_release(&r);
	ok(ask(&q, QUEUE_ALLOW, "routes: []\n", &same, &e) && same.again, "who asks the same now");
	is_int(queue_check(&q, &same, &r, &e), QUEUE_ANSWERED, "has the answer at once");
	response_release(&r);
	ok(queue_archive(&q, t.id, &e), "it is put away");
	ok(queue_archive(&q, t.id, &e), "twice is fine");
	ok(faccessat(q.processed, name, F_OK, 0) == 0, "the proposal is among the processed ones");
	is_int(queue_check(&q, &same, &r, &e), QUEUE_ANSWERED, "and the answer can still be read there");
	response_release(&r);
	is_int(count_list(&q, NULL, NULL), 2, "the other two are left");
	ok(!queue_read(&q, t.id, &p, &e) && e.status == STATUS_NO, "the one put away is gone: %s", e.text);
	ok(!answer(&q, t.id, t.hash, QUEUE_APPROVED, &e) && e.status == STATUS_NO, "and cannot be answered");
	ok(!queue_read(&q, "../life", &p, &e) && e.status == STATUS_CALLER, "a path is no id: %s", e.text);
}

/* An answer counts only for the bytes it was given to. */
static void test_void(void)
{
	static const char *const bad[] = {
		"", "{", "[]", "{\"kind\":\"response\",\"v\":1}",
		"{\"kind\":\"response\",\"v\":1,\"id\":\"%s\",\"status\":\"approved\",\"notes\":\"\","
		"\"final_file\":\"\",\"decided_at\":\"\",\"proposal_hash\":\"00\"}",
		"{\"kind\":\"response\",\"v\":1,\"id\":\"%s\",\"status\":\"yes\",\"notes\":\"\",\"final_file\":\"\","
		"\"decided_at\":\"\",\"proposal_hash\":\"%s\"}",
		"{\"kind\":\"response\",\"v\":1,\"id\":\"x%s\",\"status\":\"approved\",\"notes\":\"\","
		"\"final_file\":\"\",\"decided_at\":\"\",\"proposal_hash\":\"%s\"}",
		"{\"kind\":\"response\",\"v\":1,\"id\":\"%s\",\"status\":\"approved\",\"notes\":\"\","
		"\"final_file\":\"\",\"decided_at\":\"\",\"proposal_hash\":\"%s\",\"x\":1}",
	};
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct ticket t;
	char name[64];

	fresh(&q, "void");
	ask(&q, QUEUE_ALLOW, "one", &t, &e);
	snprintf(name, sizeof(name), "%s.response.json", t.id);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char text[1024];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
		snprintf(text, sizeof(text), bad[i], t.id, t.hash);
#pragma GCC diagnostic pop
		scribble(&q, name, text);
		e = (struct error)ERROR_INIT;
		is_int(queue_check(&q, &t, &r, &e), QUEUE_VOID, "is void: %s", e.text);
		is_int(queue_check(&q, &t, &r, &e), QUEUE_WAITING, "and put aside, the question still stands");
	}
	ok(mkfifoat(q.dir, name, 0600) == 0, "a pipe in place of an answer");
	is_int(queue_check(&q, &t, &r, &e), QUEUE_VOID, "is void and blocks nobody");
	ok(symlinkat("/etc/passwd", q.dir, name) == 0, "a link in place of an answer");
	is_int(queue_check(&q, &t, &r, &e), QUEUE_VOID, "is not followed: %s", e.text);

	ok(!answer(&q, t.id, "00", QUEUE_APPROVED, &e) && e.status == STATUS_NO,
	   "an answer to other bytes is not written: %s", e.text);
	snprintf(name, sizeof(name), "%s.proposal.json", t.id);
	scribble(&q, name, "{\"kind\":\"proposal\",\"v\":1}");
	ok(!answer(&q, t.id, t.hash, QUEUE_APPROVED, &e), "nor to a proposal that was broken meanwhile: %s", e.text);
	is_int(queue_withdraw(&q, &t, &r, &e), QUEUE_WAITING, "it can be withdrawn");
	is_int(count_list(&q, NULL, NULL), 0, "and is gone");
}

/* Edited after it was shown. */
static void test_edited(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	struct ticket t;
	char name[64];

	fresh(&q, "edited");
	ask(&q, QUEUE_ALLOW, "harmless", &t, &e);
	snprintf(name, sizeof(name), "%s.proposal.json", t.id);
	ok(file_read_at(q.dir, name, QUEUE_BYTES_MAX, &text, &e), "the proposal is read");
	memcpy(strstr(text.ptr, "harmless"), "harmful!", 8);
	scribble(&q, name, buf_str(&text));
	ok(!answer(&q, t.id, t.hash, QUEUE_APPROVED, &e) && e.status == STATUS_NO, "changed after it was shown: %s",
	   e.text);
	is_int(queue_check(&q, &t, &r, &e), QUEUE_WAITING, "there is no answer");
}

/* Withdrawing and answering exclude each other. */
static void test_withdraw(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct ticket t;

	fresh(&q, "withdraw");
	ask(&q, QUEUE_EGRESS_TOKEN_ALLOW, "value 1", &t, &e);
	is_int(queue_withdraw(&q, &t, &r, &e), QUEUE_WAITING, "unanswered, it is withdrawn");
	ok(!answer(&q, t.id, t.hash, QUEUE_APPROVED, &e) && e.status == STATUS_NO, "and cannot be answered any more");
	ask(&q, QUEUE_EGRESS_TOKEN_ALLOW, "value 2", &t, &e);
	ok(answer(&q, t.id, t.hash, QUEUE_REJECTED, &e), "answered first");
	is_int(queue_withdraw(&q, &t, &r, &e), QUEUE_ANSWERED, "the answer counts");
	is_int(r.status, QUEUE_REJECTED, "as it was given");
}

/* What else may lie in the directory. */
static void test_foreign(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	size_t damaged = 0;
	struct error e = ERROR_INIT;
	struct ticket t;
	char name[80];

	fresh(&q, "foreign");
	scribble(&q, "0189abcd-0123-4567-89ab-cdef01234567.proposal.json", "{\"kind\":");
	scribble(&q, "0189abcd-0123-4567-89ab-cdef01234568.proposal.json.tmp", "x");
	scribble(&q, "proposal.json", "x");
	scribble(&q, "bucket", "not a number");
	ok(symlinkat("/etc/passwd", q.dir, "0189abcd-0123-4567-89ab-cdef01234569.proposal.json") == 0,
	   "someone makes a link");
	mkfifoat(q.dir, "0189abcd-0123-4567-89ab-cdef0123456a.proposal.json", 0600);
	mkdirat(q.dir, "0189abcd-0123-4567-89ab-cdef0123456b.proposal.json", 0700);
	mkdirat(q.dir, "lost", 0);
	is_int(count_list(&q, &damaged, NULL), 0, "none of it is a proposal");
	is_int(damaged, 4, "what is named like one is counted");
	ok(!ask(&q, QUEUE_ALLOW, "x", &t, &e) && e.status == STATUS_NO, "a broken rate counts as used up: %s", e.text);
	forget_rate(&q);
	ok(symlinkat("/etc/passwd", q.dir, ".new") == 0, "a link where the next file is written");
	ok(ask(&q, QUEUE_ALLOW, "x", &t, &e), "does no harm %s", e.text);
	is_int(count_list(&q, NULL, NULL), 1, "the proposal is found");
	snprintf(name, sizeof(name), "%s.repeats", t.id);
	ok(symlinkat("/etc/hostname", q.dir, name) == 0 && !ask(&q, QUEUE_ALLOW, "x", &t, &e),
	   "a link in place of the counter is not written through: %s", e.text);
	ok(access("/etc/passwd", R_OK) == 0, "what links point to is untouched");
}

static void test_limits(void)
{
	AUTO_FREE char *large = alloc_zero(QUEUE_FILE_MAX + 2, 1);
	struct question a = { QUEUE_ALLOW, "dev", { large, QUEUE_FILE_MAX }, { large, QUEUE_TEXT_MAX }, SLICE("") };
	AUTO_QUEUE q = QUEUE_INIT;
	struct error e = ERROR_INIT;
	size_t unshown = 0;
	struct ticket t;
	char text[32], name[80];

	fresh(&q, "limits");
	memset(large, 'x', QUEUE_FILE_MAX + 1);
	ok(queue_ask(&q, &a, &t, &e), "the largest proposal is taken %s", e.text);
	a.file.len++;
	ok(!queue_ask(&q, &a, &t, &e) && e.status == STATUS_CALLER, "a larger one is not: %s", e.text);
	a.file = SLICE("x");
	a.justification.len++;
	ok(!queue_ask(&q, &a, &t, &e) && e.status == STATUS_CALLER, "nor a longer justification: %s", e.text);
	a.justification = slice_of("a\0b", 3);
	ok(!queue_ask(&q, &a, &t, &e) && e.status == STATUS_CALLER, "nor a NUL: %s", e.text);
	a.justification = SLICE("\xff");
	ok(!queue_ask(&q, &a, &t, &e) && e.status == STATUS_CALLER, "nor what is not UTF-8: %s", e.text);

	for (int i = 1; i < QUEUE_PENDING_MAX; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (!ask(&q, QUEUE_ALLOW, text, &t, &e))
			ok(false, "proposal %d: %s", i, e.text);
	}
	is_int(count_list(&q, NULL, NULL), QUEUE_PENDING_MAX, "%d wait", QUEUE_PENDING_MAX);
	ok(!ask(&q, QUEUE_ALLOW, "one more", &t, &e) && e.status == STATUS_NO, "one more does not: %s", e.text);
	ok(ask(&q, QUEUE_ALLOW, "7", &t, &e) && t.again, "an equal one joins");
	ok(answer(&q, t.id, t.hash, QUEUE_REJECTED, &e), "when one is decided");
	ok(!ask(&q, QUEUE_ALLOW, "one more", &t, &e) && e.status == STATUS_NO, "the rate still holds: %s", e.text);
	forget_rate(&q);
	ok(ask(&q, QUEUE_ALLOW, "one more", &t, &e), "and then there is room %s", e.text);

	for (int i = 0; i < QUEUE_SHOWN_MAX; i++) {
		AUTO_FD fd = -1;

		snprintf(name, sizeof(name), "00000000-0000-4000-8000-%012d.proposal.json", i);
		fd = openat(q.dir, name, O_CREAT | O_WRONLY, 0600);
	}
	is_int(count_list(&q, NULL, &unshown), QUEUE_PENDING_MAX + 1, "the oldest are read");
	ok(!ask(&q, QUEUE_ALLOW, "another", &t, &e), "and nothing is added to a queue that is being filled");
}

static void test_rate(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct ticket t;
	int taken = 0;
	char text[32];

	fresh(&q, "rate");
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (ask(&q, QUEUE_EGRESS_TOKEN_ALLOW, text, &t, &e)) {
			taken++;
			queue_withdraw(&q, &t, &r, &e);
		}
	}
	ok(taken >= QUEUE_BURST && taken <= QUEUE_BURST + 4, "of 10,000 proposals in a row %d are taken", taken);
	is_int(e.status, STATUS_NO, "the others are told: %s", e.text);
	ok(strstr(e.text, "try again in") != NULL, "when to try again");
	scribble(&q, "bucket", "99999999999999\n");
	ok(!ask(&q, QUEUE_ALLOW, "x", &t, &e), "a clock set back");
	ok(strstr(e.text, "in 15 seconds") || strstr(e.text, "in 16 seconds"),
	   "locks nobody out for longer than one turn: %s", e.text);
}

static void test_processed(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct ticket first, t;
	char text[32], name[64];

	fresh(&q, "processed");
	for (int i = 0; i < 2 * QUEUE_PROCESSED_MAX + 10; i++) {
		forget_rate(&q);
		snprintf(text, sizeof(text), "%d", i);
		ask(&q, QUEUE_ALLOW, text, i ? &t : &first, &e);
		queue_withdraw(&q, i ? &t : &first, &r, &e);
	}
	snprintf(name, sizeof(name), "%s.proposal.json", first.id);
	ok(faccessat(q.processed, name, F_OK, 0) < 0, "the oldest processed ones are gone");
	snprintf(name, sizeof(name), "%s.proposal.json", t.id);
	ok(faccessat(q.processed, name, F_OK, 0) == 0, "the newest are there");
}

/* Run fn in n processes at once; wait for all. Returns how many returned 0. */
static int at_once(int n, int (*fn)(const char *path, int i), const char *path)
{
	int gate[2], good = 0;
	pid_t pids[64];
	char c;

	if (pipe(gate) < 0)
		return -1;
	fflush(stdout);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? fn(path, i) : 99);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < n; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}

static int ask_same(const char *path, int i)
{
	AUTO_QUEUE q = QUEUE_INIT;
	struct error e = ERROR_INIT;
	struct ticket t;

	(void)i;
	return queue_open(&q, path, true, &e) && ask(&q, QUEUE_ALLOW, "the same", &t, &e) ? 0 : 1;
}

/* The proposal that the racing operators decide. */
static struct ticket contested;

static int answer_it(const char *path, int i)
{
	AUTO_QUEUE q = QUEUE_INIT;
	struct error e = ERROR_INIT;

	return queue_open(&q, path, false, &e) &&
	       answer(&q, contested.id, contested.hash, i % 2 ? QUEUE_APPROVED : QUEUE_REJECTED, &e) ? 0 : 1;
}

static void test_races(void)
{
	AUTO_FREE char *path = alloc_format("%s/races", top);
	AUTO_QUEUE q = QUEUE_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	struct proposal p;
	int64_t before;
	pid_t child;
	int lock;

	fresh(&q, "races");
	is_int(at_once(20, ask_same, path), 20, "20 processes ask the same at once");
	is_int(count_list(&q, NULL, NULL), 1, "it is one proposal");
	ask(&q, QUEUE_ALLOW, "the same", &contested, &e);
	ok(queue_read(&q, contested.id, &p, &e) && p.repeats == 20, "which counts them all: %d", (int)p.repeats);
	proposal_release(&p);
	is_int(at_once(20, answer_it, path), 1, "of 20 operators who answer at once one does");
	is_int(queue_check(&q, &contested, &r, &e), QUEUE_ANSWERED, "and that is the answer");
	response_release(&r);
	queue_archive(&q, contested.id, &e);

	ask(&q, QUEUE_ALLOW, "waited for", &contested, &e);
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(answer_it(path, 1));
	before = watch_clock();
	is_int(queue_await(&q, &contested, before + 60000, &r, &e), QUEUE_ANSWERED,
	       "an answer ends the waiting for it");
	ok(watch_clock() - before < 30000, "at once");
	response_release(&r);
	waitpid(child, NULL, 0);

	lock = queue_decide(&q, &e);
	ok(lock >= 0, "one operator decides");
	ok(ask(&q, QUEUE_ALLOW, "meanwhile", &contested, &e), "questions can still be asked %s", e.text);
	fd_close(&lock);
}

/* Writers that are killed at any moment leave whole files only, and the next writer goes on. */
static void test_killed(void)
{
	AUTO_FREE char *path = alloc_format("%s/killed", top);
	AUTO_QUEUE q = QUEUE_INIT;
	size_t damaged = 0, bad = 0;
	struct error e = ERROR_INIT;
	struct ticket t;

	fresh(&q, "killed");
	fflush(stdout);
	for (int i = 0; i < 200; i++) {
		struct timespec pause = { 0, (i % 50) * 40000L };
		AUTO_PROPOSAL_LIST l = PROPOSAL_LIST_INIT;
		pid_t child = fork();

		if (child == 0) {
			AUTO_QUEUE own = QUEUE_INIT;
			AUTO_RESPONSE r = RESPONSE_INIT;

			if (!queue_open(&own, path, true, &e))
				_exit(1);
			for (int k = 0;; k++) {
				AUTO_FREE char *text = alloc_format("%d %d %d", (int)getpid(), i, k);

				unlinkat(own.dir, "bucket", 0);
				if (ask(&own, QUEUE_ALLOW, text, &t, &e) && k % 2)
					queue_withdraw(&own, &t, &r, &e);
			}
		}
		nanosleep(&pause, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (!queue_list(&q, SLICE(""), &l, &e))
			bad++;
		damaged += l.damaged;
		for (size_t k = 0; k < l.count; k++) {
			AUTO_RESPONSE r = RESPONSE_INIT;

			memcpy(t.id, l.list[k].id, sizeof(t.id));
			memcpy(t.hash, l.list[k].hash, sizeof(t.hash));
			bad += queue_withdraw(&q, &t, &r, &e) != QUEUE_WAITING;
		}
	}
	is_int(damaged, 0, "200 writers killed at any moment leave no half proposal");
	is_int(bad, 0, "and the queue can be read each time");
	forget_rate(&q);
	ok(ask(&q, QUEUE_ALLOW, "after", &t, &e), "the next writer goes on %s", e.text);
	ok(faccessat(q.dir, ".new", F_OK, 0) < 0, "and has cleared up");
}

/* A directory that takes nothing. */
static void test_read_only(void)
{
	AUTO_QUEUE q = QUEUE_INIT;
	struct error e = ERROR_INIT;
	struct ticket t, other;

	if (geteuid() == 0) {
		ok(true, "a read-only queue # SKIP root writes anywhere");
		return;
	}
	fresh(&q, "read-only");
	ask(&q, QUEUE_ALLOW, "x", &t, &e);
	fchmod(q.dir, 0500);
	ok(!ask(&q, QUEUE_ALLOW, "y", &other, &e) && e.status == STATUS_WORLD,
	   "a read-only queue takes no question: %s", e.text);
	ok(!answer(&q, t.id, t.hash, QUEUE_APPROVED, &e) && e.status == STATUS_WORLD, "and no answer: %s", e.text);
	fchmod(q.dir, 0700);
}

int main(void)
{
	struct error e = ERROR_INIT;

	document_seed();
	digest_init();
	if (!mkdtemp(top))
		return 1;
	test_ids();
	test_open();
	test_life();
	test_void();
	test_edited();
	test_withdraw();
	test_foreign();
	test_limits();
	test_rate();
	test_processed();
	test_races();
	test_killed();
	test_read_only();
	ok(file_remove_tree(top, &e), "the test leaves nothing");
	return tap_done();
}
