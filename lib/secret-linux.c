#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "secret.h"

int secret_set_memfd(const struct secret_set *s, const char *const *names, size_t n, struct error *e)
{
	AUTO_FD fd = memfd_create("secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	if (!secret_set_write(s, names, n, fd, e))
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		error_sys(e, "unable to seal a memory file");
		return -1;
	}
	return fd_steal(&fd);
}
