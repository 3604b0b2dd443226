/*
 * The bottle's root file system, put together by its first process and then
 * entered for good.
 *
 *	/            overlay: skeleton and fresh /etc (memory) below, state/ID/overlay/upper above
 *	/usr …       the host's, read-only; or those of another root file system, which is then below the skeleton
 *	/opt/NAME    programs of the host from elsewhere, read-only
 *	/etc         the bottle's own, read-only
 *	/proc        of the bottle's own pid namespace; what tells of the host is covered
 *	/dev         six devices, pseudo-terminals and shared memory of its own
 *	/tmp /run    memory
 *	WORKSPACE    overlay: the host's directory below, state/ID/overlay/workspace above
 *
 * Nothing is set-id, nothing but /dev has devices, and after root_enter the
 * host's tree cannot be named any more.
 *
 * Sources: mount_namespaces(7), pivot_root(2), Documentation/filesystems/overlayfs.rst.
 */
#ifndef BB_LAUNCH_ROOT_H
#define BB_LAUNCH_ROOT_H

#include "cargo.h"
#include "etc.h"

/* Bytes of the memory file systems: they count against the host's memory. */
#define ROOT_TMP_SIZE "1g"
#define ROOT_RUN_SIZE "64m"
#define ROOT_SHM_SIZE "256m"
#define ROOT_TMP_FILES "262144" /* inodes of each */

/* A file that tells a program where it is. Its mode lets the agent write it; only Landlock does not. */
#define ROOT_MARKER "/.bottle"

/* The CA's name in the directory of certificates. */
#define ROOT_TRUST_CA "bot-bottle.pem"

/* Cut the mount namespace off, make the place where the root is built. */
bool root_begin(struct error *e);
/*
 * Build the root from opened cargo, mount everything, leave the host's tree. The process is then in "/".
 * The certificates are known only when the proxy has started. *trust is their directory, by a way on which it can be
 * written; in the bottle it is read-only. The caller fills it with root_trust and closes it.
 */
bool root_enter(const struct plan *p, const struct cargo *cargo, int *trust, struct error *e);
/* Write the bundle and, if there is one, the CA, also under the name that OpenSSL looks for. */
bool root_trust(int trust, const struct plan *p, struct slice ca, struct slice bundle, struct error *e);

#endif
