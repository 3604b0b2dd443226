/*
 * Who says what to whom. Each row is one type of message on one kind of channel
 * (channel.h); what is not listed for a channel ends the receiver.
 *
 * Numbers are in the machine's order: both ends are the same program.
 */
#ifndef BB_EGRESS_MESSAGE_H
#define BB_EGRESS_MESSAGE_H

#include <stdint.h>

#include "channel.h"
#include "target.h"

enum message_type {
	/* main to upstream: a file of certificates for the next routes: path, NUL, PEM */
	MESSAGE_CA_FILE = 1,
	/* main to front and upstream: {"routes":[…]}, from now on in force */
	MESSAGE_ROUTES,
	/* front and upstream to main: the routes are in force; body: names of missing credentials, one a line */
	MESSAGE_TAKEN,
	/* upstream to main: they are not, for this reason, and those before them stay */
	MESSAGE_NOT_TAKEN,
	/* signer to main: ready; body: the CA's certificate in PEM. front and upstream to main: confined */
	MESSAGE_READY,
	/* front to main: one line for the log */
	MESSAGE_LOG,

	/* front to signer: the public key of all leaves, in DER; once, first */
	MESSAGE_KEY = 16,
	/*
	 * front to signer: a host; signer to front: its certificate in DER, or why not; the stream number is the
	 * front's
	 */
	MESSAGE_SIGN,
	MESSAGE_LEAF,
	MESSAGE_NO_LEAF,

	/* asker to front, first thing: the key of the values' digests (permits.h) */
	MESSAGE_PERMITS_KEY = 24,
	/* front to asker: a digest, and the question about it in words; the answers go to every front */
	MESSAGE_ASK,
	MESSAGE_PERMIT, /* a digest: that value may go */
	MESSAGE_DENY,   /* a digest, and why it may not */

	/* front to upstream, each for one stream; the number is fresh for each request */
	MESSAGE_REQUEST = 32, /* struct request_start, host, head */
	MESSAGE_CANCEL,       /* forget the stream; nothing more will be said about it */
	/* both ways */
	MESSAGE_BODY,   /* a piece of the body, within the receiver's credit */
	MESSAGE_END,    /* the body is complete; from upstream: and so is the exchange */
	MESSAGE_CREDIT, /* uint32_t: this many more bytes of body may be sent */
	/*
	 * upstream to front, first thing: a piece of the fingerprints of all secrets (handover.h); an empty one ends
	 * them
	 */
	MESSAGE_KNOWN,
	/* upstream to front, before that: a byte for each secret, 1 for the canary */
	MESSAGE_CANARIES,
	/*
	 * struct frame_start, payload: a piece of a WebSocket message, or a control frame; costs FRAME_COST more credit
	 */
	MESSAGE_FRAME,
	/* upstream to front */
	MESSAGE_INFORM,   /* head of an interim response */
	MESSAGE_RESPONSE, /* head of the final response; Transfer-Encoding: chunked means a body of unknown length */
	MESSAGE_FAIL,     /* struct failure_start, rule, text: there will be no response; ends the exchange */
	MESSAGE_ABORT,    /* text: the response breaks off, and why; ends the exchange */
};

/* A stream number is a slot and how many streams that slot has had, so that late messages are recognised. */
enum { STREAM_SLOT_BITS = 10 };

static inline uint32_t stream_slot(uint32_t stream)
{
	return stream & ((1u << STREAM_SLOT_BITS) - 1);
}

struct request_start {
	uint16_t port;
	uint8_t scheme; /* enum scheme */
	uint8_t kind;   /* enum host_kind */
	uint16_t host_len;
};

struct frame_start {
	uint8_t opcode; /* of the message or the control frame */
	uint8_t last;   /* the message ends here */
};

enum { FRAME_COST = 16 }; /* what a frame costs beside its payload, so that empty ones are not free */

struct failure_start {
	uint16_t status;
	uint16_t rule_len;
};

#endif
