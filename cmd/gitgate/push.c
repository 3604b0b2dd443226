#include "push.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "approval.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "forward.h"
#include "git.h"
#include "gitleaks.h"
#include "journal.h"
#include "judge.h"
#include "limits.h"
#include "mirror.h"
#include "verdict.h"

#define HOOK_FD 8 /* where the hook finds its end */
#define PACKS_MAX 8 /* files that one push leaves: a pack, its index, its reverse index */

/* One push under way. */
struct passage {
	const struct push *push;
	char *repo, *judged; /* its directories */
	int hook;            /* our end */
};

/* Written to the repository of a push. */
static const char configuration[] = "[core]\n"
				    "\trepositoryformatversion = 0\n"
				    "\tbare = true\n"
				    "\tlogAllRefUpdates = false\n"
				    "\talternateRefsCommand = true\n"
				    "[gc]\n"
				    "\tauto = 0\n"
				    "[transfer]\n"
				    "\tadvertiseSID = false\n"
				    "[receive]\n"
				    "\tfsckObjects = true\n"
				    "\tunpackLimit = 1\n"
				    "\tautogc = false\n"
				    "\tadvertisePushOptions = true\n"
				    "\tdenyDeleteCurrent = ignore\n"
				    "\tkeepAlive = 5\n";

/* Write one small file beneath the repository. */
static bool put_file(const struct passage *p, const char *name, struct slice text, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/%s", p->repo, name);

	return file_replace(path, text, 0600, e);
}

/* The mirror's refs in the form of packed-refs. */
static bool copy_refs(const struct passage *p, const char *mirror, struct error *e)
{
	struct git_call call = { .dir = mirror };
	AUTO_FREE char *path = alloc_format("%s/packed-refs", p->repo);
	AUTO_FD file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	pid_t pid;
	int code;

	if (file < 0)
		return error_sys(e, "unable to make '%s'", path);
	if (!fd_write_all(file, SLICE("# pack-refs with: sorted \n"), path, e))
		return false;
	git_arg(&call, "for-each-ref");
	git_arg(&call, "--format=%(objectname) %(refname)");
	call.fds[call.n_fds++] = (struct spawn_fd){ file, STDOUT_FILENO };
	pid = git_start(p->push->gate, &call, e);
	code = pid < 0 ? -1 : spawn_wait(pid, e);
	return code == 0 || (code > 0 && error_set(e, STATUS_WORLD, "unable to list the refs of '%s'", mirror));
}

