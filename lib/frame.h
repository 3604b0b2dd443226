/*
 * Messages on a stream of bytes: a kind, a length, a payload.
 *
 * What a launcher and the first process of a container say to each other over
 * the container's standard input and output (cmd/inside):
 *
 *	kind     1 byte
 *	length   4 bytes, most significant first; at most FRAME_MAX
 *	payload
 *
 * Pure. May be called after confinement.
 */
#ifndef BB_FRAME_H
#define BB_FRAME_H

#include "buf.h"

#define FRAME_HEAD 5
#define FRAME_MAX (64u << 20)  /* bytes of a payload: a document (document.h) */
#define FRAME_WINDOW (64u << 10) /* bytes of INPUT under way that the other side has not taken */

enum frame_kind {
	/* to the inside, in this order; SIZE may come before GO, too */
	FRAME_BOTTLE = 'B',       /* the document of what is to run */
	FRAME_SECRETS = 'S',      /* what its environment names: pairs of netstrings (secret.h) */
	FRAME_PROBE = 'P',        /* the document for bb-prove: answered by VERDICT */
	FRAME_GO = 'G',           /* start the agent */
	FRAME_INPUT = 'I',        /* bytes for its standard input */
	FRAME_END_OF_INPUT = 'Z', /* no more of them */
	FRAME_SIZE = 'W',         /* "ROWS COLUMNS" of the terminal */
	FRAME_SIGNAL = 'K',       /* "NUMBER": a signal for the agent */
	/* from the inside */
	FRAME_STANDS = 'D',       /* the listeners have been handed out, all powers are gone */
	FRAME_VERDICT = 'V',      /* "STATUS" and, behind a newline, the verdict */
	FRAME_COMMAND = 'C',      /* "INDEX STATUS" of a setup command (-1: the check), newline, its last words */
	FRAME_STARTED = 'A',      /* the agent runs */
	FRAME_OUTPUT = 'O',       /* bytes of its standard output, or of its terminal */
	FRAME_ERRORS = 'E',       /* bytes of its standard error */
	FRAME_TAKEN = 'T',        /* "BYTES" of INPUT that it has taken */
	FRAME_STOPPED = 'H',      /* it was stopped by a signal */
	FRAME_EXITED = 'X',       /* "STATUS": its wait status */
	FRAME_FAILED = 'F',       /* "STATUS" and, behind a newline, an error's text: the end */
};

struct frame {
	enum frame_kind kind;
	struct slice payload; /* a view of the buf it was taken from */
};

/* Append a frame. The payload is at most FRAME_MAX bytes. */
void frame_put(struct buf *out, enum frame_kind kind, struct slice payload);
/* Append a frame whose payload is text. */
void frame_say(struct buf *out, enum frame_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Look at the first frame of in: 1 when there is a whole one, whose FRAME_HEAD + payload.len bytes the caller
 * drops once done with it; 0 when more bytes are needed; -1 when it is none.
 */
int frame_peek(struct slice in, struct frame *f);

/* Take a whole number, with a sign or without, off the front of a payload, with the blank or newline behind it. */
bool frame_number(struct slice *payload, int *value);

#endif
