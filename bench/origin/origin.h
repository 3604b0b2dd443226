/*
 * A throw-away web server at the far end of a test or a measurement: it answers
 * what it is asked for by path, and writes down every request as it arrived, so
 * that a test can look at what really came out of a bottle.
 *
 * One thread per worker, each with an event loop of its own over shared
 * listening sockets. Nothing here is meant to meet a hostile client: its peers
 * are ours, and it ends with the test.
 */
#ifndef BB_ORIGIN_H
#define BB_ORIGIN_H

#include <openssl/ssl.h>

#include "bench/body.h"
#include "buf.h"
#include "error.h"
#include "loop.h"

#define HEAD_MAX (128u << 10)   /* bytes of a request head: more than any proxy lets through */
#define HEADERS_MAX 256         /* fields of one request */
#define ECHO_MAX (64u << 20)    /* bytes that /echo keeps */
#define FILE_MAX_SIZE (256u << 20) /* bytes of one file of --root: an agent's package */
#define OUT_LOW (64u << 10)     /* bytes generated ahead of the socket */

struct origin_options {
	const char *bind;    /* address to listen on */
	const char *ca_dir;  /* where ca.pem and ca.key are or will be */
	const char *cert;    /* instead: a fixed chain and its key */
	const char *key;
	const char *record;  /* file that requests are appended to, or NULL */
	const char *root;    /* directory of files to serve, or NULL */
	unsigned workers;
	bool udp;            /* record datagrams to the number of the plain port */
	int ready;           /* descriptor that the ports are written to */
	unsigned http_port;  /* 0: the kernel chooses */
	unsigned https_port;
};

struct origin {
	struct origin_options options;
	struct tls_identity *identity;
	SSL_CTX *tls;
	char *pattern;
	int record_fd;
	int root_fd;
	int listener[2];    /* plain, TLS */
	int datagrams;      /* UDP socket, or -1 */
	unsigned port[2];
};

struct field {
	struct slice name, value;
};

/* A request whose head has been read; views into the connection's input. */
struct request {
	struct slice method, target, version, path, query, host;
	struct field fields[HEADERS_MAX];
	size_t n_fields;
	uint64_t length;     /* Content-Length */
	bool chunked, keep_alive, expects_continue, bodyless;
};

/* Where the rest of a response body comes from, beyond what is in the output buffer. */
enum source { SOURCE_NONE, SOURCE_PATTERN, SOURCE_EVENTS };

struct answer {
	enum source source;
	uint64_t left, offset;  /* bytes of the pattern, or events */
	size_t chunk;           /* size of chunks; 0: not chunked */
	int64_t every;          /* milliseconds between events */
	int64_t not_before;     /* loop time before which no further part is made */
	int64_t hold;           /* loop time before which nothing at all is sent */
	bool close;             /* end the connection after it */
	bool abrupt;            /* with a reset, not in good order */
};

/* --- request.c: RFC 9112 §2 to §7, as far as well-behaved clients need --- */

/* Parse a head that ends with an empty line; the request points into it. */
bool request_parse(struct slice head, struct request *r, struct error *e);
/* Value of a field, the empty slice when absent. */
struct slice request_field(const struct request *r, const char *name);
/* A number of the query, or fallback. */
uint64_t request_number(const struct request *r, const char *key, uint64_t fallback);
/* Append the request as one JSON object without the closing brace. */
void request_describe(const struct request *r, struct buf *out);
/* Append bytes as a JSON string; bytes above 0x7f as the characters of Latin-1, so that none is lost. */
void json_bytes(struct buf *out, struct slice s);

/* --- answer.c --- */

/* Append the head and what is at hand of the body to out; describe the rest in a. body is what /echo kept. */
void answer_start(const struct origin *o, const struct request *r, struct slice body, int64_t now, struct answer *a,
		  struct buf *out);
/* Append the next part of the body; false when there is none, or none yet (a->not_before). */
bool answer_more(const struct origin *o, struct answer *a, int64_t now, struct buf *out);

/* --- identity.c: certificates --- */

/* Open or make the authority in dir. */
struct tls_identity *identity_open(const char *dir, struct error *e);
/* A server context: certificates made for the name that the client asks for, or the fixed one. */
SSL_CTX *identity_context(struct tls_identity *id, const char *cert, const char *key, struct error *e);
void identity_release(struct tls_identity *id);

/* --- worker.c --- */

/* Serve for ever; returns only on an error of the loop. */
bool worker_run(const struct origin *o, struct error *e);

#endif
