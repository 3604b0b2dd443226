#include "mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "git.h"
#include "keys.h"
#include "limits.h"
#include "loop.h"

/* Of every mirror. Partial clones may ask for any object that is there. */
static const char configuration[] = "[core]\n"
				    "\trepositoryformatversion = 0\n"
				    "\tbare = true\n"
				    "\tlogAllRefUpdates = false\n"
				    "[gc]\n"
				    "\tauto = 0\n"
				    "[uploadpack]\n"
				    "\tallowFilter = true\n"
				    "\tallowAnySHA1InWant = true\n";

/* Written into a mirror once its HEAD is the remote's. */
#define HEAD_KNOWN "head-known"

char *mirror_path(const struct repo *r)
{
	return alloc_format("repos/%s.git", r->name);
}

int mirror_lock(const struct repo *r, struct error *e)
{
	AUTO_FREE char *path = alloc_format("repos/%s.lock", r->name);
	AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int got;

	if (fd < 0) {
		error_sys(e, "unable to open '%s'", path);
		return -1;
	}
	do {
		got = flock(fd, LOCK_EX);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		error_sys(e, "unable to lock '%s'", path);
		return -1;
	}
	return fd_steal(&fd);
}

/* When the last refresh that went well began, as kept in the lock; 0: long ago; -1: never. */
static int64_t last_refresh(int lock)
{
	char text[24];
	ssize_t n = pread(lock, text, sizeof(text), 0);
	uint64_t at;

	return n > 0 && slice_to_u64(slice_trim(slice_of(text, (size_t)n), "\n"), &at) ? (int64_t)at : -1;
}

static void note_refresh(int lock, int64_t began)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_format(&text, "%020lld\n", (long long)began);
	if (pwrite(lock, text.ptr, text.len, 0) != (ssize_t)text.len)
		return; /* the next one refreshes again */
}

void mirror_doubt(int lock)
{
	if (last_refresh(lock) >= 0)
		note_refresh(lock, 0);
}

bool mirror_begin(const struct repo *r, struct error *e)
{
	AUTO_FD lock = mirror_lock(r, e);

	if (lock < 0)
		return false;
	mirror_doubt(lock);
	return true;
}

/* Turn a failed git into an error for the client. */
static bool explain(const struct repo *r, int code, struct slice said, int seconds, struct error *e)
{
	AUTO_BUF why = BUF_INIT;

	if (code < 0)
		return false;
	if (code == GIT_LATE)
		return error_set(e, STATUS_WORLD, "the remote of '%s' did not answer within %d seconds", r->name,
				 seconds);
	git_explain(said, &why);
	return error_set(e, STATUS_WORLD, "unable to read the remote of '%s': %s", r->name, buf_str(&why));
}

/* Write one small file beneath dir. */
static bool put_file(const char *dir, const char *name, const char *text, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);

	return file_replace(path, slice_str(text), 0600, e);
}

/* Make an empty mirror: under another name first, so that it is whole or not there. */
static bool create(const struct repo *r, const char *path, struct error *e)
{
	static const char *const directories[] = { "objects/info", "objects/pack", "refs/heads", "refs/tags" };
	AUTO_FREE char *new = alloc_format("repos/%s.new", r->name);

	if (!file_remove_tree(new, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		AUTO_FREE char *below = alloc_format("%s/%s", new, directories[i]);

		if (!file_make_dirs(below, 0700, e))
			return false;
	}
	if (!put_file(new, "config", configuration, e) || !put_file(new, "HEAD", "ref: refs/heads/main\n", e))
		return false;
	return rename(new, path) == 0 || error_sys(e, "unable to make the mirror '%s'", path);
}

/* Point HEAD at the branch that the remote's HEAD names, once it names one. */
static bool take_head(const struct gate *g, const struct repo *r, const char *path, struct error *e)
{
	struct git_call call = { .dir = path, .remote = r };
	AUTO_FREE char *known = alloc_format("%s/%s", path, HEAD_KNOWN);
	AUTO_BUF out = BUF_INIT;
	AUTO_BUF said = BUF_INIT;
	struct slice line;
	int code;

	if (access(known, F_OK) == 0)
		return true;
	git_arg(&call, "ls-remote");
	git_arg(&call, "--symref");
	git_arg(&call, "--");
	git_arg(&call, r->url);
	git_arg(&call, "HEAD");
	code = git_run(g, &call, REFRESH_SECONDS, &out, &said, e);
	if (code != 0)
		return explain(r, code, buf_slice(&said), REFRESH_SECONDS, e);
	line = slice_sub(buf_slice(&out), 0, slice_find(buf_slice(&out), '\t'));
	if (slice_starts(line, SLICE("ref: refs/heads/"))) {
		buf_truncate(&out, line.len);
		buf_add_char(&out, '\n');
		if (!put_file(path, "HEAD", buf_str(&out), e))
			return false;
	}
	/* A remote without any branch yet is asked again the next time. */
	return !line.len || put_file(path, HEAD_KNOWN, "", e);
}

/* Fetch everything. */
static bool fetch(const struct gate *g, const struct repo *r, const char *path, struct error *e)
{
	static const char *const args[] = { "fetch", "--quiet", "--prune", "--force", "--no-tags",
					    "--no-write-fetch-head",
					    "--no-auto-maintenance", "--no-recurse-submodules",
					    "--no-show-forced-updates",
					    "--update-head-ok", "--" };
	struct git_call call = { .dir = path, .remote = r };
	AUTO_BUF said = BUF_INIT;
	int code;

	for (size_t i = 0; i < COUNT_OF(args); i++)
		git_arg(&call, args[i]);
	git_arg(&call, r->url);
	git_arg(&call, "+refs/*:refs/*");
	code = git_run(g, &call, REFRESH_SECONDS, NULL, &said, e);
	return code == 0 || explain(r, code, buf_slice(&said), REFRESH_SECONDS, e);
}

/* The work of a refresh, with the lock held. */
static bool refresh(const struct gate *g, const struct repo *r, int lock, struct error *e)
{
	AUTO_FREE char *path = mirror_path(r);
	int64_t began = loop_clock();

	if (access(path, F_OK) < 0 && !create(r, path, e))
		return false;
	if (!take_head(g, r, path, e) || !fetch(g, r, path, e)) {
		mirror_doubt(lock);
		return false;
	}
	note_refresh(lock, began);
	return true;
}

/* What must be there before a remote is asked anything. */
static bool check(const struct repo *r, struct error *e)
{
	const char *lacking = keys_lacking(r);

	return !lacking || error_set(e, STATUS_CALLER, "'%s' cannot be reached: %s", r->name, lacking);
}

bool mirror_refresh(const struct gate *g, const struct repo *r, struct error *e)
{
	int64_t asked = loop_clock();
	AUTO_FD lock = -1;

	if (!check(r, e) || (lock = mirror_lock(r, e)) < 0)
		return false;
	return last_refresh(lock) > asked || refresh(g, r, lock, e);
}

bool mirror_ensure(const struct gate *g, const struct repo *r, struct error *e)
{
	AUTO_FD lock = -1;

	if (!check(r, e) || (lock = mirror_lock(r, e)) < 0)
		return false;
	return last_refresh(lock) >= 0 || refresh(g, r, lock, e);
}
