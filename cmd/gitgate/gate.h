/*
 * The gate as a whole: which processes there are, and what they share.
 *
 *	main      accepts connections and starts a steward for each. It holds the
 *	          tokens for https remotes; private keys are in an ssh-agent of its
 *	          own, whose socket only stewards use. It reads no byte of a client's.
 *	steward   one for each connection. Straight-line code that does what takes
 *	          power: refreshes mirrors, runs git, has pushes judged, forwards them.
 *	          It reads short messages of fixed form, no byte of a client's.
 *	door      one for each connection. Reads the request, and over HTTP the bodies;
 *	          no files, no sockets but the connection, no programs.
 *	git       in a jail (jail-linux.h): upload-pack on the mirror, which it can read
 *	          only; receive-pack on a repository made for this one push.
 *	hook      in the same jail: hands the pushed refs to the steward, shows what it
 *	          says to the client.
 *	judge     one for each push: reads the objects and the rules, writes a verdict.
 *	unpack    where gitleaks is asked as well, which runs in the jail: lays out the objects for it.
 *	git, ssh  outside of the jail, for the remote: started by stewards, with a clean
 *	          environment.
 *
 * Everything is below one directory, the working directory of all of them, so
 * that paths are short and the same for everyone:
 *
 *	repos/NAME.git    mirror of a remote: written by stewards only
 *	repos/NAME.lock   flock(2)ed for changing it; when it was last refreshed
 *	approved/NAME     suppressed findings that a person let pass: see approval.h
 *	ssh/              configuration of ssh, public keys, the agent's socket
 *	push/N/           what one push brings: written by jailed git
 *	judged/N/         its objects, taken out of reach of the jailed git before they
 *	                  are looked at: what is judged is what is forwarded
 */
#ifndef BB_GITGATE_GATE_H
#define BB_GITGATE_GATE_H

#include <sys/types.h>

#include "secret.h"
#include "settings.h"

struct gate {
	struct settings settings;
	struct secret_set secrets; /* tokens, once keys_start has been called */
	struct buf known;          /* all values that were handed over, as fingerprints: what may not be pushed */
	char *self;                /* path of this program */
	char *gitleaks;            /* path of gitleaks, or NULL: it is not asked */
	pid_t agent;               /* ssh-agent, or 0 */
};

/* Of the daemon as a whole; argv as main got it. Returns the exit status. */
int serve_main(int argc, char **argv);

#endif
