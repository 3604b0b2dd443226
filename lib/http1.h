/*
 * HTTP/1.1 heads as bytes: reading them and writing them again.
 *
 * The reading is the strictest that RFC 9110 and RFC 9112 permit a recipient,
 * because whatever two recipients can read in two ways is a way through a proxy.
 * What is accepted has one meaning; everything else is refused with a text that
 * says what was wrong. What is sent on is written from the parsed parts, never
 * copied from the wire, so a peer sees our spelling only.
 *
 * Refused, among others: any line end but CRLF, folded lines, white space before
 * a colon, control characters, empty lines before a request, versions other than
 * 1.0 and 1.1, Content-Length that is not one plain decimal number, any
 * Transfer-Encoding but a single "chunked" in HTTP/1.1 without Content-Length,
 * no Host or two, field names that some servers read as framing fields
 * (Content_Length), Connection options that name fields a proxy must keep,
 * expectations other than 100-continue. Chunked bodies are in chunk.h.
 *
 * Heads are zero-copy: every slice of a struct http_head points into the input,
 * which must neither move nor change while the head is in use.
 *
 * Everything here is pure and allocates nothing, except that the writers grow the
 * buffer they append to. Nothing blocks; all of it may be called after confinement.
 */
#ifndef BB_HTTP1_H
#define BB_HTTP1_H

#include "buf.h"

#define HTTP_HEAD_MAX 65536          /* bytes of one head, blank line included: Claude Code's largest are 8 KiB */
#define HTTP_FIELDS_MAX 100          /* fields of one head: browsers send 20 */
#define HTTP_METHOD_MAX 32           /* bytes of a method: the longest registered has 17 */

enum http_result {
	HTTP_DONE, /* the head or the body is complete */
	HTTP_MORE, /* well-formed so far */
	HTTP_BAD,  /* refuse and close: nothing behind this point can be trusted */
};

/* Fields that something here or in the policy looks at; every other name is HTTP_OTHER. */
enum http_name {
	HTTP_OTHER,
	HTTP_ACCEPT,
	HTTP_ACCEPT_ENCODING,
	HTTP_ALT_SVC,
	HTTP_AUTHORIZATION,
	HTTP_CONNECTION,
	HTTP_CONTENT_ENCODING,
	HTTP_CONTENT_LENGTH,
	HTTP_CONTENT_TYPE,
	HTTP_COOKIE,
	HTTP_ETAG,
	HTTP_EXPECT,
	HTTP_HOST,
	HTTP_HTTP2_SETTINGS,
	HTTP_KEEP_ALIVE,
	HTTP_LOCATION,
	HTTP_PROXY_AUTHENTICATE,
	HTTP_PROXY_AUTHORIZATION,
	HTTP_PROXY_CONNECTION,
	HTTP_RANGE,
	HTTP_SET_COOKIE,
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_TRANSFER_ENCODING,
	HTTP_UPGRADE,
};

struct http_field {
	struct slice name;  /* as sent: compare with slice_eq_fold */
	struct slice value; /* without the white space around it */
	enum http_name id;
	bool hop; /* concerns this connection only (RFC 9110 §7.6.1), or is framing: the writers leave it out */
};

enum http_body {
	HTTP_BODY_NONE,    /* none follows */
	HTTP_BODY_LENGTH,  /* http_head.length bytes, perhaps 0, that the sender declared */
	HTTP_BODY_CHUNKED, /* chunk_decode it */
	HTTP_BODY_CLOSE,   /* response: until the connection ends */
	HTTP_BODY_TUNNEL,  /* response 101: the connection belongs to another protocol now */
};

struct http_head {
	struct slice method; /* request: a token, case kept; RFC 9110 §9.1: "get" is not GET */
	struct slice target; /* request: as sent, visible ASCII; see target.h */
	unsigned status;     /* response: 100 to 599 */
	struct slice reason; /* response: may be empty */
	unsigned minor;      /* of HTTP/1.x: 0 or 1 */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	struct slice host; /* request: the value of Host; ptr is NULL when there was none (HTTP/1.0, CONNECT) */
	enum http_body body;
	/* with has_length; of the body for HTTP_BODY_LENGTH, else of what HEAD or 304 stands for */
	uint64_t length;
	bool has_length;      /* there was a Content-Length */
	bool keep_alive;      /* another message may follow on this connection */
	bool expect_continue; /* request: the client waits for 100 before it sends the body */
	struct slice upgrade; /* value of Upgrade when Connection names it, else empty */
};

/*
 * Parse the head of a request at the start of input. *scanned is 0 for a new
 * head and kept by the caller between calls with more of the same bytes, so that
 * a slow sender costs no more than a fast one. On HTTP_DONE *consumed is the
 * length of the head and the body begins behind it. On HTTP_BAD *why is a static
 * text for a person, lower case, without a full stop; the status to answer is
 * 400. HTTP_MORE is never returned for an input of HTTP_HEAD_MAX bytes or more.
 */
enum http_result http_parse_request(struct slice input, size_t *scanned, struct http_head *h, size_t *consumed,
				    const char **why);

/* The same for a response to a request whose method was HEAD, or not. RFC 9112 §6.3 decides the body. */
enum http_result http_parse_response(struct slice input, size_t *scanned, bool head_request, struct http_head *h,
				     size_t *consumed, const char **why);

/* The first field of that name (any case), or NULL. */
const struct http_field *http_find(const struct http_head *h, struct slice name);
const struct http_field *http_find_id(const struct http_head *h, enum http_name id);

/* Whether a comma-separated list holds a token, in any case. RFC 9110 §5.6.1. */
bool http_list_has(struct slice list, struct slice token);

/* Whether s is a token, RFC 9110 §5.6.2: what methods and field names are made of. */
bool http_is_token(struct slice s);

/* Whether s may be a field's value: no control character but tab, no white space at the ends. */
bool http_is_value(struct slice s);

/* Which of the known fields a name is, in any case. */
enum http_name http_name_of(struct slice name);

/* What a writer changes about a head. Zero is: fields as they are, hop-by-hop ones left out. */
struct http_rewrite {
	struct slice target;                   /* request: target to send, origin-form */
	struct slice host;                     /* request: value of Host, written first */
	const bool *strip;                     /* per field of the head: leave it out; NULL: none */
	const struct http_extra *add;          /* written after the head's own fields */
	size_t n_add;
	enum http_body framing;                /* how the body will be sent; HTTP_BODY_CLOSE for responses only */
	bool close;                            /* say Connection: close */
	/* response to an HTTP/1.0 client that asked: say Connection: keep-alive */
	bool keep_alive;
	bool upgrade;                          /* pass the head's Upgrade on (requests, 101 responses) */
	bool expect_continue;                  /* request: say Expect: 100-continue */
};

struct http_extra {
	struct slice name;
	struct slice value;
};

/*
 * Append a head, version 1.1. With framing HTTP_BODY_LENGTH the head's length is
 * declared; with HTTP_BODY_NONE a response keeps the Content-Length that a HEAD
 * or 304 one had. False, with nothing appended, when a part that the caller gave
 * (target, host, an extra field) could not be read back as that part: a secret
 * with a newline in it, say. *why names the part.
 */
bool http_write_request(struct buf *out, const struct http_head *h, const struct http_rewrite *r, const char **why);
bool http_write_response(struct buf *out, const struct http_head *h, const struct http_rewrite *r, const char **why);

#endif
