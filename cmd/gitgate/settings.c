#include "settings.h"

#include "alloc.h"
#include "file.h"
#include "pktline.h"
#include "remote.h"

#define CONFIG_MAX (1u << 20) /* bytes of the document: 64 repositories have 30 KiB */

static const struct doc_field document_fields[] = {
	{ "repos", DOC_ARRAY, true },
	{ "scanner", DOC_STR, false },
	{ .name = NULL },
};

/* The manifest's own form of a remote (bb-documents(5)), with secrets named. */
static const struct doc_field repo_fields[] = {
	{ "name", DOC_STR, true },	{ "url", DOC_STR, true },     { "scheme", DOC_STR, false },
	{ "user", DOC_STR, false },	{ "host", DOC_STR, false },   { "port", DOC_INT, false },
	{ "path", DOC_STR, false },	{ "host_key", DOC_STR, false }, { "key", DOC_STR, false },
	{ "auth", DOC_OBJECT, false },	{ "push", DOC_OBJECT, false }, { .name = NULL },
};

static const struct doc_field auth_fields[] = {
	{ "user", DOC_STR, false },
	{ "token", DOC_STR, true },
	{ .name = NULL },
};

static const struct doc_field push_fields[] = {
	{ "branches", DOC_ARRAY, false }, { "force", DOC_BOOL, false }, { "delete", DOC_BOOL, false },
	{ "tags", DOC_BOOL, false },	  { .name = NULL },
};

bool policy_read(struct push_policy *p, const struct doc *d, const char *path, struct error *e)
{
	*p = (struct push_policy){ d, NULL, false, false, false };
	if (!d)
		return true;
	if (!doc_check(d, path, push_fields, e))
		return false;
	p->branches = doc_get(d, "branches");
	for (size_t i = 0; i < doc_count(p->branches); i++)
		if (doc_type_of(doc_at(p->branches, i)) != DOC_STR)
			return error_set(e, STATUS_CALLER, "'%s.branches[%zu]' is not a string", path, i);
	p->force = doc_get_bool(d, "force");
	p->delete = doc_get_bool(d, "delete");
	p->tags = doc_get_bool(d, "tags");
	return true;
}

/* Names become directories, and part of what a client asks for. */
static bool is_repo_name(struct slice name)
{
	struct git_request r;
	const char *why = NULL;
	AUTO_BUF target = BUF_INIT;

	buf_add_char(&target, '/');
	buf_add_slice(&target, name);
	buf_add_str(&target, "/git-upload-pack");
	return git_request_parse_http(SLICE("POST"), buf_slice(&target), SLICE(""), &r, &why) && slice_eq(r.repo, name);
}

/* "HOST TYPE KEY" or "TYPE KEY": the part from the type on. */
static const char *key_of_host(const char *line)
{
	struct slice rest = slice_str(line), first = slice_cut(&rest, ' ');

	return line && slice_find(rest, ' ') != SLICE_NONE ? line + first.len + 1 : line;
}

/* Who looks at a push: our own scanner always does. */
static bool take_scanner(struct settings *s, struct error *e)
{
	const char *word = doc_get_cstr(s->doc, "scanner");

	s->gitleaks = word && (strcmp(word, "gitleaks") == 0 || strcmp(word, "both") == 0);
	return !word || s->gitleaks || strcmp(word, "own") == 0 ||
	       error_set(e, STATUS_CALLER, "'git-gate.scanner' is '%s'; wanted own, gitleaks or both", word);
}

/* One repository. */
static bool take_repo(struct repo *r, const struct doc *d, const char *path, struct error *e)
{
	const struct doc *auth = doc_get(d, "auth");
	AUTO_FREE char *push = alloc_format("%s.push", path);
	struct remote remote;
	const char *why;

	if (!doc_check(d, path, repo_fields, e) || (auth && !doc_check(auth, path, auth_fields, e)))
		return false;
	*r = (struct repo){ .name = doc_get_cstr(d, "name"), .url = doc_get_cstr(d, "url") };
	if (!is_repo_name(slice_str(r->name)))
		return error_set(e, STATUS_CALLER, "'%s.name' is '%s', which cannot name a repository", path, r->name);
	if (!remote_parse(slice_str(r->url), &remote, &why))
		return error_set(e, STATUS_CALLER, "'%s.url' cannot be used: %s", path, why);
	r->ssh = strcmp(remote.scheme, "ssh") == 0;
	r->host_key = key_of_host(doc_get_cstr(d, "host_key"));
	r->key = doc_get_cstr(d, "key");
	r->token = doc_get_cstr(auth, "token");
	r->token_user = doc_get_cstr(auth, "user");
	return policy_read(&r->push, doc_get(d, "push"), push, e);
}

bool settings_read(struct settings *s, const char *path, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	const struct doc *repos;

	if (!file_read(path, CONFIG_MAX, &text, e))
		return false;
	s->doc = doc_parse(buf_slice(&text), e);
	if (!s->doc || !doc_is(s->doc, "git-gate", 1, e) || !doc_check(s->doc, "git-gate", document_fields, e))
		return error_wrap(e, "while reading '%s'", path);
	if (!take_scanner(s, e))
		return false;
	repos = doc_get(s->doc, "repos");
	if (doc_count(repos) > REPOS_MAX)
		return error_set(e, STATUS_CALLER, "'git-gate.repos' has more than %d entries", REPOS_MAX);
	for (size_t i = 0; i < doc_count(repos); i++) {
		AUTO_FREE char *where = alloc_format("git-gate.repos[%zu]", i);

		if (!take_repo(&s->repos[i], doc_at(repos, i), where, e))
			return false;
		if (settings_repo(s, slice_str(s->repos[i].name)))
			return error_set(e, STATUS_CALLER, "two repositories are called '%s'", s->repos[i].name);
		s->n_repos++;
	}
	return true;
}

void settings_release(struct settings *s)
{
	doc_release(s->doc);
	s->doc = NULL;
}

const struct repo *settings_repo(const struct settings *s, struct slice name)
{
	for (size_t i = 0; i < s->n_repos; i++)
		if (slice_eq(slice_str(s->repos[i].name), name))
			return &s->repos[i];
	return NULL;
}

void settings_names(const struct settings *s, struct buf *out)
{
	for (size_t i = 0; i < s->n_repos; i++)
		buf_add_format(out, "%s%s", i ? ", " : "", s->repos[i].name);
}