/* Make the repository that receive-pack runs on. */
static bool make_repo(const struct passage *p, struct error *e)
{
	static const char *const directories[] = { "objects/info", "objects/pack", "refs/heads", "hooks" };
	AUTO_FREE char *mirror = mirror_path(p->push->repo);
	AUTO_FREE char *head = alloc_format("%s/HEAD", mirror);
	AUTO_FREE char *hook = alloc_format("%s/hooks/pre-receive", p->repo);
	AUTO_FREE char *alternates = alloc_format("../../../%s/objects\n", mirror);
	AUTO_FD lock = -1;
	AUTO_BUF text = BUF_INIT;

	if (!file_remove_tree(p->repo, e) || !file_remove_tree(p->judged, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		AUTO_FREE char *path = alloc_format("%s/%s", p->repo, directories[i]);

		if (!file_make_dirs(path, 0700, e))
			return false;
	}
	lock = mirror_lock(p->push->repo, e);
	if (lock < 0 || !file_read(head, 4096, &text, e) || !put_file(p, "HEAD", buf_slice(&text), e) ||
	    !put_file(p, "config", slice_str(configuration), e) ||
	    !put_file(p, "objects/info/alternates", slice_str(alternates), e) || !copy_refs(p, mirror, e))
		return false;
	return symlink(p->push->gate->self, hook) == 0 || error_sys(e, "unable to make '%s'", hook);
}

/* Start receive-pack. */
static pid_t start_receive(const struct passage *p, int hook, struct error *e)
{
	AUTO_FREE char *mirror = mirror_path(p->push->repo);
	AUTO_FREE char *limit = alloc_format("receive.maxInputSize=%u", PUSH_BYTES_MAX);
	struct git_call call = { .read = mirror, .write = p->repo, .control = "8" };

	git_arg(&call, "-c");
	git_arg(&call, limit);
	git_arg(&call, "receive-pack");
	if (p->push->phase != GIT_WHOLE)
		git_arg(&call, "--stateless-rpc");
	if (p->push->phase == GIT_ADVERTISE)
		git_arg(&call, "--advertise-refs");
	git_arg(&call, p->repo);
	call.fds[call.n_fds++] = (struct spawn_fd){ p->push->socket, STDIN_FILENO };
	call.fds[call.n_fds++] = (struct spawn_fd){ p->push->socket, STDOUT_FILENO };
	call.fds[call.n_fds++] = (struct spawn_fd){ hook, HOOK_FD };
	return git_start(p->push->gate, &call, e);
}

/* Say one line to the client: "git-gate: …", made safe. */
static void say(const struct passage *p, struct slice text)
{
	AUTO_BUF line = BUF_INIT;
	struct error ignored = ERROR_INIT;

	buf_add_str(&line, "=git-gate: ");
	escape_cut(&line, text, 700);
	buf_add_char(&line, '\n');
	(void)fd_write_all(p->hook, buf_slice(&line), "the hook", &ignored); /* a client that is gone is not told */
}

/* --- what has arrived --- */

/* Copy one file of the quarantine, which must be a regular one. */
static bool copy_file(int from, const char *name, const char *to, uint64_t *left, struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/pack/%s", to, name);
	AUTO_FD in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	AUTO_FD out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return error_sys(e, "unable to read the pack that was pushed");
	if (!S_ISREG(st.st_mode))
		return error_set(e, STATUS_WORLD, "the quarantine holds what is no file");
	if ((uint64_t)st.st_size > *left)
		return error_set(e, STATUS_NO, "the pack is larger than %u bytes (PUSH_BYTES_MAX); push in parts",
				 PUSH_BYTES_MAX);
	*left -= (uint64_t)st.st_size;
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return error_sys(e, "unable to make '%s'", path);
	for (off_t at = 0; at < st.st_size;) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)(st.st_size - at), 0);

		if (n <= 0)
			return error_sys(e, "unable to copy the pack that was pushed");
		at += n;
	}
	return true;
}

/* Is this a file that a pack consists of? What else index-pack leaves (.keep) is of no use to anyone. */
static bool is_pack_file(struct slice name)
{
	return slice_starts(name, SLICE("pack-")) &&
	       (slice_ends(name, SLICE(".pack")) || slice_ends(name, SLICE(".idx")) || slice_ends(name, SLICE(".rev")));
}

/* Copy the packs of one directory. */
static bool copy_packs(int dir, const char *to, struct error *e)
{
	DIR *list = fdopendir(dir);
	uint64_t left = 2ull * PUSH_BYTES_MAX; /* pack and indices */
	size_t n = 0;
	bool good = list != NULL;
	struct dirent *d;

	if (!list) {
		close(dir);
		return error_sys(e, "unable to read the quarantine");
	}
	while (good && (d = readdir(list))) {
		if (!is_pack_file(slice_str(d->d_name)))
			continue;
		good = ++n <= PACKS_MAX || error_set(e, STATUS_WORLD, "the quarantine holds more than one pack");
		good = good && copy_file(dirfd(list), d->d_name, to, &left, e);
	}
	closedir(list);
	return good;
}

