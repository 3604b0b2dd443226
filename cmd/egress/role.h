/*
 * What the processes of bb-egress have in common: how each learns its
 * descriptors, how it confines itself, and how it ends when its peers are gone
 * or lie.
 *
 * A role is this same program run again (so that it has an address space of its
 * own making) with the role's name as first operand and descriptors in its
 * options; nothing else is handed over and its environment is empty.
 */
#ifndef BB_EGRESS_ROLE_H
#define BB_EGRESS_ROLE_H

#include "channel.h"
#include "confine.h"
#include "limits.h"

enum log_level { LEVEL_OFF, LEVEL_BLOCKS, LEVEL_FULL };

struct role_options {
	int control;                  /* to main */
	int peers[WORKERS_MAX];       /* signer: the fronts; front: its upstream; upstream: its front */
	size_t n_peers;
	int signer;                   /* front */
	int store;                    /* signer: the CA's store */
	int secrets;                  /* upstream */
	int rules, phrases;           /* front: the files of token rules and of phrases */
	int spread;                   /* front: memory that all of them share, for spread.h */
	int listeners[LISTENERS_MAX]; /* front */
	size_t n_listeners;
	int worker;                   /* number of the pair */
	enum log_level level;
	const char *trust;            /* upstream: certificates to trust instead of the system's */
	const char *proxy;            /* upstream: another one on the way, see proxy.h */
	int proxy_password;           /* upstream: its password, or -1 */
	int asker;                    /* front: whoever is refused can ask the operator; -1: nobody is there */
	const char *queue, *bottle;   /* asker: directory of the questions; identity of the bottle */
	int permits;                  /* asker: file of what was approved, or -1 */
	int ask_seconds;              /* asker: that a request is held */
};

/* Users that a role becomes when it starts as root: numbers that no system assigns. */
enum { UID_SIGNER = 65521, UID_FRONT = 65522, UID_UPSTREAM = 65523 };

/* Parse a role's options; ends the process when they are wrong. */
void role_start(const char *name, int argc, char **argv, struct role_options *o);

/* The roles; argv[0] is the role's name. Return the exit status. */
int signer_main(int argc, char **argv);
int front_main(int argc, char **argv);
int asker_main(int argc, char **argv);
int upstream_main(int argc, char **argv);

/* The status of a role that ends because a peer is gone: the end of that one is what there is to report. */
enum { STATUS_BEREFT = 2 };

/* End because a peer process is gone (silently: main says what there is to say) or broke the rules of a channel. */
void role_peer_gone(void) __attribute__((noreturn));
void role_peer_broke(const char *peer, const char *what) __attribute__((noreturn));

/* When to let go of what traffic has left behind: at, or 0; even while there is traffic no later than latest. */
struct trim {
	int64_t at, latest;
};

/*
 * Is it time? Call it after each round of the loop, with busy when something
 * happened in it; when it is, close what is not needed and call role_trim. Have the
 * loop wait no longer than at.
 */
bool role_trim_due(struct trim *t, int64_t now, bool busy);
/* Give free memory back to the kernel. */
void role_trim(void);

/* Send all that is queued, waiting as long as it takes. The descriptor may be non-blocking. */
void role_send(struct channel *c);
/* Receive one message, waiting for it. */
void role_receive(struct channel *c, struct message *m, const char *peer);

/* poll(2), for the two above. */
extern const struct confine_call role_calls[];

/* "off", "blocks", "full". */
bool log_level_parse(const char *text, enum log_level *level, struct error *e);
extern const char *const log_level_names[];

#endif
