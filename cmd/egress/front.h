/*
 * The front: the bottle's side of bb-egress. It accepts connections, ends their
 * TLS with leaves from the signer, reads and judges requests, and passes what
 * may pass to its upstream as re-serialised heads and pieces of body. It has no
 * files, makes no sockets, and holds neither credentials nor the CA's key.
 *
 *	front.c     the loop: who is ready, whose time is up
 *	client.c    one connection: states, reading, writing, TLS
 *	exchange.c  one request and its response
 *	judge.c     whether a request may pass, as far as its head tells
 *	inspect.c   what a head would carry out; body.c what a body would
 *	dlp.c       and what follows when that is something that must stay
 *	reply.c     what came back from upstream, towards the client
 *	inbound.c   what that would bring into the bottle
 *	websocket.c a connection that became a WebSocket
 *	refusal.c   how a no is said
 *	http2.c     and how in HTTP/2
 *	leaves.c    certificates, asked of the signer and kept
 *	audit.c     log lines
 *
 * A connection serves one exchange at a time; further requests that the client
 * has sent already wait in its buffer.
 */
#ifndef BB_EGRESS_FRONT_H
#define BB_EGRESS_FRONT_H

#include "channel.h"
#include "chunk.h"
#include "http1.h"
#include "inspect.h"
#include "limits.h"
#include "loop.h"
#include "message.h"
#include "policy.h"
#include "role.h"
#include "tls.h"

enum ref { REF_CONTROL, REF_SIGNER, REF_UPSTREAM, REF_ASKER, REF_LISTENER, REF_CLIENT };

enum client_state {
	CLIENT_FREE,
	CLIENT_REQUESTS,  /* requests come, in the clear or inside TLS */
	CLIENT_TUNNEL,    /* CONNECT was answered; the next byte has to be TLS */
	CLIENT_HANDSHAKE,
	CLIENT_LINGER,    /* everything was said; read what still comes, so that the client gets our last words */
};

/* What a connection waits for; each has its time in limits.h. */
enum phase { PHASE_HEAD, PHASE_IDLE, PHASE_EXCHANGE, PHASE_HANDSHAKE, PHASE_LINGER };

/* What a step of a connection came to. */
enum step { STEP_AGAIN, STEP_WAIT, STEP_GONE };

struct exchange {
	bool active;       /* a request was read and is not done with */
	bool open;         /* the upstream still owes the end of this stream */
	bool refused;      /* the answer is complete; the rest of the request is only read away */
	bool http2;        /* what comes are frames of HTTP/2 */
	uint32_t stream;
	uint64_t id;       /* for the log */
	int64_t started;

	enum http_body body;         /* of the request */
	uint64_t left;               /* bytes still to come of a declared length */
	struct chunk_decoder chunks;
	bool request_done;
	uint64_t received;           /* bytes of the request's body so far */
	uint64_t passed;             /* and of those the upstream was given */
	uint64_t max_body;
	uint32_t credit;             /* bytes that the upstream will take now */
	struct inspection *inspection; /* of the body, until all of it was passed on; NULL: it passes as it is */
	struct buf deferred;         /* the head without framing, of a body that is kept until its end */
	bool end_due;                /* the client has sent all, the upstream does not have it yet */
	struct websocket *websocket; /* the client has asked for one; its frames stand where else a body does */

	bool head_request, wants_json, keep_alive;
	/* the client waits for 100 before it sends the body, and without may never send it */
	bool expects;
	unsigned minor;              /* HTTP/1.x of the client */
	unsigned interims;           /* interim responses so far: the upstream counts as well, and may be hostile */
	bool response_started, response_done;
	enum http_body framing;      /* of the response towards the client */
	uint64_t response_left;      /* with HTTP_BODY_LENGTH */
	uint64_t sent;               /* bytes of the response's body so far */
	uint32_t window;             /* bytes that the upstream may still send */
	uint32_t owed;               /* bytes taken for which it has not been given new credit */
	unsigned status;
	struct inbound *inbound;     /* of the response, which is looked through; NULL: it passes as it is */

	char method[HTTP_METHOD_MAX + 1]; /* for the log: what was asked */
	enum scheme scheme;
	struct authority authority;
	struct buf path;
	struct detectors detectors; /* of the route, as it was when the request came */
};

