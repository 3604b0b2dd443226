#include "cmd/parse/agent.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cmd/parse/values.h"

/* --- the shape --- */

/* Name of a skill. */
static bool check_skill(struct slice text, struct buf *out, const char **why)
{
	bool good = text.len > 0 && text.len <= 100 && text.ptr[0] != '-';

	for (size_t i = 0; i < text.len; i++)
		good = good && ((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') || ascii_is_digit(text.ptr[i]) ||
				text.ptr[i] == '-');
	if (!good)
		return *why = "lower-case letters, digits and '-', not '-' first", false;
	buf_add_slice(out, text);
	return true;
}

#define OF_BOTTLE "only a bottle may set it: move it to the bottle's file"
static const struct shape any = { .type = SHAPE_ANY };
static const struct shape skill_shape = { .type = SHAPE_STRING, .wanted = "the name of a skill", .text = check_skill,
					  .pattern = "^[a-z0-9][a-z0-9-]*$" };
static const struct shape skills_shape = { .type = SHAPE_LIST, .wanted = "a list of skills", .item = &skill_shape };
static const struct shape_field git_fields[] = {
	{ .name = "user", .shape = &bottle_git_user, .help = "who commits; over the bottle's, field by field" },
	{ .name = "repos", .instead = OF_BOTTLE },
	{ .name = NULL },
};
static const struct shape git_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with user", .fields = git_fields };
static const struct shape_field fields[] = {
	{ .name = "bottle", .shape = &value_name, .help = "the bottle it runs in" },
	{ .name = "skills", .shape = &skills_shape, .help = "skills of the host that it gets" },
	{ .name = "git-gate", .shape = &git_shape, .as = "git_gate", .help = "git identity" },
	{ .name = "name", .shape = &any, .help = "ignored: the file's name counts" },
	{ .name = "description", .shape = &any, .help = "ignored" },
	{ .name = "model", .shape = &any, .help = "ignored" },
	{ .name = "color", .shape = &any, .help = "ignored" },
	{ .name = "memory", .shape = &any, .help = "ignored" },
	{ .name = "extends", .instead = OF_BOTTLE },
	{ .name = "env", .instead = OF_BOTTLE },
	{ .name = "agent_provider", .instead = OF_BOTTLE },
	{ .name = "egress", .instead = OF_BOTTLE },
	{ .name = "supervise", .instead = OF_BOTTLE },
	{ .name = "limits", .instead = OF_BOTTLE },
	{ .name = "git", .instead = "remotes are declared in a bottle's 'git-gate.repos'" },
	{ .name = "git_user", .instead = "write 'git-gate: {user: {name: NAME, email: EMAIL}}'" },
	{ .name = "ssh", .instead = "remotes are declared in a bottle's 'git-gate.repos'" },
	{ .name = "runtime", .instead = "the backend is chosen at start: bb start --backend NAME" },
	{ .name = "cred_proxy", .instead = "credentials are given to a route of a bottle: 'egress.routes[].auth'" },
	{ .name = "egress_proxy", .instead = "routes are declared in a bottle's 'egress.routes'" },
	{ .name = "pipelock", .instead = "what is looked for is said per route of a bottle: 'egress.routes[].dlp'" },
	{ .name = NULL },
};
const struct shape agent_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping", .fields = fields };

/* --- what lies about --- */

void agent_check_repository(const struct load *l)
{
	AUTO_FREE char *bottles = NULL;
	struct stat st;

	if (!l->home->repository)
		return;
	bottles = alloc_format("%s/bottles", l->home->repository);
	if (lstat(bottles, &st) == 0)
		problems_add(l->warnings, bottles, 0, 0,
			     "ignored: a repository can ship agents, never bottles; those are in '%s/bottles'",
			     l->home->path);
}

bool agent_refuse_old(const struct load *l, const char *file)
{
	return problems_add(l->problems, file, 0, 0,
			    "not read any more: each bottle is a file '%s/bottles/NAME.md', each agent "
			    "'%s/agents/NAME.md'; move its contents there and remove it",
			    l->home->path, l->home->path);
}

bool agent_check_old(const struct load *l)
{
	const char *const directories[] = { l->home->path, l->home->user, "." };
	bool good = true;

	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		AUTO_FREE char *file = directories[i] ? alloc_format("%s/bot-bottle.json", directories[i]) : NULL;
		struct stat st;

		if (file && lstat(file, &st) == 0 && (i == 0 || !home_is_same(directories[i], directories[i - 1])))
			good = agent_refuse_old(l, file);
	}
	return good;
}

