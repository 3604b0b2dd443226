#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

/* The manifest's remotes. */
static const struct doc *repos_of(const struct planner *p)
{
	return doc_get(doc_get(p->manifest, "git_gate"), "repos");
}

bool gate_is_wanted(const struct planner *p)
{
	return doc_count(repos_of(p)) > 0;
}

/* Name of the secret that a remote needs; NULL: none. The caller frees it. */
static char *secret_name(const struct doc *repo)
{
	if (doc_get(repo, "key"))
		return alloc_format("git-key:%s", doc_get_cstr(repo, "name"));
	if (doc_get(repo, "auth"))
		return alloc_format("git-token:%s", doc_get_cstr(doc_get(repo, "auth"), "token_ref"));
	return NULL;
}

/* Is a remote's key one that a forge makes? */
static bool is_made(const struct doc *repo)
{
	const struct doc *key = doc_get(repo, "key");

	return key && !slice_eq(doc_get_str(key, "provider"), SLICE("static"));
}

/* List a key that the launcher has a forge make. */
static void plan_key(struct planner *p, const struct doc *repo, const char *secret)
{
	const struct doc *key = doc_get(repo, "key");
	const char *name = doc_get_cstr(repo, "name"), *forge = doc_get_cstr(key, "forge_url");
	AUTO_FREE char *title = alloc_format("bot-bottle %s/%s", p->options->identity, name);
	struct doc *d = doc_append(p->keys, doc_new_object());

	doc_put_str(d, "secret", secret);
	doc_put_str(d, "repo", name);
	doc_put_str(d, "provider", doc_get_cstr(key, "provider"));
	doc_put_str(d, "url", doc_get_cstr(repo, "url"));
	if (forge)
		doc_put_str(d, "forge", forge);
	doc_put_str(d, "title", title);
	doc_put_str(d, "variable", doc_get_cstr(key, "forge_token_env"));
}

/* One remote as bb-gitgate wants it: secrets named. */
static struct doc *repo_make(const struct doc *repo)
{
	struct doc *own = doc_copy(repo);
	const struct doc *auth = doc_get(repo, "auth");
	AUTO_FREE char *secret = secret_name(repo);

	doc_remove(own, "auth");
	if (doc_get(repo, "key")) {
		doc_put_str(own, "key", secret);
	} else if (auth) {
		struct doc *token = doc_put(own, "auth", doc_new_object());

		doc_put_str(token, "token", secret);
		if (doc_get(auth, "user"))
			doc_put_str(token, "user", doc_get_cstr(auth, "user"));
	}
	return own;
}

/* Add a listener. */
static void add_listener(struct doc *listeners, const char *name, int port)
{
	struct doc *l = doc_append(listeners, doc_new_object());

	doc_put_str(l, "name", name);
	doc_put_int(l, "port", port);
}

/* The daemon's configuration and the secrets that it names. */
static void put_configuration(const struct planner *p, struct doc *daemon)
{
	const struct doc *repos = repos_of(p);
	/* what must not leave through egress must not be pushed either */
	struct doc *secrets = doc_put(daemon, "secrets", egress_slots(p)), *list, *file;
	AUTO_DOC *config = doc_new("git-gate", 1);
	AUTO_BUF text = BUF_INIT;

	if (doc_get(doc_get(p->manifest, "git_gate"), "scanner"))
		doc_put_str(config, "scanner", doc_get_cstr(doc_get(p->manifest, "git_gate"), "scanner"));
	list = doc_put(config, "repos", doc_new_array());
	for (size_t i = 0; i < doc_count(repos); i++) {
		AUTO_FREE char *secret = secret_name(doc_at(repos, i));
		bool known = !secret;

		doc_append(list, repo_make(doc_at(repos, i)));
		for (size_t k = 0; !known && k < doc_count(secrets); k++)
			known = strcmp(doc_cstr(doc_at(secrets, k)), secret) == 0;
		if (!known)
			doc_append_str(secrets, secret);
	}
	doc_format(config, true, &text);
	buf_add_char(&text, '\n');
	file = doc_append(doc_put(daemon, "files", doc_new_array()), doc_new_object());
	doc_put_str(file, "path", "git-gate.json");
	doc_put_str(file, "mode", "0600");
	doc_put_slice(file, "content", buf_slice(&text));
}

