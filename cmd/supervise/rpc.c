#include "rpc.h"

#include <stdarg.h>
#include <stdlib.h>

#include "alloc.h"
#include "escape.h"
#include "program.h"
#include "tools.h"

/* --- answers --- */

void exchange_release(struct exchange *x)
{
	for (size_t i = 0; i < x->n_answers; i++)
		buf_release(&x->answers[i]);
	free(STEAL(x->answers));
	x->n_answers = 0;
	for (size_t i = 0; i < BATCH_MAX; i++) {
		doc_release(STEAL(x->calls[i].id));
		doc_release(STEAL(x->calls[i].progress));
	}
	x->n_waiting = 0;
}

/* A new answer, empty. */
static struct buf *add_answer(struct exchange *x)
{
	x->answers = alloc_resize(x->answers, x->n_answers + 1, sizeof(*x->answers));
	x->answers[x->n_answers] = (struct buf)BUF_INIT;
	return &x->answers[x->n_answers++];
}

/* A message of this id; id is kept alive by it. */
static struct doc *message_new(const struct doc *id)
{
	struct doc *m = doc_new_object();

	doc_put_str(m, "jsonrpc", "2.0");
	doc_put(m, "id", id ? doc_retain(id) : doc_new_null());
	return m;
}

void rpc_error_format(struct buf *out, const struct doc *id, enum rpc_error code, const char *fmt, ...)
{
	AUTO_DOC *m = message_new(id);
	struct doc *error = doc_put(m, "error", doc_new_object());
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	doc_put_int(error, "code", code);
	doc_put_slice(error, "message", slice_is_utf8(buf_slice(&text)) ? buf_slice(&text) : SLICE("wrong"));
	doc_format(m, false, out);
}

/* Answer with a result, which is consumed. */
static void add_result(struct exchange *x, const struct doc *id, struct doc *result)
{
	AUTO_DOC *m = message_new(id);

	doc_put(m, "result", result);
	doc_format(m, false, add_answer(x));
}

/* The result of a tool: a text, and whether it failed. An error text that was cut inside a character is escaped. */
static void add_tool_result(struct exchange *x, const struct doc *id, const struct buf *text, bool failed)
{
	struct doc *result = doc_new_object(), *content;
	AUTO_BUF safe = BUF_INIT;

	if (!slice_is_utf8(buf_slice(text)) || slice_find(buf_slice(text), '\0') != SLICE_NONE)
		escape_line(&safe, buf_slice(text));
	content = doc_append(doc_put(result, "content", doc_new_array()), doc_new_object());
	doc_put_str(content, "type", "text");
	doc_put_slice(content, "text", safe.len ? buf_slice(&safe) : buf_slice(text));
	doc_put_bool(result, "isError", failed);
	add_result(x, id, result);
}

/* --- methods --- */

static struct doc *initialize(struct rpc *r, const struct doc *params)
{
	struct doc *result = doc_new_object(), *info;

	if (!mcp_version_find(doc_get_str(params, "protocolVersion"), &r->version))
		r->version = MCP_VERSIONS - 1; /* the client decides whether it can live with the newest we have */
	doc_put_str(result, "protocolVersion", mcp_version_names[r->version]);
	doc_put_bool(doc_put(doc_put(result, "capabilities", doc_new_object()), "tools", doc_new_object()),
		     "listChanged", false);
	info = doc_put(result, "serverInfo", doc_new_object());
	doc_put_str(info, "name", "bot-bottle-supervise");
	doc_put_str(info, "title", "bot-bottle: ask the operator");
	doc_put_str(info, "version", program_version);
	doc_put_str(result, "instructions", tools_instructions);
	return result;
}

static struct call *free_call(struct exchange *x)
{
	for (size_t i = 0; i < BATCH_MAX; i++)
		if (!x->calls[i].id)
			return &x->calls[i];
	return NULL; /* never: a batch has BATCH_MAX messages at most */
}

/* One argument of a tool: a string. False with text. */
static bool take_argument(const struct doc *arguments, const char *name, size_t max, struct slice *value,
			  struct buf *text)
{
	const struct doc *d = doc_get(arguments, name);

	if (!d || doc_type_of(d) != DOC_STR) {
		buf_add_format(text, "The argument '%s' is missing or not a text.", name);
		return false;
	}
	*value = doc_str(d);
	if (!slice_trim(*value, " \t\r\n").len) {
		buf_add_format(text, "The argument '%s' is empty.", name);
		return false;
	}
	if (value->len > max) {
		buf_add_format(text, "The argument '%s' has %zu bytes; %zu is the most.", name, value->len, max);
		return false;
	}
	return true;
}

