/* What follows when a request holds something that must stay in the bottle. */
#include "front.h"

/* The detectors that the request began under: a reload may have come since, and a WebSocket lasts. */
static const struct detectors *detectors_at(const struct client *c)
{
	return &c->x.detectors;
}

/* Ask the operator whether what was found may leave. There is nobody to ask yet, so it may not. */
static bool ask(const struct found *found, struct refusal *no)
{
	return refuse(no, 403, "dlp", "the %s holds a secret (%s) that must not leave the bottle, and there is no supervisor to ask",
		      found->place, found->kind);
}

/* The no that a finding calls for under the policy of its route. */
static bool refuse_found(const struct detectors *d, const struct found *found, struct refusal *no)
{
	if (found->why)
		return refuse(no, 403, "dlp", "the %s cannot be looked through (%s), so it must not leave the bottle", found->place,
			      found->why);
	switch (d->on_match) {
	case ON_MATCH_SUPERVISE:
		return ask(found, no);
	case ON_MATCH_REDACT:
		return refuse(no, 403, "dlp", "the %s holds a secret (%s) that must not leave the bottle and cannot be taken out there",
			      found->place, found->kind);
	case ON_MATCH_BLOCK:
		break;
	}
	return refuse(no, 403, "dlp", "the %s holds a secret (%s) that must not leave the bottle", found->place, found->kind);
}

bool dlp_head(struct front *f, struct client *c, struct http_head *h, struct request_facts *facts, struct refusal *no)
{
	const struct detectors *d = detectors_at(c);
	struct found found;

	switch (inspect_head(&f->inspector, d, h, facts, &found)) {
	case INSPECT_CLEAN:
		return true;
	case INSPECT_CHANGED:
		audit_dlp(f, c, "redact", &found, found.count);
		return true;
	case INSPECT_FOUND:
		break;
	}
	audit_dlp(f, c, "refuse", &found, 1);
	return refuse_found(d, &found, no);
}

/* The codings of the body. False with a refusal when it cannot be looked into. */
static bool find_codings(const struct http_head *h, struct coding_list *list, struct refusal *no)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice value = slice_sub(h->fields[i].value, 0, 64);

		if (h->fields[i].id == HTTP_CONTENT_ENCODING && !coding_parse(list, h->fields[i].value))
			return refuse(no, 403, "dlp", "a body with the Content-Encoding '%.*s' cannot be looked through", SLICE_ARG(value));
	}
	return true;
}

bool dlp_body(struct front *f, struct client *c, const struct http_head *h, struct refusal *no)
{
	const struct detectors *d = detectors_at(c);
	struct inspector *i = &f->inspector;
	struct coding_list codings = { .n = 0 };
	size_t whole = 0;

	if (!d->outbound || c->x.request_done || c->x.websocket)
		return true;
	if (!find_codings(h, &codings, no))
		return false;
	if (d->on_match == ON_MATCH_REDACT && h->body == HTTP_BODY_LENGTH && h->length <= WHOLE_MAX && !h->expect_continue &&
	    i->buffered + h->length <= WHOLE_ALL_MAX)
		whole = (size_t)h->length;
	c->x.inspection = inspection_new(i, d, &codings, whole);
	if (c->x.inspection)
		return true;
	return refuse(no, 403, "dlp", "more than %d bodies at once, or %d with a Content-Encoding, cannot be looked through; try again",
		      BODIES_MAX, CODED_MAX);
}

bool dlp_message(struct front *f, struct client *c, struct found *found)
{
	const struct detectors *d = detectors_at(c);

	if (!d->outbound || c->x.inspection)
		return true;
	c->x.inspection = inspection_new(&f->inspector, d, NULL, 0);
	if (!c->x.inspection)
		*found = (struct found){ .kind = "unjudged", .why = "too many messages at once", .place = "message" };
	return c->x.inspection;
}

bool dlp_control(struct front *f, struct client *c, struct slice payload, struct found *found)
{
	const struct detectors *d = detectors_at(c);
	const char *kind;
	struct inspection *n;
	bool clean;

	if (!d->outbound || !payload.len)
		return true;
	n = inspection_new(&f->inspector, d, NULL, 0);
	if (!n) {
		*found = (struct found){ .kind = "unjudged", .why = "too many messages at once", .place = "control frame" };
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
	refuse_found(detectors_at(c), found, &no);
	exchange_refuse(f, c, &no, false);
}

void dlp_judged(struct front *f, struct client *c)
{
	struct found found = { .place = "body" };
	size_t count = inspection_changed(c->x.inspection, &found.kind);

	if (count)
		audit_dlp(f, c, "redact", &found, count);
}
