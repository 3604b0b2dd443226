/*
 * The front's lines in the log. They go to main, which alone writes it; sending
 * waits for main, so that nothing passes that the log does not have.
 */
#include "front.h"

#include <stdio.h>

#include "alloc.h"
#include "log.h"
#include "program.h"

/* Send a finished line. */
static void send_line(struct front *f, struct buf *line)
{
	log_end(line);
	channel_put(&f->control, MESSAGE_LOG, 0, buf_slice(line));
	role_send(&f->control);
}

/* Begin a line about an exchange. */
static void begin(const struct front *f, const struct client *c, struct buf *line, const char *event)
{
	char id[40];

	snprintf(id, sizeof(id), "%d-%llu", f->options.worker, (unsigned long long)c->x.id);
	log_begin(line, event);
	log_str(line, "id", id);
}

/* Add a text that may hold a secret, which the log must not. */
static void add_checked(struct front *f, struct buf *line, const char *key, struct slice text)
{
	AUTO_BUF checked = BUF_INIT;

	inspect_text(&f->inspector, text, &checked);
	log_text(line, key, buf_slice(&checked), LOG_TEXT_MAX);
}

/* Add what was asked for. */
static void add_subject(struct front *f, const struct client *c, struct buf *line)
{
	const struct exchange *x = &c->x;

	if (*x->authority.host) {
		add_checked(f, line, "host", slice_str(x->authority.host));
		log_int(line, "port", x->authority.port);
	}
	if (*x->method)
		add_checked(f, line, "method", slice_str(x->method));
	if (x->path.len)
		add_checked(f, line, "path", buf_slice(&x->path));
}

void audit_refusal(struct front *f, const struct client *c, const struct refusal *no)
{
	AUTO_BUF line = BUF_INIT;

	if (f->options.level < LEVEL_BLOCKS)
		return;
	begin(f, c, &line, "refuse");
	log_int(&line, "status", no->status);
	log_text(&line, "rule", slice_str(no->rule), 64);
	add_checked(f, &line, "reason", slice_str(no->text));
	add_subject(f, c, &line);
	log_int(&line, "bytes", (int64_t)c->x.received);
	log_int(&line, "duration", f->loop.now - c->x.started);
	send_line(f, &line);
}

void audit_dlp(struct front *f, const struct client *c, const char *action, const struct found *found, size_t count)
{
	AUTO_BUF line = BUF_INIT;

	if (f->options.level < LEVEL_BLOCKS)
		return;
	if (found->canary)
		program_warn("the canary of this bottle was about to leave it, in the %s of a request to '%s': its "
			     "agent takes secrets "
			     "out of its environment", found->place, c->x.authority.host);
	begin(f, c, &line, found->canary ? "canary" : "dlp");
	log_str(&line, "action", action);
	log_text(&line, "kind", slice_str(found->kind), LOG_KIND_MAX);
	if (found->why)
		log_str(&line, "limit", found->why);
	log_text(&line, "place", slice_str(found->place), sizeof(found->place));
	log_int(&line, "count", (int64_t)count);
	add_subject(f, c, &line);
	send_line(f, &line);
}

/* Does a field's name say that its value is a credential? */
static bool is_confidential(const struct http_field *field)
{
	static const char *const parts[] = { "auth", "cookie", "token", "secret", "key", "password", "credential",
					     "session" };
	char name[64];
	size_t len = field->name.len < sizeof(name) ? field->name.len : sizeof(name);

	for (size_t i = 0; i < len; i++)
		name[i] = ascii_lower(field->name.ptr[i]);
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (slice_search(slice_of(name, len), slice_str(parts[i])) != SLICE_NONE)
			return true;
	return false;
}

/* Add the fields of a head as "headers": a list of "name: value". */
static void add_fields(const struct http_head *h, struct buf *line)
{
	AUTO_BUF one = BUF_INIT;
	const char *separator = "";

	buf_add_str(line, ",\"headers\":[");
	for (size_t i = 0; i < h->n_fields; i++) {
		buf_truncate(&one, 0);
		buf_add_slice(&one, h->fields[i].name);
		buf_add_str(&one, ": ");
		buf_add_slice(&one, is_confidential(&h->fields[i]) ? SLICE("...") : h->fields[i].value);
		buf_add_str(line, separator);
		log_element(line, buf_slice(&one), LOG_TEXT_MAX / 2);
		separator = ",";
	}
	buf_add_char(line, ']');
}

void audit_request(struct front *f, const struct client *c, const struct http_head *h)
{
	AUTO_BUF line = BUF_INIT;

	if (f->options.level < LEVEL_FULL)
		return;
	begin(f, c, &line, "request");
	add_subject(f, c, &line);
	add_fields(h, &line);
	send_line(f, &line);
}

void audit_response(struct front *f, const struct client *c, const struct http_head *h)
{
	AUTO_BUF line = BUF_INIT;

	if (f->options.level < LEVEL_FULL)
		return;
	begin(f, c, &line, "response");
	log_int(&line, "status", h->status);
	add_fields(h, &line);
	send_line(f, &line);
}

void audit_body(struct front *f, const struct client *c, const char *direction, uint64_t offset, struct slice bytes)
{
	if (f->options.level < LEVEL_FULL || offset >= LOG_BODY_MAX)
		return;
	bytes = slice_sub(bytes, 0, (size_t)(LOG_BODY_MAX - offset));
	while (bytes.len) {
		struct slice piece = slice_sub(bytes, 0, LOG_BODY_PIECE);
		AUTO_BUF line = BUF_INIT;

		begin(f, c, &line, "body");
		log_str(&line, "of", direction);
		log_int(&line, "offset", (int64_t)offset);
		log_text(&line, "text", piece, LOG_LINE_MAX / 4);
		send_line(f, &line);
		offset += piece.len;
		bytes = slice_sub(bytes, piece.len, bytes.len);
	}
}

void audit_end(struct front *f, const struct client *c, bool whole)
{
	AUTO_BUF line = BUF_INIT;

	if (f->options.level < LEVEL_FULL)
		return;
	begin(f, c, &line, "end");
	log_int(&line, "status", c->x.status);
	log_bool(&line, "whole", whole);
	log_int(&line, "received", (int64_t)c->x.received);
	log_int(&line, "sent", (int64_t)c->x.sent);
	log_int(&line, "duration", f->loop.now - c->x.started);
	send_line(f, &line);
}