struct client {
	enum client_state state;
	enum phase phase;
	uint8_t generation;
	bool progress;     /* something moved since the deadline was set */
	bool dirty;        /* is in front.dirty */
	bool ending;       /* close once everything is written */
	bool secure;       /* inside TLS */
	bool misdirected;  /* the TLS name is not the one of the CONNECT: 421 for every request */
	bool waits_for_leaf;
	uint32_t streams;  /* how many this slot has had */
	int64_t deadline;
	struct tls tls;
	struct authority tunnel;
	struct buf in;     /* bytes of requests not yet used */
	size_t scanned;    /* of in, by http_parse_request */
	struct buf out;    /* bytes to write */
	size_t out_at;
	struct exchange x;
	bool held;         /* the next request, whose head is kept in "in", waits for the operator */
	uint8_t asked[DIGEST_SIZE]; /* the value that was asked about last, and */
	char *denied;      /* why it may not go; NULL: no answer yet, or it may */
};

struct leaf;

struct front {
	struct role_options options;
	struct loop loop;
	struct channel control, signer, upstream, asker;
	bool upstream_full, signer_full, asker_full; /* the kernel does not take more now; its writability is watched */
	struct tls_server *tls;
	struct inspector inspector;
	struct policy *policy;
	struct doc *routes;          /* as given, for introspection */
	struct client *clients;      /* CONNECTIONS_MAX slots */
	size_t n_clients;            /* in use */
	size_t first_free;           /* no slot below is free */
	bool listening;
	int64_t listen_again;        /* when to watch the listeners again after running out of descriptors */
	int64_t next_sweep;          /* no client's deadline is before it */
	struct trim trim;
	uint32_t dirty[CONNECTIONS_MAX];
	size_t n_dirty;
	uint64_t exchanges;
	struct leaf *leaves;
	size_t n_leaves;
};

/* --- client.c --- */

/* Begin with an accepted socket in a free slot. */
void client_start(struct front *f, uint32_t slot, int fd);
/* Go as far as it gets. */
void client_step(struct front *f, struct client *c);
/* Let go of the connection at once; a request under way is cancelled. */
void client_drop(struct front *f, struct client *c);
/* Have the connection stepped before the loop waits again. */
void client_touch(struct front *f, struct client *c);
/* Close it when all that is queued has been written. */
void client_end(struct client *c);
/* Close it so that the client sees that the response is not whole. */
void client_break(struct client *c);
/* Its deadline has come. */
void client_expire(struct front *f, struct client *c);
/* The leaf for host is there, or (NULL) will not be, for which why is the reason. */
void client_leaf_came(struct front *f, struct client *c, struct tls_certificate *leaf, const char *why);

static inline uint32_t client_slot(const struct front *f, const struct client *c)
{
	return (uint32_t)(c - f->clients);
}

/* --- exchange.c --- */

/* Use some of the bytes that the client has sent; returns how many, 0 when there have to be more first. */
size_t exchange_take(struct front *f, struct client *c, struct slice input);
/* An exchange for what is wrong with a tunnel as such, to be refused. */
void exchange_of_tunnel(struct front *f, struct client *c);
/* Request and response are done with, or the answer is ours: get ready for the next. */
void exchange_finish(struct front *f, struct client *c);
/* Forget the exchange; the upstream is told if it does not know. */
void exchange_cancel(struct front *f, struct client *c);
/* How many bytes of the request's body may be read now. */
size_t exchange_room(const struct client *c);
/* Give the upstream what was judged of the request's body, as far as it takes it. */
void exchange_push(struct front *f, struct client *c);
/* Answer with a no while the request is under way; close: nothing behind this point can be trusted. */
void exchange_refuse(struct front *f, struct client *c, const struct refusal *no, bool close);

/* --- dlp.c --- */

/*
 * Look at the head of an allowed request; what is redacted is changed in place.
 * False with a refusal, or when the client is held: the operator is being asked,
 * and the head has to be judged again when that is over.
 */
bool dlp_head(struct front *f, struct client *c, struct http_head *h, struct request_facts *facts, struct refusal *no);
/* Begin with its body, if it has one that is to be looked through. False with a refusal. */
bool dlp_body(struct front *f, struct client *c, const struct http_head *h, struct refusal *no);
/* Something was found in the body: end the request. */
void dlp_found(struct front *f, struct client *c, const struct found *found);
/* Have the detectors of the route look at a WebSocket message, unless they do already or there are none. */
bool dlp_message(struct front *f, struct client *c, struct found *found);
/* Have them look at the payload of a control frame, which is never changed. */
bool dlp_control(struct front *f, struct client *c, struct slice payload, struct found *found);
/* A piece of the body was looked at: warn, or ask the operator, if that calls for it. */
void dlp_body_fed(struct front *f, struct client *c);
/* A message of the asker. */
void answer_take(struct front *f, const struct message *m);
/* The request is judged, or over: forget what was asked about it. */
void dlp_settled(struct client *c);
/* All of the body or message was judged: log what was redacted. */
void dlp_judged(struct front *f, struct client *c);

/* --- reply.c --- */

