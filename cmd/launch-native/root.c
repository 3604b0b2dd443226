#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "ca.h"
#include "device.h"
#include "fd.h"
#include "place.h"
#include "proc.h"
#include "trees.h"

/* Where the root is put together: any directory that every system has; what it held stays hidden until it is left. */
#define STAGE "/tmp"

bool root_begin(struct error *e)
{
	static const char *const options[] = { "size=16m", "mode=0755", NULL };
	AUTO_FD stage = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return feature_missing(e, FEATURE_USER_NAMESPACES,
				       "unable to cut the bottle's mounts off from the host's");
	stage = tree_make("tmpfs", options, 0, FEATURE_TMPFS, e);
	if (stage < 0 || !tree_attach(stage, AT_FDCWD, STAGE, e))
		return false;
	if (chdir(STAGE) < 0)
		return error_sys(e, "unable to enter '%s'", STAGE);
	return place_dirs(AT_FDCWD, "lower", 0755, e) && place_dirs(AT_FDCWD, "base", 0755, e) &&
	       place_dirs(AT_FDCWD, "disk", 0755, e) && place_dirs(AT_FDCWD, "source", 0755, e) &&
	       place_dirs(AT_FDCWD, "root", 0755, e) && place_dirs(AT_FDCWD, "trust", 0755, e);
}

/* Directories that every root has; a root file system of the operator's brings its list of packages. */
static bool make_skeleton(int lower, const struct plan *p, bool with_base, struct error *e)
{
	static const char *const dirs[] = { "dev", "opt", "proc", "run", "tmp", "var/cache/apt/archives/partial",
					    "var/lib/apt/lists/partial", "var/lib/dpkg", "var/log", "var/tmp" };

	for (size_t i = 0; i < COUNT_OF(dirs); i++)
		if (!place_dirs(lower, dirs[i], 0755, e))
			return false;
	if (fchmodat(lower, "var/tmp", 01777, 0) < 0)
		return error_sys(e, "unable to open '/var/tmp' of the bottle for all");
	if (!with_base && !place_file(lower, "var/lib/dpkg/status", SLICE(""), 0644, e))
		return false;
	return place_file(lower, ROOT_MARKER, slice_str(p->identity), 0644, e) &&
	       place_link(lower, "var/run", "/run", e) && place_link(lower, "var/lock", "/run/lock", e) &&
	       place_dirs(lower, p->user_home, 0755, e) && place_dirs(lower, p->workdir, 0755, e) &&
	       (!p->workspace_target || place_dirs(lower, p->workspace_target, 0755, e));
}

/* What cargo is mounted on, links, and copies of programs. */
static bool make_mount_points(int lower, const struct cargo *cargo, struct error *e)
{
	for (size_t i = 0; i < cargo->n; i++) {
		const struct cargo_item *item = &cargo->items[i];
		bool ok = true;

		if (item->use == CARGO_LINK)
			ok = place_link(lower, item->target, item->source, e);
		else if (item->use == CARGO_MOUNT && item->directory)
			ok = place_dirs(lower, item->target, 0755, e);
		else if (item->use == CARGO_MOUNT)
			ok = place_file(lower, item->target, SLICE(""), 0644, e);
		else if (item->use == CARGO_PROGRAM)
			ok = place_copy_file(item->tree, lower, item->target, 0755, e);
		if (!ok)
			return false;
	}
	return true;
}

