/*
 * The door: reads what a client sends before git does.
 *
 * A process of its own without files, programs or sockets of its making. It has
 * two descriptors: the connection, and a pair with its steward. For each request
 * it sends the steward one struct ask and gets one struct answer; after a yes,
 * over HTTP, also a socket to git, whose bytes it passes on in both directions.
 * Over git:// it ends after a yes: git gets the connection itself, of which the
 * door has read the request and not a byte more.
 */
#ifndef BB_GITGATE_DOOR_H
#define BB_GITGATE_DOOR_H

#include "limits.h"
#include "pktline.h"

struct ask {
	uint8_t service, phase, version;
	char repo[GIT_REPO_NAME_MAX + 1]; /* with its NUL */
};

struct answer {
	bool yes;
	char why[REPLY_MAX]; /* for the client, printable, with its NUL */
};

enum { DOOR_CLIENT = 3, DOOR_STEWARD = 4 }; /* its descriptors */

/* The verb: door git|http. Returns the exit status. */
int door_main(int argc, char **argv);

#endif
