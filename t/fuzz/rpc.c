/*
 * Any body as a message of MCP, in every version and with or without a session: whatever is answered is JSON-RPC, one
 * answer at most for each message, and a body that is no message gets one error. The first byte says which session.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/supervise/rpc.h"
#include "file.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static char directory[] = "/dev/shm/bb-rpc.XXXXXX"; /* in memory: the disk is not what is tested */
static struct desk desk;
static size_t progress;

static void clean(void)
{
	struct error e = ERROR_INIT;

	file_remove_tree(directory, &e);
}

/* A desk with a queue that nobody answers. */
static void start(void)
{
	static char queue[64], routes[64];
	struct error e = ERROR_INIT;

	document_seed_with(1);
	digest_init();
	MUST(mkdtemp(directory));
	atexit(clean);
	snprintf(queue, sizeof(queue), "%s/queue", directory);
	snprintf(routes, sizeof(routes), "%s/routes.yaml", directory);
	MUST(file_replace(routes, SLICE("routes: [{host: a.test}]\n"), 0600, &e));
	desk = (struct desk){ .routes = routes, .bottle = "fuzz", .timeout = 1000 };
	MUST(desk_open(&desk, queue, &e));
}

/* One answer: a result or an error, to somebody. */
static void check_answer(struct slice text)
{
	struct error e = ERROR_INIT;
	AUTO_DOC *d = doc_parse(text, &e);

	MUST(d && slice_eq(doc_get_str(d, "jsonrpc"), SLICE("2.0")));
	MUST(!doc_get(d, "result") != !doc_get(d, "error"));
	MUST(doc_get(d, "id") || doc_get(d, "error"));
	MUST(!doc_get(d, "method"));
	if (doc_get(d, "error"))
		MUST(doc_get_int(doc_get(d, "error"), "code") <= -32600);
}

static void check_progress(void *ctx, struct slice text)
{
	struct error e = ERROR_INIT;
	AUTO_DOC *d = doc_parse(text, &e);

	(void)ctx;
	progress++;
	MUST(d && slice_eq(doc_get_str(d, "method"), SLICE("notifications/progress")) && !doc_get(d, "id"));
}

static bool cancel(void *ctx, const struct doc *id)
{
	return rpc_cancel(ctx, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	static struct exchange x;
	struct rpc r = { .desk = &desk, .cancel = cancel, .ctx = &x };
	enum rpc_result result;
	size_t waiting;

	if (!started)
		start();
	started = true;
	if (!size || size > MCP_BODY_MAX)
		return 0;
	r.version = (enum mcp_version)(data[0] % MCP_VERSIONS);
	r.in_session = (data[0] / MCP_VERSIONS) % 2;
	x = (struct exchange)EXCHANGE_INIT;
	result = rpc_take(&r, slice_of((const char *)data + 1, size - 1), &x);
	MUST((unsigned)r.version < MCP_VERSIONS);
	MUST(x.n_answers + x.n_waiting <= (x.batch ? BATCH_MAX : 1));
	MUST(result != RPC_BAD || (x.n_answers == 1 && !x.n_waiting));
	MUST(result != RPC_ACCEPTED || (!x.n_answers && !x.n_waiting));
	MUST((result == RPC_WAITING) == (x.n_waiting > 0));
	progress = 0;
	waiting = x.n_waiting;
	rpc_progress(&x, 0, check_progress, NULL);
	MUST(progress <= waiting);
	if (waiting)
		MUST(rpc_look(&desk, &x, INT64_MAX));
	MUST(!x.n_waiting && x.n_answers <= BATCH_MAX);
	for (size_t i = 0; i < x.n_answers; i++)
		check_answer(buf_slice(&x.answers[i]));
	exchange_release(&x);
	return 0;
}
