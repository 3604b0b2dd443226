/*
 * The audit log: entries in a chain, several writers, writers that die, and every
 * change by others found. The verdicts of t/lib/verify-audit, which shares no code
 * with this, are compared in t/audit-verify.t.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "digest.h"
#include "fd.h"
#include "file.h"
#include "lib/tap.h"

#define MUTATIONS 100000

static char home[] = "/tmp/bb-audit.XXXXXX";

/* Numbers that are the same in every run (xorshift). */
static uint64_t random_state = 88172645463325252u;

static size_t random_below(size_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state % n);
}

static struct signature_key *key(void)
{
	AUTO_FREE char *path = audit_key_path(home, true);
	struct error e = ERROR_INIT;
	AUTO_BUF pem = BUF_INIT;

	return file_read(path, 4096, &pem, &e) ? signature_load_public(buf_slice(&pem), &e) : NULL;
}

/* How a log is judged; the number of repairs in it, or -1 with the reason in e. */
static long judge(const char *identity, struct error *e)
{
	AUTO_FREE char *file = audit_path(home, identity);
	struct signature_key *k = key();
	struct chain_walk w;
	bool ok;

	*e = (struct error)ERROR_INIT;
	ok = audit_verify(file, k, NULL, NULL, &w, e);
	signature_release(k);
	return ok ? (long)w.repairs : -1;
}

/* The text of a log or a head. */
static void text_of(const char *identity, const char *suffix, struct buf *text)
{
	AUTO_FREE char *path = alloc_format("%s/audit/%s%s", home, identity, suffix);
	struct error e = ERROR_INIT;

	buf_truncate(text, 0);
	ok(file_read(path, 64u << 20, text, &e), "%s%s can be read%s", identity, suffix, e.text);
}

/* Replace it by other bytes. */
static void put(const char *identity, const char *suffix, struct slice bytes)
{
	AUTO_FREE char *path = alloc_format("%s/audit/%s%s", home, identity, suffix);
	AUTO_FD fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	struct error e = ERROR_INIT;

	if (fd < 0 || !fd_write_all(fd, bytes, path, &e))
		ok(false, "unable to write %s", path);
}

/* Write n small entries. */
static bool record(const char *identity, int n)
{
	struct error e = ERROR_INIT;

	for (int i = 0; i < n; i++)
		if (!audit_record(home, identity, &(struct chain_entry){ .component = "test", .event = "note" }, &e))
			return ok(false, "an entry is written: %s", e.text);
	return true;
}

static void test_entries(void)
{
	static const char hostile[] = "a\"},\n{\"seq\":9}\x1b[2J\x9b\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80\xff\\";
	AUTO_FREE char *file = audit_path(home, "entries");
	AUTO_DOC *detail = doc_new_object();
	AUTO_AUDIT a = AUDIT_INIT;
	struct error e = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *entry = NULL;
	struct chain c = CHAIN_INIT;
	struct stat st;
	AUTO_FREE char *private_key = audit_key_path(home, false);
	size_t odd = 0;

	ok(audit_open(&a, file, &e), "a log is made%s", e.text);
	ok(stat(file, &st) == 0 && (st.st_mode & 07777) == 0600, "for nobody else");
	ok(stat(private_key, &st) == 0 && (st.st_mode & 07777) == 0600, "as is the key");
	is_int(judge("entries", &e), 0, "an empty log holds");
	doc_put_str(detail, "note", "\xe2\x80\xae");
	audit_add(&a, &(struct chain_entry){ .component = "approve", .event = "decision", .action = "approved",
					     .notes = slice_of(hostile, sizeof(hostile) - 1), .detail = detail,
					     .justification = SLICE("it needs it"),
						     .difference = SLICE("- a\n+ b\n") });
	audit_add(&a, &(struct chain_entry){ .component = "test", .event = "note" });
	ok(audit_is_pending(&a) && audit_commit(&a, &e) && !audit_is_pending(&a), "two entries are written%s", e.text);
	is_int(judge("entries", &e), 0, "and hold %s", e.text);
	text_of("entries", ".jsonl", &text);
	for (size_t i = 0; i < text.len; i++)
		odd += text.ptr[i] != '\n' && (text.ptr[i] < 0x20 || text.ptr[i] > 0x7E);
	is_int(odd, 0, "every byte is visible ASCII, whatever the texts hold");
	ok(chain_follow(&c, "entries", slice_sub(buf_slice(&text), 0, slice_find(buf_slice(&text), '\n')), &entry, &e),
	   "the first");
	is_str(doc_get_cstr(entry, "action"), "approved", "has the action");
	is_str(doc_get_cstr(entry, "difference"), "- a\n+ b\n", "the difference");
	is_str(doc_get_cstr(entry, "notes"),
	       "a\"},\n{\"seq\":9}\x1b[2J\xef\xbf\xbd\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80\xef\xbf\xbd\\",
	       "the notes, with what is no UTF-8 replaced");
	is_str(doc_get_cstr(doc_get(entry, "detail"), "note"), "\xe2\x80\xae", "and the detail");
}

