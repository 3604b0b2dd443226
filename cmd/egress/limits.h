/*
 * Every limit of bb-egress, with its reason. bb-egress(1) has the same table;
 * limits of the grammar are in http1.h, chunk.h and policy.h, of names in resolve.h.
 * Times are in milliseconds.
 */
#ifndef BB_EGRESS_LIMITS_H
#define BB_EGRESS_LIMITS_H

#include "http1.h"

#define WORKERS_MAX 16              /* pairs of front and upstream: one for each core of a large machine */
#define LISTENERS_MAX 8             /* listeners: one for each network of a bottle and some to spare */
#define CONNECTIONS_MAX 1024        /* of the bottle, to one front: npm opens 50 */
#define IDLE_ORIGINS_MAX 256        /* upstream connections kept for reuse, of all hosts together */
#define QUIET_ORIGINS_MAX 8         /* and of those that were not used for TRIM_TIME: each costs 40 KiB */
/* bytes of one body, one direction, between front and upstream: memory of a stalled stream */
#define WINDOW (128 << 10)
/* bytes of a WebSocket message that are passed on in one frame: longer ones go in several */
#define MESSAGE_WHOLE (64 << 10)
#define PIECE_MAX (32 << 10)        /* bytes of body in one message: two TLS records */
/* bytes of a head between front and upstream; rewriting can make one longer */
#define HEAD_MESSAGE_MAX (2 * HTTP_HEAD_MAX)
#define DECODING_MAX 64             /* coded responses that are decoded at once, each in up to 16 MiB */
/* requests whose body is looked through at once: each costs up to 1 MiB, most 100 KiB */
#define BODIES_MAX 256
#define CODED_MAX 32                /* and with a Content-Encoding, each in up to 16 MiB */
/* bytes of one that wait until what they decode to is judged: two blocks of zstd and what a detector holds */
#define CODED_HELD (320 << 10)
#define RESPONSES_MAX 256           /* responses that are looked through at once, each in up to 1 MiB */
/* bytes of a response that wait until they are judged: a page, and a quarter of WINDOW */
#define INBOUND_HELD (32 << 10)
/* and of what follows: more than two phrases of one attempt are apart (injection.h) */
#define INBOUND_TAIL 4096
/* for how long, unless the body is known to be shorter than INBOUND_HELD: a person waits longer */
#define INBOUND_TIME 300
/* bytes of a body that is kept until its end, so that a redacted one has its right length */
#define WHOLE_MAX (1 << 20)
#define WHOLE_ALL_MAX (16 << 20)    /* and of all such bodies; further ones are sent on chunked */
#define RULES_BYTES_MAX (1 << 20)   /* bytes of the file of token rules */
/* SPREAD_PLACES, SPREAD_TEXT: pieces of known secrets that are remembered, see spread.h */
#define KNOWN_BYTES_MAX (64 << 20)  /* bytes of fingerprints: 256 secrets of any length */
#define ASKED_MAX 8                 /* values of one body that the operator is asked about */
#define CONTEXT_MAX 240             /* bytes of what surrounds a value, in a question */
#define QUESTION_MAX (16 << 10)     /* bytes of a question: a path of LOG_TEXT_MAX, escaped, and the rest */
#define ANSWER_TEXT_MAX 300         /* bytes of an operator's reason that the agent is told */
/* bytes of a refused request's body that are read so that the connection can go on */
#define DRAIN_MAX (1 << 20)
/* bytes of answers that a client has not taken; until it does, no further request of it is read */
#define ANSWERS_MAX (64 << 10)
#define LEAVES_MAX 256              /* certificates that a front keeps: hosts in use at one time */
#define LEAF_AGE (30ll * 24 * 3600 * 1000) /* a kept certificate is then made again, long before it expires */
#define LEAF_MAX 4096               /* bytes of a certificate as the signer hands it out; ours have 700 */
#define STORE_MAX (16 << 10)        /* bytes of a CA's store; ours have 1 KiB */
#define INTERIMS_MAX 16             /* interim responses to one request: there are 100 and 103 */
#define SIGN_BURST 256              /* certificates that a signer makes at once: an npm install meets a dozen hosts */
#define SIGN_EVERY 50               /* and then one each 50 ms */
#define ROUTES_MESSAGE_MAX (16 << 20) /* bytes of the routes as they are handed to a role */
#define CA_FILE_MAX (1 << 20)       /* bytes of one ca_file */
#define CA_FILES_MAX 256            /* ca_files of one routes file */
#define LOG_KIND_MAX 160            /* bytes of what was found: two ids of phrases */
#define LOG_TEXT_MAX 2048           /* bytes of one value in a log line: longer paths are cut */
#define LOG_BODY_MAX (64 << 10)     /* bytes of one body that the level "full" shows */
#define LOG_BODY_PIECE (8 << 10)    /* bytes of body in one line */
#define LOG_LINE_MAX (256 << 10)    /* bytes of one line: a piece of body, each byte escaped, or all fields of a head */

#define HEAD_TIME 30000             /* from the first byte of a head to its end, and for a TLS handshake */
#define IDLE_TIME 300000            /* a client's connection between requests */
#define SILENCE_TIME 900000         /* a request or response in which nothing moves: a model may think that long */
/* to read what a client still sends after its last answer, so that it gets that answer */
#define LINGER_TIME 2000
#define CONNECT_TIME 10000          /* to find and reach an origin, TLS included, over all of its addresses */
#define ADDRESS_TIME 3000           /* for one of several addresses */
#define ORIGIN_IDLE_TIME 55000      /* an unused upstream connection: below the 60 s after which most servers close */
#define TRIM_TIME 2000              /* without traffic, after which what was needed for it is given back */
#define TRIM_LATEST 15000           /* and with traffic: what is no longer needed since a flood has ended */
/* for the process to end for want of which another one has, so that its end is reported */
#define CAUSE_TIME 1000
#define ASK_SECONDS 290             /* seconds that a request waits for the operator: many clients give up after 300 */
#define ASK_SECONDS_MAX 800         /* and what can be asked for: less than SILENCE_TIME */
#define START_TIME 20000            /* for a role to say that it is ready, or has taken new routes */

#endif
