#include "cargo.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "sabotage.h"
#include "trees.h"

/* Directories that hold programs; on most systems all but the first are links into it. */
static const char *const program_dirs[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

/*
 * What programs read below /etc and what tells nothing about the host's people,
 * network or passwords, if apt's are where they belong, in auth.conf. A name that
 * does not exist is left out.
 */
static const char *const etc_names[] = {
	"alternatives",       "apt/keyrings",       "apt/preferences.d",  "apt/sources.list",   "apt/sources.list.d",
	"apt/trusted.gpg.d",  "bash.bashrc",        "debian_version",     "fonts",              "inputrc",
	"java-*",             "ld.so.cache",        "ld.so.conf",         "ld.so.conf.d",       "localtime",
	"lsb-release",        "magic",              "magic.mime",         "mime.types",         "os-release",
	"perl",               "protocols",          "python3*",           "rpc",                "services",
	"ssl/openssl.cnf",    "terminfo",           "timezone",
};

static const char *const device_names[] = { "full", "null", "random", "tty", "urandom", "zero" };

void cargo_release(struct cargo *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].source);
		free(c->items[i].target);
		fd_close(&c->items[i].tree);
	}
	free(c->items);
	*c = (struct cargo)CARGO_INIT;
}

/* Add an item; the strings are copied. */
static struct cargo_item *add(struct cargo *c, enum cargo_use use, const char *source, const char *target,
			      unsigned flags)
{
	struct cargo_item *item;

	c->items = alloc_resize(c->items, c->n + 1, sizeof(*c->items));
	item = &c->items[c->n++];
	*item = (struct cargo_item){ .use = use, .flags = flags, .tree = -1 };
	item->source = alloc_copy(source, strlen(source));
	item->target = alloc_copy(target, strlen(target));
	return item;
}

/* Add a path that is to be at the target inside, as a mount or as the link that it is. */
static void add_as_it_is(struct cargo *c, const char *path, const char *target, unsigned flags)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, text, sizeof(text) - 1);
		if (n < 0)
			return;
		text[n] = '\0';
		add(c, CARGO_LINK, text, target, 0);
	} else if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		add(c, CARGO_MOUNT, path, target, flags)->directory = S_ISDIR(st.st_mode);
	}
}

/* The programs and what they read: of the host, where base is "", or of another root file system. */
static void list_system(struct cargo *c, const char *base)
{
	for (size_t i = 0; i < COUNT_OF(program_dirs); i++) {
		AUTO_FREE char *path = alloc_format("%s%s", base, program_dirs[i]);

		add_as_it_is(c, path, program_dirs[i], TREE_RECURSIVE | TREE_READ_ONLY);
	}
	for (size_t i = 0; i < COUNT_OF(etc_names); i++) {
		AUTO_FREE char *pattern = alloc_format("%s/etc/%s", base, etc_names[i]);
		glob_t found;

		if (glob(pattern, 0, NULL, &found) != 0)
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++)
			add_as_it_is(c, found.gl_pathv[j], found.gl_pathv[j] + strlen(base),
				     TREE_RECURSIVE | TREE_READ_ONLY | TREE_NO_EXEC);
		globfree(&found);
	}
}

/* Device nodes, which an ordinary user cannot make. */
static void list_devices(struct cargo *c)
{
	for (size_t i = 0; i < COUNT_OF(device_names); i++) {
		AUTO_FREE char *path = alloc_format("/dev/%s", device_names[i]);

		add(c, CARGO_DEVICE, path, device_names[i], TREE_DEVICE | TREE_NO_EXEC);
	}
}

/*
 * The part of the host that a program outside the system directories consists of:
 * up to the outermost node_modules, whose packages need each other, or the file alone.
 */
static char *package_of(const char *path)
{
	static const char modules[] = "/node_modules/";
	const char *found = strstr(path, modules);

	return found ? alloc_copy(path, (size_t)(found - path) + sizeof(modules) - 2) : alloc_copy(path, strlen(path));
}

