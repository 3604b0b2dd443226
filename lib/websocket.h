/*
 * WebSocket: the handshake, and frames as bytes.
 *
 * A reader takes the frames of one side in whatever pieces they come and gives
 * messages piece by piece, unmasked, and control frames whole. It refuses
 * everything that RFC 6455 does not permit without extensions: reserved bits and
 * opcodes, a mask where there must be none or none where there must be one,
 * lengths that are not the shortest way to say them, control frames that are
 * long or fragmented, fragments out of order, text that is not UTF-8, a close
 * with an unknown code, a message that is too long. Behind a close frame it
 * reads everything away.
 *
 * A writer makes the frames of one side of messages given piece by piece. What it
 * is given in the wrong order it refuses, so that a peer sees none but well-formed
 * streams.
 *
 * Nothing blocks; all of it may be called after confinement. Sources: RFC 6455
 * (§5.2 framing, §5.4 fragmentation, §7.4 codes, §4 handshake), RFC 3629.
 */
#ifndef BB_WEBSOCKET_H
#define BB_WEBSOCKET_H

#include "buf.h"
#include "http1.h"

#define WEBSOCKET_CONTROL_MAX 125         /* bytes of a control frame's payload, RFC 6455 §5.5 */
#define WEBSOCKET_HEAD_MAX 14             /* bytes before a frame's payload */
#define WEBSOCKET_PIECE_MAX (16 << 10)    /* bytes of a message that one call of the reader gives */
#define WEBSOCKET_MESSAGE_MAX (64u << 20) /* bytes of one message: what common libraries take at most */
#define WEBSOCKET_ACCEPT 28               /* characters of Sec-WebSocket-Accept */

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* Codes of a close frame, RFC 6455 §7.4.1. */
enum websocket_code {
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_BAD_DATA = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
};

enum websocket_result {
	WEBSOCKET_MORE,    /* the input is used up */
	WEBSOCKET_DATA,    /* a piece of a message */
	WEBSOCKET_CONTROL, /* a control frame */
	WEBSOCKET_BAD,     /* refuse: close with the code */
};

/* One side's frames. Zero but for the first two members is a new one. */
struct websocket_reader {
	bool masked;          /* they are a client's */
	uint64_t message_max; /* bytes of one message, at most WEBSOCKET_MESSAGE_MAX; 0: that */

	bool closed;          /* a close frame was read */
	unsigned char head[WEBSOCKET_HEAD_MAX];
	size_t head_len;
	bool in_frame;        /* the head is whole */
	uint64_t left;        /* bytes of the frame's payload to come */
	size_t mask_at;
	unsigned char control[WEBSOCKET_CONTROL_MAX];
	size_t control_len;
	bool in_message;
	uint8_t opcode;       /* of the message */
	uint64_t length;      /* of the message so far */
	uint8_t utf8_left, utf8_low, utf8_high; /* bytes of a character to come, and what the next may be */
};

/* What a call of the reader gives. */
struct websocket_piece {
	uint8_t opcode;      /* of the message or the control frame */
	bool last;           /* the message ends here */
	struct slice data;   /* of a control frame: its payload, in the reader */
	unsigned code;       /* WEBSOCKET_BAD: what to close with */
	const char *why;     /* and a static text */
};

/*
 * Take bytes off the front of *input until there is something to say. The payload
 * of a message is appended to message, at most WEBSOCKET_PIECE_MAX bytes a call;
 * with WEBSOCKET_DATA that can be none, when the message ends.
 */
enum websocket_result websocket_read(struct websocket_reader *r, struct slice *input, struct buf *message,
				     struct websocket_piece *p);

/* One side's frames to come. Zero is a new one. */
struct websocket_writer {
	bool in_message, closed;
	uint8_t opcode;
};

/*
 * Append a frame: a piece of a message, by the message's opcode, or a control
 * frame. mask is four bytes for a client's frame, unpredictable (§5.3), or NULL.
 * False, with nothing written, when it may not stand here.
 */
bool websocket_write(struct websocket_writer *w, struct buf *out, uint8_t opcode, bool last, struct slice payload,
		     const unsigned char *mask);

/* Append the payload of a close frame; of a reason that is too long, its beginning. ASCII only. */
void websocket_close(struct buf *payload, unsigned code, const char *reason);

/* --- the handshake --- */

/* Is this a Sec-WebSocket-Key: 16 bytes in base64? */
bool websocket_is_key(struct slice key);

/* What the server has to answer to it. */
void websocket_accept(struct slice key, char accept[WEBSOCKET_ACCEPT + 1]);

/*
 * Is a 101 response the answer to a request with that key? protocols is what was
 * offered, separated by commas; extensions were not. False with a static text.
 */
bool websocket_answered(const struct http_head *h, struct slice key, struct slice protocols, const char **why);

/* Whether two or more fields of a name are there: those that a handshake reads may be there once. */
bool websocket_repeats(const struct http_head *h, struct slice name);

#endif
