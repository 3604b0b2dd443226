/* What follows when a request holds something that must stay in the bottle. */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "escape.h"

/* The detectors that the request began under: a reload may have come since, and a WebSocket lasts. */
static const struct detectors *detectors_at(const struct client *c)
{
	return &c->x.detectors;
}

/* --- asking the operator --- */

/* Append what surrounds a value: without it and all others, one line, short. */
static void add_context(struct front *f, struct slice context, struct buf *out)
{
	AUTO_BUF plain = BUF_INIT;
	struct slice text;
	size_t at;

	inspect_text(&f->inspector, context, &plain);
	text = buf_slice(&plain);
	at = slice_search(text, SLICE("[REDACTED"));
	if (at == SLICE_NONE) /* it stands in another encoding, or nothing is left of it */
		at = 0;
	at = at > CONTEXT_MAX / 2 ? at - CONTEXT_MAX / 2 : 0;
	escape_cut(out, slice_sub(text, at, at + CONTEXT_MAX), CONTEXT_MAX);
}

/* The question: what the operator has to know, and a name for the value that tells nothing about it. */
static void write_question(struct front *f, const struct client *c, const struct found *found, struct buf *out)
{
	AUTO_DOC *d = doc_new_object();
	AUTO_BUF host = BUF_INIT;
	AUTO_BUF path = BUF_INIT;
	AUTO_BUF plain = BUF_INIT;
	AUTO_BUF context = BUF_INIT;
	char value[17];

	authority_format(&host, &c->x.authority, c->x.scheme);
	inspect_text(&f->inspector, buf_slice(&c->x.path), &plain);
	escape_cut(&path, buf_slice(&plain), LOG_TEXT_MAX);
	add_context(f, found->context, &context);
	for (size_t i = 0; i < 8; i++)
		snprintf(value + 2 * i, 3, "%02x", found->digest[i]);
	doc_put_str(d, "host", buf_str(&host));
	doc_put_str(d, "method", c->x.method);
	doc_put_str(d, "path", buf_str(&path));
	doc_put_str(d, "kind", found->kind);
	doc_put_str(d, "place", found->place);
	doc_put_str(d, "context", buf_str(&context));
	doc_put_str(d, "value", value);
	doc_format(d, true, out);
	buf_add_char(out, '\n');
}

/* Put the question. The client waits for dlp_answered. */
static void ask(struct front *f, struct client *c, const struct found *found)
{
	AUTO_BUF text = BUF_INIT;
	struct buf *body;

	write_question(f, c, found, &text);
	memcpy(c->asked, found->digest, DIGEST_SIZE);
	body = channel_open(&f->asker, MESSAGE_ASK, 0);
	buf_add(body, found->digest, DIGEST_SIZE);
	buf_add_slice(body, slice_sub(buf_slice(&text), 0, QUESTION_MAX - DIGEST_SIZE));
	channel_close(&f->asker);
	audit_dlp(f, c, "ask", found, 1);
}

/* The no of a question, or that there is nobody to ask. */
static bool refuse_asked(const struct front *f, const struct client *c, const struct found *found, struct refusal *no)
{
	bool answered = c->denied && found->askable && memcmp(c->asked, found->digest, DIGEST_SIZE) == 0;

	return refuse(no, 403, "dlp", "the %s holds a secret (%s) that must not leave the bottle, and %s", found->place,
		      found->kind,
		      answered			  ? c->denied
		      : f->inspector.permits.asks ? "the operator cannot be asked about it there"
						  : "there is no supervisor to ask");
}

/* --- what follows from a finding --- */