/* Open a directory beneath another, and no link to one: the jailed git may have put it there. */
static int open_below(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Open the packs of the quarantine, the one directory among the objects that is named so: -1 when nothing was sent. */
static bool open_quarantine(const char *objects, int *packs, struct error *e)
{
	AUTO_FD quarantine = -1;
	DIR *list = opendir(objects);
	struct dirent *d;

	*packs = -1;
	if (!list)
		return error_sys(e, "unable to read '%s'", objects);
	while (quarantine < 0 && (d = readdir(list))) {
		struct slice name = slice_str(d->d_name);

		if (slice_starts(name, SLICE("tmp_objdir-")) || slice_starts(name, SLICE("incoming-")))
			quarantine = open_below(dirfd(list), d->d_name);
	}
	closedir(list);
	if (quarantine < 0)
		return true;
	*packs = open_below(quarantine, "pack");
	return *packs >= 0 || errno == ENOENT || error_sys(e, "unable to read the quarantine");
}

/* Take what has arrived out of the jail's reach. */
static bool take_objects(const struct passage *p, struct error *e)
{
	AUTO_FREE char *objects = alloc_format("%s/objects", p->repo);
	AUTO_FREE char *pack = alloc_format("%s/pack", p->judged);
	int packs;

	if (!file_make_dirs(pack, 0700, e) || !open_quarantine(objects, &packs, e))
		return false;
	return packs < 0 || copy_packs(packs, p->judged, e);
}

/* --- the verdict --- */

/* A memory file with these bytes, to be read from its start. */
static int memory_file(struct slice bytes, struct error *e)
{
	AUTO_FD fd = memfd_create("push", MFD_CLOEXEC);

	if (fd < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	if (!fd_write_all(fd, bytes, "a memory file", e) || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd_steal(&fd);
}

/* What a judge that did not end well has said. */
static void explain_judge(int code, int said, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct error unread = ERROR_INIT;

	if (code == 128 + SIGALRM)
		error_set(e, STATUS_NO, "judging took longer than %d seconds (JUDGE_SECONDS); push in parts",
			  JUDGE_SECONDS);
	else if (lseek(said, 0, SEEK_SET) == 0 && fd_read_all(said, SAID_MAX, "the judge", &text, &unread))
		error_set(e, STATUS_WORLD, "the push could not be judged: %s",
			  text.len ? buf_str(&text) : "the judge was killed");
	else
		error_set(e, STATUS_WORLD, "the push could not be judged");
}

/* Run the judge; report is that of gitleaks, or -1. NULL with an error. */
static struct doc *judge(const struct passage *p, const struct doc *request, int report, struct error *e)
{
	const char *const argv[] = { "bb-gitgate", "judge", NULL };
	static const char *const env[] = { "LC_ALL=C", NULL };
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF answer = BUF_INIT;
	AUTO_FD in = -1;
	AUTO_FD known = -1;
	AUTO_FD said = -1;
	AUTO_DOC *verdict = NULL;
	int code;

	doc_format(request, false, &text);
	if ((in = memory_file(buf_slice(&text), e)) < 0 ||
	    (known = memory_file(buf_slice(&p->push->gate->known), e)) < 0 || (said = memory_file(SLICE(""), e)) < 0)
		return NULL;
	{
		const struct spawn_fd fds[] = { { in, STDIN_FILENO }, { said, STDERR_FILENO }, { known, JUDGE_KNOWN },
						{ report, JUDGE_REPORT } };
		const struct spawn s = { .path = p->push->gate->self, .argv = argv, .env = env, .fds = fds,
					 .n_fds = report < 0 ? 3 : 4,
					 .death_signal = SIGKILL };

		code = spawn_capture(&s, DOCUMENT_MAX, &answer, e);
	}
	if (code > 0)
		explain_judge(code, said, e);
	if (code != 0)
		return NULL;
	verdict = doc_parse(buf_slice(&answer), e);
	return verdict && doc_is(verdict, "verdict", 1, e) ? STEAL(verdict) : NULL;
}

/* Tell client and log of every problem. */
static void tell(const struct passage *p, const struct doc *verdict)
{
	const struct doc *problems = doc_get(verdict, "problems");

	for (size_t i = 0; i < doc_count(problems); i++) {
		AUTO_BUF line = BUF_INIT;

		verdict_line(doc_at(problems, i), &line);
		say(p, buf_slice(&line));
		journal_refusal(p->push->repo->name, doc_at(problems, i));
	}
}

static void say_to(void *ctx, struct slice text)
{
	say(ctx, text);
}

/* From the hook's question to the remote's answer. */
static bool decide(const struct passage *p, struct slice hook, struct error *e)
{
	AUTO_FREE char *mirror = mirror_path(p->push->repo);
	AUTO_FREE char *known = alloc_format("%s/objects", mirror);
	AUTO_DOC *request = push_request_make(p->push->repo, hook, e);
	AUTO_DOC *verdict = NULL;
	AUTO_FD report = -1;

	if (!request || !take_objects(p, e))
		return false;
	doc_put_str(request, "fresh", p->judged);
	doc_put_str(request, "known", known);
	doc_put_str(request, "rules", p->push->gate->settings.rules);
	if (p->push->repo->push.doc)
		doc_put(request, "policy", doc_retain(p->push->repo->push.doc));
	if (p->push->gate->gitleaks) {
		bool leaks = false;

		report = gitleaks_run(p->push->gate, p->judged, request, &leaks, e);
		if (report < 0)
			return false;
		doc_put_bool(request, "leaks", leaks);
	}
	verdict = judge(p, request, report, e);
	if (!verdict)
		return false;
	if (doc_count(doc_get(verdict, "problems"))) {
		tell(p, verdict);
		return false;
	}
	if (doc_count(doc_get(verdict, "suppressed"))) {
		const struct approval a = { p->push->gate, p->push->repo, p->push->socket, say_to,
					    (void *)(uintptr_t)p };

		if (!approval_get(&a, doc_get(verdict, "suppressed"), e))
			return false;
	}
	return forward(p->push->gate, p->push->repo, p->judged, request, e);
}

/* Answer the hook. */
static void answer_hook(const struct passage *p)
{
	AUTO_BUF request = BUF_INIT;
	struct error e = ERROR_INIT;
	bool yes = fd_read_all(p->hook, PUSH_REQUEST_MAX * 2, "the list of refs (PUSH_REQUEST_MAX)", &request, &e);

	if (yes && !request.len)
		return; /* receive-pack has ended without a push */
	yes = yes && decide(p, buf_slice(&request), &e);
	if (!yes && e.status != STATUS_YES) {
		AUTO_FREE char *text = alloc_format("refused: %s", e.text);

		say(p, slice_str(text));
		journal_failure(p->push->repo->name, e.text);
	}
	e = (struct error)ERROR_INIT;
	(void)fd_write_all(p->hook, yes ? SLICE("+\n") : SLICE("-\n"), "the hook", &e);
}

/* Wait for the hook's question, or for receive-pack's end without one. Returns its exit status. */
static int attend(const struct passage *p, pid_t pid, struct error *e)
{
	AUTO_FD handle = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd w[2] = { { handle, POLLIN, 0 }, { p->hook, POLLIN, 0 } };

	if (handle < 0) {
		error_sys(e, "unable to watch receive-pack");
		return -1;
	}
	while (!w[0].revents && !(w[1].revents & POLLIN)) {
		if (poll(w, 2, -1) < 0 && errno != EINTR)
			break;
		if (w[1].revents == POLLHUP)
			w[1].fd = -1; /* there will be no hook */
	}
	if (w[1].fd >= 0 && w[1].revents & POLLIN)
		answer_hook(p);
	return spawn_wait(pid, e);
}

/* Run receive-pack with the hook's socket pair. */
static int receive(struct passage *p, struct error *e)
{
	AUTO_FD theirs = -1;
	int ends[2], code;
	pid_t pid;

	if (!make_repo(p, e) || !fd_socketpair(SOCK_STREAM, ends, e))
		return -1;
	p->hook = ends[0];
	theirs = ends[1];
	pid = start_receive(p, theirs, e);
	fd_close(&theirs);
	code = pid < 0 ? -1 : attend(p, pid, e);
	fd_close(&p->hook);
	return code;
}

int push_serve(const struct push *push, struct error *e)
{
	struct passage p = { .push = push, .hook = -1 };
	struct error ignored = ERROR_INIT;
	int code;

	p.repo = alloc_format("push/%llu", (unsigned long long)push->number);
	p.judged = alloc_format("judged/%llu", (unsigned long long)push->number);
	code = receive(&p, e);
	file_remove_tree(p.repo, &ignored);
	file_remove_tree(p.judged, &ignored);
	free(p.repo);
	free(p.judged);
	return code;
}