/* Everything that lies below the overlay and is the bottle's own. */
static bool make_lower(const struct plan *p, const struct cargo *cargo, struct error *e)
{
	AUTO_FD lower = open("lower", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (lower < 0)
		return error_sys(e, "unable to open the bottle's lower directory");
	return make_skeleton(lower, p, cargo_find(cargo, CARGO_BASE) != NULL, e) && etc_write(lower, p, e) &&
	       make_mount_points(lower, cargo, e);
}

/* One overlay of fixed names, so that no path of the host has to be quoted in its options. */
static bool overlay(const char *lower, const char *name, const char *target, struct error *e)
{
	AUTO_FREE char *lowerdir = alloc_format("lowerdir=%s", lower);
	AUTO_FREE char *upperdir = alloc_format("upperdir=%s/disk/%s", STAGE, name);
	AUTO_FREE char *workdir = alloc_format("workdir=%s/disk/%s-work", STAGE, name);
	AUTO_FREE char *upper = alloc_format("disk/%s", name);
	AUTO_FREE char *work = alloc_format("disk/%s-work", name);
	const char *const options[] = { lowerdir, upperdir, workdir, "userxattr", NULL };
	AUTO_FD tree = -1;

	if (!place_dirs(AT_FDCWD, upper, 0755, e) || !place_dirs(AT_FDCWD, work, 0700, e))
		return false;
	tree = tree_make("overlay", options, 0, FEATURE_OVERLAY, e);
	return tree >= 0 && tree_attach(tree, AT_FDCWD, target, e);
}

/* Attach an item's tree at a place of the stage. */
static bool stage(const struct cargo_item *item, const char *place, struct error *e)
{
	return !item || tree_attach(item->tree, AT_FDCWD, place, e);
}

/* The root's overlay. */
static bool mount_root(const struct cargo *cargo, struct error *e)
{
	const struct cargo_item *base = cargo_find(cargo, CARGO_BASE);

	return stage(cargo_find(cargo, CARGO_DISK), "disk", e) && stage(base, "base", e) &&
	       overlay(base ? STAGE "/lower:" STAGE "/base" : STAGE "/lower", "upper", "root", e);
}

/* The copy of the workspace: the host's directory is only ever read. */
static bool mount_workspace(const struct plan *p, const struct cargo *cargo, struct error *e)
{
	const struct cargo_item *workspace = cargo_find(cargo, CARGO_WORKSPACE);
	AUTO_FREE char *target = alloc_format("root%s", p->workspace_target ? p->workspace_target : "");

	if (!workspace)
		return true;
	if (!stage(workspace, "source", e) || !overlay(STAGE "/source", "workspace", target, e))
		return error_wrap(e, "the workspace '%s'", workspace->source);
	return true;
}

/* A memory file system. */
static bool mount_memory(const char *target, const char *size, struct error *e)
{
	AUTO_FREE char *size_option = alloc_format("size=%s", size);
	const char *const options[] = { size_option, "nr_inodes=" ROOT_TMP_FILES, "mode=1777", NULL };
	AUTO_FD tree = tree_make("tmpfs", options, 0, FEATURE_TMPFS, e);

	return tree >= 0 && tree_attach(tree, AT_FDCWD, target, e);
}

/*
 * Mount a directory of the skeleton read-only over what the overlay shows: nothing of a base, nothing that was written.
 */
static bool mount_own(const char *name, struct error *e)
{
	AUTO_FREE char *source = alloc_format("../lower/%s", name);
	AUTO_FD tree = tree_open(source, TREE_READ_ONLY, e);

	return tree >= 0 && tree_attach(tree, AT_FDCWD, name, e);
}

/* The directory of certificates: part of the stage, mounted read-only where the bundle is, left open here. */
static int mount_trust(const struct plan *p, struct error *e)
{
	AUTO_FREE char *target = alloc_copy(p->ca_bundle, (size_t)(strrchr(p->ca_bundle, '/') - p->ca_bundle));
	AUTO_FD trust = open("../trust", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD tree = trust < 0 ? -1 : tree_open("../trust", TREE_READ_ONLY | TREE_NO_EXEC, e);

	if (trust < 0)
		error_sys(e, "unable to open the directory of certificates");
	return tree >= 0 && tree_attach(tree, AT_FDCWD, target + 1, e) ? fd_steal(&trust) : -1;
}

bool root_trust(int trust, const struct plan *p, struct slice ca, struct slice bundle, struct error *e)
{
	char name[CA_LINK_NAME_SIZE];

	return place_file(trust, strrchr(p->ca_bundle, '/'), bundle, 0644, e) &&
	       place_file(trust, ROOT_TRUST_CA, ca, 0644, e) &&
	       (!ca.len || (ca_link_name(ca, name, e) && place_link(trust, name, ROOT_TRUST_CA, e)));
}

/* Enter the overlay and mount what comes over it. */
static bool furnish(const struct plan *p, const struct cargo *cargo, int *trust, struct error *e)
{
	if (chdir("root") < 0)
		return error_sys(e, "unable to enter the bottle's root");
	if (!mount_own("etc", e) || !mount_own("opt", e))
		return false;
	for (size_t i = 0; i < cargo->n; i++) {
		const struct cargo_item *item = &cargo->items[i];

		if (item->use == CARGO_MOUNT && !tree_attach(item->tree, AT_FDCWD, item->target + 1, e))
			return false;
	}
	*trust = mount_trust(p, e);
	if (*trust < 0)
		return false;
	return proc_mount("proc", e) && device_mount("dev", cargo, e) &&
	       mount_memory("dev/shm", ROOT_SHM_SIZE, e) && mount_memory("tmp", ROOT_TMP_SIZE, e) &&
	       mount_memory("run", ROOT_RUN_SIZE, e);
}

/* Make the built tree the root and forget the other one. */
static bool leave_host(struct error *e)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys(e, "unable to leave the host's file system");
	return true;
}

bool root_enter(const struct plan *p, const struct cargo *cargo, int *trust, struct error *e)
{
	return make_lower(p, cargo, e) && mount_root(cargo, e) && mount_workspace(p, cargo, e) &&
	       furnish(p, cargo, trust, e) && leave_host(e);
}
