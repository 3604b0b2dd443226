#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

#define MOUNT_POINT "/sys/fs/cgroup"
#define PREFIX "bot-bottle-"
#define HOST PREFIX "host"
#define NOTE "cgroup"       /* file of the state: the path of the bottle's group */
#define TEXT_MAX 65536      /* bytes of one of the kernel's files */
#define PERIOD_US 100000    /* of cpu.max; the kernel's own */
#define QUOTA_MIN_US 1000   /* the least that the kernel takes */

/* A refusal: what is missing and what to do. */
static bool refuse(struct error *e, const char *what)
{
	return error_set(e, STATUS_WORLD,
			 "%s: memory and processors can be limited in a delegated control group (version 2) only; %s",
			 what,
			 CGROUP_REMEDY);
}

/* Read one of a group's files. */
static bool read_file(int group, const char *name, struct buf *text, struct error *e)
{
	AUTO_FD fd = openat(group, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(e, "unable to open '%s' of a control group", name);
	return fd_read_all(fd, TEXT_MAX, name, text, e);
}

/* Write one of a group's files. Returns false with errno. */
static bool write_file(int group, const char *name, const char *text)
{
	AUTO_FD fd = openat(group, name, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* The path of our group below the mount point; of the one above, if we were moved. NULL on error. */
static char *own_path(struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!file_read("/proc/self/cgroup", TEXT_MAX, &text, e))
		return NULL;
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		size_t host = strlen("/" HOST);

		if (!slice_starts(line, SLICE("0::/")) || slice_search(line, SLICE("/..")) != SLICE_NONE)
			continue;
		line = slice_sub(line, strlen("0::"), line.len);
		if (line.len >= host && slice_eq(slice_sub(line, line.len - host, line.len), SLICE("/" HOST)))
			line = slice_sub(line, 0, line.len - host);
		return alloc_format("%s%.*s", MOUNT_POINT, SLICE_ARG(line));
	}
	refuse(e, "this process is in no control group of version 2");
	return NULL;
}

/* Is the word one of those in a file of a group? */
static bool lists(struct slice words, const char *word)
{
	while (words.len)
		if (slice_eq(slice_trim(slice_cut(&words, ' '), "\n"), slice_str(word)))
			return true;
	return false;
}

/* Open the group that the bottle's would be made in. Returns -1 with an error when it is not ours to divide. */
static int open_here(const char *path, struct error *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *what = NULL;
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		refuse(e, "there are no control groups of version 2 at '" MOUNT_POINT "'");
		return -1;
	}
	if (faccessat(fd, ".", W_OK, AT_EACCESS) == 0 && faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
	    faccessat(fd, "cgroup.subtree_control", W_OK, AT_EACCESS) == 0)
		return fd_steal(&fd);
	what = alloc_format("the control group '%s' is not delegated to this user", path);
	refuse(e, what);
	return -1;
}

/* The group has to offer a controller. */
static bool require(int here, const char *controller, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_FREE char *what = alloc_format("the controller '%s' is not delegated to this user", controller);

	return read_file(here, "cgroup.controllers", &text, e) &&
	       (lists(buf_slice(&text), controller) || refuse(e, what));
}

/* Is it the launcher, or one of its children? */
static bool is_own(long pid)
{
	AUTO_FREE char *path = alloc_format("/proc/%ld/status", pid);
	AUTO_BUF text = BUF_INIT;
	struct error gone = ERROR_INIT;
	const char *line;

	if (pid == getpid())
		return true;
	line = file_read(path, TEXT_MAX, &text, &gone) ? strstr(buf_str(&text), "\nPPid:") : NULL;
	return line && strtol(line + strlen("\nPPid:"), NULL, 10) == getpid();
}

/* Show each process of a group to fn; false as soon as fn is. */
static bool each_process(int group, bool (*fn)(long pid, int target), int target, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_file(group, "cgroup.procs", &text, e))
		return false;
	rest = buf_slice(&text);
	while (rest.len) {
		AUTO_FREE char *line =
			alloc_copy(rest.ptr, slice_find(rest, '\n') == SLICE_NONE ? rest.len : slice_find(rest, '\n'));

		slice_cut(&rest, '\n');
		if (!fn(strtol(line, NULL, 10), target))
			return false;
	}
	return true;
}

static bool is_own_process(long pid, int target)
{
	(void)target;
	return is_own(pid);
}

/* Move a process; one that has ended meanwhile needs no place. */
static bool move_process(long pid, int target)
{
	AUTO_FREE char *text = alloc_format("%ld", pid);

	return write_file(target, "cgroup.procs", text) || errno == ESRCH;
}

/* Leave the group for one below it, with all that is ours: one that holds processes cannot pass controllers on. */
static bool make_room(struct cgroup *c, struct error *e)
{
	AUTO_FD host = -1;

	if (!each_process(c->here, is_own_process, -1, e))
		return refuse(e, "other processes than bot-bottle's are in its control group");
	if (mkdirat(c->here, HOST, 0755) < 0 && errno != EEXIST)
		return error_sys(e, "unable to make a control group");
	host = openat(c->here, HOST, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host < 0 || !each_process(c->here, move_process, host, e))
		return error_sys(e, "unable to move to a control group");
	return true;
}

/* Pass controllers on to the groups below. */
static bool enable(struct cgroup *c, const char *controllers, struct error *e)
{
	if (write_file(c->here, "cgroup.subtree_control", controllers))
		return true;
	if (errno != EBUSY)
		return error_sys(e, "unable to pass the controllers '%s' on", controllers);
	return make_room(c, e) && (write_file(c->here, "cgroup.subtree_control", controllers) ||
				   error_sys(e, "unable to pass the controllers '%s' on", controllers));
}