/* The no that a finding calls for under the policy of its route. */
static bool refuse_found(const struct front *f, const struct client *c, const struct found *found, struct refusal *no)
{
	if (found->why)
		return refuse(no, 403, "dlp", "the %s cannot be looked through (%s), so it must not leave the bottle",
			      found->place, found->why);
	if (found->canary)
		return refuse(no, 403, "dlp", "the %s holds the value of a variable of this bottle's environment that "
					      "nothing has a use for "
			      "(canary); each request with it is refused, so leave it out, or begin a conversation "
			      "that has not seen "
			      "the environment; the operator has been told", found->place);
	switch (detectors_at(c)->on_match) {
	case ON_MATCH_SUPERVISE:
		return refuse_asked(f, c, found, no);
	case ON_MATCH_REDACT:
		return refuse(no, 403, "dlp",
			      "the %s holds a secret (%s) that must not leave the bottle and cannot be taken out there",
			      found->place, found->kind);
	case ON_MATCH_BLOCK:
		break;
	}
	return refuse(no, 403, "dlp", "the %s holds a secret (%s) that must not leave the bottle", found->place,
		      found->kind);
}

/* Log what is worth a look and passes. */
static void warn_of_head(struct front *f, const struct client *c, const struct http_head *h,
			 const struct request_facts *facts)
{
	struct found found;

	if (inspect_entropy(detectors_at(c), h, facts, &found))
		audit_dlp(f, c, "warn", &found, 1);
}

bool dlp_head(struct front *f, struct client *c, struct http_head *h, struct request_facts *facts, struct refusal *no)
{
	const struct detectors *d = detectors_at(c);
	struct found found;

	switch (inspect_head(&f->inspector, d, h, facts, &found)) {
	case INSPECT_CLEAN:
		warn_of_head(f, c, h, facts);
		return true;
	case INSPECT_CHANGED:
		audit_dlp(f, c, "redact", &found, found.count);
		warn_of_head(f, c, h, facts);
		return true;
	case INSPECT_FOUND:
		break;
	}
	if (found.askable && !(c->denied && memcmp(c->asked, found.digest, DIGEST_SIZE) == 0)) {
		ask(f, c, &found);
		c->held = true;
		return false;
	}
	audit_dlp(f, c, "refuse", &found, 1);
	return refuse_found(f, c, &found, no);
}

/* The codings of the body. False with a refusal when it cannot be looked into. */
static bool find_codings(const struct http_head *h, struct coding_list *list, struct refusal *no)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice value = slice_sub(h->fields[i].value, 0, 64);

		if (h->fields[i].id == HTTP_CONTENT_ENCODING && !coding_parse(list, h->fields[i].value))
			return refuse(no, 403, "dlp",
				      "a body with the Content-Encoding '%.*s' cannot be looked through",
				      SLICE_ARG(value));
	}
	return true;
}

bool dlp_body(struct front *f, struct client *c, const struct http_head *h, struct refusal *no)
{
	const struct detectors *d = detectors_at(c);
	struct inspector *i = &f->inspector;
	struct coding_list codings = { .n = 0 };
	struct inspected body = { .place = "body", .codings = &codings, .host = c->x.authority.host };

	if (!d->outbound || c->x.request_done || c->x.websocket)
		return true;
	if (!find_codings(h, &codings, no))
		return false;
	if (d->on_match == ON_MATCH_REDACT && h->body == HTTP_BODY_LENGTH && h->length <= WHOLE_MAX &&
	    !h->expect_continue && i->buffered + h->length <= WHOLE_ALL_MAX)
		body.whole = (size_t)h->length;
	c->x.inspection = inspection_new(i, d, &body);
	if (c->x.inspection)
		return true;
	return refuse(no, 403, "dlp",
		      "more than %d bodies at once, or %d with a Content-Encoding, cannot be looked through; try again",
		      BODIES_MAX, CODED_MAX);
}

bool dlp_message(struct front *f, struct client *c, struct found *found)
{
	const struct inspected message = { .place = "message", .host = c->x.authority.host };
	const struct detectors *d = detectors_at(c);

	if (!d->outbound || c->x.inspection)
		return true;
	c->x.inspection = inspection_new(&f->inspector, d, &message);
	if (!c->x.inspection)
		*found = (struct found){ .kind = "unjudged", .why = "too many messages at once", .place = "message" };
	return c->x.inspection;
}

