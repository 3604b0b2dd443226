#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

/*
 * The shape of a manifest document, as tables. A row may name the table of the
 * object it holds, or of the objects in the list it holds.
 */
struct table {
	struct doc_field field;
	const struct table *below;
};

#define MUST(name, types) { { name, types, true }, NULL }
#define MAY(name, types) { { name, types, false }, NULL }
#define MUST_HOLD(name, types, rows) { { name, types, true }, rows }
#define MAY_HOLD(name, types, rows) { { name, types, false }, rows }
#define END { { NULL, 0, false }, NULL }

static const struct table skill[] = { MUST("name", DOC_STR), MUST("path", DOC_STR), END };

static const struct table agent[] = {
	MUST("name", DOC_STR),	MUST("path", DOC_STR), MUST("scope", DOC_STR), MUST("prompt", DOC_STR),
	MUST_HOLD("skills", DOC_ARRAY, skill), END,
};

static const struct table agent_provider[] = {
	MUST("template", DOC_STR),
	MAY("dockerfile", DOC_STR),
	MAY("auth_token", DOC_STR),
	MAY("forward_host_credentials", DOC_BOOL),
	MAY("settings", DOC_OBJECT),
	END,
};

static const struct table variable[] = {
	MUST("name", DOC_STR), MUST("source", DOC_STR), MAY("value", DOC_STR),
	MAY("prompt", DOC_STR), MAY("host", DOC_STR),	END,
};

static const struct table git_user[] = { MAY("name", DOC_STR), MAY("email", DOC_STR), END };

static const struct table git_key[] = { MUST("provider", DOC_STR), MAY("path", DOC_STR),
					MAY("forge_token_env", DOC_STR),
					MAY("forge_url", DOC_STR), END };
static const struct table git_auth[] = { MAY("user", DOC_STR), MUST("token_ref", DOC_STR), END };

static const struct table git_push[] = {
	MAY("branches", DOC_ARRAY), MAY("force", DOC_BOOL), MAY("delete", DOC_BOOL), MAY("tags", DOC_BOOL), END,
};

static const struct table git_repo[] = {
	MUST("name", DOC_STR), MUST("url", DOC_STR), MAY("scheme", DOC_STR), MAY("user", DOC_STR), MAY("host", DOC_STR),
	MAY("port", DOC_INT), MAY("path", DOC_STR), MAY("host_key", DOC_STR), MAY_HOLD("key", DOC_OBJECT, git_key),
	MAY_HOLD("auth", DOC_OBJECT, git_auth), MAY_HOLD("push", DOC_OBJECT, git_push), END,
};

static const struct table git_gate[] = {
	MAY_HOLD("user", DOC_OBJECT, git_user),
	MAY_HOLD("repos", DOC_ARRAY, git_repo), MAY("scanner", DOC_STR),
	END,
};

static const struct table auth[] = {
	MAY("scheme", DOC_STR), MAY("header", DOC_STR),	   MAY("user", DOC_STR),
	MAY("token_ref", DOC_STR), MAY("token_env", DOC_STR), END,
};

static const struct table pattern[] = { MAY("type", DOC_STR), MUST("value", DOC_STR), MAY("name", DOC_STR), END };

static const struct table match[] = {
	MAY_HOLD("paths", DOC_ARRAY, pattern),
	MAY("methods", DOC_ARRAY),
	MAY_HOLD("headers", DOC_ARRAY, pattern),
	END,
};

static const struct table dlp[] = {
	MAY("outbound_detectors", DOC_ARRAY | DOC_BOOL),
	MAY("inbound_detectors", DOC_ARRAY | DOC_BOOL),
	MAY("outbound_on_match", DOC_STR),
	MAY("inbound_on_match", DOC_STR),
	END,
};

static const struct table git[] = { MAY("fetch", DOC_BOOL), END };
static const struct table upstream[] = { MAY("connect", DOC_STR), MAY("ca_file", DOC_STR), END };

static const struct table route[] = {
	MUST("host", DOC_STR),
	MAY("ports", DOC_ARRAY),
	MAY_HOLD("auth", DOC_OBJECT, auth),
	MAY_HOLD("matches", DOC_ARRAY, match),
	MAY_HOLD("dlp", DOC_OBJECT, dlp),
	MAY_HOLD("git", DOC_OBJECT, git),
	MAY_HOLD("upstream", DOC_OBJECT, upstream),
	MAY("allow_private", DOC_BOOL),
	MAY("max_body", DOC_INT),
	END,
};

