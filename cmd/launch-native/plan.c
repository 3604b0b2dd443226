#include "plan.h"

#include <limits.h>
#include <stdlib.h>

#include "alloc.h"
#include "file.h"
#include "state.h"

static const struct doc_field plan_fields[] = {
	{ "identity", DOC_STR, true },   { "agent", DOC_STR, true },    { "bottles", DOC_ARRAY, true },
	{ "backend", DOC_STR, true },    { "label", DOC_STR, false },   { "color", DOC_STR, false },
	{ "started_at", DOC_STR, true }, { "home", DOC_STR, true },     { "cwd", DOC_STR, false },
	{ "state", DOC_STR, true },      { "bottle", DOC_OBJECT, true }, { "secrets", DOC_ARRAY, true },
	{ "sidecar", DOC_OBJECT, true }, { "probe", DOC_OBJECT, true }, { "notes", DOC_ARRAY, false },
	{ "preflight", DOC_OBJECT, false }, { "deploy_keys", DOC_ARRAY, false }, { .name = NULL },
};
static const struct doc_field bottle_fields[] = {
	{ "hostname", DOC_STR, true },   { "user", DOC_OBJECT, true },      { "workdir", DOC_STR, true },
	{ "workspace", DOC_OBJECT, false }, { "argv", DOC_ARRAY, true },    { "tty", DOC_BOOL, true },
	{ "env", DOC_ARRAY, true },      { "files", DOC_ARRAY, false },     { "copies", DOC_ARRAY, false },
	{ "services", DOC_ARRAY, true }, { "ca", DOC_OBJECT, true },        { "setup", DOC_ARRAY, false },
	{ "verify", DOC_ARRAY, false },  { "programs", DOC_ARRAY, false },  { "image", DOC_OBJECT, false },
	{ "limits", DOC_OBJECT, false }, { .name = NULL },
};
static const struct doc_field user_fields[] = {
	{ "name", DOC_STR, true }, { "uid", DOC_INT, true }, { "gid", DOC_INT, true }, { "home", DOC_STR, true },
	{ .name = NULL },
};
static const struct doc_field workspace_fields[] = {
	{ "source", DOC_STR, true }, { "target", DOC_STR, true }, { .name = NULL },
};
static const struct doc_field ca_fields[] = {
	{ "file", DOC_STR, true }, { "bundle", DOC_STR, true }, { .name = NULL },
};
static const struct doc_field env_fields[] = {
	{ "name", DOC_STR, true }, { "value", DOC_STR, false }, { "secret", DOC_STR, false }, { .name = NULL },
};
static const struct doc_field file_fields[] = {
	{ "path", DOC_STR, true }, { "mode", DOC_STR, true }, { "content", DOC_STR, true }, { .name = NULL },
};
static const struct doc_field service_fields[] = {
	{ "name", DOC_STR, true }, { "ports", DOC_ARRAY, true }, { .name = NULL },
};
static const struct doc_field setup_fields[] = {
	{ "argv", DOC_ARRAY, true }, { "on_failure", DOC_STR, true }, { .name = NULL },
};
static const struct doc_field program_fields[] = {
	{ "name", DOC_STR, true }, { "path", DOC_STR, true }, { .name = NULL },
};
static const struct doc_field limit_fields[] = {
	{ "memory", DOC_INT, false }, { "cpus", DOC_STR, false }, { "pids", DOC_INT, false },
	{ "disk", DOC_INT, false }, { "wall", DOC_INT, false }, { .name = NULL },
};

static const struct doc_field key_fields[] = {
	{ "secret", DOC_STR, true }, { "repo", DOC_STR, true }, { "provider", DOC_STR, true }, { "url", DOC_STR, true },
	{ "forge", DOC_STR, false }, { "title", DOC_STR, true }, { "variable", DOC_STR, true }, { .name = NULL },
};

/* Each element of a list is an object of this table. */
static bool check_list(const struct doc *d, const char *key, const struct doc_field *fields, size_t max,
		       struct error *e)
{
	const struct doc *list = doc_get(d, key);

