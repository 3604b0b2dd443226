/* bb-commit: a snapshot of what an agent wrote, while it goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/launch-docker/container.h"
#include "container.h"
#include "fd.h"
#include "file.h"
#include "layer.h"
#include "program.h"
#include "search.h"
#include "snapshot.h"
#include "spawn.h"
#include "state.h"

#define READER 65532u     /* who reads what a container holds, when the operator is root */
#define LEFT_OUT_MAX 1200 /* the files and copies of a plan, and what is always left out */

static const struct option_def defs[] = {
	{ "name", 0, "NAME", "name of the snapshot; default: the bottle's identity" },
	{ "force", 0, NULL, "commit although secrets were found" },
	{ "json", 0, NULL, "print the snapshot document" },
	{ .name = NULL },
};
static const struct program program = {
	"bb-commit",
	"keep what the agent of a bottle wrote as a snapshot; the bottle goes on\n\n"
	"exit status: 0 committed, 1 secrets were found, 100 wrong use, 111 it could not be read or written",
	"[OPTION]... [IDENTITY]",
	defs,
};

struct commit {
	const char *identity, *name;
	bool force, json;
	char *home;
	struct doc *metadata, *plan;
	char *overlay;
	bool on_engine; /* the bottle is a container's, not a native one */
};

/* What the process that reads the tree says at its end. */
struct verdict {
	struct layer_count count;
	uint64_t findings;
	struct error error;
};

static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct commit *c = options;

	if (strcmp(name, "name") == 0) {
		if (!state_is_identity(slice_str(arg)))
			return error_set(e, STATUS_CALLER,
					 "'%s' cannot name a snapshot: use a-z, 0-9 and single dashes", arg);
		c->name = arg;
	} else if (strcmp(name, "force") == 0) {
		c->force = true;
	} else {
		c->json = true;
	}
	return true;
}

/* Is this the bottle that is meant? Without a name, the only one that runs. */
static bool choose(void *ctx, const struct state_entry *entry, struct error *e)
{
	struct commit *c = ctx;
	const char *backend = doc_get_cstr(entry->metadata, "backend");

	if (c->identity ? strcmp(c->identity, entry->identity) != 0 : !entry->active)
		return true;
	if (!entry->metadata || !entry->plan || (!entry->active && !entry->preserved))
		return c->identity ? error_set(e, STATUS_CALLER, "the bottle '%s' neither runs nor is kept",
					       entry->identity)
				   : true;
	c->on_engine = backend && strcmp(backend, "docker") == 0;
	if (!backend || (!c->on_engine && strcmp(backend, "native") != 0))
		return error_set(e, STATUS_CALLER,
				 "the bottle '%s' is of the backend '%s'; only bottles of 'native' and 'docker' can be "
				 "committed",
				 entry->identity, backend ? backend : "?");
	if (c->on_engine && !entry->active)
		return error_set(e, STATUS_CALLER, "the bottle '%s' has ended, and its container with it",
				 entry->identity);
	if (c->metadata)
		return error_set(e, STATUS_CALLER, "several bottles run; say which one: 'bb list active' shows them");
	c->metadata = doc_retain(entry->metadata);
	c->plan = doc_retain(entry->plan);
	c->overlay = alloc_format("%s/overlay", entry->dir);
	return true;
}

static bool find_bottle(struct commit *c, struct error *e)
{
	c->home = state_home(e);
	if (!c->home || !state_each(c->home, choose, c, e))
		return false;
	if (!c->metadata)
		return error_set(e, STATUS_CALLER, "%s; 'bb list active' shows those that run",
				 c->identity ? "there is no bottle of that name" : "no bottle runs");
	c->identity = doc_get_cstr(c->metadata, "identity");
	if (!c->identity || !doc_get_cstr(c->metadata, "agent") || !doc_get_cstr(c->metadata, "backend"))
		return error_set(e, STATUS_CALLER, "the metadata of the bottle is damaged");
	if (!c->name)
		c->name = c->identity;
	return true;
}

