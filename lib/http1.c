#include "http1.h"

/* What a byte may be part of. */
enum {
	TOKEN = 1,  /* RFC 9110 §5.6.2 tchar */
	VALUE = 2,  /* field content, and all that a line may hold: visible, space, tab, obs-text */
	TARGET = 4, /* visible ASCII: target.h says more */
};

/* The classes of each byte. */
#define OTHER_VISIBLE (VALUE | TARGET)
#define TOKEN_VISIBLE (TOKEN | OTHER_VISIBLE)
static const unsigned char classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = TOKEN_VISIBLE,
	['"'] = OTHER_VISIBLE,
	['#' ... '\''] = TOKEN_VISIBLE,
	['(' ... ')'] = OTHER_VISIBLE,
	['*' ... '+'] = TOKEN_VISIBLE,
	[','] = OTHER_VISIBLE,
	['-' ... '.'] = TOKEN_VISIBLE,
	['/'] = OTHER_VISIBLE,
	['0' ... '9'] = TOKEN_VISIBLE,
	[':' ... '@'] = OTHER_VISIBLE,
	['A' ... 'Z'] = TOKEN_VISIBLE,
	['[' ... ']'] = OTHER_VISIBLE,
	['^' ... 'z'] = TOKEN_VISIBLE,
	['{'] = OTHER_VISIBLE,
	['|'] = TOKEN_VISIBLE,
	['}'] = OTHER_VISIBLE,
	['~'] = TOKEN_VISIBLE,
	[0x80 ... 0xFF] = VALUE,
};

/* Whether every byte of s is of that class. */
static bool all_of(struct slice s, unsigned char class)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(classes[(unsigned char)s.ptr[i]] & class))
			return false;
	return true;
}

/* s without the white space around it, RFC 9110 §5.6.3 OWS. */
static struct slice trim(struct slice s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = slice_of(s.ptr + 1, s.len - 1);
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool http_is_token(struct slice s)
{
	return s.len && all_of(s, TOKEN);
}

bool http_is_value(struct slice s)
{
	return all_of(s, VALUE) && trim(s).len == s.len;
}

enum http_name http_name_of(struct slice name)
{
	static const struct {
		struct slice text;
		enum http_name id;
	} names[] = {
		{ { "te", 2 }, HTTP_TE },
		{ { "etag", 4 }, HTTP_ETAG },
		{ { "host", 4 }, HTTP_HOST },
		{ { "range", 5 }, HTTP_RANGE },
		{ { "accept", 6 }, HTTP_ACCEPT },
		{ { "cookie", 6 }, HTTP_COOKIE },
		{ { "expect", 6 }, HTTP_EXPECT },
		{ { "trailer", 7 }, HTTP_TRAILER },
		{ { "upgrade", 7 }, HTTP_UPGRADE },
		{ { "alt-svc", 7 }, HTTP_ALT_SVC },
		{ { "location", 8 }, HTTP_LOCATION },
		{ { "connection", 10 }, HTTP_CONNECTION },
		{ { "keep-alive", 10 }, HTTP_KEEP_ALIVE },
		{ { "set-cookie", 10 }, HTTP_SET_COOKIE },
		{ { "content-type", 12 }, HTTP_CONTENT_TYPE },
		{ { "authorization", 13 }, HTTP_AUTHORIZATION },
		{ { "content-length", 14 }, HTTP_CONTENT_LENGTH },
		{ { "http2-settings", 14 }, HTTP_HTTP2_SETTINGS },
		{ { "accept-encoding", 15 }, HTTP_ACCEPT_ENCODING },
		{ { "content-encoding", 16 }, HTTP_CONTENT_ENCODING },
		{ { "proxy-connection", 16 }, HTTP_PROXY_CONNECTION },
		{ { "transfer-encoding", 17 }, HTTP_TRANSFER_ENCODING },
		{ { "proxy-authenticate", 18 }, HTTP_PROXY_AUTHENTICATE },
		{ { "proxy-authorization", 19 }, HTTP_PROXY_AUTHORIZATION },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && names[i].text.len <= name.len; i++)
		if (names[i].text.len == name.len && slice_eq_fold(names[i].text, name))
			return names[i].id;
	return HTTP_OTHER;
}

const struct http_field *http_find(const struct http_head *h, struct slice name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (slice_eq_fold(h->fields[i].name, name))
			return &h->fields[i];
	return NULL;
}

const struct http_field *http_find_id(const struct http_head *h, enum http_name id)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == id)
			return &h->fields[i];
	return NULL;
}

