/*
 * The queue: questions of one bottle that a person decides, as files.
 *
 *	DIR/                            0700, of the operator's user
 *	    ID.proposal.json            the question; never changed once it has its name
 *	    ID.repeats                  how often it was asked again: a decimal number
 *	    ID.response.json            the answer
 *	    processed/                  both, once whoever asked has read the answer
 *	    lock, deciding, bucket      flock(2)ed for a change; by a deciding operator; the rate so far
 *
 * ID is a random UUID in lower case. A proposal has kind "proposal", v 1, id,
 * bottle_slug, tool, proposed_file, justification, arrival_timestamp (UTC) and
 * current_file_hash (sha256 of the routes in force when it was asked, or "").
 * A response has kind "response", v 1, id, status (approved, modified, rejected),
 * notes, final_file, decided_at and proposal_hash: the sha256 of the proposal's
 * bytes as they were shown. An answer to other bytes is void.
 *
 * Who asks: queue_ask, queue_await (or queue_watch and queue_check in an event
 * loop), queue_archive; queue_withdraw when nobody waits any longer. Who decides:
 * queue_list, queue_read, then, holding queue_decide's lock, queue_answer.
 *
 * Files get their names only when they are whole and on the disk, so a crash
 * leaves at most one file ".new", which the next writer removes. What else lies
 * in the directory (links, pipes, foreign names, broken JSON) is stepped over and
 * counted, never followed. Texts come from an agent: escape them (escape.h).
 *
 * Equal questions (tool and proposed_file) are one, with a counter; so whoever
 * asks about a value must name that value in the text, by a keyed hash.
 *
 * All functions block on the disk; queue_await and queue_decide also longer, as
 * they say. May be called after confinement with queue_calls and watch_calls, reading and
 * writing beneath DIR permitted; queue_archive moves between directories, which
 * Landlock can permit since Linux 5.19.
 */
#ifndef BB_QUEUE_H
#define BB_QUEUE_H

#include "digest.h"
#include "document.h"
#include "watch.h"

#define QUEUE_PENDING_MAX 20          /* unanswered proposals of one bottle: more than a person looks at */
#define QUEUE_BURST 20                /* proposals at once, */
#define QUEUE_INTERVAL_MS 15000       /* and one more for each such time */
#define QUEUE_FILE_MAX (256u << 10)   /* bytes of proposed_file and final_file: a large routes file has 8 KiB */
#define QUEUE_TEXT_MAX 4096           /* bytes of a justification or of notes */
#define QUEUE_BYTES_MAX (2u << 20)    /* bytes of one file of the queue, JSON's escapes included */
#define QUEUE_SHOWN_MAX 64            /* proposals that queue_list reads, the oldest; the rest is counted */
#define QUEUE_ENTRIES_MAX 20000       /* directory entries that are looked at; more is an error */
#define QUEUE_PROCESSED_MAX 200       /* decided ones that are kept; the audit log keeps the decisions for good */
#define QUEUE_ID_SIZE 37              /* a UUID's text and NUL */

enum queue_tool { QUEUE_ALLOW, QUEUE_EGRESS_BLOCK, QUEUE_GITLEAKS_ALLOW, QUEUE_EGRESS_TOKEN_ALLOW, QUEUE_TOOLS };

/* "allow", "egress-block", "gitleaks-allow", "egress-token-allow". */
extern const char *const queue_tool_names[QUEUE_TOOLS];

/* Whether the tool proposes a routes file (and so may be answered "modified"). */
static inline bool queue_tool_is_routes(enum queue_tool tool)
{
	return tool == QUEUE_ALLOW || tool == QUEUE_EGRESS_BLOCK;
}

struct queue {
	int dir;       /* the directory, */
	int processed; /* the one below it, -1 until it is there */
	char *path;
	struct watch watch;
	bool theirs;   /* root has opened that of the user uid */
	uid_t uid;
	gid_t gid;
};

#define QUEUE_INIT { -1, -1, NULL, WATCH_INIT, false, 0, 0 }
#define AUTO_QUEUE __attribute__((cleanup(queue_release))) struct queue

/*
 * Open a queue; with make, its directory and processed/ are made. Others may
 * neither own nor write it; root may open that of another user, whose files stay that user's. Before confinement, as is
 * watching.
 */
bool queue_open(struct queue *q, const char *path, bool make, struct error *e);
void queue_release(struct queue *q);

