/* What each path answers. */
#include <fcntl.h>
#include <time.h>

#include "alloc.h"
#include "bench/pattern.h"
#include "fd.h"
#include "file.h"
#include "origin.h"

/* Nanoseconds of CLOCK_MONOTONIC, which load on the same machine compares with its own. */
static uint64_t nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Reason phrases of the statuses that tests ask for; others have none, as RFC 9112 §4 permits. */
static const char *reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 204: return "No Content";
	case 302: return "Found";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 404: return "Not Found";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	default: return "";
	}
}

/* Append status line and the fields that all answers have; the caller adds its own and the empty line. */
static void head(struct buf *out, const struct request *r, const struct answer *a, unsigned status, const char *type)
{
	buf_add_format(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n", status, reason(status), type);
	if (a->close)
		buf_add_str(out, "Connection: close\r\n");
	else if (slice_eq(r->version, SLICE("HTTP/1.0")))
		buf_add_str(out, "Connection: keep-alive\r\n");
}

/* Whether this answer has a body on the wire (RFC 9110 §6.4.1). */
static bool has_body(const struct request *r, unsigned status)
{
	return !slice_eq(r->method, SLICE("HEAD")) && status != 204 && status != 304;
}

/* A complete answer from memory. */
static void answer_bytes(struct buf *out, const struct request *r, const struct answer *a, unsigned status,
			 const char *type, struct slice body)
{
	head(out, r, a, status, type);
	if (status != 204 && status != 304)
		buf_add_format(out, "Content-Length: %zu\r\n", body.len);
	buf_add_str(out, "\r\n");
	if (has_body(r, status))
		buf_add_slice(out, body);
}

/* /bytes/N, and /chunked/N?size=S. */
static void answer_pattern(struct buf *out, const struct request *r, struct answer *a, uint64_t n, size_t chunk)
{
	head(out, r, a, 200, "text/plain");
	if (chunk)
		buf_add_str(out, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_add_format(out, "Content-Length: %llu\r\n\r\n", (unsigned long long)n);
	if (!has_body(r, 200))
		return;
	a->source = SOURCE_PATTERN;
	a->left = n;
	a->chunk = chunk;
}

/* /sse?n=N&ms=M: the first event at once, the others M milliseconds apart. */
static void answer_events(struct buf *out, const struct request *r, struct answer *a)
{
	head(out, r, a, 200, "text/event-stream");
	buf_add_str(out, "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
	if (!has_body(r, 200))
		return;
	a->source = SOURCE_EVENTS;
	a->left = request_number(r, "n", 10);
	a->every = (int64_t)request_number(r, "ms", 100);
	a->chunk = 1;
}

/* /truncate/N: announce N bytes, send half of them, and go. */
static void answer_truncated(const struct origin *o, struct buf *out, const struct request *r, struct answer *a,
			     uint64_t n)
{
	size_t half = n / 2 > PATTERN_SIZE ? PATTERN_SIZE : (size_t)(n / 2);

	a->close = true;
	head(out, r, a, 200, "text/plain");
	buf_add_format(out, "Content-Length: %llu\r\n\r\n", (unsigned long long)n);
	buf_add(out, o->pattern, half);
}

/* /redirect?to=URL */
static void answer_redirect(struct buf *out, const struct request *r, struct answer *a)
{
	struct slice to = r->query;

	if (slice_starts(to, SLICE("to=")))
		to = slice_sub(to, 3, to.len);
	head(out, r, a, 302, "text/plain");
	buf_add_format(out, "Location: %.*s\r\nContent-Length: 0\r\n\r\n", SLICE_ARG(to));
}

/* A media type by the end of a name. */
static const char *type_of(struct slice path)
{
	if (slice_ends(path, SLICE(".json")))
		return "application/json";
	if (slice_ends(path, SLICE(".html")) || slice_ends(path, SLICE("/")))
		return "text/html";
	return "application/octet-stream";
}

/* A file below --root. */
static bool answer_file(const struct origin *o, struct buf *out, const struct request *r, struct answer *a)
{
	AUTO_BUF name = BUF_INIT, contents = BUF_INIT;
	struct error ignored = ERROR_INIT;

	if (o->root_fd < 0 || r->path.len < 2 || slice_search(r->path, SLICE("..")) != SLICE_NONE)
		return false;
	buf_add_slice(&name, slice_sub(r->path, 1, r->path.len));
	if (slice_ends(r->path, SLICE("/")))
		buf_add_str(&name, "index.html");
	if (!file_read_at(o->root_fd, buf_str(&name), FILE_MAX_SIZE, &contents, &ignored))
		return false;
	answer_bytes(out, r, a, 200, type_of(r->path), buf_slice(&contents));
	return true;
}

/* Whether path is prefix followed by a number and nothing else. */
static bool path_number(struct slice path, const char *prefix, uint64_t *n)
{
	struct slice p = slice_str(prefix);

	return slice_starts(path, p) && slice_to_u64(slice_sub(path, p.len, path.len), n);
}

/* The request itself as JSON. */
static void answer_headers(struct buf *out, const struct request *r, const struct answer *a)
{
	AUTO_BUF text = BUF_INIT;

	request_describe(r, &text);
	buf_add_str(&text, "}\n");
	answer_bytes(out, r, a, 200, "application/json", buf_slice(&text));
}

void answer_start(const struct origin *o, const struct request *r, struct slice body, int64_t now, struct answer *a,
		  struct buf *out)
{
	struct slice type = request_field(r, "content-type");
	AUTO_BUF echo_type = BUF_INIT;
	uint64_t n;

	*a = (struct answer){ .close = !r->keep_alive, .not_before = now };
	if (path_number(r->path, "/bytes/", &n))
		answer_pattern(out, r, a, n, 0);
	else if (path_number(r->path, "/chunked/", &n))
		answer_pattern(out, r, a, n,
			       (size_t)(request_number(r, "size", 16384) | (request_number(r, "size", 1) == 0)));
	else if (path_number(r->path, "/status/", &n) && n >= 200 && n <= 599)
		answer_bytes(out, r, a, (unsigned)n, "text/plain", slice_str("as asked\n"));
	else if (path_number(r->path, "/truncate/", &n))
		answer_truncated(o, out, r, a, n);
	else if (slice_eq(r->path, SLICE("/sse")))
		answer_events(out, r, a);
	else if (slice_eq(r->path, SLICE("/headers")))
		answer_headers(out, r, a);
	else if (slice_eq(r->path, SLICE("/redirect")))
		answer_redirect(out, r, a);
	else if (slice_eq(r->path, SLICE("/close"))) {
		a->close = a->abrupt = true;
	} else if (slice_eq(r->path, SLICE("/slow"))) {
		answer_bytes(out, r, a, 200, "text/plain", SLICE("at last\n"));
		a->hold = now + (int64_t)request_number(r, "ms", 1000);
	} else if (slice_eq(r->path, SLICE("/echo"))) {
		buf_add_slice(&echo_type, type.len ? type : SLICE("application/octet-stream"));
		answer_bytes(out, r, a, 200, buf_str(&echo_type), body);
	} else if (!answer_file(o, out, r, a)) {
		answer_bytes(out, r, a, 404, "text/plain", SLICE("nothing here\n"));
	}
}

/* Append one chunk's worth, or what fits, of the pattern. */
static void more_pattern(const struct origin *o, struct answer *a, struct buf *out)
{
	uint64_t n = a->left < OUT_LOW ? a->left : OUT_LOW;

	if (a->chunk && n > a->chunk)
		n = a->chunk;
	if (a->chunk)
		buf_add_format(out, "%llx\r\n", (unsigned long long)n);
	a->left -= n;
	while (n > 0) {
		size_t at = (size_t)(a->offset % PATTERN_SIZE), part = PATTERN_SIZE - at;

		if (part > n)
			part = (size_t)n;
		buf_add(out, o->pattern + at, part);
		a->offset += part;
		n -= part;
	}
	if (a->chunk)
		buf_add_str(out, "\r\n");
}

/* Append one event as one chunk. */
static void more_events(struct answer *a, int64_t now, struct buf *out)
{
	AUTO_BUF event = BUF_INIT;

	buf_add_format(&event, "data: {\"n\":%llu,\"at\":%llu}\n\n", (unsigned long long)a->offset,
		       (unsigned long long)nanoseconds());
	buf_add_format(out, "%zx\r\n", event.len);
	buf_add_slice(out, buf_slice(&event));
	buf_add_str(out, "\r\n");
	a->offset++;
	a->left--;
	a->not_before = now + a->every;
}

bool answer_more(const struct origin *o, struct answer *a, int64_t now, struct buf *out)
{
	if (a->source == SOURCE_NONE || (a->left > 0 && a->not_before > now))
		return false;
	if (a->left == 0) {
		if (a->chunk)
			buf_add_str(out, "0\r\n\r\n");
		a->source = SOURCE_NONE;
		return a->chunk > 0;
	}
	if (a->source == SOURCE_PATTERN)
		more_pattern(o, a, out);
	else
		more_events(a, now, out);
	return true;
}
