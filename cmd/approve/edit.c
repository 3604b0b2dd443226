#include "edit.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "queue.h"
#include "spawn.h"

#define SUFFIX ".yaml"

/* Run the editor on a file; its words are the shell's to split, as for other programs. */
static bool run_editor(const char *path, struct error *e)
{
	const char *const argv[] = { "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"", "bb-approve", path, NULL };
	static const struct spawn_fd fds[] = { { 0, 0 }, { 1, 1 }, { 2, 2 } };
	const struct spawn s = { .path = "/bin/sh", .argv = argv, .fds = fds, .n_fds = COUNT_OF(fds) };
	pid_t pid = spawn_start(&s, e);
	int status = pid < 0 ? -1 : spawn_wait(pid, e);

	return status == 0 ||
	       (status > 0 && error_set(e, STATUS_CALLER, "modify aborted: the editor ended with status %d", status));
}

bool edit_text(struct slice text, struct buf *edited, struct error *e)
{
	const char *directory = getenv("TMPDIR");
	AUTO_FREE char *path = alloc_format("%s/routes-XXXXXX" SUFFIX, directory && *directory ? directory : "/tmp");
	AUTO_FD fd = mkstemps(path, strlen(SUFFIX)); /* 0600 */
	bool ok;

	if (fd < 0)
		return error_sys(e, "unable to make '%s'", path);
	ok = fd_write_all(fd, text, path, e) && run_editor(path, e) && file_read(path, QUEUE_FILE_MAX, edited, e);
	unlink(path);
	if (ok && slice_eq(buf_slice(edited), text))
		return error_set(e, STATUS_CALLER, "modify aborted: nothing was changed");
	return ok;
}
