/*
 * Asking the sidecar of a bottle for a reload, and being told what came of it.
 *
 * The sidecar listens on RELOAD_SOCKET in its directory. A connection of its own
 * user makes it send HUP to the daemons that take it; what they then report comes
 * back as lines until the asking side closes:
 *
 *	{"kind":"reload","v":1,"daemon":"egress","event":"reload","ok":true,"sha256":"HEX"}
 *
 * sha256 is that of the routes file which the daemon has read, so who knows the
 * file's bytes can tell the confirmation of them from one of an earlier file. The
 * report of a daemon's start counts as well: it has read the file then.
 */
#ifndef BB_RELOAD_H
#define BB_RELOAD_H

#include "document.h"

#define RELOAD_SOCKET	   "reload.sock"
#define RELOAD_PATIENCE_MS 15000      /* a daemon that has died is started again, and answers, within it */
#define RELOAD_REPORT_MAX  (16 << 10) /* bytes of one report */

/*
 * Ask the sidecar whose directory this is, and wait for the report about a file
 * with this digest (NULL: for the first report). True when it is in force. STATUS_NO,
 * with the daemon's reason, when that file was refused; STATUS_WORLD when there is
 * no sidecar or it does not confirm in time. report, if not NULL, gets the line that
 * decided. Blocks; changes the working directory while it connects.
 */
bool reload_ask(const char *dir, const char *sha256, struct buf *report, struct error *e);

#endif
