/*
 * Hostile files in a queue. The first byte says what the rest is: an answer, which counts only
 * with the hash of what was asked, or a proposal, which is whole or counted as damaged.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "queue.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

#define OTHER "11111111-0000-4000-8000-000000000001"

static struct queue queue = QUEUE_INIT;
static struct ticket ticket;
static char directory[] = "queue.XXXXXX"; /* in the fuzzer's own directory, and left there */

/* A queue with one question. */
static void open_queue(void)
{
	const struct question q = { .tool = QUEUE_ALLOW, .bottle = "dev-x1", .file = SLICE("routes: []"),
				    .justification = SLICE("why") };
	struct error e = ERROR_INIT;

	document_seed();
	digest_init();
	MUST(mkdtemp(directory));
	MUST(queue_open(&queue, directory, false, &e));
	MUST(queue_ask(&queue, &q, &ticket, &e));
}

/* Put bytes under the name that a file of this id and kind has. */
static void put(const char *id, const char *suffix, struct slice bytes)
{
	struct error e = ERROR_INIT;
	char name[64];
	AUTO_FD fd = -1;

	snprintf(name, sizeof(name), "%s%s", id, suffix);
	fd = openat(queue.dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0 && fd_write_all(fd, bytes, name, &e));
}

/* Append text with one word in it replaced by another wherever it stands: the id and the hash are new in each run. */
static void fill_in(struct slice text, const char *word, const char *value, struct buf *out)
{
	size_t at;

	while ((at = slice_search(text, slice_str(word))) != SLICE_NONE) {
		buf_add_slice(out, slice_sub(text, 0, at));
		buf_add_str(out, value);
		text = slice_sub(text, at + strlen(word), text.len);
	}
	buf_add_slice(out, text);
}

static void judge_answer(struct slice bytes)
{
	AUTO_BUF with_id = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_RESPONSE r = RESPONSE_INIT;
	struct error e = ERROR_INIT;
	enum queue_result result;

	fill_in(bytes, "@id@", ticket.id, &with_id);
	fill_in(buf_slice(&with_id), "@hash@", ticket.hash, &text);
	put(ticket.id, ".response.json", buf_slice(&text));
	result = queue_check(&queue, &ticket, &r, &e);
	MUST(result == QUEUE_ANSWERED || result == QUEUE_VOID);
	if (result == QUEUE_ANSWERED) {
		MUST(slice_eq(doc_get_str(r.doc, "proposal_hash"), slice_str(ticket.hash)));
		MUST(slice_eq(doc_get_str(r.doc, "id"), slice_str(ticket.id)));
	} else {
		MUST(e.status != STATUS_YES);
	}
}

static void judge_proposal(struct slice bytes)
{
	AUTO_PROPOSAL_LIST l = PROPOSAL_LIST_INIT;
	struct error e = ERROR_INIT;

	put(OTHER, ".proposal.json", bytes);
	MUST(queue_list(&queue, SLICE(""), &l, &e));
	MUST(l.count + l.damaged == 2 && l.count >= 1 && l.unshown == 0);
	for (size_t i = 0; i < l.count; i++) {
		MUST(l.list[i].tool < QUEUE_TOOLS);
		MUST(slice_eq(doc_get_str(l.list[i].doc, "id"), slice_str(l.list[i].id)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of((const char *)data, size);
	char response[64];

	if (queue.dir < 0)
		open_queue();
	if (!size)
		return 0;
	if (data[0] == 'a')
		judge_answer(slice_sub(bytes, 1, size));
	else
		judge_proposal(slice_sub(bytes, 1, size));
	snprintf(response, sizeof(response), "%s.response.json", ticket.id);
	unlinkat(queue.dir, response, 0);
	unlinkat(queue.dir, OTHER ".proposal.json", 0);
	return 0;
}
