#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "cgroup.h"
#include "document.h"
#include "fd.h"
#include "feature.h"
#include "file.h"
#include "filter.h"
#include "hatch.h"
#include "landlock.h"
#include "namespaces.h"
#include "place.h"
#include "program.h"
#include "root.h"
#include "trees.h"

/* What came of one feature. */
struct result {
	bool tried, good;
	struct error error;
};

/* What the trials share. */
struct trial {
	struct ids ids;
	char *dir;        /* a directory beside the bottles' states */
	int disk;         /* its tree, -1 until opened */
	int hatch;        /* to the process outside */
};

static bool try_mounts(struct trial *t, struct error *e)
{
	AUTO_FD usr = tree_open("/usr", TREE_RECURSIVE | TREE_READ_ONLY, e);

	if (usr >= 0 && t->disk < 0)
		t->disk = tree_open(t->dir, 0, e);
	return usr >= 0 && t->disk >= 0;
}

/* Also makes and enters the stage for what follows. */
static bool try_tmpfs(struct trial *t, struct error *e)
{
	(void)t;
	return root_begin(e);
}

static bool try_overlay(struct trial *t, struct error *e)
{
	static const char *const options[] = { "lowerdir=/tmp/lower", "upperdir=/tmp/disk/upper",
					       "workdir=/tmp/disk/work",
					       "userxattr", NULL };
	AUTO_FD tree = -1;

	if (!tree_attach(t->disk, AT_FDCWD, "disk", e) || !place_dirs(AT_FDCWD, "disk/upper", 0755, e) ||
	    !place_dirs(AT_FDCWD, "disk/work", 0755, e))
		return false;
	tree = tree_make("overlay", options, 0, FEATURE_OVERLAY, e);
	return tree >= 0 && tree_attach(tree, AT_FDCWD, "root", e) &&
	       place_file(AT_FDCWD, "root/file", SLICE("x"), 0644, e);
}

static bool try_proc(struct trial *t, struct error *e)
{
	static const char *const options[] = { NULL };
	AUTO_FD tree = tree_make("proc", options, TREE_NO_EXEC, FEATURE_PROC, e);

	(void)t;
	return tree >= 0;
}

static bool try_devpts(struct trial *t, struct error *e)
{
	static const char *const options[] = { "newinstance", "ptmxmode=0666", NULL };
	AUTO_FD tree = tree_make("devpts", options, TREE_DEVICE, FEATURE_DEVPTS, e);

	(void)t;
	return tree >= 0;
}

static bool try_clocks(struct trial *t, struct error *e)
{
	(void)t;
	return namespaces_reset_clocks(e);
}

static bool try_landlock(struct trial *t, struct error *e)
{
	(void)t;
	errno = ENOSYS;
	return landlock_version() > 0 ||
	       feature_missing(e, FEATURE_LANDLOCK, "unable to restrict what an agent writes");
}

static bool try_seccomp(struct trial *t, struct error *e)
{
	struct filter *filter = filter_make(e);

	(void)t;
	if (!filter)
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to set no_new_privs");
	return filter_load(filter, e);
}

/* In the order in which a bottle needs them: some stand on those before. */
static const struct {
	enum feature feature;
	bool (*try)(struct trial *t, struct error *e);
} trials[] = {
	{ FEATURE_MOUNT_API, try_mounts }, { FEATURE_TMPFS, try_tmpfs },       { FEATURE_OVERLAY, try_overlay },
	{ FEATURE_PROC, try_proc },	   { FEATURE_DEVPTS, try_devpts },     { FEATURE_TIME_NAMESPACES, try_clocks },
	{ FEATURE_LANDLOCK, try_landlock }, { FEATURE_SECCOMP, try_seccomp },
};

/* Report one result to the process outside. */
static void report(const struct trial *t, enum feature feature, bool good, const struct error *error)
{
	struct hatch_message m = { .kind = HATCH_SETUP, .index = (int)feature, .value = good, .error = *error };
	struct error gone = ERROR_INIT;

	hatch_send(t->hatch, &m, &gone);
}

/* Inside: go from one feature to the next as long as they build upon each other. */
static void inside(struct trial *t) __attribute__((noreturn));

static void inside(struct trial *t)
{
	struct error e = ERROR_INIT;
	struct hatch_message m;
	bool good;

	if (!hatch_expect(t->hatch, HATCH_MAPPED, 0, &m, &e))
		_exit(1);
	good = namespaces_enter(&t->ids, "check", &e) && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
	report(t, FEATURE_NAMESPACES, good, &e);
	for (size_t i = 0; good && i < COUNT_OF(trials); i++) {
		struct error failed = ERROR_INIT;
		bool works = trials[i].try(t, &failed);

		report(t, trials[i].feature, works, &failed);
		good = works || trials[i].feature > FEATURE_TMPFS;
	}
	_exit(0);
}

