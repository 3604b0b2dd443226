#include "process-linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

#define STATUS_MAX (1u << 16)   /* bytes of a status file */
#define ENVIRON_MAX (1u << 20)  /* bytes of an environment */
#define ANCESTORS_MAX 64        /* generations between us and the end of what we see */

extern char **environ;

/* --- namespaces --- */

static const struct {
	enum check check;
	const char *type;
} namespaces[] = {
	{ CHECK_NS_USER, "user" }, { CHECK_NS_MOUNT, "mnt" }, { CHECK_NS_PID, "pid" },       { CHECK_NS_NET, "net" },
	{ CHECK_NS_IPC, "ipc" },   { CHECK_NS_UTS, "uts" },   { CHECK_NS_CGROUP, "cgroup" }, { CHECK_NS_TIME, "time" },
};

/* Is our namespace of a type another one than the host's? */
static void judge_namespace(const struct probe *p, enum check check, const char *type, struct verdict *v)
{
	const char *host = probe_host_namespace(p, type);
	AUTO_FREE char *path = alloc_format("/proc/self/ns/%s", type);
	char ours[64];
	ssize_t n = readlink(path, ours, sizeof(ours) - 1);

	if (n < 0 || !host) {
		verdict_set(v, check, RESULT_UNKNOWN, "%s",
			    host ? strerror(errno) : "the probe does not say which one is the host's");
		return;
	}
	ours[n] = '\0';
	verdict_judge(v, check, strcmp(ours, host) == 0, "this is the host's, %s", ours);
}

/* No user of this namespace is root in it. uid_map: "inside outside count"; outside is the parent's view. */
static void judge_user_map(struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	unsigned inside, outside, count;

	if (!file_read("/proc/self/uid_map", STATUS_MAX, &text, &e)) {
		verdict_set(v, CHECK_NS_USER, RESULT_UNKNOWN, "%s", e.text);
		return;
	}
	for (const char *line = buf_str(&text); sscanf(line, "%u %u %u", &inside, &outside, &count) == 3;) {
		verdict_judge(v, CHECK_NS_USER, inside == 0, "root is mapped, to %u", outside);
		line = strchr(line, '\n');
		if (!line)
			break;
	}
}

void namespaces_prove(const struct probe *p, struct verdict *v)
{
	for (size_t i = 0; i < COUNT_OF(namespaces); i++)
		judge_namespace(p, namespaces[i].check, namespaces[i].type, v);
	judge_user_map(v);
}

/* --- processes --- */

/* Read a file of a process; false when it cannot be had. */
static bool read_of(long pid, const char *file, size_t max, struct buf *out)
{
	AUTO_FREE char *path = alloc_format("/proc/%ld/%s", pid, file);
	struct error ignored = ERROR_INIT; /* unreadable is an answer here */

	return file_read(path, max, out, &ignored);
}

/* Parent of a process; 0 when it has none that we see. */
static long parent_of(long pid)
{
	AUTO_BUF status = BUF_INIT;
	const char *line;

	if (!read_of(pid, "status", STATUS_MAX, &status))
		return 0;
	line = strstr(buf_str(&status), "\nPPid:");
	return line ? strtol(line + 6, NULL, 10) : 0;
}

/* Is pid one of ours: process 1, ourselves, or an ancestor? */
static bool is_ours(long pid, const long *ancestors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ancestors[i] == pid)
			return true;
	return pid == 1;
}

/* Our own process and everything above it; returns how many. */
static size_t collect_ancestors(long ancestors[ANCESTORS_MAX])
{
	size_t count = 0;

	for (long pid = getpid(); pid > 0 && count < ANCESTORS_MAX; pid = parent_of(pid))
		ancestors[count++] = pid;
	return count;
}