/* A message about a stream has come from upstream. */
void reply_take(struct front *f, const struct message *m);
/* Some of what is queued was written: let the upstream send more. */
void reply_credit(struct front *f, struct client *c);
/* Queue a piece of the response's body for the client, in its framing. */
void reply_write(struct front *f, struct client *c, struct slice piece);

/* --- inbound.c --- */

/* Each false: the response was refused or broken off, and the exchange is over. */

/* Look at a head; at a text that is complete. place is a word for it: "response's head". */
bool inbound_head(struct front *f, struct client *c, const struct http_head *h);
bool inbound_text(struct front *f, struct client *c, struct slice text, const char *place);
/* Begin with what follows a final head, if it is to be looked through. */
bool inbound_begin(struct front *f, struct client *c, const struct http_head *h);
/* Where that head is to be written; and that it was. */
struct buf *inbound_out(struct client *c);
void inbound_begun(struct front *f, struct client *c);
/* Take a piece of the body (only where x.inbound is set); its end. */
bool inbound_feed(struct front *f, struct client *c, struct slice piece);
bool inbound_end(struct front *f, struct client *c);
/* Take a piece of a message of a WebSocket. */
bool inbound_message(struct front *f, struct client *c, struct slice piece, bool last);
/* Refuse the response if the client has nothing of it, else break it off. */
void inbound_refuse(struct front *f, struct client *c, const struct refusal *no);
/* Bytes of the body that wait; until when, or INT64_MAX; let the client have them. */
size_t inbound_held(const struct client *c);
int64_t inbound_due(const struct client *c);
bool inbound_flush(struct front *f, struct client *c);
/* The response is over. */
void inbound_release(struct front *f, struct client *c);

/* --- websocket.c --- */

struct websocket;

/* The head asks for one, with a key, which is taken out: what the client sends next waits for the answer. */
void websocket_begin(struct client *c, struct http_head *h);
/* The answer is another: a request without a body, then. Does nothing where there is no question. */
void websocket_decline(struct client *c);
/* The origin has agreed; returns the Sec-WebSocket-Accept for the client. */
struct slice websocket_open(struct client *c);
bool websocket_is_open(const struct client *c);
void websocket_release(struct websocket *w);
/* Bytes of a message to the client that are kept until it is whole. */
size_t websocket_held(const struct client *c);
/* May frames of the client be read now? Then some number of bytes, else 0. */
size_t websocket_room(const struct client *c);
/* Use bytes that the client has sent; returns how many. */
size_t websocket_take(struct front *f, struct client *c, struct slice input);
/* Hand over what waits for the upstream's credit. */
void websocket_push(struct front *f, struct client *c);
/* A frame from upstream. False when it may not stand there. */
bool websocket_deliver(struct front *f, struct client *c, struct slice body);
/* Close it from our side: log why and tell the client. */
void websocket_end(struct front *f, struct client *c, unsigned code, const struct refusal *no);

/* --- refusal.c --- */

/*
 * Answer with a no and log it. What follows on the connection: with close, or a
 * body that is too long to read away, its end; else the next request.
 */
void refusal_send(struct front *f, struct client *c, const struct refusal *no, bool close);
/* Answer with a document of ours; the request has no body, or it is read away. */
void document_send(struct client *c, unsigned status, const char *type, struct slice body);

/* --- http2.c --- */

/* Are these the first bytes of a client that speaks it? Then some are used, and what comes next is for http2_take. */
size_t http2_begin(struct front *f, struct client *c, struct slice input);
/* Use bytes of it, until there is a request that can be answered; returns how many. */
size_t http2_take(struct client *c, struct slice input);

/* --- leaves.c --- */

/* The certificate for a host (IPv6 in brackets), or NULL when the signer was asked and client_leaf_came will follow. */
struct tls_certificate *leaf_get(struct front *f, const char *host);
/* A message of the signer. */
void leaf_take(struct front *f, const struct message *m);
/* The name that a connection's certificate is for. */
void leaf_name(const struct client *c, char name[HOST_MAX + 3]);

/* --- audit.c --- */

void audit_refusal(struct front *f, const struct client *c, const struct refusal *no);
/* Something was found, and what was done: "refuse", "warn", or "redact" so many parts. */
void audit_dlp(struct front *f, const struct client *c, const char *action, const struct found *found, size_t count);
/* Only at level full: the request's head, the response's, a piece of either body, the end of an exchange. */
void audit_request(struct front *f, const struct client *c, const struct http_head *h);
void audit_response(struct front *f, const struct client *c, const struct http_head *h);
void audit_body(struct front *f, const struct client *c, const char *direction, uint64_t offset, struct slice bytes);
void audit_end(struct front *f, const struct client *c, bool whole);

#endif