static const struct table egress[] = { MAY("log", DOC_STR), MAY_HOLD("routes", DOC_ARRAY, route), END };

static const struct table limits[] = {
	MAY("memory", DOC_INT), MAY("cpus", DOC_STR), MAY("pids", DOC_INT),
	MAY("disk", DOC_INT),	MAY("wall", DOC_INT), END,
};

static const struct table warning[] = { MAY("at", DOC_STR), MUST("text", DOC_STR), END };

static const struct table prompt[] = {
	MUST("form", DOC_STR), MAY("flag", DOC_STR), MAY("file", DOC_STR), MAY("env", DOC_STR), END,
};

static const struct table file[] = { MUST("path", DOC_STR), MAY("mode", DOC_STR), MUST("template", DOC_STR), END };

static const struct table token[] = {
	MUST("name", DOC_STR),	     MUST("host", DOC_STR), MAY("scheme", DOC_STR), MAY("header", DOC_STR),
	MUST("placeholder", DOC_STR), MAY("env", DOC_STR),   END,
};

static const struct table provider[] = {
	MUST("name", DOC_STR),
	MAY("path", DOC_STR),
	MAY("origin", DOC_STR),
	MUST("command", DOC_STR),
	MAY("args", DOC_ARRAY),
	MAY("resume_args", DOC_ARRAY),
	MAY("headless", DOC_ARRAY),
	MAY_HOLD("prompt", DOC_OBJECT, prompt),
	MAY("skills_dir", DOC_STR),
	MAY("env", DOC_OBJECT),
	MAY("hidden_env", DOC_ARRAY),
	MAY_HOLD("files", DOC_ARRAY, file),
	MAY_HOLD("routes", DOC_ARRAY, route),
	MAY_HOLD("token", DOC_OBJECT, token),
	MAY("forward_host_credentials", DOC_BOOL),
	MAY("settings", DOC_OBJECT),
	MAY("mcp", DOC_ARRAY),
	MAY("verify", DOC_ARRAY),
	MAY("image", DOC_STR),
	MAY("needs", DOC_ARRAY),
	END,
};

static const struct table manifest_table[] = {
	MUST_HOLD("agent", DOC_OBJECT, agent),
	MUST("bottles", DOC_ARRAY),
	MUST_HOLD("provider", DOC_OBJECT, provider),
	MUST_HOLD("agent_provider", DOC_OBJECT, agent_provider),
	MUST_HOLD("env", DOC_ARRAY, variable),
	MUST_HOLD("git_gate", DOC_OBJECT, git_gate),
	MUST_HOLD("egress", DOC_OBJECT, egress),
	MUST("supervise", DOC_BOOL),
	MAY_HOLD("limits", DOC_OBJECT, limits),
	MAY("origins", DOC_OBJECT),
	MAY_HOLD("warnings", DOC_ARRAY, warning),
	END,
};

#define TABLE_ROWS_MAX 32 /* rows of the largest table above, and its end */

static bool check_below(const struct doc *value, const char *path, const struct table *below, struct error *e);

/* Check one object and what is below it. */
static bool check_object(const struct doc *d, const char *path, const struct table *table, struct error *e)
{
	struct doc_field fields[TABLE_ROWS_MAX] = { { NULL, 0, false } };

	for (size_t i = 0; table[i].field.name; i++)
		fields[i] = table[i].field;
	if (!doc_check(d, path, fields, e))
		return false;
	for (const struct table *row = table; row->field.name; row++) {
		AUTO_FREE char *below = alloc_format("%s.%s", path, row->field.name);

		if (doc_get(d, row->field.name) && !check_below(doc_get(d, row->field.name), below, row->below, e))
			return false;
	}
	return true;
}

/* A list without a table holds strings or numbers. */
static bool check_below(const struct doc *value, const char *path, const struct table *below, struct error *e)
{
	if (doc_type_of(value) == DOC_OBJECT && below)
		return check_object(value, path, below, e);
	for (size_t i = 0; i < doc_count(value); i++) {
		AUTO_FREE char *element = alloc_format("%s[%zu]", path, i);

		if (below && !check_object(doc_at(value, i), element, below, e))
			return false;
	}
	return true;
}

