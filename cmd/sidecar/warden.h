/*
 * The warden: starts all daemons, keeps them running, passes signals and output
 * on, and ends when it is told to.
 *
 * Until every daemon has been ready once, a daemon that ends, cannot be run or
 * is late ends the whole start: whoever started the sidecar learns at once and
 * nothing runs half. From then on a daemon that dies is started again for as
 * long as the sidecar lives; while it is down, its listeners stay here.
 *
 * TERM and INT, or the end of the lifeline, end everything: TERM to the daemons,
 * KILL to what is left of them after the grace. HUP goes to the ready daemons
 * that want it; one that is starting gets it when it is ready. So does a request of
 * a peer, who is told what the daemons report of it.
 *
 * Events are reported on standard output as lines of JSON, prefixed "[sidecar] "
 * and with an "event": start, ready, died, late, refusing, reload, stop, kill;
 * those that the operator should see also on standard error in words.
 *
 * With an audit log, these events and what the daemons write on standard output
 * are recorded there, once for each turn of the loop. While that cannot be done
 * (a full disk) the daemons are not read, so that they wait; it is tried again
 * each second.
 */
#ifndef BB_SIDECAR_WARDEN_H
#define BB_SIDECAR_WARDEN_H

#include "daemon.h"

struct warden_options {
	int64_t grace_ms; /* from TERM to KILL */
	int64_t ready_ms; /* for a daemon to become ready */
	/* gets what daemons say before they are ready, one newline when all are, then is closed; -1: none */
	int ready;
	int lifeline;	  /* its end of file is our end; -1: none */
	int health;	  /* listening socket of health.h */
	struct peers *peers; /* those who ask for a reload: listening */
	struct audit *audit; /* where decisions are recorded; NULL: nowhere */
};

/* Block the signals that the warden reads. Before the first thread, child or secret. */
bool warden_block_signals(struct error *e);

/*
 * Run the daemons to their end. Returns the exit status: the largest of the
 * daemons' last ones, a death by our own TERM counting as 0; or of our own when
 * the start failed. An error that ends the warden itself is set, and 111 returned.
 */
int warden_run(struct daemon *daemons, size_t count, const struct secret_set *secrets,
	       const struct warden_options *options, struct error *e);

#endif