/* Root's bottles read files of others through mounts that map ids. */
static void try_idmap(struct trial *t, struct result *result)
{
	struct tree_ids ids = { 0, 0, t->ids.outside_uid, t->ids.outside_gid };
	AUTO_FD tree = tree_open(t->dir, 0, &result->error);

	result->tried = true;
	result->good = tree >= 0 && tree_map_ids(tree, &ids, &result->error);
}

/* Outside: start the process inside and take its reports. */
static void try_all(struct trial *t, struct result results[FEATURES])
{
	struct result *first = &results[FEATURE_USER_NAMESPACES];
	struct hatch_message m;
	struct error end = ERROR_INIT;
	AUTO_FD hatch = -1;
	int ends[2];
	pid_t pid;

	first->tried = true;
	if (!fd_socketpair(SOCK_SEQPACKET, ends, &first->error))
		return;
	hatch = ends[0];
	pid = namespaces_fork(-1, &first->error);
	if (pid == 0) {
		close(ends[0]);
		t->hatch = ends[1];
		inside(t);
	}
	close(ends[1]);
	first->good = pid > 0 && namespaces_map(pid, &t->ids, &first->error) &&
		      hatch_say(hatch, HATCH_MAPPED, 0, &first->error);
	while (first->good && hatch_receive(hatch, &m, &end))
		if (m.index >= 0 && m.index < FEATURES)
			results[m.index] = (struct result){ true, m.value != 0, m.error };
	fd_close(&hatch);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Make the directory for the trials where bottles will have theirs, or as near as there is something. */
static bool make_place(struct trial *t, const char *home, struct error *e)
{
	AUTO_FREE char *place = alloc_copy(home, strlen(home));
	char *slash;

	while (access(place, F_OK) < 0 && (slash = strrchr(place, '/')) && slash != place)
		*slash = '\0';
	t->dir = alloc_format("%s/.bb-check.XXXXXX", place);
	if (!mkdtemp(t->dir))
		return error_sys(e, "unable to make a directory in '%s'", place);
	if (t->ids.root && chown(t->dir, t->ids.outside_uid, t->ids.outside_gid) < 0)
		return error_sys(e, "unable to hand over '%s'", t->dir);
	if (t->ids.root)
		t->disk = tree_open(t->dir, 0, e);
	return !t->ids.root || t->disk >= 0;
}

/* Add a line to the results. */
static void add(struct doc *list, bool json, const char *level, const char *name, const char *text, const char *remedy)
{
	struct doc *line = doc_append(list, doc_new_object());

	doc_put_str(line, "level", level);
	doc_put_str(line, "name", name);
	doc_put_str(line, "text", text);
	if (remedy)
		doc_put_str(line, "remedy", remedy);
	if (json)
		return;
	printf("%-4s %s: %s\n", level, name, text);
	if (remedy)
		printf("       %s\n", remedy);
}

/* What a bottle can be limited to; its error brings the remedy, which has a place of its own here. */
static void add_limits(struct doc *list, bool json)
{
	struct error e = ERROR_INIT;
	char *remedy;

	if (cgroup_check(&e)) {
		add(list, json, "ok", "limits",
		    "a delegated control group, which holds to limits.memory and limits.cpus", NULL);
		return;
	}
	remedy = strstr(e.text, "; " CGROUP_REMEDY);
	if (remedy)
		*remedy = '\0';
	add(list, json, "warn", "limits", e.text, "for bottles with limits.memory or limits.cpus: " CGROUP_REMEDY);
}

/* One line for each feature. Returns whether all are there. */
static bool add_results(struct doc *list, bool json, const struct trial *t, const struct result results[FEATURES])
{
	bool good = true;

	for (int f = 0; f < FEATURES; f++) {
		const struct feature_text *text = &feature_texts[f];
		const struct result *r = &results[f];

		if (f == FEATURE_IDMAP && !t->ids.root)
			continue;
		good = good && r->good;
		if (r->good)
			add(list, json, "ok", text->name, text->what, NULL);
		else if (r->tried)
			add(list, json, "fail", text->name, r->error.text, text->remedy);
		else
			add(list, json, "fail", text->name, "not tried, because something that it stands on is missing",
			    text->remedy);
	}
	add_limits(list, json);
	return good;
}

bool check_machine(const char *home, bool json, bool *good, struct error *e)
{
	struct trial t = { .ids = ids_for(1000, 1000), .disk = -1, .hatch = -1 };
	struct result results[FEATURES] = { 0 };
	AUTO_DOC *d = doc_new("check", 1);
	struct error left = ERROR_INIT;
	struct doc *list;
	bool ok;

	doc_put_str(d, "backend", "native");
	list = doc_put(d, "results", doc_new_array());
	ok = make_place(&t, home, e);
	if (ok) {
		if (t.ids.root)
			try_idmap(&t, &results[FEATURE_IDMAP]);
		try_all(&t, results);
		*good = add_results(list, json, &t, results);
	}
	fd_close(&t.disk);
	if (!file_remove_tree(t.dir, &left))
		program_warn("%s", left.text);
	free(t.dir);
	return ok && (json ? doc_write(d, STDOUT_FILENO, e) : program_flush(e));
}
