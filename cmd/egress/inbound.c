/*
 * What a response would bring into the bottle: instructions for the agent, hidden
 * in what it reads (injection.h). Looked at are the fields of each head, bodies
 * that read as text, and the messages of WebSockets.
 *
 * A response that is blocked is answered with a refusal as long as nothing of it
 * has passed, and else breaks off. So that the first is the rule, the head and the
 * begin of the body wait: all of a body that is known to be short; of others up to
 * INBOUND_HELD bytes for at most INBOUND_TIME, and then the last INBOUND_TAIL of
 * them. An event stream has the time of its origin: of it nothing waits but a line
 * that is not whole. On a route that only warns nothing waits at all.
 *
 * The detector judges a phrase when it has seen what stands behind it. What does not
 * wait for that is judged with what was passed before it, as if it were the end.
 */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "coding.h"

struct inbound {
	struct injection *injection;        /* of the body, or of the WebSocket message under way */
	enum injection_verdict seen;        /* what the log has of it */
	bool warns;                         /* nothing is kept from the agent */
	bool whole;                         /* the body is short: all of it waits for its end */
	bool lines;                         /* it is an event stream */
	bool begun;                         /* the client has some of it */
	int64_t due;                        /* when what waits is passed on; 0: at no time */
	struct buf head;                    /* written for the client, not sent */
	struct buf body;                    /* fed, not sent */
	struct buf passed;                  /* the last INBOUND_TAIL bytes of what was sent */
};

/* --- verdicts --- */

/* Do what a verdict calls for. False when the response is over. */
static bool act(struct front *f, struct client *c, const struct injection *i, enum injection_verdict verdict,
		const char *place)
{
	bool refuses = verdict == INJECTION_BLOCK && !c->x.detectors.inbound_warns;
	struct found found = { .kind = injection_names(i) };
	struct refusal no;

	snprintf(found.place, sizeof(found.place), "%s", place);
	audit_dlp(f, c, refuses ? "refuse" : "warn", &found, 1);
	if (!refuses)
		return true;
	refuse(&no, 403, "dlp",
	       "the %s holds what reads as hidden instructions to an agent (naive_injection_detection: %s), "
	       "so it is not passed on",
	       place, found.kind);
	inbound_refuse(f, c, &no);
	return false;
}

/* The same for a stream: each verdict once. */
static bool act_on(struct front *f, struct client *c, enum injection_verdict verdict, const char *place)
{
	struct inbound *in = c->x.inbound;

	if (verdict <= in->seen)
		return true;
	in->seen = verdict;
	return act(f, c, in->injection, verdict, place);
}

bool inbound_text(struct front *f, struct client *c, struct slice text, const char *place)
{
	struct injection *i = f->inspector.inbound_head;
	enum injection_verdict verdict;

	if (!c->x.detectors.inbound || !text.len)
		return true;
	injection_reset(i);
	injection_feed(i, text);
	verdict = injection_finish(i);
	return verdict == INJECTION_PASS || act(f, c, i, verdict, place);
}

bool inbound_head(struct front *f, struct client *c, const struct http_head *h)
{
	AUTO_BUF text = BUF_INIT;

	if (!c->x.detectors.inbound)
		return true;
	for (size_t i = 0; i < h->n_fields; i++) {
		buf_add_slice(&text, h->fields[i].name);
		buf_add_str(&text, ": ");
		buf_add_slice(&text, h->fields[i].value);
		buf_add_str(&text, ";\n");
	}
	return inbound_text(f, c, buf_slice(&text), "response's head");
}

/* --- a stream --- */

/* Have the streams of a response looked at. False, with the response refused, when there are too many. */
static bool start(struct front *f, struct client *c)
{
	struct inspector *i = &f->inspector;
	struct refusal no;

	if (i->inbound == RESPONSES_MAX) {
		refuse(&no, 502, "dlp", "more than %d responses at once cannot be looked through; try again",
		       RESPONSES_MAX);
		exchange_refuse(f, c, &no, false);
		return false;
	}
	i->inbound++;
	c->x.inbound = alloc_zero(1, sizeof(*c->x.inbound));
	*c->x.inbound = (struct inbound){ .injection = injection_new(i->phrases), .warns = c->x.detectors.inbound_warns,
					  .head = BUF_INIT, .body = BUF_INIT, .passed = BUF_INIT };
	return true;
}

void inbound_release(struct front *f, struct client *c)
{
	struct inbound *in = STEAL(c->x.inbound);

	if (!in)
		return;
	f->inspector.inbound--;
	injection_release(in->injection);
	buf_release(&in->head);
	buf_release(&in->body);
	buf_release(&in->passed);
	free(in);
}

void inbound_refuse(struct front *f, struct client *c, const struct refusal *no)
{
	/* As long as the client has nothing of the response, there was none. */
	c->x.response_started = c->x.response_started && !(c->x.inbound && c->x.inbound->head.len);
	exchange_refuse(f, c, no, false);
	inbound_release(f, c);
}

size_t inbound_held(const struct client *c)
{
	return c->x.inbound ? c->x.inbound->body.len : 0;
}

int64_t inbound_due(const struct client *c)
{
	return c->x.inbound && c->x.inbound->due ? c->x.inbound->due : INT64_MAX;
}

/* --- a body --- */

