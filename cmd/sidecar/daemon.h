/*
 * One daemon's life: waiting for its start, starting, ready, and again; ended.
 *
 * A daemon leads a session of its own, so that whatever it left behind can be
 * killed with it. Each life gets new pipes, a new sealed memory file with its
 * secrets, and the same listeners and kept memory files, rewound. It finds its
 * directory as its working directory and nothing on standard input.
 *
 * Back-off: the first start after a death waits BACKOFF_FIRST_MS, each further
 * one twice as long, up to BACKOFF_MAX_MS; a life of STABLE_MS starts over.
 *
 * Deadlines are in the terms of loop_clock(). Only daemon_start blocks, until
 * the program was executed.
 */
#ifndef BB_SIDECAR_DAEMON_H
#define BB_SIDECAR_DAEMON_H

#include <sys/types.h>

#include "line.h"
#include "roster.h"
#include "secret.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS	 30000
#define STABLE_MS	 60000 /* a life this long forgets the failures before it */
#define REFUSE_FROM_MS	 1000  /* wait for a start this far off: connections are refused instead of queued */
#define NEVER		 ((int64_t)-1)

enum daemon_state {
	DAEMON_WAITING,	 /* not running; to be started at due */
	DAEMON_STARTING, /* running; to be ready at due */
	DAEMON_READY,
	DAEMON_ENDED /* and not to be started again */
};

enum { STREAM_OUT, STREAM_ERR, STREAMS };

struct daemon {
	const struct daemon_spec *spec;
	enum daemon_state state;
	pid_t pid;    /* 0 while it does not run */
	uint8_t life; /* counts starts, so that an event of an earlier life is told apart */
	int listeners[LISTENERS_MAX];
	int listener_flags[LISTENERS_MAX]; /* file status flags as they were given */
	bool refusing;			   /* connections are reset while it waits */
	int keeps[KEEPS_MAX];
	int ready; /* read end, -1 when none */
	int streams[STREAMS];
	struct line lines[STREAMS];
	int64_t due;
	int64_t since; /* when it entered its state */
	int64_t started;
	int64_t delay; /* that the next death will cause */
	uint64_t restarts;
	int last_status; /* of its last life, -1 before the first death */
	bool reload_due; /* SIGHUP came while it was starting */
	bool late;	 /* killed because it was not ready in time: counts as status 111 */
};

/* Prepare; makes the kept memory files. The listeners are the caller's to fill in, the daemon closes them. */
bool daemon_init(struct daemon *d, const struct daemon_spec *spec, struct error *e);
void daemon_release(struct daemon *d);

/* Make the daemon's directory, 0700, and put its files there, replacing those of an earlier sidecar. */
bool daemon_furnish(const struct daemon_spec *spec, struct error *e);

/* Start a life that has to be ready within ready_ms. On failure nothing runs. */
bool daemon_start(struct daemon *d, const struct secret_set *secrets, int64_t ready_ms, struct error *e);

/* The process is gone: remember how, close what belonged to that life, and set when the next is due. */
void daemon_died(struct daemon *d, int status);

/* Enter a state now. */
void daemon_enter(struct daemon *d, enum daemon_state state, int64_t due);

const char *daemon_state_name(enum daemon_state state);

#endif
