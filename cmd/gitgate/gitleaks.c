#include "gitleaks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "judge.h"
#include "limits.h"
#include "objects.h"
#include "program.h"
#include "spawn.h"
#include "verdict.h"

#define LEAKS 7 /* the exit status that it is told to end with when it has found something */

char *gitleaks_find(struct error *e)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_str(path ? path : "/usr/local/bin:/usr/bin:/bin");

	while (rest.len) {
		struct slice dir = slice_cut(&rest, ':');
		AUTO_FREE char *file = alloc_format("%.*s/gitleaks", SLICE_ARG(dir));

		if (slice_starts(dir, SLICE("/")) && access(file, X_OK) == 0)
			return realpath(file, NULL);
	}
	error_set(e, STATUS_CALLER,
		  "'gitleaks' is not installed, and the manifest wants it (git-gate.scanner); install it, or remove "
		  "the key: bot-bottle's own scanner looks at every push");
	return NULL;
}

/* Run one of our verbs; what it says goes to the end of said. Returns the exit status, -1 with an error. */
static int run(const char *self, const char *const *argv, int in, struct buf *said, struct error *e)
{
	static const char *const env[] = { "LC_ALL=C", "HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
	AUTO_FD err = memfd_create("said", MFD_CLOEXEC);
	const struct spawn_fd fds[] = { { err, STDERR_FILENO }, { in, STDIN_FILENO } };
	const struct spawn s = { .path = self, .argv = argv, .env = env, .fds = fds, .n_fds = in >= 0 ? 2 : 1,
				 .new_session = true,
				 .death_signal = SIGTERM };
	AUTO_BUF out = BUF_INIT;
	struct error unread = ERROR_INIT;
	int code;

	if (err < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	code = spawn_capture(&s, SAID_MAX, &out, e);
	if (code > 0 && lseek(err, 0, SEEK_SET) == 0)
		fd_read_all(err, SAID_MAX, "what was said", said, &unread);
	return code;
}

/* Lay out the objects in a directory. */
static bool unpack(const struct gate *g, const struct doc *request, const char *dir, struct error *e)
{
	const char *const argv[] = { "bb-gitgate", "unpack", dir, NULL };
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF said = BUF_INIT;
	AUTO_FD in = memfd_create("push", MFD_CLOEXEC);
	int code;

	doc_format(request, false, &text);
	if (in < 0)
		return error_sys(e, "unable to make a memory file");
	if (!fd_write_all(in, buf_slice(&text), "a memory file", e) || lseek(in, 0, SEEK_SET) < 0)
		return false;
	code = run(g->self, argv, in, &said, e);
	return code == 0 || (code > 0 && error_set(e, STATUS_WORLD, "the push could not be laid out for gitleaks: %s",
						    said.len ? buf_str(&said) : "killed"));
}

/* Open the report: a plain file, whatever the jailed program has put in its place. */
static int open_report(const char *path, struct error *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > GITLEAKS_REPORT_MAX) {
		error_set(e, STATUS_WORLD, "gitleaks has left no report of at most %d MiB (GITLEAKS_REPORT_MAX)",
			  GITLEAKS_REPORT_MAX >> 20);
		return -1;
	}
	return fd_steal(&fd);
}

int gitleaks_run(const struct gate *g, const char *judged, const struct doc *request, bool *leaks, struct error *e)
{
	AUTO_FREE char *objects = alloc_format("%s/objects", judged);
	AUTO_FREE char *work = alloc_format("%s/gitleaks", judged);
	AUTO_FREE char *report = alloc_format("%s/report.json", work);
	const char *const argv[] = { "bb-gitgate", "jail", "--read", objects, "--write", work, g->gitleaks, "detect",
				     "--no-git",
				     "--source", objects, "--gitleaks-ignore-path", work, "--ignore-gitleaks-allow",
				     "--redact",
				     "--no-banner", "--exit-code", "7", "--report-format", "json", "--report-path",
				     report, NULL };
	AUTO_BUF said = BUF_INIT;
	AUTO_BUF why = BUF_INIT;
	int code;

	if (!file_make_dirs(objects, 0700, e) || !file_make_dirs(work, 0700, e) || !unpack(g, request, objects, e))
		return -1;
	code = run(g->self, argv, -1, &said, e);
	*leaks = code == LEAKS;
	if (code == 0 || code == LEAKS)
		return open_report(report, e);
	escape_cut(&why, slice_trim(buf_slice(&said), " \t\r\n"), 300);
	if (code > 0)
		error_set(e, STATUS_WORLD, "gitleaks has failed with status %d: %s", code,
			  why.len ? buf_str(&why) : "it said nothing");
	return -1;
}

/* --- laying out, in a process of its own --- */

/* One object as a file named by its id. Trees have names only, at which the judge looks. */
static bool write_object(struct gitstore *store, const struct object *x, int dir, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	char name[GIT_ID_HEX];
	enum git_type type;
	AUTO_FD file = -1;

	if (x->type == GIT_TREE)
		return true;
	git_id_format(&x->id, name);
	if (!gitstore_read(store, &x->id, &type, &text, e))
		return false;
	file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return file >= 0 ? fd_write_all(file, buf_slice(&text), name, e) : error_sys(e, "unable to make '%s'", name);
}

/* All that is new. */
static bool write_objects(struct gitstore *store, int dir, struct error *e)
{
	struct objects o = OBJECTS_INIT;
	bool ok = objects_list(&o, store, e);

	for (size_t i = 0; ok && i < o.count; i++)
		ok = write_object(store, &o.list[i], dir, e);
	objects_release(&o);
	return ok;
}

int unpack_main(int argc, char **argv)
{
	static const struct confine_call own_calls[] = { CONFINE_ALLOW(__NR_write), CONFINE_ALLOW(__NR_openat),
							 CONFINE_ALLOW(__NR_close),
							 CONFINE_ALLOW(__NR_sysinfo), /* qsort, as in the judge */
							 CONFINE_END };
	static const struct confine_call *const calls[] = { gitstore_calls, own_calls, NULL };
	struct push_request r;
	struct error e = ERROR_INIT;
	const char *readable[3] = { NULL }, *writable[2] = { NULL };
	const struct confinement c = { .role = "unpack", .readable = readable, .writable = writable, .tied = true,
				       .calls = calls };
	struct gitstore *store;
	AUTO_FD dir = -1;
	size_t n = 0;

	if (argc != 2)
		return STATUS_CALLER;
	document_seed();
	if (!push_request_read(&r, doc_read(STDIN_FILENO, "push", 1, &e), &e))
		return program_fail(&e);
	if (r.fresh)
		readable[n++] = r.fresh;
	if (r.known)
		readable[n++] = r.known;
	writable[0] = argv[1];
	alarm(JUDGE_SECONDS);
	dir = open(argv[1], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0) {
		error_sys(&e, "unable to open '%s'", argv[1]);
		return program_fail(&e);
	}
	store = gitstore_open(r.fresh, r.known, &e);
	if (!store || !confine(&c, &e) || !write_objects(store, dir, &e))
		return program_fail(&e);
	return STATUS_YES;
}