bool http_list_has(struct slice list, struct slice token)
{
	while (list.len)
		if (slice_eq_fold(trim(slice_cut(&list, ',')), token))
			return true;
	return false;
}

/*
 * Find the end of the line that begins at start, looking at bytes from onwards.
 * *end is set to the place of its CR; with HTTP_MORE, to the first byte that was
 * not judged.
 */
static enum http_result find_line_end(struct slice s, size_t from, size_t *end, const char **why)
{
	size_t i = from;

	for (; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '\r') {
			if (i + 1 == s.len)
				break; /* judged when its successor is there */
			*end = i;
			if (s.ptr[i + 1] == '\n')
				return HTTP_DONE;
			*why = "a carriage return without a line feed";
			return HTTP_BAD;
		}
		if (!(classes[(unsigned char)c] & VALUE)) {
			*why = c == '\n' ? "a line feed without a carriage return" : "a control character in the head";
			return HTTP_BAD;
		}
	}
	*end = i;
	return HTTP_MORE;
}

/* "HTTP/1.0" or "HTTP/1.1". */
static bool parse_version(struct slice s, unsigned *minor)
{
	if (slice_eq(s, SLICE("HTTP/1.1")))
		*minor = 1;
	else if (slice_eq(s, SLICE("HTTP/1.0")))
		*minor = 0;
	else
		return false;
	return true;
}

/* method SP request-target SP HTTP-version, RFC 9112 §3. */
static bool parse_request_line(struct slice line, struct http_head *h, const char **why)
{
	h->method = slice_cut(&line, ' ');
	h->target = slice_cut(&line, ' ');
	if (!h->method.len)
		*why = "an empty or space-led line where a request should begin";
	else if (!http_is_token(h->method))
		*why = "a method that is not a token";
	else if (h->method.len > HTTP_METHOD_MAX)
		*why = "a method of more than 32 bytes";
	else if (!h->target.len || !all_of(h->target, TARGET))
		*why = "a request-target that is empty or holds more than visible ASCII";
	else if (slice_eq(h->target, SLICE("*")))
		*why = "a request-target '*', which is about no resource of an origin";
	else if (!parse_version(line, &h->minor))
		*why = "a request line that does not end in one space and HTTP/1.0 or HTTP/1.1";
	else
		return true;
	return false;
}

/* HTTP-version SP status-code SP [reason], RFC 9112 §4. A missing last space is common and has one meaning. */
static bool parse_status_line(struct slice line, struct http_head *h, const char **why)
{
	struct slice version = slice_cut(&line, ' ');
	struct slice code = slice_cut(&line, ' ');
	uint64_t status;

	h->reason = line;
	if (!parse_version(version, &h->minor))
		*why = "a status line that does not begin with HTTP/1.0 or HTTP/1.1";
	else if (code.len != 3 || !slice_to_u64(code, &status) || status < 100 || status > 599)
		*why = "a status that is not a number from 100 to 599";
	else if (!all_of(h->reason, VALUE))
		*why = "a control character in the reason phrase";
	else
		return h->status = (unsigned)status, true;
	return false;
}

