#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "feature.h"

/* Rights newer than the oldest header that this is built with. */
#define RIGHT_REFER (1ull << 13)     /* version 2 */
#define RIGHT_TRUNCATE (1ull << 14)  /* version 3 */
#define RIGHT_IOCTL_DEV (1ull << 15) /* version 5 */
#define SCOPES 3ull                  /* version 6: abstract sockets, signals */

/* Everything that changes something. */
#define RIGHTS_CHANGE \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | RIGHT_REFER | RIGHT_TRUNCATE)
/* Nobody gets these. */
#define RIGHTS_DEVICES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
/* Using a device that is there. */
#define RIGHTS_USE (LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE | RIGHT_IOCTL_DEV)

/* Version 6 of the structure; older kernels take its front. */
struct ruleset {
	uint64_t files, net, scopes;
};

int landlock_version(void)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? version : 0;
}

/* What this version can restrict. */
static struct ruleset ruleset_of(int version)
{
	struct ruleset r = { RIGHTS_CHANGE | RIGHTS_DEVICES | RIGHT_IOCTL_DEV, 0, version >= 6 ? SCOPES : 0 };

	if (version < 2)
		r.files &= ~RIGHT_REFER;
	if (version < 3)
		r.files &= ~RIGHT_TRUNCATE;
	if (version < 5)
		r.files &= ~RIGHT_IOCTL_DEV;
	return r;
}

/* How much of the structure this version knows. */
static size_t ruleset_size(int version)
{
	return version >= 6 ? sizeof(struct ruleset) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

/* Allow rights beneath a path. */
static bool allow(int ruleset, const char *path, uint64_t rights, struct error *e)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };

	if (fd < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_sys(e, "unable to permit writing '%s' in the bottle", path);
	return true;
}

int landlock_ruleset(const struct plan *p, struct error *e)
{
	static const char *const writable[] = { "/tmp", "/run", "/var", "/dev/shm" };
	int version = landlock_version();
	struct ruleset r = ruleset_of(version);
	uint64_t change = RIGHTS_CHANGE & r.files;
	AUTO_FD ruleset = version < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &r, ruleset_size(version), 0);

	if (ruleset < 0) {
		feature_missing(e, FEATURE_LANDLOCK, "unable to restrict what the agent writes");
		return -1;
	}
	for (size_t i = 0; i < COUNT_OF(writable); i++)
		if (!allow(ruleset, writable[i], change, e))
			return -1;
	if (!allow(ruleset, p->user_home, change, e) || !allow(ruleset, p->workdir, change, e) ||
	    !allow(ruleset, "/dev", RIGHTS_USE & r.files, e))
		return -1;
	return fd_steal(&ruleset);
}