/* Microseconds of processor time in each period, from a number with at most three decimals. */
static int64_t cpu_quota(const char *cpus, struct error *e)
{
	char *end;
	double number = strtod(cpus, &end);

	if (*end || !(number > 0) || number > 1024) {
		error_set(e, STATUS_CALLER, "'limits.cpus' is not a number of processors up to 1024");
		return -1;
	}
	return number * PERIOD_US < QUOTA_MIN_US ? QUOTA_MIN_US : (int64_t)(number * PERIOD_US);
}

/* Set one limit. */
static bool set(const struct cgroup *c, const char *name, const char *value, struct error *e)
{
	return write_file(c->group, name, value) ||
	       error_sys(e, "unable to set '%s' of the bottle's control group to '%s'", name, value);
}

/* Swap would double the memory; a kernel without the file accounts for none. */
static bool limit_memory(const struct cgroup *c, int64_t bytes, struct error *e)
{
	AUTO_FREE char *text = alloc_format("%lld", (long long)bytes);

	if (bytes < 1)
		return error_set(e, STATUS_CALLER, "'limits.memory' is not a number of bytes");
	return set(c, "memory.max", text, e) &&
	       (faccessat(c->group, "memory.swap.max", F_OK, 0) < 0 || set(c, "memory.swap.max", "0", e));
}

bool cgroup_start(const struct cgroup *c, const struct plan *p, struct error *e)
{
	const char *cpus = doc_get_cstr(p->limits, "cpus");
	AUTO_FREE char *text = NULL;
	int64_t quota;

	if (c->group < 0 || !cpus)
		return true;
	quota = cpu_quota(cpus, e);
	text = alloc_format("%lld %d", (long long)quota, PERIOD_US);
	return quota > 0 && set(c, "cpu.max", text, e);
}

bool cgroup_check(struct error *e)
{
	AUTO_FREE char *path = own_path(e);
	AUTO_FD here = path ? open_here(path, e) : -1;

	if (here < 0 || !require(here, "memory", e) || !require(here, "cpu", e))
		return false;
	/* The root of all groups may hold processes; it is the one that has no type. */
	return faccessat(here, "cgroup.type", F_OK, 0) < 0 || each_process(here, is_own_process, -1, e) ||
	       refuse(e, "other processes than bot-bottle's are in its control group");
}

/* Make the group's directory; one of a launcher that was killed is in the way. */
static bool make_group(struct cgroup *c, struct error *e)
{
	unlinkat(c->here, c->name, AT_REMOVEDIR);
	if (mkdirat(c->here, c->name, 0755) < 0)
		return error_sys(e, "unable to make the control group '%s'", c->name);
	c->group = openat(c->here, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->group >= 0 || error_sys(e, "unable to open the control group '%s'", c->name);
}

bool cgroup_make(struct cgroup *c, const struct plan *p, const struct state *s, struct error *e)
{
	bool memory = doc_get(p->limits, "memory"), cpus = doc_get(p->limits, "cpus");
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *note = state_path(s, NOTE);
	AUTO_FREE char *group = NULL;

	if (!memory && !cpus)
		return true;
	path = own_path(e);
	c->here = path ? open_here(path, e) : -1;
	if (c->here < 0 || (memory && !require(c->here, "memory", e)) || (cpus && !require(c->here, "cpu", e)))
		return false;
	c->name = alloc_format("%s%s", PREFIX, p->identity);
	group = alloc_format("%s/%s", path, c->name);
	return enable(c, memory && cpus ? "+memory +cpu" : memory ? "+memory" : "+cpu", e) &&
	       file_replace(note, slice_str(group), 0600, e) && make_group(c, e) &&
	       (!memory || limit_memory(c, doc_get_int(p->limits, "memory"), e));
}

unsigned long cgroup_killed(const struct cgroup *c)
{
	AUTO_BUF text = BUF_INIT;
	struct error gone = ERROR_INIT;
	const char *line;

	if (c->group < 0 || !read_file(c->group, "memory.events", &text, &gone))
		return 0;
	line = strstr(buf_str(&text), "\noom_kill ");
	return line ? strtoul(line + strlen("\noom_kill "), NULL, 10) : 0;
}

/* Wait until the last process has left the group: it is on its way out. */
static void wait_empty(int group)
{
	AUTO_FD events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd p = { events, POLLPRI, 0 };
	char text[256];
	ssize_t n;

	while (events >= 0 && (n = pread(events, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		if (strstr(text, "populated 0") || poll(&p, 1, CGROUP_EMPTY_MS) <= 0)
			return;
	}
}

void cgroup_remove(struct cgroup *c)
{
	if (c->group >= 0) {
		write_file(c->group, "cgroup.kill", "1");
		wait_empty(c->group);
		unlinkat(c->here, c->name, AT_REMOVEDIR);
	}
	fd_close(&c->group);
	fd_close(&c->here);
	free(STEAL(c->name));
}

void cgroup_sweep(const char *dir)
{
	AUTO_FREE char *note = alloc_format("%s/%s", dir, NOTE);
	AUTO_BUF text = BUF_INIT;
	struct error none = ERROR_INIT;
	const char *name;

	if (!file_read(note, TEXT_MAX, &text, &none) || !slice_starts(buf_slice(&text), SLICE(MOUNT_POINT "/")))
		return;
	name = strrchr(buf_str(&text), '/');
	if (slice_starts(slice_str(name + 1), SLICE(PREFIX)))
		rmdir(buf_str(&text));
}
