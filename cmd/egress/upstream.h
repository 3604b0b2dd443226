/*
 * The upstream: the side of bb-egress that talks to origins. It takes judged
 * requests from its front, judges them once more, finds, checks and dials
 * addresses, verifies the origin's certificate, adds the credential, and reads
 * the response. It never sees a byte of the bottle that the front has not
 * written anew, and the front never sees a credential.
 *
 *	upstream.c   the loop and the channel to the front
 *	job.c        one request: from the front's message to a connection, and its body
 *	proxy.c      another proxy on the way there
 *	dial.c       from a name to a connection that is open
 *	upgrade.c    a connection that became a WebSocket
 *	content.c    a response as the front gets it: decoded, and without the credential
 *	origin.c     a connection to an origin: writing, reading the response, keeping it for the next
 *	routing.c      the routes in force, what they trust, the credentials
 */
#ifndef BB_EGRESS_UPSTREAM_H
#define BB_EGRESS_UPSTREAM_H

#include "channel.h"
#include "chunk.h"
#include "content.h"
#include "cookies.h"
#include "detectors.h"
#include "http1.h"
#include "limits.h"
#include "loop.h"
#include "message.h"
#include "policy.h"
#include "proxy.h"
#include "resolve.h"
#include "role.h"
#include "secret.h"
#include "tls.h"

enum { ORIGINS_MAX = CONNECTIONS_MAX + IDLE_ORIGINS_MAX };

enum ref { REF_CONTROL, REF_FRONT, REF_RESOLVER, REF_ORIGIN };

struct upstream;
struct origin;

/* --- routing.c --- */

/* Routes with what belongs to them; kept as long as a job or a connection was made under them. */
struct routing {
	unsigned holders;
	struct policy *policy;
	struct tls_client **trust; /* by route; NULL: the common one */
	struct guard_set **guards; /* by route; NULL: it has no credential */
	bool *inbound;             /* by route: the front looks at what reads as text */
};

/* Text of a ca_file, as main has read it. */
struct ca_file {
	char *path;
	struct buf pem;
};

/* Make rules of a routes document. On failure the error says why. */
struct routing *routing_new(struct upstream *u, const struct doc *routes, struct error *e);
struct routing *routing_hold(struct routing *r);
void routing_release(struct routing *r);

/* Append the value of the header that carries a route's credential; release it with buf_wipe. False with a refusal. */
bool credential_value(const struct upstream *u, const struct route *route, struct buf *value, struct refusal *no);
/* Does something look at the content of a route's responses, so that it has to be decoded? */
static inline bool routing_look(const struct routing *r, size_t route)
{
	return r->guards[route] || r->inbound[route];
}
/* The same for one response: the guard looks at all, the front at what reads as text. */
static inline bool routing_look_at(const struct routing *r, size_t route, const struct http_head *h)
{
	return r->guards[route] || (r->inbound[route] && reading_of(h) != READING_NONE);
}
/* Append the names of credentials that routes want and that are not here, one a line. */
void credentials_missing(const struct upstream *u, const struct policy *p, struct buf *names);

/* --- job.c --- */

enum job_state {
	JOB_FREE,
	JOB_RESOLVING, /* the resolver was asked */
	JOB_DIALING,   /* a connection is being opened */
	JOB_RUNNING,   /* on a connection */
};

/* Where a request can be had: what connections are shared by. */
struct place {
	struct routing *rules;
	size_t route;
	enum scheme scheme;
	struct authority authority;
};

/* The addresses of a place while they are tried. */
struct addresses {
	size_t count, next;
	struct sockaddr_storage list[RESOLVE_ADDRESSES_MAX];
};

struct job {
	enum job_state state;
	uint32_t stream;
	int64_t deadline;            /* while resolving and dialing */
	struct place place;
	struct addresses *addresses;
	struct origin *origin;
	struct buf out;              /* head with credential, then body, to write */
	size_t out_at;
	enum http_body body;
	uint64_t left;               /* bytes of a declared length that the front has still to send */
	bool request_done;           /* the front has sent all */
	uint32_t window;             /* bytes that the front may still send */
	uint32_t owed;               /* bytes taken for which it has not been given new credit */
	uint32_t credit;             /* bytes of the response that the front will take now */
	bool head_request;
	bool repeatable;             /* may be sent again: a safe or idempotent method, no body */
	bool response_started;
	unsigned interims;
	struct upgrade *upgrade;     /* a WebSocket was asked for */
	struct content content;      /* the response's body on its way to the front */
};

/* A message of the front about a stream. */
void job_take(struct upstream *u, const struct message *m);
/* There will be no response: tell the front why. The job is over. */
void job_fail(struct upstream *u, struct job *j, const struct refusal *no);
/* The response breaks off, for this reason. The job is over. */
void job_abort(struct upstream *u, struct job *j, const char *why);
/* The response is complete. The job is over. */
void job_end(struct upstream *u, struct job *j);
/* Free the slot; a connection it still has is closed. */
void job_release(struct upstream *u, struct job *j);
/* Some of out was written: let the front send more. */
void job_credit(struct upstream *u, struct job *j);
/* Its deadline has come. */
void job_expire(struct upstream *u, struct job *j);

static inline bool job_fail_with(struct upstream *u, struct job *j, unsigned status, const char *rule, const char *text)
{
	struct refusal no;

	refuse(&no, status, rule, "%s", text);
	job_fail(u, j, &no);
	return false;
}

