#include "content.h"

#include "alloc.h"

void content_release(struct content *c)
{
	guard_release(&c->guard);
	coding_release(&c->coding);
	buf_release(&c->coded);
	*c = (struct content){ .decodes = false };
}

/* Is an element of Accept-Encoding without "q=0", RFC 9110 §12.4.2? */
static bool is_accepted(struct slice parameters)
{
	while (parameters.len) {
		struct slice parameter = slice_trim(slice_cut(&parameters, ';'), " \t");

		if (parameter.len > 2 && ascii_lower(parameter.ptr[0]) == 'q' && parameter.ptr[1] == '=')
			return slice_trim(slice_sub(parameter, 2, parameter.len), "0.").len > 0;
	}
	return true;
}

/* Append a coding that is accepted, if it can be taken off. */
static void accept_coding(struct buf *value, struct slice element)
{
	struct slice name = slice_trim(slice_cut(&element, ';'), " \t");
	struct coding_list list = { .n = 0 };

	if (!coding_parse(&list, name) || !list.n || !is_accepted(element))
		return;
	if (value->len)
		buf_add_str(value, ", ");
	buf_add_slice(value, name);
}

void content_accept(struct buf *value, const struct http_head *request)
{
	size_t start = value->len;

	for (size_t i = 0; i < request->n_fields; i++) {
		struct slice rest = request->fields[i].value;

		if (request->fields[i].id == HTTP_RANGE) {
			buf_truncate(value, start);
			break;
		}
		while (request->fields[i].id == HTTP_ACCEPT_ENCODING && rest.len)
			accept_coding(value, slice_cut(&rest, ','));
	}
	if (value->len == start)
		buf_add_str(value, "identity");
}

bool content_begin(struct content *c, const struct http_head *h, bool too_many, struct refusal *no)
{
	struct coding_list list = { .n = 0 };

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice value = h->fields[i].value;

		if (h->fields[i].id != HTTP_CONTENT_ENCODING || coding_parse(&list, value))
			continue;
		if (h->body == HTTP_BODY_NONE)
			return true;
		return refuse(no, 502, "coding",
			      "the origin's response has the Content-Encoding '%.*s', which cannot be looked into",
			      value.len > 64 ? 64 : (int)value.len, value.ptr);
	}
	if (!list.n)
		return true;
	if (h->status == 206 && h->body != HTTP_BODY_NONE)
		return refuse(no, 502, "coding",
			      "the origin sends a part of a coded body, which cannot be looked into");
	if (too_many)
		return refuse(no, 502, "coding", "there are too many coded responses at once; try again");
	c->decodes = true;
	coding_init(&c->coding, &list, CODING_FORWARD, &coding_limits);
	return true;
}

/* Is a field about the coded bytes: digests (RFC 9530 and those before it), and where parts of them could be had? */
static bool concerns_coded(const struct http_field *f)
{
	static const char *const names[] = { "accept-ranges", "content-digest", "content-md5", "digest",
					     "repr-digest" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (slice_eq_fold(f->name, slice_str(names[i])))
			return true;
	return f->id == HTTP_CONTENT_ENCODING || f->id == HTTP_ETAG;
}

void content_strip(const struct content *c, const struct http_head *h, bool strip[HTTP_FIELDS_MAX], struct buf *etag)
{
	if (!c->decodes)
		return;
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];

		if (!concerns_coded(f))
			continue;
		strip[i] = true;
		if (f->id != HTTP_ETAG || etag->len)
			continue;
		buf_add_str(etag, slice_starts(f->value, SLICE("W/")) ? "" : "W/");
		buf_add_slice(etag, f->value);
	}
}