/* Lower-case hexadecimal, 8-4-4-4-12. */
bool queue_is_id(struct slice text);

/* --- asking --- */

struct question {
	enum queue_tool tool;
	const char *bottle; /* identity */
	struct slice file;  /* proposed_file */
	struct slice justification;
	struct slice current_hash; /* may be empty */
};

/* What whoever asked has to keep: which proposal, and of which bytes. */
struct ticket {
	char id[QUEUE_ID_SIZE];
	char hash[DIGEST_HEX];
	bool again; /* it was there already */
};

/*
 * Put a question, or join an equal one. A refusal for there being too many is
 * STATUS_NO with a text that says when to try again. Text must be UTF-8 without
 * NUL and within the limits: STATUS_CALLER otherwise.
 */
bool queue_ask(struct queue *q, const struct question *a, struct ticket *t, struct error *e);

enum queue_result {
	QUEUE_ERROR,    /* an error is set; the queue cannot be read */
	QUEUE_WAITING,  /* no answer yet */
	QUEUE_ANSWERED,
	QUEUE_VOID,     /* there was one to other bytes, or malformed: put aside; the error says which. Not a yes. */
};

enum queue_status { QUEUE_APPROVED, QUEUE_MODIFIED, QUEUE_REJECTED };
extern const char *const queue_status_names[]; /* "approved", "modified", "rejected" */

struct response {
	enum queue_status status;
	struct doc *doc; /* notes, final_file, decided_at; owned */
};

#define RESPONSE_INIT { QUEUE_REJECTED, NULL }
#define AUTO_RESPONSE __attribute__((cleanup(response_release))) struct response
void response_release(struct response *r);

/* Look whether there is an answer. Does not wait. */
enum queue_result queue_check(struct queue *q, const struct ticket *t, struct response *r, struct error *e);

/* Wait for it until watch_clock() reaches deadline. A void answer ends the waiting. */
enum queue_result queue_await(struct queue *q, const struct ticket *t, int64_t deadline, struct response *r,
			      struct error *e);

/* The answer was read: move proposal and answer to processed/. Fine when someone else has. */
bool queue_archive(struct queue *q, const char *id, struct error *e);

/*
 * Nobody waits any longer: move the proposal away, so that nobody decides it for
 * nothing. When an answer came first it is QUEUE_ANSWERED and the proposal stays
 * for queue_archive; else QUEUE_WAITING and the proposal is gone.
 */
enum queue_result queue_withdraw(struct queue *q, const struct ticket *t, struct response *r, struct error *e);

/* --- deciding --- */

struct proposal {
	char id[QUEUE_ID_SIZE];
	char hash[DIGEST_HEX]; /* of its bytes, for the answer */
	enum queue_tool tool;
	uint64_t repeats;      /* how often it was asked again */
	bool answered;
	struct doc *doc;       /* checked: all texts are there; owned */
};

void proposal_release(struct proposal *p);

struct proposal_list {
	struct proposal *list; /* oldest first */
	size_t count;
	size_t unshown;        /* proposals beyond QUEUE_SHOWN_MAX */
	size_t damaged;        /* files named like proposals that are none */
};

#define PROPOSAL_LIST_INIT { NULL, 0, 0, 0 }
#define AUTO_PROPOSAL_LIST __attribute__((cleanup(proposal_list_release))) struct proposal_list
void proposal_list_release(struct proposal_list *l);

/*
 * Read what is there, answered proposals included; only what has an id that begins
 * so, which with "" is all, is read and counted.
 */
bool queue_list(const struct queue *q, struct slice begins, struct proposal_list *l, struct error *e);

/* Read one. STATUS_NO when there is none of that id. */
bool queue_read(const struct queue *q, const char *id, struct proposal *p, struct error *e);

/*
 * Hold the place of the one who decides: two operators take turns, so that what
 * one applies, the other has not applied at the same time. Waits for the other.
 * Returns a descriptor to close afterwards, or -1.
 */
int queue_decide(const struct queue *q, struct error *e);

/*
 * Answer a proposal that was shown with this hash. STATUS_NO when it is gone,
 * answered, or no longer those bytes: nothing is written then. notes and file
 * may be empty; the same limits as for asking.
 */
struct decision {
	const char *id, *hash;
	enum queue_status status;
	struct slice notes, file;
};
bool queue_answer(const struct queue *q, const struct decision *d, struct error *e);

extern const struct confine_call queue_calls[];

#endif