/* --- finding and reading --- */

void agent_release(struct agent *a)
{
	free(a->name);
	free(a->file);
	buf_release(&a->text);
	yaml_release(a->yaml);
	doc_release(a->doc);
	doc_release(a->origin);
}

/* Say that there is no such agent, and what is near. */
static bool refuse_absent(const struct load *l, const char *name, bool repository)
{
	AUTO_FREE char *home = home_directory(l->home, HOME_AGENTS);
	AUTO_FREE char *own = home_directory(l->home, HOME_REPOSITORY_AGENTS);
	struct error e = ERROR_INIT;
	AUTO_DOC *at_home = home_names(l->home, HOME_AGENTS, NULL, &e);
	AUTO_DOC *here = home_names(l->home, HOME_REPOSITORY_AGENTS, NULL, &e);
	size_t n = 0, first = at_home && !repository ? doc_count(at_home) : 0, second = here ? doc_count(here) : 0;
	AUTO_FREE const char **list = alloc_zero(first + second + 1, sizeof(*list));
	const char *near;

	for (size_t i = 0; i < first; i++)
		list[n++] = doc_cstr(doc_at(at_home, i));
	for (size_t i = 0; i < second; i++)
		list[n++] = doc_cstr(doc_at(here, i));
	near = shape_nearest(slice_str(name), list);
	return problems_add(l->problems, repository && own ? own : home, 0, 0, "there is no agent '%s'%s%s%s", name,
			    near ? " (did you mean '" : "; 'bb list agents' shows those there are", near ? near : "",
			    near ? "'?)" : "");
}

/* Find and read the file of an agent. */
static bool read_file(const struct load *l, const char *name, struct agent *a)
{
	bool explicit_here = strncmp(name, "./", 2) == 0, at_home;
	enum home_kind kind;
	enum home_read read;

	name += explicit_here ? 2 : 0;
	if (!home_is_name(slice_str(name)))
		return problems_add(l->problems, name, 0, 0,
				    "not the name of an agent: lower-case letters, digits and '-', a letter first");
	at_home = (!explicit_here || !l->home->repository) && home_has(l->home, HOME_AGENTS, name);
	kind = at_home ? HOME_AGENTS : HOME_REPOSITORY_AGENTS;
	a->repository = !at_home;
	a->name = alloc_copy(name, strlen(name));
	a->file = home_file(l->home, kind, name);
	if (!explicit_here && at_home && home_has(l->home, HOME_REPOSITORY_AGENTS, name)) {
		AUTO_FREE char *other = home_file(l->home, HOME_REPOSITORY_AGENTS, name);

		problems_add(l->warnings, other, 0, 0,
			     "not used: '%s' has that name and goes first; './%s' names this one", a->file, name);
	}
	read = a->file ? home_read(l->home, kind, name, &a->text, l->problems) : HOME_ABSENT;
	return read == HOME_ABSENT ? refuse_absent(l, name, explicit_here) : read == HOME_READ;
}

bool agent_read(const struct load *l, const char *name, struct agent *a)
{
	AUTO_SHAPE_READER r = { .problems = l->problems, .notes = l->warnings };
	AUTO_FREE char *subject = NULL;

	if (!read_file(l, name, a) || !front_split(buf_slice(&a->text), a->file, &a->front, l->problems))
		return false;
	a->yaml = yaml_load(a->front.yaml, a->file, a->front.line, l->problems);
	if (!a->yaml)
		return false;
	subject = alloc_format("agent '%s'", a->name);
	a->origin = doc_new_object();
	r.file = a->file;
	r.subject = subject;
	r.origin = a->origin;
	a->doc = shape_read(&r, &agent_shape, yaml_root(a->yaml));
	return a->doc != NULL;
}
