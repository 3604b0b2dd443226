/*
 * The server: connections from the bottle, what they ask, and when they are
 * answered.
 *
 *	server.c   the loop: who is ready, whose time is up, when the queue changed
 *	client.c   one connection: its states, reading and writing
 *	request.c  one HTTP request: whether it is one of ours, and its answer
 *	rpc.c      the JSON-RPC messages in it
 *	desk.c     the questions in those
 *
 * A connection has one request at a time. While its calls wait, the answer is a
 * stream of events if the client takes one (with signs of life), and otherwise
 * comes whole at the end.
 */
#ifndef BB_SUPERVISE_SERVER_H
#define BB_SUPERVISE_SERVER_H

#include "chunk.h"
#include "http1.h"
#include "link.h"
#include "loop.h"
#include "rpc.h"

enum client_state {
	CLIENT_FREE,
	CLIENT_HEAD,   /* a request's head comes, or none does yet */
	CLIENT_BODY,   /* its body */
	CLIENT_WAITS,  /* the operator is being asked */
	CLIENT_ANSWERS,/* the rest of the answer is being written */
	CLIENT_LINGERS,/* all is written; read what still comes, then close */
};

struct client {
	enum client_state state;
	uint8_t generation;
	struct link link;
	int64_t deadline;
	struct buf in;                /* bytes not yet used */
	size_t scanned;               /* of in, by http_parse_request */
	struct buf body;
	enum http_body framing;       /* of the request's body */
	uint64_t left;
	struct chunk_decoder chunks;
	struct buf out;
	size_t out_at;
	bool close;                   /* after this answer */

	/* What of the head matters once the body is there. */
	bool minor_0;                 /* HTTP/1.0: no chunks */
	bool takes_stream;            /* text/event-stream is acceptable */
	bool has_session;
	char session[SESSION_ID_SIZE]; /* "" without one */
	enum mcp_version version;

	bool streaming;               /* the head of an event stream was sent */
	int64_t next_sign;            /* of life, while streaming */
	struct exchange exchange;
	size_t told;                  /* answers of the exchange that were sent as events */
};

struct server {
	struct loop loop;
	int listener;
	bool listening;
	struct desk desk;
	struct sessions sessions;
	int64_t next_look; /* at the queue, where the kernel does not tell of changes */
	struct client clients[CLIENTS_MAX];
	size_t n_clients;
};

/* Take ownership of a desk that is open; listener is not closed. */
bool server_init(struct server *s, int listener, struct error *e);

/* Serve for ever; returns only with an error. */
bool server_run(struct server *s, struct error *e);

/* --- client.c --- */

void client_start(struct server *s, struct client *c, int fd);
/* Go as far as it gets. */
void client_step(struct server *s, struct client *c);
/* Close it at once. A proposal that it asked for stays. */
void client_drop(struct server *s, struct client *c);
/* Its deadline, a sign of life or the end of a call may be due. */
void client_tick(struct server *s, struct client *c);
/* The queue has changed: its calls may have their answers. */
void client_look(struct server *s, struct client *c);
/* When it wants client_tick next. */
int64_t client_due(const struct client *c);

/* --- request.c --- */

/* Judge a head: false when an answer was written instead, after which the connection closes. */
bool request_take_head(struct server *s, struct client *c, const struct http_head *h);
/* The body is complete: handle it. The client then waits or answers. */
void request_take_body(struct server *s, struct client *c);
/* Send what has become ready of a waiting exchange; with its last answer the client answers. */
void request_go_on(struct client *c);
/* Send a sign of life. */
void request_sign(struct server *s, struct client *c);
/* Answer with an error of HTTP and close. */
void request_refuse(struct client *c, unsigned status, const char *why);

/* Whether a Host or the authority of an Origin is a name of this server. */
bool request_is_own_name(struct slice authority);

#endif
