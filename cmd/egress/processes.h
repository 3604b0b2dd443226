/*
 * The processes of bb-egress as main sees them: started once, told about routes,
 * watched. When one ends, all do.
 */
#ifndef BB_EGRESS_PROCESSES_H
#define BB_EGRESS_PROCESSES_H

#include <sys/types.h>

#include "channel.h"
#include "settings.h"

struct process {
	const char *role;
	pid_t pid;
	struct channel control;
	bool answered;      /* about the newest routes */
	struct buf refused; /* why they are not in force; empty when they are */
	struct buf missing; /* names of the credentials it lacks for them, one a line */
};

struct processes {
	/* signer, then upstreams, then fronts: the order in which routes are given; asker */
	struct process list[2 + 2 * WORKERS_MAX];
	size_t count;
};

/* Start all of them; blocks until each runs. The descriptors that only they need are closed here. */
bool processes_start(struct processes *p, struct settings *s, struct error *e);

/* Wait for the signer alone, which has the CA's certificate long before the fronts have their rules. */
bool processes_authority(struct processes *p, struct buf *pem, struct error *e);

/* Wait until each of the others has confined itself. */
bool processes_ready(struct processes *p, struct error *e);

/*
 * Give routes to upstreams and then to fronts, each time waiting until they are
 * in force: what the front lets through, the upstream already knows. The text of
 * every ca_file is read for it. Until all ca_files are read nothing is given.
 * missing gets the names of credentials that are not there.
 */
bool processes_give(struct processes *p, const struct settings *s, const struct doc *routes, struct buf *missing,
		    struct error *e);

/* Write what a process has to say to the log. False, with what is known about it, when it has ended. */
bool process_listen(const struct processes *p, struct process *one, struct error *e);

#endif
