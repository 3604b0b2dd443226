#include "harden.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "namespaces.h"
#include "sabotage.h"

/* Lower a limit, soft and hard, to at most max. */
static bool lower(int resource, rlim_t max, const char *what, struct error *e)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
		return error_sys(e, "unable to read the limit of %s", what);
	if (r.rlim_max > max)
		r.rlim_max = max;
	r.rlim_cur = r.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &r) < 0)
		return error_sys(e, "unable to limit %s", what);
	return true;
}

/* Stage "limits". */
static bool set_limits(const struct plan *p, struct error *e)
{
	int64_t pids = doc_get_int(p->limits, "pids");

	if (pids < 0)
		return error_set(e, STATUS_CALLER, "the limit of processes is negative");
	return lower(RLIMIT_CORE, 0, "core files", e) &&
	       lower(RLIMIT_NPROC, pids ? (rlim_t)pids + 1 : LIMIT_PROCESSES, "processes",
		     e) && /* one is the first process */
	       lower(RLIMIT_NOFILE, LIMIT_DESCRIPTORS, "descriptors", e) &&
	       lower(RLIMIT_MEMLOCK, LIMIT_LOCKED, "locked memory", e);
}

/* Stage "capabilities", first half: what could be had later. */
static bool empty_bounds(struct error *e)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return error_sys(e, "unable to give up capability %d", cap);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_sys(e, "unable to clear the ambient capabilities");
	return true;
}

/* Stage "capabilities", second half: what is held. */
static bool drop_capabilities(struct error *e)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (syscall(SYS_capset, &head, none) < 0)
		return error_sys(e, "unable to give up capabilities");
	return true;
}

bool harden(const struct plan *p, struct filter *filter, struct error *e)
{
	if ((!sabotaged("limits") && !set_limits(p, e)) || (!sabotaged("clocks") && !namespaces_reset_clocks(e)))
		return false;
	if (!sabotaged("privileges") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_sys(e, "unable to become undumpable");
	if (!sabotaged("seccomp") && !filter_load(filter, e))
		return false;
	return sabotaged("capabilities") || (empty_bounds(e) && drop_capabilities(e));
}
