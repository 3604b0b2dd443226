/*
 * The plan as the launcher sees it: checked once, then read without doubt.
 *
 * All pointers are views of the document, which the struct owns.
 */
#ifndef BB_LAUNCH_PLAN_H
#define BB_LAUNCH_PLAN_H

#include "document.h"

#define PLAN_LISTENERS_MAX 12 /* sockets of all services together: they travel in one message */
#define PLAN_COPIES_MAX 64    /* skills and other directories taken along */
#define PLAN_KEYS_MAX 64      /* keys that forges make: one for each remote (REPOS_MAX of the git gate) */
#define PLAN_PROGRAMS_MAX 16  /* programs of the host that a provider needs */

struct plan {
	struct doc *doc;
	const char *identity, *home;
	const char *hostname, *user, *user_home, *workdir;
	unsigned uid, gid;             /* inside */
	const char *workspace_source;  /* NULL: no workspace */
	const char *workspace_target;
	const char *ca_file, *ca_bundle;
	bool tty;
	const struct doc *bottle, *sidecar, *secrets, *deploy_keys, *probe, *limits;
};

#define AUTO_PLAN __attribute__((cleanup(plan_release))) struct plan

/* Read the plan document from a descriptor and check all that a launch relies on. Blocks. */
bool plan_read(int fd, struct plan *p, struct error *e);
void plan_release(struct plan *p);

/* One listener of the sidecar's daemons, in the order of the document. */
struct plan_listener {
	const char *name;
	int port;
};

/* List all of them; returns their number, at most PLAN_LISTENERS_MAX (plan_read has checked). */
size_t plan_listeners(const struct plan *p, struct plan_listener list[PLAN_LISTENERS_MAX]);

/* Does a daemon of this name run in the sidecar? */
bool plan_has_daemon(const struct plan *p, const char *name);

#endif