/* A path of the bottle as the archive names it. */
static char *archive_path(const struct commit *c, const char *path)
{
	const char *workspace = doc_get_cstr(doc_get(c->plan, "workspace"), "target");
	size_t n = workspace ? strlen(workspace) : 0;

	if (c->on_engine)
		return alloc_copy(path + 1, strlen(path + 1));
	if (n && strncmp(path, workspace, n) == 0 && path[n] == '/')
		return alloc_format("workspace%s", path + n);
	return alloc_format("upper%s", path);
}

/* What the launcher provides anew: its files and copies, and what is memory or its own in a bottle. */
static void list_left_out(const struct commit *c, const char **list)
{
	static const char *const always[] = { "/.bottle", "/dev", "/etc", "/opt", "/proc", "/run", "/tmp", "/var/tmp" };
	static const struct {
		const char *list, *key;
	} members[] = { { "files", "path" }, { "copies", "target" } };
	const struct doc *bottle = doc_get(c->plan, "bottle");
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(always); i++)
		list[n++] = archive_path(c, always[i]);
	for (size_t m = 0; m < COUNT_OF(members); m++)
		for (size_t i = 0; i < doc_count(doc_get(bottle, members[m].list)) && n + 1 < LEFT_OUT_MAX; i++) {
			const char *path = doc_get_cstr(doc_at(doc_get(bottle, members[m].list), i), members[m].key);

			if (path)
				list[n++] = archive_path(c, path);
		}
	list[n] = NULL;
}

static void tell(void *ctx, const char *path, const char *why)
{
	(void)ctx;
	program_warn("'%s': %s", path, why);
}

/* What a reading process does, once it is confined. */
typedef bool read_fn(const void *job, struct layer_count *count, struct error *e);

static bool read_tree(const void *job, struct layer_count *count, struct error *e)
{
	return layer_pack(job, count, e);
}

static bool read_changes(const void *job, struct layer_count *count, struct error *e)
{
	return changeset_pack(job, count, e);
}

/* The process: it can read below the working directory, if it is asked to, and write what is open. */
static void read_confined(read_fn *fn, const void *job, struct search *search, const char *where, uid_t uid,
			  struct verdict *v)
{
	const char *const readable[] = { where, NULL };
	const struct confine_call *const calls[] = { layer_calls, NULL };
	const struct confinement c = { .role = "commit", .uid = uid, .readable = readable, .tied = true,
				       .calls = calls };

	if (confine(&c, &v->error) && fn(job, &v->count, &v->error))
		v->findings = search_finish(search);
}

/* Have it run to its end, and take its verdict. */
static bool have_read(read_fn *fn, const void *job, struct search *search, const char *where, uid_t uid,
		      struct verdict *v, struct error *e)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (!fd_pipe(ends, e))
		return false;
	pid = fork();
	if (pid == 0) {
		read_confined(fn, job, search, where, uid, v);
		_exit(write(ends[1], v, sizeof(*v)) == (ssize_t)sizeof(*v) ? 0 : STATUS_WORLD);
	}
	close(ends[1]);
	n = pid < 0 ? -1 : read(ends[0], v, sizeof(*v));
	close(ends[0]);
	if (pid < 0)
		return error_sys(e, "unable to start a process");
	status = spawn_wait(pid, e);
	if (status != 0 || n != (ssize_t)sizeof(*v))
		return error_set(e, STATUS_WORLD, "the process that reads the bottle's files ended with status %d",
				 status);
	v->error.text[sizeof(v->error.text) - 1] = '\0';
	if (v->error.status != STATUS_YES)
		*e = v->error;
	return v->error.status == STATUS_YES;
}

