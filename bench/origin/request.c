/* Reading request heads, and writing them down as JSON. */
#include "origin.h"

#include "slice.h"

void json_bytes(struct buf *out, struct slice s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\')
			buf_add_format(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			buf_add_format(out, "\\u%04x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}

struct slice request_field(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (slice_eq_fold(r->fields[i].name, slice_str(name)))
			return r->fields[i].value;
	return (struct slice){ NULL, 0 };
}

uint64_t request_number(const struct request *r, const char *key, uint64_t fallback)
{
	struct slice rest = r->query;
	uint64_t v;

	while (rest.len > 0) {
		struct slice value = slice_cut(&rest, '&'), name = slice_cut(&value, '=');

		if (slice_eq(name, slice_str(key)) && slice_to_u64(value, &v))
			return v;
	}
	return fallback;
}

/* Take one line off the front, without its line ending. */
static struct slice take_line(struct slice *rest)
{
	struct slice line = slice_cut(rest, '\n');

	return slice_ends(line, SLICE("\r")) ? slice_sub(line, 0, line.len - 1) : line;
}

/* Whether a comma-separated list has this member. */
static bool list_has(struct slice list, const char *word)
{
	while (list.len > 0)
		if (slice_eq_fold(slice_trim(slice_cut(&list, ','), " \t"), slice_str(word)))
			return true;
	return false;
}

/* Split the request line; a target in absolute form gives the host too (RFC 9112 §3.2.2). */
static bool parse_request_line(struct slice line, struct request *r, struct error *e)
{
	struct slice rest = line;

	r->method = slice_cut(&rest, ' ');
	r->target = slice_cut(&rest, ' ');
	r->version = rest;
	if (r->method.len == 0 || r->target.len == 0 || !slice_starts(r->version, SLICE("HTTP/1.")))
		return error_set(e, STATUS_CALLER, "not a request line");
	rest = r->target;
	if (slice_starts(rest, SLICE("http://"))) {
		size_t slash;

		rest = slice_sub(rest, 7, rest.len);
		slash = slice_find(rest, '/');
		r->host = slice_sub(rest, 0, slash == SLICE_NONE ? rest.len : slash);
		rest = slash == SLICE_NONE ? SLICE("/") : slice_sub(rest, slash, rest.len);
	}
	r->path = slice_cut(&rest, '?');
	r->query = rest;
	return true;
}

/* Work out framing and persistence from the fields (RFC 9112 §6.3, §9.3). */
static bool parse_framing(struct request *r, struct error *e)
{
	struct slice length = request_field(r, "content-length"), coding = request_field(r, "transfer-encoding");
	struct slice connection = request_field(r, "connection");
	bool old = slice_eq(r->version, SLICE("HTTP/1.0"));

	if (r->host.len == 0)
		r->host = request_field(r, "host");
	if (length.len && !slice_to_u64(length, &r->length))
		return error_set(e, STATUS_CALLER, "not a content length");
	r->chunked = coding.len > 0;
	if (r->chunked && (length.len || !slice_eq_fold(coding, SLICE("chunked"))))
		return error_set(e, STATUS_CALLER, "ambiguous framing");
	r->bodyless = !r->chunked && r->length == 0;
	r->keep_alive = old ? list_has(connection, "keep-alive") : !list_has(connection, "close");
	r->expects_continue = slice_eq_fold(request_field(r, "expect"), SLICE("100-continue"));
	return true;
}

bool request_parse(struct slice head, struct request *r, struct error *e)
{
	r->n_fields = 0;
	r->length = 0;
	r->host = (struct slice){ NULL, 0 };
	if (!parse_request_line(take_line(&head), r, e))
		return false;
	while (head.len > 0) {
		struct slice value = take_line(&head), name;

		if (value.len == 0)
			break;
		name = slice_cut(&value, ':');
		if (r->n_fields == HEADERS_MAX || name.len == 0)
			return error_set(e, STATUS_CALLER, "too many fields, or one without a name");
		r->fields[r->n_fields++] = (struct field){ name, slice_trim(value, " \t") };
	}
	return parse_framing(r, e);
}

void request_describe(const struct request *r, struct buf *out)
{
	buf_add_str(out, "{\"event\":\"request\",\"method\":");
	json_bytes(out, r->method);
	buf_add_str(out, ",\"target\":");
	json_bytes(out, r->target);
	buf_add_str(out, ",\"version\":");
	json_bytes(out, r->version);
	buf_add_str(out, ",\"host\":");
	json_bytes(out, r->host);
	buf_add_str(out, ",\"headers\":[");
	for (size_t i = 0; i < r->n_fields; i++) {
		buf_add_str(out, i ? ",[" : "[");
		json_bytes(out, r->fields[i].name);
		buf_add_char(out, ',');
		json_bytes(out, r->fields[i].value);
		buf_add_char(out, ']');
	}
	buf_add_char(out, ']');
}