/* What daemons write: decisions are entries, traffic is not, nothing can pass for another's. */
static void test_lines(void)
{
	static const char *const lines[] = {
		("{\"time\":\"t\",\"event\":\"refuse\",\"host\":\"a.test\",\"component\":\"approve\",\"seq\":1,"
		 "\"hash\":\"x\"}"),
		"{\"event\":\"request\",\"host\":\"a.test\"}",
		"{\"event\":\"response\"}",
		"{\"event\":\"body\"}",
		"{\"event\":\"end\"}",
		"{\"event\":\"Not A Word\"}",
		"{\"event\":7}",
		"{\"event\":\"a\",\"event\":\"b\"}",
		"plain \x1b text",
		"[1]",
		"",
	};
	AUTO_FREE char *file = audit_path(home, "lines");
	AUTO_AUDIT a = AUDIT_INIT;
	struct error e = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	struct chain c = CHAIN_INIT;
	struct slice rest;
	size_t n = 0;

	ok(audit_open(&a, file, &e), "a log for a sidecar");
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		audit_add_line(&a, "egress", slice_str(lines[i]));
	ok(audit_commit(&a, &e), "is written%s", e.text);
	is_int(judge("lines", &e), 0, "and holds");
	text_of("lines", ".jsonl", &text);
	rest = buf_slice(&text);
	while (rest.len) {
		AUTO_DOC *entry = NULL;

		if (!chain_follow(&c, "lines", slice_cut(&rest, '\n'), &entry, &e))
			break;
		n += slice_eq(doc_get_str(entry, "component"), SLICE("egress"));
		if (c.seq == 1) {
			is_str(doc_get_cstr(entry, "event"), "refuse", "a refusal is an entry");
			is_str(doc_get_cstr(doc_get(entry, "detail"), "component"), "approve",
			       "what it says of itself is detail");
		} else {
			is_str(doc_get_cstr(entry, "event"), "text", "what is no event is text");
		}
	}
	is_int(n, 7, "traffic is left out, everything else is there, as that daemon's");
}

static void test_limits(void)
{
	AUTO_FREE char *file = audit_path(home, "limits");
	AUTO_FREE char *text = alloc_zero(CHAIN_TEXT_MAX + 2, 1);
	AUTO_BUF lines = BUF_INIT;
	AUTO_AUDIT a = AUDIT_INIT;
	struct error e = ERROR_INIT;
	struct chain c = CHAIN_INIT;
	AUTO_DOC *detail = doc_new_object();
	struct slice rest;
	AUTO_BUF big = BUF_INIT;

	memset(text, 'x', CHAIN_TEXT_MAX + 1);
	ok(audit_open(&a, file, &e), "a log of long entries");
	for (size_t extra = 0; extra < 2; extra++)
		audit_add(&a, &(struct chain_entry){ .component = "test", .event = "note",
						     .notes = { text, CHAIN_TEXT_MAX + extra } });
	memset(text, 0x1B, CHAIN_TEXT_MAX);
	audit_add(&a, &(struct chain_entry){ .component = "test", .event = "note", .notes = { text, CHAIN_TEXT_MAX },
					     .justification = { text, CHAIN_TEXT_MAX },
						     .difference = { text, CHAIN_TEXT_MAX } });
	for (size_t i = 0; i < CHAIN_LINE_MAX; i++)
		buf_add_char(&big, 'y');
	doc_put_slice(detail, "big", buf_slice(&big));
	audit_add(&a, &(struct chain_entry){ .component = "test", .event = "note", .detail = detail });
	ok(audit_commit(&a, &e), "is written%s", e.text);
	is_int(judge("limits", &e), 0, "and holds %s", e.text);
	text_of("limits", ".jsonl", &lines);
	rest = buf_slice(&lines);
	for (int i = 0; rest.len; i++) {
		AUTO_DOC *entry = NULL;
		struct slice notes;

		if (!chain_follow(&c, "limits", slice_cut(&rest, '\n'), &entry, &e))
			break;
		notes = doc_get_str(entry, "notes");
		if (i == 0)
			ok(notes.len == CHAIN_TEXT_MAX && slice_ends(notes, SLICE("xxx")),
			   "a text of the greatest length is kept");
		else if (i == 1)
			ok(notes.len == CHAIN_TEXT_MAX && slice_ends(notes, SLICE("x...")),
			   "of a longer one the front");
		else if (i == 2)
			is_int(doc_get_str(entry, "difference").len, CHAIN_TEXT_MAX, "three of the worst fit");
		else
			ok(doc_get_int(doc_get(entry, "detail"), "omitted_bytes") > CHAIN_LINE_MAX,
			   "a longer detail is its digest");
	}
	is_int(c.seq, 4, "four entries");
}