/* Have the archive of a native bottle written. */
static bool write_archive(const struct commit *c, const char *const *left_out, int archive, int staging,
			  struct verdict *v, struct error *e)
{
	static const char *const names[] = { "upper", "workspace", NULL };
	AUTO_FD dir = open(c->overlay, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct doc *user = doc_get(doc_get(c->plan, "bottle"), "user");
	struct search *search = search_new(e);
	struct layer_job job = { .dir = dir, .names = names, .left_out = left_out, .to = archive, .staging = staging,
				 .uid = (unsigned)doc_get_int(user, "uid"), .gid = (unsigned)doc_get_int(user, "gid"),
				 .look = search_look, .tell = tell, .ctx = search };
	struct stat st;

	if (!search)
		return false;
	if (dir < 0 || fstat(dir, &st) < 0 || fchdir(dir) < 0)
		return error_sys(e, "unable to open '%s'", c->overlay);
	return have_read(read_tree, &job, search, ".", geteuid() == 0 ? st.st_uid : 0, v, e);
}

/* Have the layer of a container written. */
static bool write_layer(struct container *container, const char *const *left_out, int layer, int staging,
			struct verdict *v, struct error *e)
{
	struct search *search = search_new(e);
	struct changeset_job job = { .set = &container->set, .from = staging, .to = layer, .look = search_look,
				     .tell = tell,
				     .ctx = search };

	return search && container_copy(container, left_out, staging, e) &&
	       have_read(read_changes, &job, search, NULL, geteuid() == 0 ? READER : 0, v, e);
}

/* The document; the digest comes later. */
static struct doc *describe(const struct commit *c, const struct verdict *v)
{
	static const char *const copied[] = { "identity", "agent", "bottles", "backend", "cwd", "label", "color" };
	struct doc *d = doc_new("snapshot", 1);
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	doc_put_str(d, "name", c->name);
	for (size_t i = 0; i < COUNT_OF(copied); i++) {
		const struct doc *value = doc_get(c->metadata, copied[i]);

		if (value)
			doc_put(d, copied[i], doc_copy(value));
	}
	if (!doc_get(d, "bottles"))
		doc_put(d, "bottles", doc_new_array());
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	doc_put_str(d, "created_at", when);
	doc_put_int(d, "files", (int64_t)v->count.files);
	doc_put_int(d, "bytes", (int64_t)v->count.bytes);
	doc_put_int(d, "unread", (int64_t)v->count.unread);
	doc_put_int(d, "unstable", (int64_t)v->count.unstable);
	doc_put_int(d, "findings", (int64_t)v->findings);
	return d;
}

/* Append a text as one word of a shell. */
static void add_word(struct buf *out, struct slice text)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_char(out, text.ptr[i]);
	buf_add_char(out, '\'');
}

/* What was committed, and the two commands that take it to another machine. */
static bool show(const struct commit *c, const struct doc *d, struct error *e)
{
	AUTO_FREE char *snapshots = alloc_format("%s/snapshots", c->home);
	AUTO_BUF word = BUF_INIT;

	if (c->json)
		return doc_write(d, STDOUT_FILENO, e);
	add_word(&word, slice_str(snapshots));
	printf("%s: %lld files, %lld bytes, sha256:%s\n\n", c->name, (long long)doc_get_int(d, "files"),
	       (long long)doc_get_int(d, "bytes"), doc_get_cstr(d, "sha256"));
	printf("go on with it:              bb resume %s\n", c->name);
	if (c->on_engine)
		printf("take its image elsewhere:   docker save " IMAGE_COMMITTED "%s | ssh HOST docker load\n",
		       c->name);
	printf("take it to another machine: tar -C %s -cf - %s | ssh HOST "
	       "'mkdir -p -m 700 .bot-bottle/snapshots && tar -C .bot-bottle/snapshots -xf -'\n",
	       buf_str(&word), c->name);
	printf("and go on there:            ssh -t HOST bb resume %s\n", c->name);
	return program_flush(e);
}

/* Secrets need a word. */
static bool judge(const struct commit *c, const struct verdict *v, struct error *e)
{
	return !v->findings || c->force ||
	       error_set(e, STATUS_NO, "%llu secrets were found; nothing is committed: remove them, or use --force",
			 (unsigned long long)v->findings);
}