	if (doc_count(list) > max)
		return error_set(e, STATUS_CALLER, "'bottle.%s' has more than %zu entries", key, max);
	for (size_t i = 0; i < doc_count(list); i++) {
		AUTO_FREE char *path = alloc_format("bottle.%s[%zu]", key, i);

		if (!doc_check(doc_at(list, i), path, fields, e))
			return false;
	}
	return true;
}

/* A list of strings, not empty. */
static bool check_argv(const struct doc *list, const char *path, struct error *e)
{
	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_type_of(doc_at(list, i)) != DOC_STR)
			return error_set(e, STATUS_CALLER, "'%s[%zu]' is not a string", path, i);
	return doc_count(list) ? true : error_set(e, STATUS_CALLER, "'%s' is empty", path);
}

/* An absolute path without empty, "." or ".." components: one that can be taken below a root. */
static bool check_path(const char *path, struct error *e)
{
	struct slice rest = slice_str(path);

	if (strcmp(path, "/") == 0)
		return error_set(e, STATUS_CALLER, "'/' is the root, wanted a path below it");
	if (path[0] != '/')
		return error_set(e, STATUS_CALLER, "'%s' is not an absolute path", path);
	slice_cut(&rest, '/');
	while (rest.len) {
		struct slice part = slice_cut(&rest, '/');

		if (!part.len || slice_eq(part, SLICE(".")) || slice_eq(part, SLICE("..")))
			return error_set(e, STATUS_CALLER, "'%s' is not a plain absolute path", path);
	}
	return true;
}

/* Every path that something in the bottle is put at, and every one of the host that is read. */
static bool check_paths(const struct plan *p, struct error *e)
{
	static const struct {
		const char *list, *key;
	} members[] = { { "files", "path" }, { "copies", "source" }, { "copies", "target" }, { "programs", "path" } };

	for (size_t m = 0; m < COUNT_OF(members); m++) {
		const struct doc *list = doc_get(p->bottle, members[m].list);

		for (size_t i = 0; i < doc_count(list); i++)
			if (!check_path(doc_get_cstr(doc_at(list, i), members[m].key), e))
				return error_wrap(e, "'bottle.%s[%zu].%s'", members[m].list, i, members[m].key);
	}
	if (!check_path(p->home, e) || !check_path(p->user_home, e) || !check_path(p->workdir, e) ||
	    !check_path(p->ca_file, e) || !check_path(p->ca_bundle, e))
		return false;
	return !p->workspace_source || (check_path(p->workspace_source, e) && check_path(p->workspace_target, e));
}

/* Keys that forges make. A repository's name becomes part of a file's. */
static bool check_keys(const struct doc *keys, struct error *e)
{
	if (doc_count(keys) > PLAN_KEYS_MAX)
		return error_set(e, STATUS_CALLER, "'deploy_keys' has more than %d entries", PLAN_KEYS_MAX);
	for (size_t i = 0; i < doc_count(keys); i++) {
		AUTO_FREE char *path = alloc_format("deploy_keys[%zu]", i);
		struct slice repo;

		if (!doc_check(doc_at(keys, i), path, key_fields, e))
			return false;
		repo = doc_get_str(doc_at(keys, i), "repo");
		if (!repo.len || slice_find(repo, '/') != SLICE_NONE)
			return error_set(e, STATUS_CALLER, "'%s.repo' cannot name a repository", path);
	}
	return true;
}

/* Variables have a value or the name of a secret. */
static bool check_env(const struct doc *env, struct error *e)
{
	for (size_t i = 0; i < doc_count(env); i++) {
		const struct doc *v = doc_at(env, i);
		const char *name = doc_get_cstr(v, "name");

		if (!*name || strchr(name, '='))
			return error_set(e, STATUS_CALLER, "'bottle.env[%zu]' has no usable name", i);
		if (!doc_get(v, "value") == !doc_get(v, "secret"))
			return error_set(e, STATUS_CALLER, "'bottle.env[%zu]' has neither or both of value and secret",
					 i);
	}
	return true;
}

