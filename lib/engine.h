/*
 * The Docker Engine: calls of its API over its Unix socket.
 *
 * The socket is the one of DOCKER_HOST, else of the context that DOCKER_CONTEXT
 * or the docker command's configuration names, else /var/run/docker.sock; the
 * podman service's socket works as well. An engine on another machine is refused:
 * a bottle's files are handed over by path.
 *
 * Paths are given without a version: the engine answers in its own latest one,
 * and what is asked here has been the same since 1.40. What the engine says when
 * it refuses becomes the error's text.
 *
 * Blocking, bounded by ENGINE_MS but for uploads, which may build something. The
 * only file that includes libcurl. Sources: Docker Engine API v1.41, "Attach to a
 * container" for the stream; docker-context(1).
 */
#ifndef BB_ENGINE_H
#define BB_ENGINE_H

#include "document.h"

#define ENGINE_MS 60000             /* for one call: a slow disk, a container that takes 10 s to stop */
#define ENGINE_REPLY_MAX (16u << 20) /* bytes of a reply: a list of all containers */

struct engine {
	char *socket;   /* path; owned */
	void *curl;     /* one connection is kept open */
	long status;    /* of the last reply; 0: there was none */
};

#define ENGINE_INIT { NULL, NULL, 0 }
#define AUTO_ENGINE __attribute__((cleanup(engine_close))) struct engine

/* Find the socket and prepare; the engine is not asked yet. */
bool engine_open(struct engine *en, struct error *e);
void engine_close(struct engine *en);

/*
 * Make a call; body may be NULL. The reply is in *out, when there is one and out is not NULL: the caller releases
 * it. False with an error when there was no reply, or one of 400 and above (en->status then says which).
 */
bool engine_call(struct engine *en, const char *method, const char *path, const struct doc *body, struct doc **out,
		 struct error *e);

/*
 * A POST without a body in two steps, on a connection of its own, so that other calls can be made meanwhile: ask, which
 * returns a descriptor or -1, and take the answer, which closes it. As engine_call otherwise.
 */
int engine_ask(const struct engine *en, const char *path, struct error *e);
bool engine_answer(struct engine *en, int *fd, struct error *e);

/* A call whose failure with this status is none: for removing what may be gone. */
bool engine_call_unless(struct engine *en, long status, const char *method, const char *path, struct error *e);

/*
 * Send a file's bytes, from its start, as a tar archive, and read the reply line by line: each is a document for fn,
 * which may be NULL. Returning false from fn, with an error, ends it. May take as long as it likes.
 */
typedef bool engine_line_fn(void *ctx, const struct doc *line, struct error *e);
bool engine_upload(struct engine *en, const char *method, const char *path, int fd, engine_line_fn *fn, void *ctx,
		   struct error *e);

/* Read a reply of bytes, an archive, into a descriptor. */
bool engine_download(struct engine *en, const char *path, int fd, struct error *e);

/* Attach to a container's standard streams: the descriptor of the connection, close-on-exec, or -1. */
int engine_attach(struct engine *en, const char *id, struct error *e);

/*
 * What comes over that connection is in pieces of one stream each. Take a piece off the front of in: 1 and the
 * stream (1: output, 2: errors) and its bytes, after which *consumed bytes are to be dropped; 0: more is needed;
 * -1: this is no such stream.
 */
int engine_piece(struct slice in, int *stream, struct slice *bytes, size_t *consumed);

/* Append text for a place in a path or a query: all but unreserved characters as %XX. */
void engine_quote(struct buf *out, struct slice text);

#endif
