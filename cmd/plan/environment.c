#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

#define PROXY_URL "http://egress:9099"
/* Not through the proxy: the bottle's own servers, and the services that answer without it. */
#define NOT_PROXIED "localhost,127.0.0.1,::1,git-gate,supervise"

/*
 * What every bottle has. Each tool looks at variables of its own for the proxy
 * and for the certificates, so all of them are set; "owned" ones can be changed
 * by nobody, the others by the provider and the manifest.
 */
static const struct {
	const char *name, *value;
	bool owned;
} base[] = {
	{ "PATH", PLAN_HOME "/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", false },
	{ "HOME", PLAN_HOME, true },
	{ "USER", PLAN_USER, true },
	{ "LOGNAME", PLAN_USER, true },
	{ "SHELL", "/bin/bash", false },
	{ "TERM", NULL, false },
	{ "LANG", "C.UTF-8", false },
	{ "TMPDIR", "/tmp", false },
	{ "HTTP_PROXY", PROXY_URL, true },
	{ "HTTPS_PROXY", PROXY_URL, true },
	{ "http_proxy", PROXY_URL, true },
	{ "https_proxy", PROXY_URL, true },
	{ "NO_PROXY", NOT_PROXIED, true },
	{ "no_proxy", NOT_PROXIED, true },
	{ "NODE_USE_ENV_PROXY", "1", true },
	{ "NODE_EXTRA_CA_CERTS", PLAN_CA_FILE, true },
	{ "SSL_CERT_FILE", PLAN_CA_BUNDLE, true },
	{ "REQUESTS_CA_BUNDLE", PLAN_CA_BUNDLE, true },
	{ "CURL_CA_BUNDLE", PLAN_CA_BUNDLE, true },
	{ "GIT_SSL_CAINFO", PLAN_CA_BUNDLE, true },
	{ "PIP_CERT", PLAN_CA_BUNDLE, true },
	{ "CARGO_HTTP_CAINFO", PLAN_CA_BUNDLE, true },
	{ "CODEX_CA_CERTIFICATE", PLAN_CA_BUNDLE, true },
};

/* True for a name that only the launcher sets. */
static bool is_owned(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(base); i++)
		if (strcmp(base[i].name, name) == 0)
			return base[i].owned;
	return false;
}

/* Set one variable, replacing an earlier one of that name; kind is "value" or "secret". */
static void set(struct doc *env, const char *name, const char *kind, const char *text)
{
	struct doc *entry = doc_new_object();

	doc_put_str(entry, "name", name);
	doc_put_str(entry, kind, text);
	doc_put(env, name, entry);
}

/* What adding the provider's variables needs. */
struct adding {
	const struct planner *p;
	struct doc *env;
};

/* One variable of the provider, unless it stands for something that this bottle has not. */
static bool add_provider_variable(void *ctx, const char *name, const struct doc *value)
{
	const struct adding *a = ctx;
	AUTO_BUF text = BUF_INIT;

	if (template_expand(a->p, doc_cstr(value), &text) && !is_owned(name))
		set(a->env, name, "value", buf_str(&text));
	return true;
}

/* The provider's variables, its placeholder, and the prompt where the agent wants it in a variable. */
static void add_provider(const struct planner *p, struct doc *env)
{
	const struct doc *prompt = doc_get(p->provider, "prompt");
	const char *text = doc_get_cstr(doc_get(p->manifest, "agent"), "prompt");
	const char *variable = doc_get_cstr(doc_get(p->provider, "token"), "env");
	struct adding adding = { p, env };

	doc_each(doc_get(p->provider, "env"), add_provider_variable, &adding);
	if (p->placeholder && variable)
		set(env, variable, "value", p->placeholder);
	if (slice_eq(doc_get_str(prompt, "form"), SLICE("env")) && *text)
		set(env, doc_get_cstr(prompt, "env"), "value", text);
}

/* The manifest's variables. */
static bool add_manifest(const struct planner *p, struct doc *env, struct error *e)
{
	const struct doc *list = doc_get(p->manifest, "env");
	const char *token_variable = p->placeholder ? doc_get_cstr(doc_get(p->provider, "token"), "env") : NULL;

	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *v = doc_at(list, i);
		const char *name = doc_get_cstr(v, "name");
		AUTO_FREE char *secret = alloc_format("env:%s", name);

		if (is_owned(name))
			return error_set(e, STATUS_CALLER,
					 "env.%s is set by the launcher; give your variable another name", name);
		if (token_variable && strcmp(token_variable, name) == 0)
			return error_set(e, STATUS_CALLER,
					 "env.%s would replace the placeholder of agent_provider.auth_token; remove "
					 "one of them",
					 name);
		if (slice_eq(doc_get_str(v, "source"), SLICE("literal")))
			set(env, name, "value", doc_get_cstr(v, "value"));
		else
			set(env, name, "secret", secret);
	}
	return true;
}

/* Move one member to the list. */
static bool to_list(void *list, const char *name, const struct doc *entry)
{
	(void)name;
	doc_append(list, doc_retain(entry));
	return true;
}

struct doc *environment_make(struct planner *p, struct error *e)
{
	AUTO_DOC *env = doc_new_object(); /* by name while it grows: later ones replace */
	struct doc *list;

	for (size_t i = 0; i < COUNT_OF(base); i++)
		set(env, base[i].name, "value", base[i].value ? base[i].value : p->options->term);
	add_provider(p, env);
	if (!add_manifest(p, env, e))
		return NULL;
	if (p->canary)
		set(env, p->canary + strlen("canary:"), "secret", p->canary);
	list = doc_new_array();
	doc_each(env, to_list, list);
	return list;
}
