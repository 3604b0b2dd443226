/*
 * Content codings, taken off as a stream: gzip, deflate, br and zstd, alone or
 * on top of each other (RFC 9110 §8.4; RFC 1950 to 1952, 7932, 8878, 9659).
 *
 * A struct coding is fed what comes and yields what it means in pieces of at most
 * CODING_PIECE_MAX bytes. Everything that the input so far allows is yielded
 * before it asks for more, so a stream that its sender flushes keeps its timing.
 * Bytes and verdict are the same however the input is split; only how much of a
 * bad body comes out before that is seen may differ. Between calls one may wait.
 *
 *	while ((r = coding_feed(&c, &input, &piece, &why)) == CODING_PIECE)
 *		…use piece…
 *	… r is CODING_MORE: input is used up. At the end of all input: coding_finish.
 *
 * What is not whole and correct is CODING_BAD: a wrong check sum, an end too
 * early, bytes behind the end. A body of no bytes stands for no bytes.
 *
 * What decoding leaves out, such as a file name in gzip's header or a skippable
 * frame of zstd, is seen only by those who also look at the coded bytes.
 *
 * Memory per coding: a piece and what the format prescribes: 32 KiB for gzip and
 * deflate, at most 8 MiB for zstd, at most 16 MiB for br. Nothing blocks; may be
 * called after confinement. The only file that includes zlib, brotli and zstd.
 */
#ifndef BB_CODING_H
#define BB_CODING_H

#include "slice.h"

#define CODING_DEPTH_MAX 2           /* codings of one body: servers use one, and two by mistake */
#define CODING_PIECE_MAX (32 << 10)  /* bytes of one piece */
#define CODING_RATIO_MAX 256         /* bytes out for one byte in: repetitive logs reach 100, bombs 1,000 and more */
#define CODING_FREE_MAX (8 << 20)    /* bytes out to which the ratio does not apply: they take 10 ms */
#define CODING_OUTPUT_MAX (16ull << 30) /* bytes out of one body: more than anything that is sent coded */
#define CODING_ZSTD_WINDOW_LOG 23    /* RFC 9659 §3: the window that a sender may expect, 8 MiB */

/* CODING_RAW, deflate without any header (RFC 1951), is in archives and has no name in HTTP. */
enum coding_kind { CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD, CODING_RAW };

/* What is done with the result, which decides what may be ambiguous. */
enum coding_use {
	/* it is passed on in the place of the coded bytes: deflate may lack its header, as browsers permit */
	CODING_FORWARD,
	/* it is only looked at; someone else decodes the bytes again: what could be read in two ways is bad */
	CODING_LOOK,
	CODING_EMBEDDED, /* one stream, found among other bytes: CODING_END where it ends */
};

enum coding_result {
	CODING_PIECE, /* there is a piece; call again */
	CODING_MORE,  /* the input is used up */
	CODING_END,   /* CODING_EMBEDDED: the stream has ended; the input is what follows it */
	CODING_BAD,   /* malformed, or a limit was met; nothing more may be fed */
};

struct coding_limits {
	uint64_t output;  /* bytes out */
	uint64_t free;    /* bytes out before the ratio counts */
	unsigned ratio;   /* bytes out for one in */
};

/* The limits above. */
extern const struct coding_limits coding_limits;

/* The codings of a body, the one applied first first. None: the body is as it is. */
struct coding_list {
	enum coding_kind kinds[CODING_DEPTH_MAX];
	size_t n;
};

struct coding_stage {
	enum coding_kind kind;
	bool begun;            /* there is a decoder */
	bool ended;            /* its stream is whole */
	bool full;             /* the last piece filled the buffer: there may be more without further input */
	void *decoder;
	char *piece;
	struct slice input;    /* what it has not used yet of the stage before it */
	unsigned char head[5]; /* deflate: the first bytes, by which the format is told */
	size_t n_head, head_at;
	unsigned char first;   /* zstd: first byte of the frame, */
	size_t n_first;        /* and how many of its first bytes have come, up to those of the longest header */
	uint64_t output;
};

struct coding {
	enum coding_use use;
	struct coding_limits limits;
	struct coding_stage stages[CODING_DEPTH_MAX]; /* in the order in which they are taken off */
	size_t n;
	uint64_t input;
	const char *bad;       /* why it is CODING_BAD */
};

/* Value of an Accept-Encoding that asks for no more than what can be decoded here. */
#define CODING_ACCEPTED "gzip, deflate, br, zstd"

/*
 * Append the codings that the value of one Content-Encoding field names; "identity"
 * names none and "x-gzip" is gzip. False for one that is not known, or one too many.
 */
bool coding_parse(struct coding_list *list, struct slice value);

/*
 * Start. The limits are copied. Release with coding_release, which leaves all zero bytes; those pass everything as it
 * is.
 */
void coding_init(struct coding *c, const struct coding_list *list, enum coding_use use,
		 const struct coding_limits *limits);
void coding_release(struct coding *c);

/*
 * Take from the front of *input; what is left of it comes first in the next call,
 * which may add to it. The piece is valid until then. On CODING_BAD *why is a static text
 * for a person, lower case, without a full stop.
 */
enum coding_result coding_feed(struct coding *c, struct slice *input, struct slice *piece, const char **why);

/* All input was fed and CODING_MORE returned: is what came whole? */
bool coding_finish(struct coding *c, const char **why);

#endif
