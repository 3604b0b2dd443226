#include "limits.h"

bool limits_check(const struct plan *p, struct error *e)
{
	int64_t wall = doc_get_int(p->limits, "wall"), pids = doc_get_int(p->limits, "pids");

	if (doc_get(p->limits, "disk"))
		return error_set(e, STATUS_CALLER,
				 "the native backend cannot hold to 'limits.disk': an ordinary user can give nobody a "
				 "quota; leave it "
				 "out and keep BOT_BOTTLE_HOME on a file system of its own, or use another backend");
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