/* A fresh bottle shows its process 1 and what led to us, nothing else. */
static void judge_processes(struct verdict *v)
{
	long ancestors[ANCESTORS_MAX];
	size_t count = collect_ancestors(ancestors);
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc || count < 1) {
		verdict_set(v, CHECK_PROCESSES, RESULT_UNKNOWN, "unable to read '/proc': %s", strerror(errno));
		return;
	}
	while ((entry = readdir(proc))) {
		AUTO_BUF name = BUF_INIT;
		long pid = ascii_is_digit(entry->d_name[0]) ? strtol(entry->d_name, NULL, 10) : 0;
		struct slice comm;

		if (!pid || is_ours(pid, ancestors, count))
			continue;
		read_of(pid, "comm", STATUS_MAX, &name);
		comm = slice_trim(buf_slice(&name), "\n");
		verdict_judge(v, CHECK_PROCESSES, true, "process %ld (%.*s) is visible", pid, SLICE_ARG(comm));
	}
	closedir(proc);
	verdict_clear(v, CHECK_PROCESSES);
}

/* --- environment --- */

/* One variable, "NAME=value", is allowed and holds no token. */
static void judge_variable(const struct probe *p, enum check check, struct slice variable, struct verdict *v)
{
	const struct doc *list = doc_get(p->document, "placeholders");
	struct slice name = slice_cut(&variable, '=');

	verdict_judge(v, check, !probe_allows_variable(p, name), "the variable '%.*s' is not allowed", SLICE_ARG(name));
	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *row = doc_at(list, i);

		if (slice_eq(doc_get_str(row, "name"), name))
			verdict_judge(v, check, !slice_eq(doc_get_str(row, "value"), variable),
				      "the variable '%.*s' does not hold its placeholder", SLICE_ARG(name));
	}
}

/* Our own environment, which is the agent's. */
static void judge_environment(const struct probe *p, struct verdict *v)
{
	verdict_clear(v, CHECK_ENVIRONMENT);
	for (char **variable = environ; *variable; variable++)
		judge_variable(p, CHECK_ENVIRONMENT, slice_str(*variable), v);
}

/* --- process 1 --- */

/* Its environment, if it can be read, has no more than ours. */
static void judge_init_environment(const struct probe *p, struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_of(1, "environ", ENVIRON_MAX, &text))
		return;
	rest = buf_slice(&text);
	while (rest.len)
		judge_variable(p, CHECK_INIT, slice_cut(&rest, '\0'), v);
}

/* Its memory, descriptors and root are out of reach: each opens only for who may trace it. */
static void judge_init(const struct probe *p, struct verdict *v)
{
	AUTO_FD memory = open("/proc/1/mem", O_RDWR | O_CLOEXEC);
	AUTO_FD descriptors = open("/proc/1/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD root = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD maps = open("/proc/1/maps", O_RDONLY | O_CLOEXEC);

	judge_init_environment(p, v);
	if (!v->native) {
		verdict_clear(v, CHECK_INIT); /* process 1 is the agent's own there */
		return;
	}
	verdict_judge(v, CHECK_INIT, memory >= 0, "/proc/1/mem can be written");
	verdict_judge(v, CHECK_INIT, descriptors >= 0, "/proc/1/fd can be listed");
	verdict_judge(v, CHECK_INIT, root >= 0, "/proc/1/root can be entered");
	verdict_judge(v, CHECK_INIT, maps >= 0, "/proc/1/maps can be read");
}

/* --- what was left open --- */

/* Descriptors beside 0, 1, 2 (and none of these is a directory, which would be a way out of the root). */
static void judge_descriptors(struct verdict *v)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!list) {
		verdict_set(v, CHECK_DESCRIPTORS, RESULT_UNKNOWN, "unable to list '/proc/self/fd': %s",
			    strerror(errno));
		return;
	}
	verdict_clear(v, CHECK_DESCRIPTORS);
	while ((entry = readdir(list))) {
		int fd = ascii_is_digit(entry->d_name[0]) ? (int)strtol(entry->d_name, NULL, 10) : -1;
		char target[256];
		ssize_t n;
		struct stat st;

		if (fd < 0 || fd == dirfd(list))
			continue;
		n = readlinkat(dirfd(list), entry->d_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		verdict_judge(v, CHECK_DESCRIPTORS, fd > 2, "descriptor %d is open: %s", fd, target);
		verdict_judge(v, CHECK_DESCRIPTORS, fstat(fd, &st) == 0 && S_ISDIR(st.st_mode),
			      "descriptor %d is a directory: %s", fd, target);
	}
	closedir(list);
}

