/*
 * Chunked bodies (RFC 9112 §7.1): taking them apart and making them.
 *
 * As strict as http1.h: lines end in CRLF, sizes are bare hexadecimal digits,
 * extensions follow the grammar without white space, trailer fields are fields
 * and none that would change the message's meaning. Extensions and trailers are
 * checked, bounded and dropped.
 *
 * Pure; allocates nothing but what the writers append. May be called after
 * confinement.
 */
#ifndef BB_CHUNK_H
#define BB_CHUNK_H

#include "http1.h"

#define CHUNK_LINE_MAX 256       /* bytes of a chunk's size line, extensions included */
#define CHUNK_EXTENSION_MAX 4096 /* bytes of all extensions of one body: they carry nothing that we pass on */
#define CHUNK_TRAILER_MAX 8192   /* bytes of a trailer section */
#define CHUNK_OPEN_MAX 18        /* bytes that chunk_write_open appends at most */

/* A decoder is all zero bytes before the first call of a body and needs no release. */
struct chunk_decoder {
	unsigned state;      /* enum of chunk.c */
	unsigned line;       /* bytes of the current size line so far */
	unsigned extensions; /* bytes of extensions so far */
	unsigned trailer;    /* bytes of the trailer section so far */
	unsigned name_len;   /* of the trailer field's name */
	uint64_t left;       /* bytes of the current chunk still to come */
	char name[24];       /* the trailer field's name, as far as it fits */
};

/*
 * Take some of input. *consumed says how much, *data is the run of body bytes
 * found in it (a view of input, often empty). HTTP_MORE: call again with the
 * rest, or with new bytes when all was consumed. HTTP_DONE: the body has ended
 * and what follows belongs to the next message. HTTP_BAD: *why is a static text.
 * Any splitting of the same bytes gives the same body and the same verdict.
 */
enum http_result chunk_decode(struct chunk_decoder *d, struct slice input, size_t *consumed, struct slice *data,
			      const char **why);

/* Append the line that opens a chunk of len bytes (not 0), what closes it, what ends the body. */
void chunk_write_open(struct buf *out, size_t len);
void chunk_write_close(struct buf *out);
void chunk_write_end(struct buf *out);

#endif