/* Commands that run before the agent. */
static bool check_setup(const struct doc *setup, struct error *e)
{
	for (size_t i = 0; i < doc_count(setup); i++) {
		struct slice what = doc_get_str(doc_at(setup, i), "on_failure");

		if (!check_argv(doc_get(doc_at(setup, i), "argv"), "bottle.setup.argv", e))
			return false;
		if (!slice_eq(what, SLICE("warn")) && !slice_eq(what, SLICE("fail")))
			return error_set(e, STATUS_CALLER,
					 "'bottle.setup[%zu].on_failure' is neither 'warn' nor 'fail'", i);
	}
	return true;
}

/* Listeners of the sidecar: names, ports, and how many. */
static bool check_sidecar(const struct doc *sidecar, struct error *e)
{
	const struct doc *daemons = doc_get(sidecar, "daemons");
	size_t n = 0;

	if (!doc_is(sidecar, "sidecar", 1, e))
		return error_wrap(e, "'sidecar'");
	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *listeners = doc_get(doc_at(daemons, i), "listeners");

		if (doc_type_of(doc_at(daemons, i)) != DOC_OBJECT || !doc_get_cstr(doc_at(daemons, i), "name"))
			return error_set(e, STATUS_CALLER, "'sidecar.daemons[%zu]' has no name", i);
		for (size_t j = 0; j < doc_count(listeners); j++) {
			int64_t port = doc_get_int(doc_at(listeners, j), "port");

			if (!doc_get_cstr(doc_at(listeners, j), "name") || port < 1 || port > 65535)
				return error_set(e, STATUS_CALLER,
						 "'sidecar.daemons[%zu].listeners[%zu]' is not a name and a port", i,
						 j);
		}
		n += doc_count(listeners);
	}
	if (n > PLAN_LISTENERS_MAX)
		return error_set(e, STATUS_CALLER, "the sidecar has more than %d listeners", PLAN_LISTENERS_MAX);
	return true;
}

/* The shape of all that is used here; what the sidecar reads itself it also checks itself. */
static bool check_shape(const struct plan *p, struct error *e)
{
	const struct doc *b = p->bottle;

	return doc_check(b, "plan.bottle", bottle_fields, e) &&
		doc_check(doc_get(b, "user"), "bottle.user", user_fields, e) &&
	       doc_check(doc_get(b, "ca"), "bottle.ca", ca_fields, e) &&
	       (!doc_get(b, "workspace") || doc_check(doc_get(b, "workspace"), "bottle.workspace", workspace_fields,
						      e)) &&
	       (!p->limits || doc_check(p->limits, "bottle.limits", limit_fields, e)) &&
	       check_list(b, "env", env_fields, 1000, e) && check_list(b, "files", file_fields, 1000, e) &&
	       check_list(b, "copies", workspace_fields, PLAN_COPIES_MAX, e) &&
	       check_list(b, "services", service_fields, PLAN_LISTENERS_MAX, e) &&
	       check_list(b, "setup", setup_fields, 100, e) &&
	       check_list(b, "programs", program_fields, PLAN_PROGRAMS_MAX, e) &&
	       check_keys(p->deploy_keys, e) && check_argv(doc_get(b, "argv"), "bottle.argv", e) &&
		       check_env(doc_get(b, "env"), e) &&
	       check_setup(doc_get(b, "setup"), e) && check_sidecar(p->sidecar, e) &&
	       (!doc_get(b, "verify") || check_argv(doc_get(b, "verify"), "bottle.verify", e));
}

