#include "files-linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"

/* Settings that change the whole machine, or that name a program which the host runs. */
static const char *const settings[] = {
	"/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/modprobe",
	"/proc/sys/kernel/hotplug",
	"/proc/sys/kernel/poweroff_cmd",
	"/proc/sys/kernel/usermodehelper/bset",
	"/proc/sys/kernel/sysrq",
	"/proc/sys/kernel/panic",
	"/proc/sys/kernel/hostname",
	"/proc/sys/kernel/domainname",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/kernel/unprivileged_bpf_disabled",
	"/proc/sys/kernel/yama/ptrace_scope",
	"/proc/sys/fs/binfmt_misc/register",
	"/proc/sys/fs/file-max",
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/drop_caches",
	"/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/user/max_user_namespaces",
	"/proc/sysrq-trigger",
	"/proc/irq/default_smp_affinity",
	"/proc/acpi/wakeup",
	"/proc/scsi/scsi",
	"/proc/mtrr",
	"/sys/kernel/uevent_helper",
	"/sys/kernel/mm/ksm/run",
	"/sys/power/state",
	"/sys/fs/cgroup/cgroup.procs",
	"/sys/fs/cgroup/release_agent",
};

/* Files that give away the memory, the keys or the log of the machine. */
static const char *const secrets[] = {
	"/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/timer_list", "/proc/vmallocinfo", "/proc/pagetypeinfo",
	"/proc/slabinfo", "/proc/kpagecount", "/proc/kpageflags", "/proc/sched_debug", "/dev/mem", "/dev/kmem",
	"/dev/port", "/dev/kmsg", "/sys/kernel/debug/sched/debug", "/sys/kernel/tracing/trace",
	"/sys/firmware/dmi/tables/DMI", "/sys/kernel/notes",
};

/* Files that say what the host is and how it was started: a native bottle has its own /proc, with these covered. */
static const char *const origins[] = { "/proc/cmdline", "/proc/kallsyms", "/proc/modules", "/proc/partitions" };

/* Can it be opened for writing? Opening changes nothing. */
static bool opens_for_writing(const char *path)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd >= 0;
}

/* Does it give a byte? A file that is hidden behind /dev/null gives none. */
static bool gives_bytes(const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char byte;

	return fd >= 0 && read(fd, &byte, 1) == 1;
}

/* The release agents of each version 1 hierarchy of control groups. */
static void judge_release_agents(struct verdict *v)
{
	DIR *list = opendir("/sys/fs/cgroup");
	const struct dirent *entry;

	while (list && (entry = readdir(list))) {
		AUTO_FREE char *path = alloc_format("/sys/fs/cgroup/%s/release_agent", entry->d_name);

		verdict_judge(v, CHECK_PROC, opens_for_writing(path), "'%s' can be written", path);
	}
	if (list)
		closedir(list);
}

void settings_prove(const struct probe *p, struct verdict *v)
{
	(void)p;
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		verdict_judge(v, CHECK_PROC, opens_for_writing(settings[i]), "'%s' can be written", settings[i]);
	for (size_t i = 0; i < COUNT_OF(secrets); i++)
		verdict_judge(v, CHECK_PROC, gives_bytes(secrets[i]), "'%s' can be read", secrets[i]);
	for (size_t i = 0; v->native && i < COUNT_OF(origins); i++)
		verdict_judge(v, CHECK_PROC, gives_bytes(origins[i]), "'%s' can be read", origins[i]);
	judge_release_agents(v);
}