/* Let the client have the head, if it has not, and so many bytes of the body. */
static void pass_on(struct front *f, struct client *c, size_t len)
{
	struct inbound *in = c->x.inbound;
	struct slice part = slice_sub(buf_slice(&in->body), 0, len);

	buf_add_slice(&c->out, buf_slice(&in->head));
	buf_release(&in->head);
	in->begun = true;
	in->due = 0;
	if (!len)
		return;
	reply_write(f, c, part);
	buf_add_slice(&in->passed, slice_sub(part, len > INBOUND_TAIL ? len - INBOUND_TAIL : 0, len));
	if (in->passed.len > INBOUND_TAIL)
		buf_consume(&in->passed, in->passed.len - INBOUND_TAIL);
	buf_consume(&in->body, len);
	if (!in->body.len)
		buf_release(&in->body);
}

/* The same before the detector has seen what stands behind them. False when they do not pass. */
static bool pass_early(struct front *f, struct client *c, size_t len)
{
	struct inbound *in = c->x.inbound;
	struct injection *i = f->inspector.inbound_head;

	if (len && !in->warns) {
		injection_reset(i);
		injection_feed(i, buf_slice(&in->passed));
		injection_feed(i, slice_sub(buf_slice(&in->body), 0, len));
		if (injection_finish(i) == INJECTION_BLOCK && !act(f, c, i, INJECTION_BLOCK, "response's body"))
			return false;
	}
	pass_on(f, c, len);
	return true;
}

/* How many bytes of what is there must wait. */
static size_t waiting(const struct inbound *in)
{
	size_t whole_lines = in->body.len;

	if (in->warns)
		return 0;
	if (in->whole || (!in->begun && !in->lines && in->body.len < INBOUND_HELD))
		return in->body.len;
	if (!in->lines)
		return in->body.len < INBOUND_TAIL ? in->body.len : INBOUND_TAIL;
	while (whole_lines && in->body.ptr[whole_lines - 1] != '\n')
		whole_lines--;
	return in->body.len - whole_lines < INBOUND_TAIL ? in->body.len - whole_lines : INBOUND_TAIL;
}

/* Pass on what need not wait; see that what does is not kept for long. False when something does not pass. */
static bool settle(struct front *f, struct client *c)
{
	struct inbound *in = c->x.inbound;
	size_t ready = in->body.len - waiting(in);

	if (in->lines && !in->warns) {
		if (!pass_early(f, c, ready))
			return false;
	} else if (ready || in->warns) {
		pass_on(f, c, ready);
	}
	if (in->whole || in->due || (in->begun && !in->body.len))
		return true;
	in->due = f->loop.now + INBOUND_TIME;
	if (in->due < f->next_sweep)
		f->next_sweep = in->due;
	return true;
}

/* Is the body coded? The upstream takes codings off where there is something to look at (content.h), unless it lies. */
static bool is_coded(const struct http_head *h)
{
	struct coding_list list = { .n = 0 };

	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_CONTENT_ENCODING && !coding_parse(&list, h->fields[i].value))
			return true;
	return list.n > 0;
}

bool inbound_begin(struct front *f, struct client *c, const struct http_head *h)
{
	enum reading reading = reading_of(h);
	struct refusal no;

	if (!c->x.detectors.inbound || (h->status != 101 && (h->body == HTTP_BODY_NONE || reading == READING_NONE)))
		return true;
	if (h->status != 101 && is_coded(h)) {
		refuse(&no, 502, "coding", "the response is coded, and cannot be looked through");
		exchange_refuse(f, c, &no, false);
		return false;
	}
	if (!start(f, c))
		return false;
	c->x.inbound->whole = h->body == HTTP_BODY_LENGTH && h->length <= INBOUND_HELD;
	c->x.inbound->lines = reading == READING_EVENTS;
	return true;
}

struct buf *inbound_out(struct client *c)
{
	return c->x.inbound && !websocket_is_open(c) ? &c->x.inbound->head : &c->out;
}

void inbound_begun(struct front *f, struct client *c)
{
	if (c->x.inbound && !websocket_is_open(c))
		settle(f, c);
}

bool inbound_feed(struct front *f, struct client *c, struct slice piece)
{
	struct inbound *in = c->x.inbound;

	if (!act_on(f, c, injection_feed(in->injection, piece), "response's body"))
		return false;
	buf_add_slice(&in->body, piece);
	return settle(f, c);
}

bool inbound_end(struct front *f, struct client *c)
{
	struct inbound *in = c->x.inbound;

	if (!in)
		return true;
	if (!act_on(f, c, injection_finish(in->injection), "response's body"))
		return false;
	pass_on(f, c, in->body.len);
	return true;
}

bool inbound_flush(struct front *f, struct client *c)
{
	return !c->x.inbound || websocket_is_open(c) || pass_early(f, c, c->x.inbound->body.len);
}

/* --- messages of a WebSocket --- */

bool inbound_message(struct front *f, struct client *c, struct slice piece, bool last)
{
	struct inbound *in = c->x.inbound;
	enum injection_verdict verdict;

	if (!in)
		return true;
	verdict = injection_feed(in->injection, piece);
	if (last)
		verdict = injection_finish(in->injection);
	if (!act_on(f, c, verdict, "origin's message"))
		return false;
	if (last) {
		injection_reset(in->injection);
		in->seen = INJECTION_PASS;
	}
	return true;
}
