#include "cmd/parse/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "cmd/parse/manifest.h"
#include "cmd/parse/provider.h"
#include "escape.h"
#include "file.h"
#include "routes.h"

/* Say on standard output what was checked, and pass the verdict on. */
static bool report(bool good, const char *kind, const char *name)
{
	AUTO_BUF line = BUF_INIT;

	escape_line(&line, slice_str(name));
	printf("%-5s %s %s\n", good ? "ok" : "wrong", kind, buf_str(&line));
	return good;
}

/* --- everything --- */

/* Check each name in a directory. */
static bool check_names(const struct load *l, enum home_kind kind, struct error *e)
{
	AUTO_DOC *names = home_names(l->home, kind, l->warnings, e);
	bool good = names != NULL;

	for (size_t i = 0; names && i < doc_count(names); i++) {
		const char *name = doc_cstr(doc_at(names, i));
		AUTO_FREE char *here = alloc_format("./%s", name);

		if (kind == HOME_BOTTLES)
			good = report(manifest_check_bottle(l, name), "bottle", name) && good;
		else if (kind == HOME_AGENTS)
			good = report(manifest_check_agent(l, name), "agent", name) && good;
		else
			good = report(manifest_check_agent(l, here), "agent", here) && good;
	}
	return good;
}

bool check_all(const struct load *l, struct error *e)
{
	AUTO_DOC *providers = provider_names(l->home);
	bool good = agent_check_old(l);

	agent_check_repository(l);
	good = check_names(l, HOME_BOTTLES, e) && good;
	good = check_names(l, HOME_AGENTS, e) && good;
	good = check_names(l, HOME_REPOSITORY_AGENTS, e) && good;
	for (size_t i = 0; i < doc_count(providers); i++) {
		AUTO_DOC *d = provider_load(l, doc_cstr(doc_at(providers, i)), NULL, "provider");

		good = report(d != NULL, "provider", doc_cstr(doc_at(providers, i))) && good;
	}
	return good;
}

/* --- one file --- */

/* Take the last element off a path: "a/b" gives "b" and leaves "a", or "." where there is none. The caller frees it. */
static char *take_last(char **path)
{
	char *slash = strrchr(*path, '/');
	char *last = alloc_copy(slash ? slash + 1 : *path, strlen(slash ? slash + 1 : *path));
	char *rest = slash ? alloc_copy(*path, slash == *path ? 1 : (size_t)(slash - *path)) : alloc_copy(".", 1);

	free(*path);
	*path = rest;
	return last;
}

/* Check a routes file of bb-egress alone. */
static bool check_routes(const struct load *l, const char *file, struct error *e)
{
	struct doc *routes = NULL;
	AUTO_BUF text = BUF_INIT;
	bool good;

	if (!file_read(file, YAML_BYTES_MAX, &text, e))
		return false;
	good = routes_load(buf_slice(&text), file, ROUTES_ALONE, &routes, l->problems, l->warnings);
	doc_release(routes);
	return report(good, "routes", file);
}

/* Check NAME.md in the directory bottles or agents of some home. */
static bool check_manifest(const struct load *l, const char *stem, const char *directory, char *above)
{
	bool bottle = strcmp(directory, "bottles") == 0;
	bool here = l->home->repository && home_is_same(above, l->home->repository);
	AUTO_FREE char *name = alloc_format("%s%s", here && !bottle ? "./" : "", stem);
	struct home other = *l->home;
	struct load m = { &other, l->problems, l->warnings };

	if (!here)
		other.path = above;
	if (here && bottle) {
		agent_check_repository(l);
		return problems_add(l->problems, above, 0, 0,
				    "a repository can ship agents, never bottles; put '%s.md' into '%s/bottles'", stem,
				    l->home->path);
	}
	return report(bottle ? manifest_check_bottle(&m, name) : manifest_check_agent(&m, name),
		      bottle ? "bottle" : "agent", name);
}

bool check_file(const struct load *l, const char *file, struct error *e)
{
	AUTO_FREE char *above = home_absolute(file, e);
	AUTO_FREE char *name = above ? take_last(&above) : NULL;
	AUTO_FREE char *directory = NULL;
	struct slice stem = slice_str(name);

	if (!above)
		return false;
	if (strcmp(name, "bot-bottle.json") == 0)
		return agent_refuse_old(l, file);
	if (strcmp(name, "provider.yaml") == 0) {
		bool absent;
		AUTO_DOC *d = provider_load_directory(l, above, true, &absent);

		if (absent)
			return error_set(e, STATUS_CALLER, "there is no file '%s'", file);
		return report(d != NULL, "provider", file);
	}
	if (slice_ends(stem, SLICE(".yaml")) || slice_ends(stem, SLICE(".yml")))
		return check_routes(l, file, e);
	directory = take_last(&above);
	if (!slice_ends(stem, SLICE(".md")) || (strcmp(directory, "bottles") != 0 && strcmp(directory, "agents") != 0))
		return error_set(e, STATUS_CALLER,
				 "unable to tell what '%s' is: wanted a '.md' file in a directory 'bottles' or "
				 "'agents', "
				 "'provider.yaml', or a routes file '.yaml'",
				 file);
	name[stem.len - 3] = '\0';
	if (!home_is_name(slice_str(name)))
		return problems_add(l->problems, file, 0, 0,
				    "the name before '.md' must be lower-case letters, digits and '-', a letter first");
	return check_manifest(l, name, directory, above);
}

/* --- list --- */

/* Add the names of a directory to a list of the document. */
static bool add_names(const struct load *l, enum home_kind kind, struct doc *list, struct error *e)
{
	AUTO_DOC *names = home_names(l->home, kind, l->warnings, e);

	for (size_t i = 0; names && i < doc_count(names); i++) {
		const char *name = doc_cstr(doc_at(names, i));
		AUTO_FREE char *path = home_file(l->home, kind, name);
		bool hidden = kind == HOME_REPOSITORY_AGENTS && home_has(l->home, HOME_AGENTS, name);
		AUTO_FREE char *shown = alloc_format("%s%s", hidden ? "./" : "", name);
		struct doc *one = doc_append(list, doc_new_object());

		doc_put_str(one, "name", shown);
		doc_put_str(one, "scope", kind == HOME_REPOSITORY_AGENTS ? "repository" : "home");
		doc_put_str(one, "path", path);
	}
	return names != NULL;
}

struct doc *list_make(const struct load *l, struct error *e)
{
	AUTO_DOC *d = doc_new("list", 1);
	struct doc *agents = doc_put(d, "agents", doc_new_array()), *bottles = doc_put(d, "bottles", doc_new_array());

	agent_check_repository(l);
	if (!add_names(l, HOME_AGENTS, agents, e) || !add_names(l, HOME_REPOSITORY_AGENTS, agents, e) ||
	    !add_names(l, HOME_BOTTLES, bottles, e))
		return NULL;
	return STEAL(d);
}

/* Print the entries of one list. */
static void print_names(const struct doc *list, const char *kind)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *one = doc_at(list, i);
		AUTO_BUF path = BUF_INIT;

		escape_line(&path, doc_get_str(one, "path"));
		printf("%-6s  %-20s  %-10s  %s\n", kind, doc_get_cstr(one, "name"), doc_get_cstr(one, "scope"),
		       buf_str(&path));
	}
}

void list_print(const struct doc *list)
{
	print_names(doc_get(list, "agents"), "agent");
	print_names(doc_get(list, "bottles"), "bottle");
}