/* --- upgrade.c --- */

struct upgrade;

/* Note what the request's head asks for, if that is a WebSocket. False with a refusal. */
bool upgrade_begin(struct job *j, const struct http_head *h, struct refusal *no);
/*
 * The key to send. Taken out are that of the front, and the offer of extensions: frames are read as they are without.
 */
struct http_extra upgrade_replace(const struct job *j, const struct http_head *h, bool strip[HTTP_FIELDS_MAX]);
void upgrade_release(struct upgrade *g);
/* Is the head of a 101 response the answer? Then the connection is open. False with a static text. */
bool upgrade_answer(struct job *j, const struct http_head *h, const char **why);
bool upgrade_is_open(const struct job *j);
/*
 * Take frames of the origin, as far as the front has credit; returns how many bytes. False when it broke the protocol.
 */
bool upgrade_take(struct upstream *u, struct job *j, struct slice input, size_t *used, const char **why);
/* May frames be read from the origin now? */
bool upgrade_has_room(const struct job *j);
/* Write a frame of the front to the origin. False when it may not stand there. */
bool upgrade_write(struct job *j, struct slice body);
/* Did the origin say that it closes the connection? Did both sides, and is all of that with the origin? */
bool upgrade_is_closing(const struct job *j);
bool upgrade_is_over(const struct job *j);

/* --- dial.c --- */

/* May this route's host be dialled, as far as can be said without a look-up: is it no address, or a permitted one? */
bool dial_judge_literal(const struct route *route, const struct authority *a, struct refusal *no);

/* A connection to that proxy is open: ask it for one to the origin, and go on when it is there. */
void dial_ask(struct upstream *u, struct origin *o);
/* The proxy on the way to a route's origins, or NULL. */
const struct proxy *dial_proxy(const struct upstream *u, const struct route *route);
/* Get a connection for the job: one that is kept (unless fresh), or a new one. */
void dial_start(struct upstream *u, struct job *j, bool fresh);
/* The resolver has answered. */
void dial_answer(struct upstream *u, const struct resolve_answer *answer);
/* The address being tried does not answer: try the next, or fail with what was wrong with the last. */
void dial_next(struct upstream *u, struct job *j, unsigned status, const char *why);

/* --- origin.c --- */

enum origin_state { ORIGIN_FREE, ORIGIN_DIALING, ORIGIN_ASKING, ORIGIN_SECURING, ORIGIN_BUSY, ORIGIN_IDLE };

struct origin {
	enum origin_state state;
	uint8_t generation;
	bool dirty;
	bool progress;
	int64_t deadline;
	int64_t idle_since;
	struct tls tls;
	struct place place;
	struct job *job;
	unsigned uses;          /* requests sent on it */
	struct buf ask;         /* to another proxy, for a connection to the origin */
	size_t ask_at;

	struct buf in;          /* bytes of a response not yet used */
	size_t scanned;
	bool in_body;           /* the response's head was read */
	bool complete;          /* its body, too */
	bool keep;              /* the origin will take another request after this response */
	enum http_body body;
	uint64_t left;
	struct chunk_decoder chunks;
};

/* Open a connection to an address for the job. False with errno when that fails at once. */
bool origin_dial(struct upstream *u, struct job *j, const struct sockaddr_storage *address);
/* The way to the origin is open: begin with TLS, or with the request. */
void origin_begin(struct upstream *u, struct origin *o);
/* A kept connection for a place, given to the job. False when there is none. */
bool origin_reuse(struct upstream *u, struct job *j);
/* Close it. */
void origin_close(struct upstream *u, struct origin *o);
/* Close all that are kept. */
void origin_close_idle(struct upstream *u);
/* Close those kept that were not used for TRIM_TIME, but the newest few. */
void origin_close_surplus(struct upstream *u);
/* Go as far as it gets. */
void origin_step(struct upstream *u, struct origin *o);
/* Have it stepped before the loop waits again. */
void origin_touch(struct upstream *u, struct origin *o);
void origin_expire(struct upstream *u, struct origin *o);

/* --- upstream.c --- */

struct upstream {
	struct role_options options;
	struct loop loop;
	struct channel control, front;
	bool front_full;
	struct resolver *resolver;
	struct secret_set secrets;
	struct buf known;         /* their fingerprints, until the front has them */
	struct cookies cookies;   /* that origins have set on routes with auth */
	struct tls_client *trust; /* the system's, or --trust */
	struct proxy proxy;       /* --proxy, all connections go through it but those of routes that say where to */
	struct ca_file *ca_files; /* for the next routes */
	size_t n_ca_files;
	struct routing *rules;
	struct job *jobs;         /* CONNECTIONS_MAX */
	struct origin *origins;   /* ORIGINS_MAX */
	size_t first_free;        /* no origin below is free */
	uint32_t idle[IDLE_ORIGINS_MAX]; /* kept connections, the newest last */
	size_t n_idle;
	uint32_t dirty[ORIGINS_MAX];
	size_t n_dirty;
	int64_t next_sweep;
	struct trim trim;
	unsigned decoding; /* jobs whose response is decoded */
};

/* Note a deadline, so that the loop wakes up for it. */
static inline void upstream_deadline(struct upstream *u, int64_t *deadline, int64_t in)
{
	*deadline = u->loop.now + in;
	if (*deadline < u->next_sweep)
		u->next_sweep = *deadline;
}

#endif
