/*
 * Running git: always with the same clean environment and explicit directories,
 * never with anything of the operator's or of a repository's own.
 *
 * No system or user configuration, no prompts, no attributes of the system, no
 * replace refs, no protocol but the remote's. What configuration there is is on
 * the command line or in the files that mirror.c and push.c write.
 *
 * All of it blocks.
 */
#ifndef BB_GITGATE_GIT_H
#define BB_GITGATE_GIT_H

#include <sys/types.h>

#include "gate.h"
#include "spawn.h"

#define GIT_ARGS_MAX (3 * 256 + 128) /* arguments of one call: three for each ref of the largest push, and options */

struct git_call {
	const char *dir;           /* GIT_DIR, relative to the gate's directory; NULL: none */
	const char *objects;       /* another object directory to read from; NULL: none */
	const struct repo *remote; /* may be reached; NULL: no network is needed */
	const char *args[GIT_ARGS_MAX]; /* after "git" */
	size_t n_args;
	/* In the jail, if either is set: */
	const char *read, *write;  /* directories */
	unsigned protocol;         /* version of git's protocol; 0: the first */
	struct spawn_fd fds[4];    /* descriptors to pass; at most four */
	size_t n_fds;
	const char *control;       /* number of the descriptor that hooks find in BOT_BOTTLE_GATE; NULL: none */
};

void git_arg(struct git_call *c, const char *arg);

/* Start it, a session of its own that dies with us. Returns its pid, or -1. */
pid_t git_start(const struct gate *g, const struct git_call *c, struct error *e);

/*
 * Run it to its end, at most seconds, with what it says: standard output in out
 * (when not NULL), standard error in said, both cut at SAID_MAX. Returns the exit
 * status, 124 when the time was up, -1 with an error when it could not be run.
 */
#define GIT_LATE 124
int git_run(const struct gate *g, const struct git_call *c, int seconds, struct buf *out, struct buf *said,
	    struct error *e);

/* Append what matters of what git or ssh said, on one line, escaped. */
void git_explain(struct slice said, struct buf *out);

/* The verb: credential --secrets FD --token NAME --user NAME --host HOST get. Returns the exit status. */
int credential_main(int argc, char **argv);

#endif
