#include "rootfs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"

bool rootfs_find(const char *home, char **dir, struct error *e)
{
	const char *name = getenv("BOT_BOTTLE_ROOTFS");
	char real[PATH_MAX];
	struct stat st;

	(void)home;
	*dir = NULL;
	if (!name || !*name)
		return true;
	if (!realpath(name, real) || stat(real, &st) < 0)
		return error_sys(e, "unable to find the root file system '%s' of BOT_BOTTLE_ROOTFS", name);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, STATUS_CALLER, "the root file system '%s' of BOT_BOTTLE_ROOTFS is not a directory; unpack an archive first",
				 name);
	*dir = alloc_copy(real, strlen(real));
	return true;
}
