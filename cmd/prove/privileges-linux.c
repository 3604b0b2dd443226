#include "process-linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"

/* Ids of the process and of the files it makes. */
static void judge_identity(struct verdict *v)
{
	uid_t uid[3] = { 0, 0, 0 };
	gid_t gid[3] = { 0, 0, 0 };

	if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0) {
		verdict_set(v, CHECK_IDENTITY, RESULT_UNKNOWN, "%s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		verdict_judge(v, CHECK_IDENTITY, uid[i] == 0, "a user id is root's");
		verdict_judge(v, CHECK_IDENTITY, gid[i] == 0, "a group id is root's");
	}
}

/* Effective, permitted, inheritable, bounding and ambient sets. Source: capabilities(7). */
static void judge_capabilities(struct verdict *v)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0) {
		verdict_set(v, CHECK_CAPABILITIES, RESULT_UNKNOWN, "capget: %s", strerror(errno));
		return;
	}
	verdict_judge(v, CHECK_CAPABILITIES, data[0].effective || data[1].effective, "the effective set is not empty");
	verdict_judge(v, CHECK_CAPABILITIES, data[0].permitted || data[1].permitted, "the permitted set is not empty");
	verdict_judge(v, CHECK_CAPABILITIES, data[0].inheritable || data[1].inheritable,
		      "the inheritable set is not empty");
	for (unsigned long cap = 0; cap < 64; cap++) {
		verdict_judge(v, CHECK_CAPABILITIES, prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1,
			      "capability %lu is in the bounding set", cap);
		verdict_judge(v, CHECK_CAPABILITIES, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1,
			      "capability %lu is in the ambient set", cap);
	}
}

/* The flags that execve(2) and the kernel's entry look at. */
static void judge_flags(struct verdict *v)
{
	verdict_judge(v, CHECK_PRIVILEGES, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1, "the flag is not set");
	verdict_judge(v, CHECK_SECCOMP, prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER,
		      "no filter is in force");
}

/* No core dump, which the host's handler would be given; a bound on processes. */
static void judge_limits(struct verdict *v)
{
	struct rlimit core = { 1, 1 }, processes = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_CORE, &core) != 0 || getrlimit(RLIMIT_NPROC, &processes) != 0) {
		verdict_set(v, CHECK_LIMITS, RESULT_UNKNOWN, "%s", strerror(errno));
		return;
	}
	verdict_judge(v, CHECK_LIMITS, core.rlim_max != 0, "core dumps are possible");
	verdict_judge(v, CHECK_LIMITS, processes.rlim_max == RLIM_INFINITY, "processes are not limited");
}

/* A set-user-id program of root, as every system has one. NULL when there is none. */
static const char *find_setid(void)
{
	static const char *const usual[] = {
		"/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/chsh", "/usr/bin/newgrp", "/usr/bin/mount",
		"/bin/mount", "/usr/bin/umount", "/usr/bin/sudo", "/usr/bin/gpasswd", "/usr/bin/chfn",
	};

	for (size_t i = 0; i < COUNT_OF(usual); i++) {
		struct stat st;

		if (stat(usual[i], &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_ISUID) && (st.st_mode & S_IXOTH))
			return usual[i];
	}
	return NULL;
}

/*
 * Start a program with nothing to read and nowhere to write. "--help" does no
 * harm, and it is not left the time for it: gone closes when it has been
 * started, or could not be (then it ends with status 127).
 */
static pid_t start_quietly(const char *path, int gone)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; null >= 0 && fd < 3; fd++)
			if (fd != gone)
				dup2(null, fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, "--help", (char *)NULL);
		_exit(127);
	}
	return pid;
}

/*
 * Start a program and end it as soon as the kernel has given it its rights. Its
 * remains stay, to be looked at; false when it could not be started.
 */
static bool start_and_end(const char *path, pid_t *pid, struct error *e)
{
	AUTO_FD ready = -1;
	AUTO_FD gone = -1;
	int ends[2];
	struct pollfd started;
	siginfo_t info = { .si_code = 0 };

	if (!fd_pipe(ends, e))
		return false;
	ready = ends[0];
	gone = ends[1];
	*pid = start_quietly(path, gone);
	if (*pid < 0)
		return error_sys(e, "unable to start a process");
	fd_close(&gone);
	started = (struct pollfd){ ready, POLLIN, 0 };
	poll(&started, 1, SETID_MS);
	kill(*pid, SIGKILL);
	while (waitid(P_PID, (id_t)*pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	if (info.si_code == CLD_EXITED && info.si_status == 127)
		return error_set(e, STATUS_WORLD, "unable to run '%s'", path);
	return true;
}

/* Four ids of the line "Uid:" of a status file: real, effective, saved, file system. */
static bool read_ids(const char *status, unsigned ids[4])
{
	const char *line = strstr(status, "\nUid:");

	return line && sscanf(line, "\nUid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) == 4;
}

/* Run a set-user-id program and look at whose rights it got. */
static void judge_setid(struct verdict *v)
{
	const char *path = find_setid();
	AUTO_FREE char *status_path = NULL;
	AUTO_BUF status = BUF_INIT;
	struct error e = ERROR_INIT;
	unsigned ids[4];
	pid_t pid = -1;

	if (!path) {
		verdict_set(v, CHECK_SETID, RESULT_HELD, "there is no set-id program");
		return;
	}
	if (start_and_end(path, &pid, &e)) {
		status_path = alloc_format("/proc/%d/status", (int)pid);
		if (file_read(status_path, 1u << 16, &status, &e) && !read_ids(buf_str(&status), ids))
			error_set(&e, STATUS_WORLD, "no ids in '%s'", status_path);
	}
	if (e.text[0])
		verdict_set(v, CHECK_SETID, RESULT_UNKNOWN, "%s", e.text);
	else
		verdict_judge(v, CHECK_SETID, ids[1] != ids[0] || ids[2] != ids[0] || ids[3] != ids[0] || ids[1] == 0,
			      "%s got the rights of user %u", path, ids[1] == ids[0] ? ids[2] : ids[1]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void privileges_prove(const struct probe *p, struct verdict *v)
{
	(void)p;
	judge_identity(v);
	judge_capabilities(v);
	judge_flags(v);
	judge_limits(v);
	judge_setid(v);
}