/* A file without a name beside the snapshots. -1 with an error. */
static int unnamed_file(const struct draft *draft, struct error *e)
{
	int fd = open(draft->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		error_sys(e, "unable to make a file in '%s'", draft->dir);
	return fd;
}

/* What was written, by its digest. */
static struct doc *conclude(const struct commit *c, const struct verdict *v, const char *hex, off_t size)
{
	struct doc *d = describe(c, v);

	doc_put_str(d, "sha256", hex);
	doc_put_int(d, "size", (int64_t)size);
	return d;
}

/* A native bottle: the archive is part of the snapshot. */
static bool commit_native(struct commit *c, struct draft *draft, const char *const *left_out, struct error *e)
{
	struct verdict v = { .error = ERROR_INIT };
	char hex[DIGEST_HEX];
	AUTO_FD archive = draft_file(draft, e);
	AUTO_FD staging = archive < 0 ? -1 : unnamed_file(draft, e);
	AUTO_DOC *d = NULL;
	struct stat st;

	if (staging < 0 || !write_archive(c, left_out, archive, staging, &v, e) || !judge(c, &v, e) ||
	    !draft_seal(draft, archive, hex, e))
		return false;
	if (fstat(archive, &st) < 0)
		return error_sys(e, "unable to look at the archive");
	d = conclude(c, &v, hex, st.st_size);
	return draft_publish(draft, c->name, d, e) && show(c, d, e);
}

/* One on an engine, which keeps it as an image. */
static bool commit_container(struct commit *c, struct draft *draft, const char *const *left_out, struct error *e)
{
	struct verdict v = { .error = ERROR_INIT };
	AUTO_CONTAINER container = CONTAINER_INIT;
	struct error none = ERROR_INIT;
	char hex[DIGEST_HEX];
	AUTO_FD layer = unnamed_file(draft, e);
	AUTO_FD staging = layer < 0 ? -1 : unnamed_file(draft, e);
	AUTO_DOC *earlier = snapshot_read(c->home, c->name, &none);
	AUTO_FREE char *image = NULL;
	AUTO_DOC *d = NULL;
	struct stat st;

	if (staging < 0 || !container_find(&container, c->identity, c->home, e) ||
	    !write_layer(&container, left_out, layer, staging, &v, e) || !judge(c, &v, e) ||
	    !digest_file(layer, "layer", hex, e))
		return false;
	if (fstat(layer, &st) < 0)
		return error_sys(e, "unable to look at the layer");
	image = container_publish(&container, c->home, c->name, layer, hex, draft->dir, e);
	if (!image)
		return false;
	d = conclude(c, &v, hex, st.st_size);
	doc_put_str(d, "image", image);
	if (!draft_publish(draft, c->name, d, e))
		return false;
	if (doc_get_cstr(earlier, "image") && strcmp(doc_get_cstr(earlier, "image"), image) != 0)
		container_forget(&container, doc_get_cstr(earlier, "image"));
	return show(c, d, e);
}

static bool commit(struct commit *c, struct error *e)
{
	static const char *left_out[LEFT_OUT_MAX];
	AUTO_DRAFT draft = DRAFT_INIT;

	list_left_out(c, left_out);
	return draft_begin(&draft, c->home, e) &&
	       (c->on_engine ? commit_container(c, &draft, left_out, e) : commit_native(c, &draft, left_out, e));
}

int main(int argc, char **argv)
{
	struct commit c = { .name = NULL };
	struct error e = ERROR_INIT;
	int first;

	document_seed();
	digest_init();
	first = program_start(&program, argc, argv, take_option, &c);
	if (argc - first > 1)
		return program_usage("unexpected operand '%s'", argv[first + 1]);
	umask(077);
	if (first < argc)
		c.identity = argv[first];
	return find_bottle(&c, &e) && commit(&c, &e) ? STATUS_YES : program_fail(&e);
}
