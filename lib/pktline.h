/*
 * Git's packet lines, and the requests that begin a conversation with a server
 * of git: over git:// one packet line, over HTTP a method and a target.
 *
 * A request is read strictly: one of two services, a repository's plain name with
 * or without ".git", a protocol version from 0 to 2. What is understood has one
 * meaning; everything else is refused with a static text for a person.
 *
 * Pure; the writers append to a buf. May be called after confinement. Source:
 * gitprotocol-common(5), gitprotocol-pack(5), gitprotocol-http(5),
 * gitprotocol-v2(5).
 */
#ifndef BB_PKTLINE_H
#define BB_PKTLINE_H

#include "buf.h"

#define PKT_HEAD 4        /* bytes of a length */
#define PKT_MAX 65520     /* bytes of a whole packet, length included: the protocol's own limit */
#define PKT_REQUEST_MAX 1024 /* bytes of a git:// request: a service, a name, a host and a version */
#define GIT_REPO_NAME_MAX 100 /* bytes of a repository's name */

enum git_service {
	GIT_UPLOAD_PACK,  /* the client fetches */
	GIT_RECEIVE_PACK, /* the client pushes */
};

enum git_phase {
	GIT_WHOLE,     /* git://: everything on one connection */
	GIT_ADVERTISE, /* HTTP: what is there (GET info/refs) */
	GIT_RPC,       /* HTTP: one request, one answer (POST) */
};

struct git_request {
	enum git_service service;
	enum git_phase phase;
	unsigned version; /* of the protocol, as the client asks for it */
	struct slice repo; /* view: the name without ".git" */
};

/* "git-upload-pack" or "git-receive-pack". */
const char *git_service_name(enum git_service service);

/*
 * Read the length at the start of a packet: four hexadecimal digits. Returns
 * false when they are none or a length that no packet has (1 to 3, too large).
 * *len is the whole packet's, or 0, 1 or 2 for a flush, delimiter or end packet.
 */
bool pkt_length(struct slice head, size_t *len);

/* Append a packet with this payload, of at most PKT_MAX - PKT_HEAD bytes; append a flush packet. */
void pkt_add(struct buf *out, struct slice payload);
void pkt_add_flush(struct buf *out);

/* Read the payload of a git:// request. */
bool git_request_parse(struct slice payload, struct git_request *r, const char **why);

/* Read an HTTP method and origin-form target, and the value of Git-Protocol (empty: none). */
bool git_request_parse_http(struct slice method, struct slice target, struct slice protocol, struct git_request *r,
			    const char **why);

#endif