/* bb-prove runs without a terminal: one that opens is the operator's. */
static void judge_terminal(struct verdict *v)
{
	AUTO_FD tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	verdict_judge(v, CHECK_TERMINAL, tty >= 0, "/dev/tty is a controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		verdict_judge(v, CHECK_TERMINAL, isatty(fd) == 1, "descriptor %d is a terminal", fd);
}

/* --- Landlock --- */

#define SCOPES_VERSION 6 /* of Landlock: from Linux 6.12 on it keeps signals and abstract sockets within the domain */

/* The kernel's version of Landlock, whether or not it is in force for us; 0 where there is none. */
static int landlock_version(void)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? version : 0;
}

/*
 * Connect to an abstract socket of this network namespace, but outside the Landlock domain. Only a refusal by right
 * says that the layer is there; where the kernel has none, nothing may be in reach that accepts.
 */
static void judge_abstract(struct slice name, bool scoped, struct verdict *v)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name.len);
	bool connected;

	if (name.len >= sizeof(to.sun_path) - 1 || fd < 0) {
		verdict_set(v, CHECK_LANDLOCK_SCOPE, RESULT_UNKNOWN, "unable to try the socket '@%.*s'",
			    SLICE_ARG(name));
		return;
	}
	memcpy(to.sun_path + 1, name.ptr, name.len);
	connected = connect(fd, (const struct sockaddr *)&to, len) == 0;
	verdict_judge(v, CHECK_LANDLOCK_SCOPE, connected || (scoped && errno != EPERM),
		      "the abstract socket '@%.*s' is within reach", SLICE_ARG(name));
}

/* A set of signals in the status of a process, as "SigCgt:"; missing where there is no such line. */
static uint64_t signal_set(const char *status, const char *label, uint64_t missing)
{
	const char *line = strstr(status, label);

	return line ? strtoull(line + strlen(label), NULL, 16) : missing;
}

/*
 * Without scopes the pid namespace has to do: it keeps every process outside from being named, and its first
 * process takes from inside only signals that it has a handler for (pid_namespaces(7)), of which it must have none.
 */
static void judge_first_process(int version, struct verdict *v)
{
	AUTO_BUF status = BUF_INIT;
	uint64_t caught;

	if (!read_of(1, "status", STATUS_MAX, &status)) {
		verdict_set(v, CHECK_LANDLOCK_SCOPE, RESULT_UNKNOWN, "unable to read '/proc/1/status'");
		return;
	}
	caught = signal_set(buf_str(&status), "\nSigCgt:", UINT64_MAX) & ~signal_set(buf_str(&status), "\nSigBlk:", 0);
	if (caught)
		verdict_set(v, CHECK_LANDLOCK_SCOPE, RESULT_OPEN, "process 1 takes signals, of the set %llx",
			    (unsigned long long)caught);
	else
		verdict_set(v, CHECK_LANDLOCK_SCOPE, RESULT_HELD,
			    "version %d of Landlock has no scopes; process 1 takes no signal", version);
}

/* Signals and abstract sockets stay within the domain; where the kernel has no such domain, within the namespaces. */
static void judge_scopes(const struct probe *p, struct verdict *v)
{
	const struct doc *names = doc_get(p->document, "abstract");
	int version = landlock_version();
	bool scoped = version >= SCOPES_VERSION;

	if (scoped)
		verdict_judge(v, CHECK_LANDLOCK_SCOPE, kill(1, 0) == 0, "process 1 takes signals");
	else
		judge_first_process(version, v);
	for (size_t i = 0; i < doc_count(names); i++)
		judge_abstract(doc_str(doc_at(names, i)), scoped, v);
}

void process_prove(const struct probe *p, struct verdict *v)
{
	judge_descriptors(v); /* first: what comes later opens its own */
	judge_terminal(v);
	judge_environment(p, v);
	judge_processes(v);
	judge_init(p, v);
	judge_scopes(p, v);
}