/* Take a program along: its package read-only in /opt/NAME, a link to it in the agent's ~/.local/bin. */
static bool list_program(struct cargo *c, const struct plan *p, const char *name, const char *path, struct error *e)
{
	AUTO_FREE char *package = NULL;
	AUTO_FREE char *inside = NULL;
	AUTO_FREE char *program = NULL;
	AUTO_FREE char *link = alloc_format("%s/.local/bin/%s", p->user_home, name);
	char real[PATH_MAX];
	struct stat st;

	if (strchr(name, '/') || !*name || name[0] == '.')
		return error_set(e, STATUS_CALLER, "'%s' cannot be the name of a program", name);
	if (!realpath(path, real) || stat(real, &st) < 0)
		return error_sys(e, "unable to find the program '%s' at '%s'", name, path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, STATUS_CALLER, "the program '%s' at '%s' is not a file", name, path);
	if (slice_starts(slice_str(real), SLICE("/usr/"))) {
		add(c, CARGO_LINK, real, link, 0);
		return true;
	}
	package = package_of(real);
	inside = alloc_format("/opt/%s%s", name, strrchr(package, '/'));
	program = alloc_format("%s%s", inside, real + strlen(package));
	add(c, CARGO_MOUNT, package, inside, TREE_READ_ONLY)->directory = strcmp(package, real) != 0;
	add(c, CARGO_LINK, program, link, 0);
	return true;
}

/* What the plan takes along. */
static bool list_plan(struct cargo *c, const struct plan *p, struct error *e)
{
	const struct doc *programs = doc_get(p->bottle, "programs");
	const struct doc *copies = doc_get(p->bottle, "copies");

	for (size_t i = 0; i < doc_count(programs); i++) {
		const struct doc *program = doc_at(programs, i);

		if (!list_program(c, p, doc_get_cstr(program, "name"), doc_get_cstr(program, "path"), e))
			return false;
	}
	for (size_t i = 0; i < doc_count(copies); i++) {
		const char *source = doc_get_cstr(doc_at(copies, i), "source");
		struct cargo_item *copy =
			add(c, CARGO_COPY, source, doc_get_cstr(doc_at(copies, i), "target"), TREE_READ_ONLY);

		copy->directory = copy->theirs = true;
	}
	if (p->workspace_source) {
		struct cargo_item *w =
			add(c, CARGO_WORKSPACE, p->workspace_source, p->workspace_target, TREE_READ_ONLY);

		w->directory = w->theirs = true;
	}
	return true;
}

bool cargo_list(struct cargo *c, const struct plan *p, const struct state *s, const char *base, struct error *e)
{
	AUTO_FREE char *disk = state_path(s, "overlay");

	add(c, CARGO_DISK, disk, "", 0)->directory = true;
	if (base)
		add(c, CARGO_BASE, base, "", TREE_READ_ONLY)->directory = true;
	list_system(c, base ? base : "");
	list_devices(c);
	if (sabotaged("hidden"))
		add(c, CARGO_MOUNT, "/etc/shadow", "/etc/shadow", TREE_READ_ONLY);
	return list_plan(c, p, e);
}

void cargo_add_program(struct cargo *c, const char *dir, const char *name, const char *target)
{
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);

	add(c, CARGO_PROGRAM, path, target, 0);
}

/* Show a directory's files as the agent's, when they are someone else's. */
static bool show_as_own(const struct cargo_item *item, const struct ids *ids, struct error *e)
{
	struct tree_ids map = { .shown_uid = ids->outside_uid, .shown_gid = ids->outside_gid };
	struct stat st;

	if (fstat(item->tree, &st) < 0)
		return error_sys(e, "unable to look at '%s'", item->source);
	map.disk_uid = st.st_uid;
	map.disk_gid = st.st_gid;
	if (map.disk_uid == map.shown_uid && map.disk_gid == map.shown_gid)
		return true;
	return tree_map_ids(item->tree, &map, e) ? true : error_wrap(e, "'%s'", item->source);
}

bool cargo_open(struct cargo *c, const struct ids *ids, struct error *e)
{
	for (size_t i = 0; i < c->n; i++) {
		struct cargo_item *item = &c->items[i];

		if (item->use == CARGO_LINK || item->tree >= 0)
			continue;
		if (item->use == CARGO_PROGRAM) {
			item->tree = open(item->source, O_RDONLY | O_CLOEXEC);
			if (item->tree < 0)
				return error_sys(e, "unable to read '%s'", item->source);
			continue;
		}
		item->tree = tree_open(item->source, item->flags, e);
		if (item->tree < 0)
			return false;
		if (item->theirs && ids->root && !show_as_own(item, ids, e))
			return false;
	}
	return true;
}

const struct cargo_item *cargo_find(const struct cargo *c, enum cargo_use use)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].use == use)
			return &c->items[i];
	return NULL;
}
