#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "place.h"
#include "sabotage.h"
#include "trees.h"

static const char *const covered[] = {
	"acpi",          "asound",        "bootconfig",    "buddyinfo",     "bus",           "cmdline",
	"config.gz",     "consoles",      "crypto",        "device-tree",   "devices",       "diskstats",
	"dma",           "driver",        "dynamic_debug", "execdomains",   "fb",            "fs",
	"interrupts",    "iomem",         "ioports",       "irq",           "kallsyms",      "kcore",
	"key-users",     "keys",          "kmsg",          "kpagecgroup",   "kpagecount",    "kpageflags",
	"latency_stats", "locks",         "mdstat",        "misc",          "modules",       "mtrr",
	"pagetypeinfo",  "partitions",    "pressure",      "sched_debug",   "schedstat",     "scsi",
	"slabinfo",      "softirqs",      "swaps",         "sysrq-trigger", "sysvipc",       "timer_list",
	"timer_stats",   "tty",           "vmallocinfo",   "zoneinfo",
};

/* Cover one entry with an empty file or directory that stands in the stage's cover/. */
static bool cover(const char *path, struct error *e)
{
	AUTO_FD empty = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? true : error_sys(e, "unable to look at '%s' of the bottle", path);
	if (S_ISLNK(st.st_mode))
		return true;
	empty = tree_open(S_ISDIR(st.st_mode) ? "../cover/directory" : "../cover/file", TREE_READ_ONLY | TREE_NO_EXEC,
			  e);
	return empty >= 0 && tree_attach(empty, AT_FDCWD, path, e);
}

/* Make a part of it read-only by mounting it over itself. */
static bool freeze(const char *path, struct error *e)
{
	AUTO_FD tree = tree_open(path, TREE_RECURSIVE | TREE_READ_ONLY | TREE_NO_EXEC, e);

	return tree >= 0 && tree_attach(tree, AT_FDCWD, path, e);
}

bool proc_mount(const char *path, struct error *e)
{
	static const char *const options[] = { NULL };
	AUTO_FREE char *sys = alloc_format("%s/sys", path);
	AUTO_FD proc = tree_make("proc", options, TREE_NO_EXEC, FEATURE_PROC, e);

	if (proc < 0 || !tree_attach(proc, AT_FDCWD, path, e))
		return false;
	if (sabotaged("proc"))
		return true;
	if (!freeze(sys, e))
		return false;
	if (!place_dirs(AT_FDCWD, "../cover/directory", 0555, e) ||
	    !place_file(AT_FDCWD, "../cover/file", SLICE(""), 0444, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(covered); i++) {
		AUTO_FREE char *entry = alloc_format("%s/%s", path, covered[i]);

		if (!cover(entry, e))
			return false;
	}
	return true;
}