/* Many processes, one log. */
static void test_writers(void)
{
	enum { WRITERS = 8, ENTRIES = 25 };
	AUTO_BUF text = BUF_INIT;
	struct error e;
	size_t lines = 0;
	int failed = 0;

	for (int i = 0; i < WRITERS; i++) {
		if (fork() == 0) {
			AUTO_FREE char *file = audit_path(home, "writers");
			AUTO_AUDIT a = AUDIT_INIT;
			struct error error = ERROR_INIT;
			bool good = audit_open(&a, file, &error);

			for (int k = 0; good && k < ENTRIES; k++) {
				audit_add(&a, &(struct chain_entry){ .component = "test", .event = "note" });
				good = audit_commit(&a, &error);
			}
			_exit(good ? 0 : 1);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		failed += wait(&status) < 0 || status != 0;
	}
	is_int(failed, 0, "several processes write one log at the same time");
	is_int(judge("writers", &e), 0, "it holds, with nothing to repair: %s", e.text);
	text_of("writers", ".jsonl", &text);
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	is_int(lines, WRITERS * ENTRIES, "and nobody's entry is lost");
}

/* A writer that died at every place of its commit. */
static void test_deaths(void)
{
	AUTO_BUF before = BUF_INIT;
	AUTO_BUF head = BUF_INIT;
	AUTO_BUF after = BUF_INIT;
	size_t silent = 0, unrepaired = 0, lost = 0;
	struct error e;

	ok(record("deaths", 2), "a log with two entries");
	text_of("deaths", ".jsonl", &before);
	text_of("deaths", ".head", &head);
	ok(record("deaths", 2), "and two more");
	text_of("deaths", ".jsonl", &after);
	for (size_t n = before.len + 1; n <= after.len; n++) {
		AUTO_BUF repaired = BUF_INIT;

		put("deaths", ".jsonl", slice_sub(buf_slice(&after), 0, n));
		put("deaths", ".head", buf_slice(&head));
		silent += judge("deaths", &e) >= 0;
		if (n % 7 && n != after.len) /* every seventh place is repaired, too: that takes the disk's time */
			continue;
		if (!record("deaths", 1))
			return;
		unrepaired += judge("deaths", &e) < 1;
		text_of("deaths", ".jsonl", &repaired);
		lost += !slice_starts(buf_slice(&repaired), buf_slice(&before));
	}
	is_int(silent, 0, "what a writer that died left behind is found, at every byte");
	is_int(unrepaired, 0, "the next writer repairs it and says so in an entry");
	is_int(lost, 0, "and keeps what was signed");
}

/* What only somebody else can have done is not repaired. */
static void test_tampering(void)
{
	AUTO_FREE char *file = audit_path(home, "tampered");
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF head = BUF_INIT;
	struct error e = ERROR_INIT;
	AUTO_AUDIT a = AUDIT_INIT;

	ok(record("tampered", 3), "a log");
	text_of("tampered", ".jsonl", &text);
	text_of("tampered", ".head", &head);
	put("tampered", ".jsonl", slice_sub(buf_slice(&text), 0, text.len - 10));
	ok(!audit_record(home, "tampered", &(struct chain_entry){ .component = "test", .event = "note" }, &e),
	   "nothing is added to a log that is shorter than its head says");
	is_int(e.status, STATUS_WORLD, "that is the world's fault: %s", e.text);
	put("tampered", ".jsonl", buf_slice(&text));
	head.ptr[head.len / 2] ^= 1;
	put("tampered", ".head", buf_slice(&head));
	e = (struct error)ERROR_INIT;
	ok(!audit_record(home, "tampered", &(struct chain_entry){ .component = "test", .event = "note" }, &e),
	   "nor to one whose head is not signed: %s", e.text);
	is_int(judge("tampered", &e), -1, "which does not hold");
	ok(unlink(file) == 0 && symlink("/etc/passwd", file) == 0, "a link in its place");
	e = (struct error)ERROR_INIT;
	ok(!audit_open(&a, file, &e), "is not followed: %s", e.text);
}

/* A full disk, as far as a limit on the size of files can play one. */
static void test_full(void)
{
	AUTO_BUF before = BUF_INIT;
	AUTO_BUF after = BUF_INIT;
	int status = -1;
	struct error e;

	ok(record("full", 3), "a log");
	text_of("full", ".jsonl", &before);
	if (fork() == 0) {
		AUTO_FREE char *file = audit_path(home, "full");
		const struct rlimit small = { before.len + 100, RLIM_INFINITY },
			large = { RLIM_INFINITY, RLIM_INFINITY };
		AUTO_AUDIT a = AUDIT_INIT;
		struct error error = ERROR_INIT;
		int bad = 0;

		signal(SIGXFSZ, SIG_IGN);
		bad |= !audit_open(&a, file, &error);
		audit_add(&a, &(struct chain_entry){ .component = "test", .event = "late" });
		bad |= (setrlimit(RLIMIT_FSIZE, &small) < 0) << 1;
		bad |= audit_commit(&a, &error) << 2;
		bad |= (judge("full", &error) != 0) << 3;
		bad |= !audit_is_pending(&a) << 4;
		bad |= (setrlimit(RLIMIT_FSIZE, &large) < 0) << 5;
		bad |= !audit_commit(&a, &error) << 6;
		_exit(bad);
	}
	wait(&status);
	is_int(status, 0, "an entry that does not fit on the disk leaves the log as it was, and fits later");
	is_int(judge("full", &e), 0, "the log holds, with nothing to repair");
	text_of("full", ".jsonl", &after);
	ok(slice_search(buf_slice(&after), SLICE("\"late\"")) != SLICE_NONE, "and the entry is in it, once");
}

/* --- 10^5 changes --- */

/* The places where lines begin, and the end. */
static size_t find_lines(struct slice text, size_t *starts, size_t max)
{
	size_t n = 0;

	starts[n++] = 0;
	for (size_t i = 0; i < text.len && n < max; i++)
		if (text.ptr[i] == '\n')
			starts[n++] = i + 1;
	return n - 1;
}

enum { EDIT, INSERT, DELETE, DROP, SWAP, DUPLICATE, TRUNCATE, FORGE, KINDS };

/* Append a line made up by somebody who knows everything but the key. */
static void forge(struct slice text, const size_t *starts, size_t lines, struct buf *out)
{
	const struct chain_entry entry = { .component = "approve", .event = "decision", .action = "approved" };
	size_t at = random_below(lines + 1);
	struct error e = ERROR_INIT;
	struct chain c = CHAIN_INIT;
	AUTO_BUF body = BUF_INIT;

	for (size_t i = 0; i < at; i++)
		chain_follow(&c, "mutated", slice_sub(text, starts[i], starts[i + 1] - 1), NULL, &e);
	buf_add_slice(out, slice_sub(text, 0, starts[at]));
	chain_body("mutated", &entry, &body);
	chain_link(&c, buf_slice(&body), out);
	for (size_t i = at + random_below(2); i < lines;
	     i++) { /* the rest chained anew, with one entry replaced or not */
		struct slice line = slice_sub(text, starts[i], starts[i + 1] - 1);
		size_t start = slice_search(line, SLICE("\"time\"")), end = slice_search(line, SLICE(",\"hash\":\""));

		chain_link(&c, slice_sub(line, start, end), out);
	}
}

static void mutate(struct slice text, const size_t *starts, size_t lines, int kind, struct buf *out)
{
	size_t at = random_below(text.len), a = random_below(lines), b = random_below(lines);

	buf_truncate(out, 0);
	switch (kind) {
	case EDIT:
		buf_add_slice(out, text);
		out->ptr[at] = (char)(out->ptr[at] ^ (1 << random_below(8)));
		break;
	case INSERT:
		buf_add_slice(out, slice_sub(text, 0, at));
		buf_add_char(out, (char)random_below(256));
		buf_add_slice(out, slice_sub(text, at, text.len));
		break;
	case DELETE:
		buf_add_slice(out, slice_sub(text, 0, at));
		buf_add_slice(out, slice_sub(text, at + 1 + random_below(40), text.len));
		break;
	case DROP:
		buf_add_slice(out, slice_sub(text, 0, starts[a]));
		buf_add_slice(out, slice_sub(text, starts[a + 1], text.len));
		break;
	case SWAP:
		for (size_t i = 0; i < lines; i++) {
			size_t from = i == a ? b : i == b ? a : i;

			buf_add_slice(out, slice_sub(text, starts[from], starts[from + 1]));
		}
		break;
	case DUPLICATE:
		buf_add_slice(out, slice_sub(text, 0, starts[b + 1]));
		buf_add_slice(out, slice_sub(text, starts[a], starts[a + 1]));
		buf_add_slice(out, slice_sub(text, starts[b + 1], text.len));
		break;
	case TRUNCATE:
		buf_add_slice(out, slice_sub(text, 0, random_below(2) ? at : starts[a]));
		break;
	default:
		forge(text, starts, lines, out);
	}
}

/* Does the text hold as the log of a walk that has begun? */
static bool holds(struct slice text, struct chain_walk w)
{
	struct error e = ERROR_INIT;
	size_t newline;

	while ((newline = slice_find(text, '\n')) != SLICE_NONE) {
		if (!chain_take(&w, slice_sub(text, 0, newline), NULL, &e))
			return false;
		text = slice_sub(text, newline + 1, text.len);
	}
	return chain_end(&w, text, &e);
}

static void test_mutations(void)
{
	static const char *const names[KINDS] = { "edited byte", "byte put in", "bytes taken out", "dropped entry",
						  "swapped entries",
						  "duplicated entry", "truncation", "forged and rechained entry" };
	struct signature_key *k = key();
	struct error e = ERROR_INIT;
	struct chain_walk walk;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF head = BUF_INIT;
	AUTO_BUF other = BUF_INIT;
	size_t starts[64], lines, made[KINDS] = { 0 }, missed[KINDS] = { 0 }, total = 0;

	ok(record("mutated", 10), "a log to be changed");
	text_of("mutated", ".jsonl", &text);
	text_of("mutated", ".head", &head);
	lines = find_lines(buf_slice(&text), starts, COUNT_OF(starts));
	ok(chain_begin(&walk, "mutated", buf_slice(&head), k, &e) && holds(buf_slice(&text), walk), "holds as it is");
	for (size_t i = 0; total < MUTATIONS; i++) {
		size_t kind = i % KINDS;

		mutate(buf_slice(&text), starts, lines, (int)kind, &other);
		if (slice_eq(buf_slice(&text), buf_slice(&other)))
			continue; /* swapped with itself: no change */
		total++;
		made[kind]++;
		missed[kind] += holds(buf_slice(&other), walk);
	}
	for (size_t i = 0; i < KINDS; i++)
		ok(made[i] > MUTATIONS / KINDS / 2 && missed[i] == 0, "%s: %zu made, %zu missed", names[i], made[i],
		   missed[i]);
	for (size_t i = 0; i + 1 < head.len; i++) { /* every bit of the head */
		for (int bit = 0; bit < 8; bit++) {
			head.ptr[i] ^= (char)(1 << bit);
			missed[0] += chain_begin(&walk, "mutated", buf_slice(&head), k, &e);
			head.ptr[i] ^= (char)(1 << bit);
		}
	}
	is_int(missed[0], 0, "no bit of the head can be changed");
	signature_release(k);
}

int main(void)
{
	struct error e = ERROR_INIT;

	document_seed();
	digest_init();
	if (!mkdtemp(home))
		return 1;
	test_entries();
	test_lines();
	test_limits();
	test_writers();
	test_deaths();
	test_tampering();
	test_full();
	test_mutations();
	ok(file_remove_tree(home, &e), "all can be removed");
	return tap_done();
}
