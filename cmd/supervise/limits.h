/*
 * Every limit of bb-supervise, with its reason. bb-supervise(1) has the same
 * table; those of a head are in http1.h, of the queue in queue.h. Times are in
 * milliseconds.
 */
#ifndef BB_SUPERVISE_LIMITS_H
#define BB_SUPERVISE_LIMITS_H

#define CLIENTS_MAX 64             /* connections: an agent has one or two, and each can hold a body */
#define MCP_BODY_MAX (1 << 20)     /* bytes of one request's body: routes of 256 KiB with every byte escaped */
#define BATCH_MAX 16               /* messages in one batch */
#define RESPONSE_TIMEOUT 30        /* seconds that a call waits: half of what Claude Code allows by default */
#define RESPONSE_TIMEOUT_MAX 3600  /* seconds */
/* between signs of life in a waiting call: Claude Code gives up 60 s after the last */
#define PROGRESS_TIME 5000
#define READ_TIME 30000            /* for a head and its body to arrive */
#define WRITE_TIME 30000           /* without progress while an answer is being written */
#define IDLE_TIME 300000           /* a connection between requests */
#define LINGER_TIME 2000           /* to read what still comes, so that the peer gets our last answer */
#define SESSIONS_ENDED_MAX 64      /* ended sessions that are remembered as ended */
#define SHOWN_PROBLEMS_MAX 20      /* of a routes file that does not load */

#endif