/* Every element of a list member is of the given types. */
static bool check_elements(const struct doc *d, const char *path, const char *key, unsigned types, struct error *e)
{
	const struct doc *list = doc_get(d, key);

	for (size_t i = 0; i < doc_count(list); i++)
		if (!(doc_type_of(doc_at(list, i)) & types))
			return error_set(e, STATUS_CALLER, "'%s.%s[%zu]' is not %s", path, key, i,
					 types & DOC_STR   ? "a string"
					 : types & DOC_INT ? "a whole number"
							   : "an object");
	return true;
}

/* One provider.env member. */
static bool check_env_member(void *ctx, const char *key, const struct doc *value)
{
	if (doc_type_of(value) == DOC_STR)
		return true;
	return error_set(ctx, STATUS_CALLER, "'manifest.provider.env.%s' is not a string", key);
}

/* The plain lists of a route. */
static bool check_route_lists(const struct doc *routes, const char *path, struct error *e)
{
	for (size_t i = 0; i < doc_count(routes); i++) {
		const struct doc *r = doc_at(routes, i), *matches = doc_get(r, "matches"), *d = doc_get(r, "dlp");

		if (!check_elements(r, path, "ports", DOC_INT, e) ||
		    !check_elements(d, path, "outbound_detectors", DOC_STR, e) ||
		    !check_elements(d, path, "inbound_detectors", DOC_STR, e))
			return false;
		for (size_t j = 0; j < doc_count(matches); j++)
			if (!check_elements(doc_at(matches, j), path, "methods", DOC_STR, e))
				return false;
	}
	return true;
}

/* A variable has what its source says. */
static bool check_sources(const struct doc *env, struct error *e)
{
	static const char *const needs[][2] = { { "literal", "value" }, { "host", "host" }, { "prompt", "prompt" } };

	for (size_t i = 0; i < doc_count(env); i++) {
		const char *source = doc_get_cstr(doc_at(env, i), "source"), *member = NULL;

		for (size_t j = 0; j < COUNT_OF(needs); j++)
			if (strcmp(source, needs[j][0]) == 0)
				member = needs[j][1];
		if (!member)
			return error_set(e, STATUS_CALLER,
					 "'manifest.env[%zu].source' is '%s', wanted literal, host or prompt", i,
					 source);
		if (!doc_get(doc_at(env, i), member))
			return error_set(e, STATUS_CALLER, "'manifest.env[%zu]' lacks the key '%s'", i, member);
	}
	return true;
}

/* A prompt has what its form needs. */
static bool check_prompt(const struct doc *d, struct error *e)
{
	static const char *const needs[][2] = {
		{ "flag-file", "flag" }, { "flag-text", "flag" }, { "file", NULL }, { "env", "env" }
	};
	const char *form = doc_get_cstr(d, "form");

	for (size_t i = 0; form && i < COUNT_OF(needs); i++) {
		if (strcmp(form, needs[i][0]) != 0)
			continue;
		if (needs[i][1] && !doc_get(d, needs[i][1]))
			return error_set(e, STATUS_CALLER, "'manifest.provider.prompt' lacks the key '%s'",
					 needs[i][1]);
		return true;
	}
	return !form ||
	       error_set(e, STATUS_CALLER, "'manifest.provider.prompt.form' is '%s', which is none of ours", form);
}

