/*
 * The body of a response as the front gets it.
 *
 * Where something looks at responses (routing_look), codings are taken off and
 * nothing else is passed on than what was looked at: an origin is asked only for
 * codings that can be taken off, and what it codes otherwise, or sends a part of
 * in coded form, is refused. On a route with a credential the reflection guard
 * (guard.h) then goes over it. Where it is only the front that looks, for injected
 * instructions (inbound.c), and elsewhere bodies that do not read as text pass as
 * they are.
 *
 * A coded body is read only as far as the front takes what it decodes to.
 */
#ifndef BB_EGRESS_CONTENT_H
#define BB_EGRESS_CONTENT_H

#include "coding.h"
#include "guard.h"
#include "http1.h"
#include "request.h"

struct content {
	struct guard guard;
	bool decodes;
	struct coding coding;
	struct buf coded; /* bytes not decoded yet */
};

void content_release(struct content *c);

/*
 * Append the Accept-Encoding for a request: of what the client accepts, what can be taken off. Parts are asked for
 * uncoded.
 */
void content_accept(struct buf *value, const struct http_head *request);

/* Begin with a final head whose content is looked at. False with a refusal when it cannot be. */
bool content_begin(struct content *c, const struct http_head *h, bool too_many, struct refusal *no);

/*
 * Which fields of the head are not true of the decoded body any more; strip is
 * per field. An entity tag becomes weak: it is appended to etag and to be added.
 */
void content_strip(const struct content *c, const struct http_head *h, bool strip[HTTP_FIELDS_MAX], struct buf *etag);

#endif
