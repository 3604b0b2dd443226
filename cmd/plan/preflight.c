#include <stdarg.h>
#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

void plan_note(struct planner *p, const char *level, const char *fmt, ...)
{
	struct doc *note = doc_append(p->notes, doc_new_object());
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	doc_put_str(note, "level", level);
	doc_put_slice(note, "text", buf_slice(&text));
}

/* What the loader had to say. */
static void add_warnings(struct planner *p)
{
	const struct doc *warnings = doc_get(p->manifest, "warnings");

	for (size_t i = 0; i < doc_count(warnings); i++) {
		const char *at = doc_get_cstr(doc_at(warnings, i), "at");

		plan_note(p, "warning", "%s%s%s", at ? at : "", at ? ": " : "",
			  doc_get_cstr(doc_at(warnings, i), "text"));
	}
}

/* A plug-in that took the name of a built-in provider. */
static void note_shadowing(struct planner *p)
{
	static const char *const built_in[] = { "claude", "codex", "pi", "shell" };
	const char *name = doc_get_cstr(p->provider, "name");

	if (!slice_eq(doc_get_str(p->provider, "origin"), SLICE("contrib")))
		return;
	for (size_t i = 0; i < COUNT_OF(built_in); i++)
		if (strcmp(built_in[i], name) == 0)
			plan_note(p, "note", "provider '%s' is your own in '%s', not the built-in one", name,
				  doc_get_cstr(p->provider, "path") ? doc_get_cstr(p->provider, "path") : "contrib");
}

void notes_add(struct planner *p)
{
	add_warnings(p);
	note_shadowing(p);
	gate_notes(p);
	plan_note(p, "note",
		  "what leaves is looked through for known secrets and tokens; what is encrypted cannot be found: "
		  "the routes are the control for that");
}

/* Append name unless the provider hides it or it is there. */
static void add_name(const struct planner *p, struct doc *names, const char *name)
{
	const struct doc *hidden = doc_get(p->provider, "hidden_env");

	for (size_t i = 0; i < doc_count(hidden); i++)
		if (strcmp(doc_cstr(doc_at(hidden, i)), name) == 0)
			return;
	for (size_t i = 0; i < doc_count(names); i++)
		if (strcmp(doc_cstr(doc_at(names, i)), name) == 0)
			return;
	doc_append_str(names, name);
}

struct adding {
	const struct planner *p;
	struct doc *names;
};

static bool add_member_name(void *ctx, const char *key, const struct doc *value)
{
	const struct adding *a = ctx;

	(void)value;
	add_name(a->p, a->names, key);
	return true;
}

/* Names of the variables beyond those that every bottle has. */
static struct doc *names_make(const struct planner *p)
{
	const struct doc *env = doc_get(p->manifest, "env");
	const char *token = doc_get_cstr(doc_get(p->provider, "token"), "env");
	struct doc *names = doc_new_array();
	struct adding adding = { p, names };

	for (size_t i = 0; i < doc_count(env); i++)
		doc_append_str(names, doc_get_cstr(doc_at(env, i), "name"));
	doc_each(doc_get(p->provider, "env"), add_member_name, &adding);
	if (p->placeholder && token)
		add_name(p, names, token);
	return names;
}

/* The git identity with where each half is from. */
static void put_git_user(const struct planner *p, struct doc *preflight)
{
	const struct doc *user = doc_get(doc_get(p->manifest, "git_gate"), "user"),
			 *origins = doc_get(p->manifest, "origins");
	const char *name = doc_get_cstr(user, "name"), *email = doc_get_cstr(user, "email");
	const char *origin = doc_get_cstr(origins, name ? "git_gate.user.name" : "git_gate.user.email");
	struct doc *shown;

	if (!name && !email)
		return;
	shown = doc_put(preflight, "git_user", doc_new_object());
	if (name)
		doc_put_str(shown, "name", name);
	if (email)
		doc_put_str(shown, "email", email);
	if (origin)
		doc_put_str(shown, "origin", origin);
}

struct doc *preflight_make(const struct planner *p, const struct doc *bottle)
{
	const struct doc *copies = doc_get(bottle, "copies");
	struct doc *preflight = doc_new_object(), *skills;

	doc_put_str(preflight, "provider", doc_get_cstr(p->provider, "name"));
	doc_put(preflight, "routes", doc_retain(p->asked));
	doc_put(preflight, "env", names_make(p));
	skills = doc_put(preflight, "skills", doc_new_array());
	for (size_t i = 0; i < doc_count(copies); i++)
		doc_append_str(skills, strrchr(doc_get_cstr(doc_at(copies, i), "target"), '/') + 1);
	doc_put(preflight, "remotes", gate_remotes(p));
	put_git_user(p, preflight);
	doc_put_bool(preflight, "supervise", supervise_is_wanted(p));
	return preflight;
}

struct doc *probe_make(const struct planner *p)
{
	struct doc *probe = doc_new_object();
	AUTO_FREE char *random = plan_random(p->options, "probe");
	AUTO_FREE char *unlisted = alloc_format("probe-%.16s.invalid", random);

	for (char *c = unlisted; *c; c++)
		*c = ascii_lower(*c);
	doc_put_str(probe, "unlisted", unlisted);
	for (size_t i = 0; i < doc_count(p->routes); i++) {
		struct slice host = doc_get_str(doc_at(p->routes, i), "host");

		if (slice_find(host, '*') != SLICE_NONE || doc_get(doc_at(p->routes, i), "ports"))
			continue;
		doc_put_slice(probe, "listed", host);
		break;
	}
	return probe;
}
