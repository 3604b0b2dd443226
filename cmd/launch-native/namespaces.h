/*
 * The namespaces of a bottle: made in one call, so that at no time is a process
 * half inside.
 *
 * The agent's user inside is one user outside: the one who starts the bottle or,
 * for root, an id that belongs to no one. No other id exists inside; root does not.
 *
 * Sources: clone(2), user_namespaces(7), time_namespaces(7), lo: netdevice(7).
 */
#ifndef BB_LAUNCH_NAMESPACES_H
#define BB_LAUNCH_NAMESPACES_H

#include <sys/types.h>

#include "error.h"

/*
 * Who root's bottles are outside: one id at the top of the range that is kept for
 * containers (524288 to 1879048191, systemd's UIDS-GIDS), so that it owns nothing.
 * Where root has been given fewer ids (in a rootless container), the other one.
 */
#define ROOTS_BOTTLE_ID 1879048100u
#define ROOTS_BOTTLE_ID_NESTED 65432u

struct ids {
	bool root;         /* the launcher is root, with other ids to give */
	unsigned uid, gid; /* inside */
	unsigned outside_uid, outside_gid;
};

/* Who the agent is, for this launcher, when it is uid:gid inside. */
struct ids ids_for(unsigned uid, unsigned gid);

/*
 * fork(2) into new user, mount, pid, net, ipc, uts and cgroup namespaces, and
 * into the control group that is open as group, if any (-1: none). The child waits until its ids are mapped
 * (namespaces_map by the parent) and must then call namespaces_enter. Returns -1 with an error.
 */
pid_t namespaces_fork(int group, struct error *e);

/* Outside: map the child's ids; setgroups(2) is denied in there for good. */
bool namespaces_map(pid_t child, const struct ids *ids, struct error *e);

/*
 * Inside, once mapped: become the agent's user (keeping the namespace's capabilities), set the host's name, raise lo.
 */
bool namespaces_enter(const struct ids *ids, const char *hostname, struct error *e);

/* Inside: let the clocks of what is started from now on begin near zero, so that they do not tell the host's age. */
bool namespaces_reset_clocks(struct error *e);

/* Inside: a listening TCP socket on 127.0.0.1. Returns -1 with an error. */
int namespaces_listen(int port, struct error *e);

#endif