/* Names that servers which map '_' to '-' read as framing fields. */
static bool looks_like_framing(struct slice name)
{
	char mapped[20];

	if (name.len >= sizeof(mapped))
		return false;
	for (size_t i = 0; i < name.len; i++)
		mapped[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
	switch (http_name_of(slice_of(mapped, name.len))) {
	case HTTP_CONTENT_LENGTH:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_HOST:
	case HTTP_CONNECTION:
		return true;
	default:
		return false;
	}
}

/* Fields that are about this connection, or that the writers make anew. RFC 9110 §7.6.1. */
static bool is_hop(enum http_name id)
{
	switch (id) {
	case HTTP_CONNECTION:
	case HTTP_CONTENT_LENGTH:
	case HTTP_EXPECT:
	case HTTP_HOST:
	case HTTP_HTTP2_SETTINGS:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_AUTHENTICATE:
	case HTTP_PROXY_AUTHORIZATION:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TE:
	case HTTP_TRAILER:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return true;
	default:
		return false;
	}
}

/* field-name ":" OWS field-value OWS, RFC 9112 §5. */
static bool parse_field(struct slice line, struct http_head *h, const char **why)
{
	size_t colon = slice_find(line, ':');
	struct http_field *f;

	if (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
		*why = "a header line that begins with white space";
		return false;
	}
	if (colon == SLICE_NONE) {
		*why = "a header line without a colon";
		return false;
	}
	if (h->n_fields == HTTP_FIELDS_MAX) {
		*why = "more than 100 header fields";
		return false;
	}
	f = &h->fields[h->n_fields];
	f->name = slice_sub(line, 0, colon);
	f->value = trim(slice_sub(line, colon + 1, line.len));
	f->id = http_name_of(f->name);
	f->hop = is_hop(f->id);
	if (!http_is_token(f->name))
		*why = "a header name that is not a token (no white space may stand before its colon)";
	else if (f->id == HTTP_OTHER && looks_like_framing(f->name))
		*why = "a header name that some servers take for one that frames the message";
	else
		return h->n_fields++, true;
	return false;
}

/* The first line of a head. */
typedef bool first_line_fn(struct slice line, struct http_head *h, const char **why);

/*
 * Parse the lines that are there, in order, so that what is wrong is found with
 * the first byte that makes it so, and the same whatever the pieces it came in.
 */
static enum http_result parse_lines(struct slice s, first_line_fn *first, struct http_head *h, size_t *scanned,
				    size_t *consumed, const char **why)
{
	size_t start = 0, end;

	for (size_t number = 0;; number++, start = end + 2) {
		enum http_result r = find_line_end(s, start, &end, why);
		struct slice line = slice_sub(s, start, end);

		if (r != HTTP_DONE) {
			*scanned = end;
			return r;
		}
		if (number && !line.len) {
			*consumed = end + 2;
			return HTTP_DONE;
		}
		if (!number ? !first(line, h, why) : !parse_field(line, h, why))
			return HTTP_BAD;
	}
}

/* Parse a head's lines unless no line has been completed since the last call. */
static enum http_result parse_head(struct slice input, first_line_fn *first, struct http_head *h, size_t *scanned,
				   size_t *consumed, const char **why)
{
	struct slice s = slice_sub(input, 0, HTTP_HEAD_MAX);
	enum http_result r = HTTP_DONE;
	size_t end;

	if (*scanned) {
		r = find_line_end(s, *scanned, &end, why);
		*scanned = end;
	}
	if (r == HTTP_DONE) {
		h->n_fields = 0;
		r = parse_lines(s, first, h, scanned, consumed, why);
	}
	if (r == HTTP_MORE && input.len >= HTTP_HEAD_MAX) {
		*why = "a head of more than 64 KiB";
		return HTTP_BAD;
	}
	return r;
}

/* Fields that a Connection option must not name: taking them out would change the message. RFC 9110 §7.6.1. */
static bool may_be_connection_option(struct slice option)
{
	static const struct slice kept[] = {
		{ "content-length", 14 }, { "transfer-encoding", 17 }, { "host", 4 }, { "authorization", 13 },
		{ "cookie", 6 }, { "set-cookie", 10 }, { "content-type", 12 }, { "content-encoding", 16 },
		{ "content-range", 13 }, { "cache-control", 13 }, { "location", 8 }, { "expect", 6 }, { "range", 5 },
		{ "date", 4 }, { "accept", 6 }, { "www-authenticate", 16 }, { "origin", 6 }, { "x-api-key", 9 },
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (slice_eq_fold(kept[i], option))
			return false;
	return true;
}

/*
 * What the Connection fields say: which others are hop-by-hop, and whether the
 * connection goes on. RFC 9112 §9.3. A request that names a field which has to be
 * kept is an attack; in a response (Akamai names Transfer-Encoding) it has no effect.
 */
static bool apply_connection(struct http_head *h, bool request, const char **why)
{
	bool close = false, keep = false, upgrade = false;

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice list = h->fields[i].value;

		if (h->fields[i].id != HTTP_CONNECTION)
			continue;
		while (list.len) {
			struct slice option = trim(slice_cut(&list, ','));

			if (option.len && !http_is_token(option)) {
				*why = "a Connection option that is not a token";
				return false;
			}
			if (!may_be_connection_option(option)) {
				if (!request)
					continue;
				*why = "a Connection option that names a header a proxy has to pass on";
				return false;
			}
			close = close || slice_eq_fold(option, SLICE("close"));
			keep = keep || slice_eq_fold(option, SLICE("keep-alive"));
			upgrade = upgrade || slice_eq_fold(option, SLICE("upgrade"));
			for (size_t j = 0; option.len && j < h->n_fields; j++)
				if (h->fields[j].name.len == option.len && slice_eq_fold(h->fields[j].name, option))
					h->fields[j].hop = true;
		}
	}
	h->keep_alive = !close && (h->minor == 1 || keep);
	if (upgrade && h->minor == 1) {
		const struct http_field *f = http_find_id(h, HTTP_UPGRADE);

		h->upgrade = f ? f->value : (struct slice){ NULL, 0 };
	}
	return true;
}

/* Content-Length = one plain decimal number, no leading zero, below 2^63. RFC 9110 §8.6. */
static bool parse_length(struct slice value, uint64_t *length)
{
	return slice_to_u64(value, length) && *length <= INT64_MAX && (value.len == 1 || value.ptr[0] != '0');
}

/* Content-Length and Transfer-Encoding, in either kind of message. RFC 9112 §6. */
static bool apply_framing(struct http_head *h, bool *chunked, const char **why)
{
	*chunked = false;
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];

		if (f->id == HTTP_CONTENT_LENGTH) {
			if (h->has_length || *chunked) {
				*why = h->has_length ? "two Content-Length headers"
						     : "both Content-Length and Transfer-Encoding";
				return false;
			}
			if (!parse_length(f->value, &h->length)) {
				*why = "a Content-Length that is not one plain decimal number";
				return false;
			}
			h->has_length = true;
		} else if (f->id == HTTP_TRANSFER_ENCODING) {
			if (h->has_length || *chunked) {
				*why = *chunked ? "two Transfer-Encoding headers"
						: "both Content-Length and Transfer-Encoding";
				return false;
			}
			if (h->minor == 0 || !slice_eq_fold(f->value, SLICE("chunked"))) {
				*why = h->minor ? "a Transfer-Encoding other than 'chunked'"
						: "a Transfer-Encoding in HTTP/1.0";
				return false;
			}
			*chunked = true;
		}
	}
	return true;
}

