#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

#define PROMPT_FILE PLAN_HOME "/.bot-bottle-prompt.txt"

/* Add one file. */
static void add_file(struct doc *files, const char *path, const char *mode, const char *content)
{
	struct doc *f = doc_append(files, doc_new_object());

	doc_put_str(f, "path", path);
	doc_put_str(f, "mode", mode);
	doc_put_str(f, "content", content);
}

/* The agent's system prompt, where its provider wants it in a file. */
static void add_prompt(const struct planner *p, struct doc *files)
{
	const struct doc *prompt = doc_get(p->provider, "prompt");
	const char *path = doc_get_cstr(prompt, "file"), *text = doc_get_cstr(doc_get(p->manifest, "agent"), "prompt");
	struct slice form = doc_get_str(prompt, "form");

	if (*text && (slice_eq(form, SLICE("flag-file")) || slice_eq(form, SLICE("file"))))
		add_file(files, path ? path : PROMPT_FILE, "0600", text);
}

/* The provider's files. */
static bool add_provider_files(const struct planner *p, struct doc *files, struct error *e)
{
	const struct doc *list = doc_get(p->provider, "files");

	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *f = doc_at(list, i);
		const char *path = doc_get_cstr(f, "path"), *mode = doc_get_cstr(f, "mode");
		AUTO_BUF content = BUF_INIT;

		if (path[0] != '/' || strstr(path, "/../"))
			return error_set(e, STATUS_CALLER,
					 "'manifest.provider.files[%zu].path' is '%s', wanted an absolute path", i,
					 path);
		if (template_expand(p, doc_get_cstr(f, "template"), &content))
			add_file(files, path, mode ? mode : "0644", buf_str(&content));
	}
	return true;
}

/* Append "\tkey = "value"" as git-config(1) quotes it. False when the value holds a control character. */
static bool add_setting(struct buf *out, const char *key, const char *value)
{
	buf_add_format(out, "\t%s = \"", key);
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
		if (*c == '"' || *c == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *c);
	}
	buf_add_str(out, "\"\n");
	return true;
}

/* "[url "http://git-gate/NAME.git"] insteadOf = URL": the remote's own URL leads to the gate. */
static bool add_instead(struct buf *text, const struct doc *repo)
{
	buf_add_format(text, "[url \"http://git-gate:%d/%s.git\"]\n", PLAN_GIT_HTTP_PORT, doc_get_cstr(repo, "name"));
	return add_setting(text, "insteadOf", doc_get_cstr(repo, "url"));
}

/* Identity and remotes, as the global configuration of the bottle. */
static bool add_git_configuration(const struct planner *p, struct doc *files, struct error *e)
{
	const struct doc *gate = doc_get(p->manifest, "git_gate"), *user = doc_get(gate, "user"),
			 *repos = doc_get(gate, "repos");
	const char *name = doc_get_cstr(user, "name"), *email = doc_get_cstr(user, "email");
	AUTO_BUF text = BUF_INIT;

	if ((name && *name) || (email && *email))
		buf_add_str(&text, "[user]\n");
	if (name && *name && !add_setting(&text, "name", name))
		return error_set(e, STATUS_CALLER, "git-gate.user.name holds a control character");
	if (email && *email && !add_setting(&text, "email", email))
		return error_set(e, STATUS_CALLER, "git-gate.user.email holds a control character");
	for (size_t i = 0; i < doc_count(repos); i++)
		if (!add_instead(&text, doc_at(repos, i)))
			return error_set(e, STATUS_CALLER, "the URL of git-gate.repos.%s holds a control character",
					 doc_get_cstr(doc_at(repos, i), "name"));
	if (text.len)
		add_file(files, PLAN_HOME "/.gitconfig", "0644", buf_str(&text));
	return true;
}

/* Skills are copied into the place where the agent looks for them. */
static void add_skills(struct planner *p, struct doc *copies)
{
	const struct doc *skills = doc_get(doc_get(p->manifest, "agent"), "skills");
	const char *directory = doc_get_cstr(p->provider, "skills_dir");

	for (size_t i = 0; i < doc_count(skills); i++) {
		const struct doc *s = doc_at(skills, i);
		AUTO_FREE char *target = alloc_format("%s/%s", directory ? directory : "", doc_get_cstr(s, "name"));
		struct doc *copy;

		if (!directory) {
			plan_note(p, "warning", "provider '%s' has no place for skills; '%s' is left out",
				  doc_get_cstr(p->provider, "name"), doc_get_cstr(s, "name"));
			continue;
		}
		copy = doc_append(copies, doc_new_object());
		doc_put_str(copy, "source", doc_get_cstr(s, "path"));
		doc_put_str(copy, "target", target);
	}
}

bool files_add(struct planner *p, struct doc *bottle, struct error *e)
{
	struct doc *files = doc_put(bottle, "files", doc_new_array());
	struct doc *copies = doc_put(bottle, "copies", doc_new_array());

	add_prompt(p, files);
	add_skills(p, copies);
	return add_provider_files(p, files, e) && add_git_configuration(p, files, e);
}
