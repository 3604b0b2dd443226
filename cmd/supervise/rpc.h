/*
 * JSON-RPC 2.0 as MCP uses it: from the body of one request to the messages that
 * answer it.
 *
 * An exchange is one HTTP request. Some of its answers are there at once, others
 * (tools/call) only when the operator has decided; those are its calls. Answers
 * are kept as texts, in the order in which they came to be.
 *
 * Knows nothing of HTTP, sockets or time but what it is given. May be called
 * after confinement. Sources: JSON-RPC 2.0; MCP 2024-11-05 to 2025-11-25.
 */
#ifndef BB_SUPERVISE_RPC_H
#define BB_SUPERVISE_RPC_H

#include "desk.h"
#include "limits.h"
#include "session.h"

enum rpc_error {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
};

/* A tools/call that waits. */
struct call {
	struct doc *id;       /* of the request; NULL: free */
	struct doc *progress; /* token of the client, or NULL */
	struct ticket ticket;
	int64_t deadline;
	uint64_t signs;       /* progress messages so far */
};

struct exchange {
	bool batch;            /* the body was a list, and so is the answer */
	struct buf *answers;   /* texts of the messages that are ready; BATCH_MAX at most, beside progress */
	size_t n_answers;
	struct call calls[BATCH_MAX];
	size_t n_waiting;
};

#define EXCHANGE_INIT { .batch = false }
void exchange_release(struct exchange *x);

enum rpc_result {
	RPC_ACCEPTED, /* nothing to answer: notifications and responses only */
	RPC_READY,    /* all answers are there */
	RPC_WAITING,  /* some calls wait */
	RPC_BAD,      /* the body is no message: one answer is there, an error */
	RPC_OPENED,   /* like RPC_READY: initialize; version is the one agreed on */
};

/* What a body is handled with. */
struct rpc {
	struct desk *desk;
	enum mcp_version version; /* of the session; RPC_OPENED sets it */
	bool in_session;          /* without, only what may come before initialize is answered */
	int64_t now;
	bool (*cancel)(void *ctx, const struct doc *id); /* notifications/cancelled came for a call */
	void *ctx;
};

/* Handle a body. The exchange is fresh. */
enum rpc_result rpc_take(struct rpc *r, struct slice body, struct exchange *x);

/* Look after the calls that wait: answers that have come, deadlines. True when something was added to the answers. */
bool rpc_look(struct desk *d, struct exchange *x, int64_t now);

/* Forget the call of that id; true when there was one. */
bool rpc_cancel(struct exchange *x, const struct doc *id);

/* Append a progress notification for each waiting call that wants them, a text each, with fn. */
typedef void rpc_text_fn(void *ctx, struct slice text);
void rpc_progress(struct exchange *x, int64_t now, rpc_text_fn *fn, void *ctx);

/* Append an error message with this id (NULL: null). */
void rpc_error_format(struct buf *out, const struct doc *id, enum rpc_error code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