/* Host: exactly one in HTTP/1.1; its value is judged by target.h. RFC 9112 §3.2. */
static bool apply_host(struct http_head *h, const char **why)
{
	size_t hosts = 0;

	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_HOST) {
			h->host = h->fields[i].value;
			if (!h->host.ptr)
				h->host.ptr = "";
			hosts++;
		}
	if (hosts > 1)
		*why = "two Host headers";
	else if (!hosts && h->minor == 1)
		*why = "no Host header";
	else
		return true;
	return false;
}

/* Expect: 100-continue, once, or nothing. RFC 9110 §10.1.1: an HTTP/1.0 client's is ignored. */
static bool apply_expect(struct http_head *h, const char **why)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (h->fields[i].id != HTTP_EXPECT)
			continue;
		if (!slice_eq_fold(h->fields[i].value, SLICE("100-continue"))) {
			*why = "an Expect header other than '100-continue'";
			return false;
		}
		h->expect_continue = h->minor == 1;
	}
	return true;
}

/* Forget what is derived from the fields; the first line and the fields themselves stay. */
static void reset_findings(struct http_head *h)
{
	h->host = h->upgrade = (struct slice){ NULL, 0 };
	h->body = HTTP_BODY_NONE;
	h->length = 0;
	h->has_length = h->keep_alive = h->expect_continue = false;
}

enum http_result http_parse_request(struct slice input, size_t *scanned, struct http_head *h, size_t *consumed,
				    const char **why)
{
	enum http_result r = parse_head(input, parse_request_line, h, scanned, consumed, why);
	bool chunked;

	if (r != HTTP_DONE)
		return r;
	reset_findings(h);
	if (!apply_connection(h, true, why) || !apply_framing(h, &chunked, why) || !apply_host(h, why) ||
	    !apply_expect(h, why))
		return HTTP_BAD;
	if (slice_eq(h->method, SLICE("CONNECT")) && (chunked || h->has_length)) {
		*why = "a CONNECT with a body";
		return HTTP_BAD;
	}
	h->body = chunked ? HTTP_BODY_CHUNKED : h->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	h->expect_continue = h->expect_continue && h->body != HTTP_BODY_NONE;
	return HTTP_DONE;
}

