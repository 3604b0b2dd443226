/*
 * The bottle's root file system, put together by its first process and then
 * entered for good.
 *
 *	/            overlay: skeleton and fresh /etc (memory) below, state/ID/overlay/upper above
 *	/usr …       the host's, read-only; or everything from an unpacked root file system
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

/*
 * The certificates, which are known only when the proxy has started: files in memory, mounted read-only in the
 * bottle's /etc, that are filled through these descriptors.
 */
struct root_trust {
	int ca, bundle; /* -1 until root_enter; the caller closes them */
};

/* Cut the mount namespace off, make the place where the root is built. */
bool root_begin(struct error *e);
/* Build the root from opened cargo, mount everything, leave the host's tree. The process is then in "/". */
bool root_enter(const struct plan *p, const struct cargo *cargo, struct root_trust *trust, struct error *e);

#endif