/* Call a tool that asks the operator. */
static void call_asking(struct rpc *r, struct exchange *x, const struct doc *id, const struct doc *params,
			enum queue_tool tool)
{
	const struct doc *arguments = doc_get(params, "arguments"),
			 *token = doc_get(doc_get(params, "_meta"), "progressToken");
	struct slice routes, justification;
	struct call *call = free_call(x);
	enum desk_result result = DESK_REFUSED;
	AUTO_BUF text = BUF_INIT;

	if (take_argument(arguments, "routes_yaml", QUEUE_FILE_MAX, &routes, &text) &&
	    take_argument(arguments, "justification", QUEUE_TEXT_MAX, &justification, &text))
		result = desk_ask(r->desk, tool, routes, justification, &call->ticket, &text);
	if (result == DESK_WAITS)
		/* it may have been answered before */
		result = desk_look(r->desk, &call->ticket, r->desk->timeout <= 0, &text);
	if (result != DESK_WAITS) {
		add_tool_result(x, id, &text, result == DESK_REFUSED);
		return;
	}
	call->id = doc_retain(id);
	call->progress = token && (doc_type_of(token) & (DOC_STR | DOC_INT)) ? doc_retain(token) : NULL;
	call->deadline = r->now + r->desk->timeout;
	call->signs = 0;
	x->n_waiting++;
}

static void call_tool(struct rpc *r, struct exchange *x, const struct doc *id, const struct doc *params)
{
	struct error e = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	enum queue_tool asked;
	bool ok;

	switch (tools_find(doc_get_str(params, "name"), &asked)) {
	case TOOL_ASKS:
		call_asking(r, x, id, params, asked);
		break;
	case TOOL_LISTS:
		ok = desk_routes(r->desk, &text, &e);
		if (!ok) {
			program_warn("%s", e.text);
			buf_add_str(&text, "The routes in force cannot be read just now.");
		}
		add_tool_result(x, id, &text, !ok);
		break;
	case TOOL_UNKNOWN:
		rpc_error_format(add_answer(x), id, RPC_INVALID_PARAMS, "there is no tool of that name");
		break;
	}
}

/* Handle a request. True when it opened a session. */
static bool take_request(struct rpc *r, struct exchange *x, const struct doc *id, struct slice method,
			 const struct doc *params)
{
	if (slice_eq(method, SLICE("initialize")) && x->batch) {
		rpc_error_format(add_answer(x), id, RPC_INVALID_REQUEST, "initialize must not be part of a batch");
	} else if (slice_eq(method, SLICE("initialize"))) {
		add_result(x, id, initialize(r, params));
		return true;
	} else if (slice_eq(method, SLICE("ping"))) {
		add_result(x, id, doc_new_object());
	} else if (slice_eq(method, SLICE("tools/list")) && doc_get(params, "cursor")) {
		rpc_error_format(add_answer(x), id, RPC_INVALID_PARAMS, "there is only one page of tools");
	} else if (slice_eq(method, SLICE("tools/list"))) {
		add_result(x, id, tools_list());
	} else if (slice_eq(method, SLICE("tools/call"))) {
		call_tool(r, x, id, params);
	} else {
		rpc_error_format(add_answer(x), id, RPC_METHOD_NOT_FOUND, "there is no method of that name");
	}
	return false;
}

static void take_notification(struct rpc *r, struct slice method, const struct doc *params)
{
	const struct doc *id = doc_get(params, "requestId");

	if (slice_eq(method, SLICE("notifications/cancelled")) && id && r->cancel)
		r->cancel(r->ctx, id);
}

/* What may come before there is a session: what opens one, or asks whether anyone is there. */
static bool needs_session(struct slice method)
{
	return !slice_eq(method, SLICE("initialize")) && !slice_eq(method, SLICE("ping")) &&
	       !slice_eq(method, SLICE("server/discover"));
}

/* doc_each: stop at a member called "id". */
static bool is_not_id(void *ctx, const char *key, const struct doc *value)
{
	(void)ctx;
	(void)value;
	return strcmp(key, "id") != 0;
}