/* How the body of a response ends. RFC 9112 §6.3. */
static enum http_body response_body(const struct http_head *h, bool head_request, bool chunked)
{
	if (h->status == 101)
		return HTTP_BODY_TUNNEL;
	if (head_request || h->status < 200 || h->status == 204 || h->status == 304)
		return HTTP_BODY_NONE;
	if (chunked)
		return HTTP_BODY_CHUNKED;
	return h->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_CLOSE;
}

enum http_result http_parse_response(struct slice input, size_t *scanned, bool head_request, struct http_head *h,
				     size_t *consumed, const char **why)
{
	enum http_result r = parse_head(input, parse_status_line, h, scanned, consumed, why);
	bool chunked;

	if (r != HTTP_DONE)
		return r;
	reset_findings(h);
	if (!apply_connection(h, false, why) ||
	    !apply_framing(h, &chunked, why))
		return HTTP_BAD;
	h->body = response_body(h, head_request, chunked);
	h->keep_alive = h->keep_alive && h->body != HTTP_BODY_CLOSE && h->body != HTTP_BODY_TUNNEL;
	return HTTP_DONE;
}

/* Append "name: value" CRLF. */
static void write_field(struct buf *out, struct slice name, struct slice value)
{
	buf_add_slice(out, name);
	buf_add(out, ": ", 2);
	buf_add_slice(out, value);
	buf_add(out, "\r\n", 2);
}

/* Whether what the caller wants to add reads back as one field. */
static bool check_extra(const struct http_rewrite *r, const char **why)
{
	for (size_t i = 0; i < r->n_add; i++)
		if (!http_is_token(r->add[i].name) || !http_is_value(r->add[i].value)) {
			*why = "a header to add holds a control character or blanks at its ends";
			return false;
		}
	return true;
}

/* Everything behind the first line and Host. */
static void write_rest(struct buf *out, const struct http_head *h, const struct http_rewrite *r,
		       bool informative_length)
{
	bool upgrade = r->upgrade && h->upgrade.len;

	for (size_t i = 0; i < h->n_fields; i++)
		if (!h->fields[i].hop && !(r->strip && r->strip[i]))
			write_field(out, h->fields[i].name, h->fields[i].value);
	for (size_t i = 0; i < r->n_add; i++)
		write_field(out, r->add[i].name, r->add[i].value);
	if (r->framing == HTTP_BODY_CHUNKED)
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
	else if (r->framing == HTTP_BODY_LENGTH || (informative_length && h->has_length))
		buf_add_format(out, "Content-Length: %llu\r\n", (unsigned long long)h->length);
	if (upgrade)
		write_field(out, SLICE("Upgrade"), h->upgrade);
	if (r->expect_continue)
		buf_add_str(out, "Expect: 100-continue\r\n");
	if (r->close)
		buf_add_str(out, "Connection: close\r\n");
	else if (upgrade)
		buf_add_str(out, "Connection: Upgrade\r\n");
	else if (r->keep_alive)
		buf_add_str(out, "Connection: keep-alive\r\n");
	buf_add(out, "\r\n", 2);
}

bool http_write_request(struct buf *out, const struct http_head *h, const struct http_rewrite *r, const char **why)
{
	if (!check_extra(r, why))
		return false;
	if (!r->target.len || !all_of(r->target, TARGET) || !r->host.len || !all_of(r->host, TARGET)) {
		*why = "a target or host to send holds more than visible ASCII";
		return false;
	}
	buf_add_slice(out, h->method);
	buf_add_char(out, ' ');
	buf_add_slice(out, r->target);
	buf_add_str(out, " HTTP/1.1\r\n");
	write_field(out, SLICE("Host"), r->host);
	write_rest(out, h, r, false);
	return true;
}

bool http_write_response(struct buf *out, const struct http_head *h, const struct http_rewrite *r, const char **why)
{
	bool length_stays = h->body == HTTP_BODY_NONE && h->status >= 200 && h->status != 204 && !r->framing;

	if (!check_extra(r, why))
		return false;
	buf_add_format(out, "HTTP/1.1 %03u ", h->status);
	buf_add_slice(out, h->reason);
	buf_add(out, "\r\n", 2);
	write_rest(out, h, r, length_stays);
	return true;
}