bool manifest_check(const struct doc *manifest, struct error *e)
{
	static const char *const provider_lists[] = { "args", "resume_args", "headless", "hidden_env", "mcp", "verify",
						      "needs" };
	const struct doc *p = doc_get(manifest, "provider");

	if (!check_object(manifest, "manifest", manifest_table, e) ||
	    !check_elements(manifest, "manifest", "bottles", DOC_STR, e) ||
	    !check_elements(doc_get(manifest, "git_gate"), "manifest.git_gate", "repos", DOC_OBJECT, e) ||
	    !check_sources(doc_get(manifest, "env"), e) || !check_prompt(doc_get(p, "prompt"), e) ||
	    !check_route_lists(doc_get(doc_get(manifest, "egress"), "routes"), "manifest.egress.routes", e) ||
	    !check_route_lists(doc_get(p, "routes"), "manifest.provider.routes", e) ||
	    !doc_each(doc_get(p, "env"), check_env_member, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(provider_lists); i++)
		if (!check_elements(p, "manifest.provider", provider_lists[i], DOC_STR, e))
			return false;
	return true;
}

/* Where the manifest says a value is from, in parentheses, or nothing. */
static char *origin_of(const struct doc *manifest, const char *key)
{
	const char *origin = doc_get_cstr(doc_get(manifest, "origins"), key);

	return origin ? alloc_format(" (%s)", origin) : alloc_copy("", 0);
}

/* A key is read from a file or made by a forge. */
static bool refuse_repos(const struct doc *manifest, struct error *e)
{
	const struct doc *repos = doc_get(doc_get(manifest, "git_gate"), "repos");

	for (size_t i = 0; i < doc_count(repos); i++) {
		const struct doc *key = doc_get(doc_at(repos, i), "key");
		struct slice maker = doc_get_str(key, "provider");
		const char *needed = slice_eq(maker, SLICE("static")) ? "path" : "forge_token_env";

		if (key && !slice_eq(maker, SLICE("static")) && !slice_eq(maker, SLICE("gitea")) &&
		    !slice_eq(maker, SLICE("github")))
			return error_set(e, STATUS_CALLER,
					 "'manifest.git_gate.repos[%zu].key.provider' is '%.*s', which makes no keys",
					 i, SLICE_ARG(maker));
		if (key && !doc_get(key, needed))
			return error_set(e, STATUS_CALLER, "'manifest.git_gate.repos[%zu].key' lacks the key '%s'", i,
					 needed);
	}
	return true;
}

/* Credentials of the host that the provider or this version cannot forward. */
static bool refuse_credentials(const struct planner *p, struct error *e)
{
	const struct doc *ap = doc_get(p->manifest, "agent_provider");
	const char *name = doc_get_cstr(p->provider, "name");
	AUTO_FREE char *origin = origin_of(p->manifest, "agent_provider.forward_host_credentials");
	AUTO_FREE char *token_origin = origin_of(p->manifest, "agent_provider.auth_token");

	if (doc_get(ap, "auth_token") && !doc_get(p->provider, "token"))
		return error_set(e, STATUS_CALLER,
				 "agent_provider.auth_token is set%s, but provider '%s' declares no token slot",
				 token_origin, name);
	if (!doc_get_bool(ap, "forward_host_credentials"))
		return true;
	if (!doc_get_bool(p->provider, "forward_host_credentials"))
		return error_set(e, STATUS_CALLER,
				 "agent_provider.forward_host_credentials is true%s, but provider '%s' does not "
				 "support it; "
				 "use agent_provider.auth_token",
				 origin, name);
	return error_set(e, STATUS_CALLER,
			 "agent_provider.forward_host_credentials is true%s, but this version has no reader of the "
			 "credentials file of '%s'; use an API key with a route's auth.token_ref",
			 origin, name);
}

/* The programs that the provider needs from the host, unless an image brings them. */
static bool refuse_programs(const struct planner *p, struct error *e)
{
	const struct doc *needs = doc_get(p->provider, "needs");

	for (size_t i = 0; !p->options->in_image && i < doc_count(needs); i++) {
		const char *name = doc_cstr(doc_at(needs, i));
		bool found = false;

		for (size_t j = 0; j < p->options->programs.count; j++) {
			const char *given = p->options->programs.list[j];

			found = found || (strncmp(given, name, strlen(name)) == 0 && given[strlen(name)] == '=');
		}
		if (!found)
			return error_set(e, STATUS_WORLD,
					 "unable to find the program '%s', which provider '%s' needs; install it, or "
					 "have it in "
					 "PATH",
					 name, doc_get_cstr(p->provider, "name"));
	}
	return true;
}

bool manifest_refuse(const struct planner *p, struct error *e)
{
	if (p->options->headless && !doc_count(doc_get(p->provider, "headless")))
		return error_set(e, STATUS_CALLER, "provider '%s' cannot run headless",
				 doc_get_cstr(p->provider, "name"));
	return refuse_repos(p->manifest, e) && refuse_credentials(p, e) && refuse_programs(p, e);
}