/* Handle one message. False when it is none: an error was added. */
static bool take_message(struct rpc *r, struct exchange *x, const struct doc *m, bool *opened)
{
	const struct doc *id, *method, *params;
	unsigned id_type;

	if (doc_type_of(m) != DOC_OBJECT || !slice_eq(doc_get_str(m, "jsonrpc"), SLICE("2.0"))) {
		rpc_error_format(add_answer(x), NULL, RPC_INVALID_REQUEST, "not a message of JSON-RPC 2.0");
		return false;
	}
	id = doc_get(m, "id");
	id_type = id ? doc_type_of(id) : 0;
	method = doc_get(m, "method");
	params = doc_get(m, "params");
	if (!method && (doc_get(m, "result") || doc_get(m, "error")))
		return true; /* a response: we have asked nothing */
	if (!method || doc_type_of(method) != DOC_STR || (!id && !doc_each(m, is_not_id, NULL)) ||
	    (id_type & ~(unsigned)(DOC_STR | DOC_INT | DOC_REAL))) {
		rpc_error_format(add_answer(x), NULL, RPC_INVALID_REQUEST, "not a request of JSON-RPC 2.0");
		return false;
	}
	if (params && doc_type_of(params) != DOC_OBJECT) {
		rpc_error_format(add_answer(x), id, RPC_INVALID_PARAMS, "params is not an object");
		return true;
	}
	if (!id) {
		take_notification(r, doc_str(method), params);
	} else if (!r->in_session && needs_session(doc_str(method))) {
		rpc_error_format(add_answer(x), id, RPC_INVALID_REQUEST,
				 "there is no session yet: send initialize first");
		return false;
	} else {
		*opened = take_request(r, x, id, doc_str(method), params) || *opened;
	}
	return true;
}

/* Add the one answer to a body that is no message. */
static enum rpc_result refuse_body(struct exchange *x, enum rpc_error code, const char *why)
{
	rpc_error_format(add_answer(x), NULL, code, "%s", why);
	return RPC_BAD;
}

enum rpc_result rpc_take(struct rpc *r, struct slice body, struct exchange *x)
{
	struct error e = ERROR_INIT;
	AUTO_DOC *d = doc_parse(body, &e);
	bool opened = false;

	if (!d)
		return refuse_body(x, RPC_PARSE_ERROR, e.text);
	if (doc_type_of(d) != DOC_ARRAY) {
		if (!take_message(r, x, d, &opened))
			return RPC_BAD;
	} else if (!r->in_session || r->version > MCP_2025_03_26) {
		return refuse_body(x, RPC_INVALID_REQUEST, "this version of the protocol has no batches");
	} else if (!doc_count(d) || doc_count(d) > BATCH_MAX) {
		return refuse_body(x, RPC_INVALID_REQUEST, "a batch is empty or has too many messages");
	} else {
		x->batch = true;
		for (size_t i = 0; i < doc_count(d); i++)
			take_message(r, x, doc_at(d, i), &opened);
	}
	if (opened)
		return RPC_OPENED;
	return x->n_waiting ? RPC_WAITING : x->n_answers ? RPC_READY : RPC_ACCEPTED;
}

/* --- waiting --- */

static void end_call(struct exchange *x, struct call *c)
{
	doc_release(STEAL(c->id));
	doc_release(STEAL(c->progress));
	x->n_waiting--;
}

bool rpc_look(struct desk *d, struct exchange *x, int64_t now)
{
	size_t before = x->n_answers;

	for (size_t i = 0; i < BATCH_MAX; i++) {
		struct call *c = &x->calls[i];
		AUTO_BUF text = BUF_INIT;

		if (!c->id || desk_look(d, &c->ticket, now >= c->deadline, &text) == DESK_WAITS)
			continue;
		add_tool_result(x, c->id, &text, false);
		end_call(x, c);
	}
	return x->n_answers > before;
}

bool rpc_cancel(struct exchange *x, const struct doc *id)
{
	for (size_t i = 0; i < BATCH_MAX; i++) {
		if (!x->calls[i].id || !doc_equal(x->calls[i].id, id))
			continue;
		end_call(x, &x->calls[i]);
		return true;
	}
	return false;
}

void rpc_progress(struct exchange *x, int64_t now, rpc_text_fn *fn, void *ctx)
{
	for (size_t i = 0; i < BATCH_MAX; i++) {
		struct call *c = &x->calls[i];
		AUTO_DOC *m = NULL;
		AUTO_BUF text = BUF_INIT;
		struct doc *params;

		if (!c->id || !c->progress)
			continue;
		m = doc_new_object();
		doc_put_str(m, "jsonrpc", "2.0");
		doc_put_str(m, "method", "notifications/progress");
		params = doc_put(m, "params", doc_new_object());
		doc_put(params, "progressToken", doc_retain(c->progress));
		doc_put_int(params, "progress", (int64_t)++c->signs);
		doc_put_int(params, "total",
			    (int64_t)c->signs + (c->deadline > now ? c->deadline - now : 0) / PROGRESS_TIME + 1);
		doc_put_str(params, "message", "waiting for the operator");
		doc_format(m, false, &text);
		fn(ctx, buf_slice(&text));
	}
}
