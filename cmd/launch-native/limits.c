#include "limits.h"

bool limits_check(const struct plan *p, struct error *e)
{
	static const struct {
		const char *name, *lacks;
	} refused[] = {
		{ "memory", "a cgroup v2 memory controller delegated to it" },
		{ "cpus", "a cgroup v2 cpu controller delegated to it" },
		{ "disk", "a quota of its own on the disk" },
	};
	int64_t wall = doc_get_int(p->limits, "wall"), pids = doc_get_int(p->limits, "pids");

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (doc_get(p->limits, refused[i].name))
			return error_set(e, STATUS_CALLER,
					 "the native backend cannot hold to 'limits.%s': it has not %s; leave the limit out or use "
					 "another backend",
					 refused[i].name, refused[i].lacks);
	if (doc_get(p->limits, "wall") && (wall < 1 || wall > LIMIT_WALL_MAX))
		return error_set(e, STATUS_CALLER, "'limits.wall' is not between 1 and %d seconds", LIMIT_WALL_MAX);
	if (doc_get(p->limits, "pids") && (pids < 1 || pids > 1 << 22))
		return error_set(e, STATUS_CALLER, "'limits.pids' is not between 1 and %d", 1 << 22);
	return true;
}

int64_t limits_wall(const struct plan *p)
{
	return doc_get_int(p->limits, "wall") * 1000;
}
