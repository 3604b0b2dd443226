#include "device.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "place.h"
#include "sabotage.h"
#include "trees.h"

/* The host's devices, each mounted on an empty file. */
static bool attach_devices(int dev, const struct cargo *cargo, struct error *e)
{
	for (size_t i = 0; i < cargo->n; i++) {
		const struct cargo_item *item = &cargo->items[i];

		if (item->use != CARGO_DEVICE)
			continue;
		if (!place_file(dev, item->target, SLICE(""), 0666, e) ||
		    !tree_attach(item->tree, dev, item->target, e))
			return false;
	}
	return true;
}

/* Names that programs expect. */
static bool make_links(int dev, struct error *e)
{
	return place_link(dev, "fd", "/proc/self/fd", e) && place_link(dev, "stdin", "/proc/self/fd/0", e) &&
	       place_link(dev, "stdout", "/proc/self/fd/1", e) && place_link(dev, "stderr", "/proc/self/fd/2", e) &&
	       place_link(dev, "ptmx", "pts/ptmx", e);
}

bool device_mount(const char *path, const struct cargo *cargo, struct error *e)
{
	static const char *const dev_options[] = { "size=64k", "mode=0755", NULL };
	static const char *const pts_options[] = { "newinstance", "ptmxmode=0666", "mode=0620", NULL };
	AUTO_FD tree = tree_make("tmpfs", dev_options, TREE_NO_EXEC, FEATURE_TMPFS, e);
	AUTO_FD pts = -1;
	AUTO_FD dev = -1;

	if (tree < 0 || !tree_attach(tree, AT_FDCWD, path, e))
		return false;
	dev = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return error_sys(e, "unable to open the bottle's '/dev'");
	if (sabotaged("devices")) {
		AUTO_FD extra = tree_open("/dev/autofs", TREE_DEVICE, e);

		if (extra < 0 || !place_file(dev, "extra", SLICE(""), 0666, e) || !tree_attach(extra, dev, "extra", e))
			return false;
	}
	pts = tree_make("devpts", pts_options, TREE_DEVICE | TREE_NO_EXEC, FEATURE_DEVPTS, e);
	return pts >= 0 && place_dirs(dev, "pts", 0755, e) && place_dirs(dev, "shm", 0755, e) && make_links(dev, e) &&
	       tree_attach(pts, dev, "pts", e) && attach_devices(dev, cargo, e);
}

bool device_terminal(int *master, int *slave, struct error *e)
{
	AUTO_FD m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	AUTO_FD s = -1;
	int unlocked = 0;

	if (m < 0 || ioctl(m, TIOCSPTLCK, &unlocked) < 0)
		return feature_missing(e, FEATURE_DEVPTS, "unable to make a terminal in the bottle");
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s < 0)
		return feature_missing(e, FEATURE_DEVPTS, "unable to open a terminal in the bottle");
	*master = fd_steal(&m);
	*slave = fd_steal(&s);
	return true;
}