struct doc *gate_make(const struct planner *p)
{
	static const char *const args[] = { "serve", "--config", "{dir}/git-gate.json", "--dir", "{dir}/work",
					    "--git", "{listener:git}", "--http", "{listener:git-http}",
					    "--secrets", "{secrets}", "--ready", "{ready}" };
	struct doc *d = doc_new_object(), *list;

	doc_put_str(d, "name", "git-gate");
	doc_put_str(d, "program", "bb-gitgate");
	list = doc_put(d, "args", doc_new_array());
	for (size_t i = 0; i < COUNT_OF(args); i++)
		doc_append_str(list, args[i]);
	if (supervise_is_wanted(p)) {
		doc_append_str(doc_put(d, "env", doc_new_array()), "SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS");
		doc_append_str(list, "--queue");
		doc_append_str(list, "{dir}/../queue");
		doc_append_str(list, "--bottle");
		doc_append_str(list, p->options->identity);
	}
	list = doc_put(d, "listeners", doc_new_array());
	add_listener(list, "git", PLAN_GIT_PORT);
	add_listener(list, "git-http", PLAN_GIT_HTTP_PORT);
	put_configuration(p, d);
	return d;
}

void gate_gather(struct planner *p, struct buf *missing)
{
	const struct doc *repos = repos_of(p);

	for (size_t i = 0; i < doc_count(repos); i++) {
		const struct doc *repo = doc_at(repos, i), *key = doc_get(repo, "key"), *auth = doc_get(repo, "auth");
		AUTO_FREE char *secret = secret_name(repo);
		AUTO_FREE char *where = alloc_format("git_gate.repos.%s", doc_get_cstr(repo, "name"));

		if (is_made(repo)) {
			plan_missing(p, doc_get_cstr(key, "forge_token_env"), where, missing);
			plan_key(p, repo, secret);
		} else if (key) {
			plan_secret(p, secret, "file", doc_get_cstr(key, "path"));
		} else if (auth) {
			plan_missing(p, doc_get_cstr(auth, "token_ref"), where, missing);
			plan_secret(p, secret, "host", doc_get_cstr(auth, "token_ref"));
		}
	}
}

void gate_notes(struct planner *p)
{
	const struct doc *repos = repos_of(p);

	for (size_t i = 0; i < doc_count(repos); i++) {
		const struct doc *repo = doc_at(repos, i);

		if (is_made(repo))
			plan_note(p, "note", "a key that may write to the remote '%s' is made with the token in '%s' "
					     "and revoked after the end",
				  doc_get_cstr(repo, "name"), doc_get_cstr(doc_get(repo, "key"), "forge_token_env"));
		if (doc_get(repo, "key") && !doc_get(repo, "host_key"))
			plan_note(p, "warning", "remote '%s' has no 'host_key', so nobody can tell who answers: fetch "
						"and push are refused; "
				  "ssh-keyscan prints it", doc_get_cstr(repo, "name"));
	}
}

struct doc *gate_remotes(const struct planner *p)
{
	const struct doc *repos = repos_of(p);
	struct doc *remotes = doc_new_array();

	for (size_t i = 0; i < doc_count(repos); i++) {
		const struct doc *repo = doc_at(repos, i);
		AUTO_FREE char *line = alloc_format("%s=%s:%lld", doc_get_cstr(repo, "name"),
						    doc_get(repo, "host") ? doc_get_cstr(repo, "host") : "?",
						    (long long)doc_get_int(repo, "port"));

		doc_append_str(remotes, line);
	}
	return remotes;
}