/* Fill in the views; everything they need was checked. */
static void take_views(struct plan *p)
{
	const struct doc *user = doc_get(p->bottle, "user");
	const struct doc *workspace = doc_get(p->bottle, "workspace");
	const struct doc *ca = doc_get(p->bottle, "ca");

	p->identity = doc_get_cstr(p->doc, "identity");
	p->home = doc_get_cstr(p->doc, "home");
	p->hostname = doc_get_cstr(p->bottle, "hostname");
	p->user = doc_get_cstr(user, "name");
	p->user_home = doc_get_cstr(user, "home");
	p->uid = (unsigned)doc_get_int(user, "uid");
	p->gid = (unsigned)doc_get_int(user, "gid");
	p->workdir = doc_get_cstr(p->bottle, "workdir");
	p->tty = doc_get_bool(p->bottle, "tty");
	p->workspace_source = doc_get_cstr(workspace, "source");
	p->workspace_target = doc_get_cstr(workspace, "target");
	p->ca_file = doc_get_cstr(ca, "file");
	p->ca_bundle = doc_get_cstr(ca, "bundle");
}

/*
 * An agent that saw the operator's home of bot-bottle would see what belongs to all bottles: keys, records, what others
 * have written. What is not there is told where it is opened.
 */
static bool check_workspace(const struct plan *p, struct error *e)
{
	char workspace[PATH_MAX], home[PATH_MAX];

	if (!p->workspace_source || !realpath(p->workspace_source, workspace) || !realpath(p->home, home))
		return true;
	if (!file_is_within(home, workspace) && !file_is_within(workspace, home))
		return true;
	return error_set(e, STATUS_CALLER,
			 "the workspace '%s' %s '%s', where the keys and records of all bottles are; start the agent "
			 "in a directory of its own",
			 workspace, file_is_within(home, workspace) ? "holds" : "lies in", home);
}

/* What the views must be like. */
static bool check_views(const struct plan *p, struct error *e)
{
	if (!state_is_identity(slice_str(p->identity)))
		return error_set(e, STATUS_CALLER, "'%s' cannot name a bottle", p->identity);
	if (p->uid == 0 || p->gid == 0 || doc_get_int(doc_get(p->bottle, "user"), "uid") != (int64_t)p->uid)
		return error_set(e, STATUS_CALLER, "the agent's user must not be root");
	if (!*p->hostname || strlen(p->hostname) > 64)
		return error_set(e, STATUS_CALLER, "'%s' is not a host name of at most 64 bytes", p->hostname);
	return check_paths(p, e) && check_workspace(p, e);
}

bool plan_read(int fd, struct plan *p, struct error *e)
{
	memset(p, 0, sizeof(*p));
	p->doc = doc_read(fd, "plan", 1, e);
	if (!p->doc)
		return false;
	if (!doc_check(p->doc, "plan", plan_fields, e))
		return false;
	p->bottle = doc_get(p->doc, "bottle");
	p->sidecar = doc_get(p->doc, "sidecar");
	p->secrets = doc_get(p->doc, "secrets");
	p->deploy_keys = doc_get(p->doc, "deploy_keys");
	p->probe = doc_get(p->doc, "probe");
	p->limits = doc_get(p->bottle, "limits");
	if (!check_shape(p, e))
		return error_wrap(e, "the plan document");
	take_views(p);
	return check_views(p, e) ? true : error_wrap(e, "the plan document");
}

void plan_release(struct plan *p)
{
	doc_release(p->doc);
	p->doc = NULL;
}

size_t plan_listeners(const struct plan *p, struct plan_listener list[PLAN_LISTENERS_MAX])
{
	const struct doc *daemons = doc_get(p->sidecar, "daemons");
	size_t n = 0;

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *listeners = doc_get(doc_at(daemons, i), "listeners");

		for (size_t j = 0; j < doc_count(listeners); j++, n++)
			list[n] = (struct plan_listener){ doc_get_cstr(doc_at(listeners, j), "name"),
							  (int)doc_get_int(doc_at(listeners, j), "port") };
	}
	return n;
}

bool plan_has_daemon(const struct plan *p, const char *name)
{
	const struct doc *daemons = doc_get(p->sidecar, "daemons");

	for (size_t i = 0; i < doc_count(daemons); i++)
		if (strcmp(doc_get_cstr(doc_at(daemons, i), "name"), name) == 0)
			return true;
	return false;
}