bool dlp_control(struct front *f, struct client *c, struct slice payload, struct found *found)
{
	static const struct inspected frame = { .place = "control frame" };
	const struct detectors *d = detectors_at(c);
	const char *kind;
	struct inspection *n;
	bool clean;

	if (!d->outbound || !payload.len)
		return true;
	n = inspection_new(&f->inspector, d, &frame);
	if (!n) {
		*found = (struct found){ .kind = "unjudged", .why = "too many messages at once",
					.place = "control frame" };
		return false;
	}
	clean = inspection_feed(n, payload, found) && inspection_finish(n, found);
	if (clean && inspection_changed(n, &kind)) {
		*found = (struct found){ .kind = kind };
		clean = false;
	}
	memcpy(found->place, "control frame", sizeof("control frame"));
	inspection_release(n);
	return clean;
}

void dlp_found(struct front *f, struct client *c, const struct found *found)
{
	struct refusal no;

	audit_dlp(f, c, "refuse", found, 1);
	refuse_found(f, c, found, &no);
	exchange_refuse(f, c, &no, false);
}

void dlp_body_fed(struct front *f, struct client *c)
{
	const struct found *asked = c->x.inspection ? inspection_asks(c->x.inspection) : NULL;
	struct found found;

	if (c->x.inspection && inspection_warns(c->x.inspection, &found))
		audit_dlp(f, c, "warn", &found, 1);
	if (asked && memcmp(c->asked, asked->digest, DIGEST_SIZE) != 0)
		ask(f, c, asked);
}

/* The answer to a question about a body. */
static void body_answered(struct front *f, struct client *c, bool permitted)
{
	struct found found = *inspection_asks(c->x.inspection);

	audit_dlp(f, c, permitted ? "permit" : "deny", &found, 1);
	if (!permitted) {
		dlp_found(f, c, &found);
		return;
	}
	alloc_wipe(c->asked, DIGEST_SIZE);
	if (!inspection_permitted(c->x.inspection, &found))
		dlp_found(f, c, &found);
	else if (inspection_asks(c->x.inspection))
		dlp_body_fed(f, c);
	else
		exchange_push(f, c);
}

/* An answer has come: go on with whatever waits for it. why is NULL when the value may go. */
static void client_answered(struct front *f, struct client *c, const uint8_t *digest, struct slice why)
{
	const struct found *asked = c->x.inspection ? inspection_asks(c->x.inspection) : NULL;

	if (memcmp(c->asked, digest, DIGEST_SIZE) != 0 ||
	    (!c->held && !(asked && memcmp(asked->digest, digest, DIGEST_SIZE) == 0)))
		return;
	if (!why.len && c->tls.link.ended) {
		client_drop(f, c); /* whoever gave up may have tried again: what nobody waits for is not sent as well */
		return;
	}
	free(c->denied);
	c->denied = why.len ? alloc_copy(why.ptr, why.len) : NULL;
	if (c->held)
		c->held = false; /* the head is judged once more */
	else
		body_answered(f, c, !why.len);
	client_touch(f, c);
}

void answer_take(struct front *f, const struct message *m)
{
	const uint8_t *digest = (const uint8_t *)m->body.ptr;
	struct slice why = slice_sub(m->body, DIGEST_SIZE, m->body.len);

	if ((m->type != MESSAGE_PERMIT && m->type != MESSAGE_DENY) || m->body.len < DIGEST_SIZE ||
	    (m->type == MESSAGE_DENY) != !!why.len)
		role_peer_broke("asker", "an unknown message");
	if (!why.len && !permits_has(&f->inspector.permits, digest))
		permits_add(&f->inspector.permits, digest);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (f->clients[i].state == CLIENT_REQUESTS)
			client_answered(f, &f->clients[i], digest, why);
}

void dlp_settled(struct client *c)
{
	free(STEAL(c->denied));
	alloc_wipe(c->asked, DIGEST_SIZE);
}

void dlp_judged(struct front *f, struct client *c)
{
	struct found found = { .place = "body" };
	size_t count = inspection_changed(c->x.inspection, &found.kind);

	if (count)
		audit_dlp(f, c, "redact", &found, count);
}
