#include <sys/syscall.h>

#include "queue.h"

const struct confine_call queue_calls[] = {
	CONFINE_ALLOW(__NR_openat),
	CONFINE_ALLOW(__NR_read),
	CONFINE_ALLOW(__NR_write),
	CONFINE_ALLOW(__NR_pread64),
	CONFINE_ALLOW(__NR_pwrite64),
	CONFINE_ALLOW(__NR_lseek),
	CONFINE_ALLOW(__NR_fstat),
	CONFINE_ALLOW(__NR_newfstatat),
	CONFINE_ALLOW(__NR_faccessat),
#ifdef __NR_faccessat2
	CONFINE_ALLOW(__NR_faccessat2),
#endif
	CONFINE_ALLOW(__NR_fcntl),
	CONFINE_ALLOW(__NR_flock),
	CONFINE_ALLOW(__NR_fsync),
	CONFINE_ALLOW(__NR_ftruncate),
	CONFINE_ALLOW(__NR_getdents64),
	CONFINE_ALLOW(__NR_linkat),
#ifdef __NR_renameat
	CONFINE_ALLOW(__NR_renameat),
#endif
	CONFINE_ALLOW(__NR_renameat2),
	CONFINE_ALLOW(__NR_unlinkat),
	CONFINE_END,
};
