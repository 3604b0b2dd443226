#include "cmd/parse/manifest.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cmd/parse/provider.h"
#include "remote.h"

/* What is being made, from what. */
struct making {
	const struct load *load;
	struct doc *out;
	struct located whole; /* of the folded bottles */
	bool lenient;         /* a remote without a URL is a warning */
	bool good;
};

/* Copy a member that is there. */
static void copy_member(struct doc *to, const struct doc *from, const char *key)
{
	if (doc_get(from, key))
		doc_put(to, key, doc_retain(doc_get(from, key)));
}

/* Make the path of a member absolute where it begins with "~/". */
static void put_path(struct making *m, struct doc *d, const char *key, const struct doc *origin)
{
	const char *path = doc_get_cstr(d, key);
	AUTO_FREE char *expanded = path ? home_expand(m->load->home, path) : NULL;

	if (path && !expanded)
		m->good = origin_problem(m->load->problems, origin, path,
					 "%s: found '%s', but HOME is not set; write the path out", key, path);
	else if (path)
		doc_put_str(d, key, expanded);
}

/* --- the agent's part --- */

/* The bottle that an agent names, even when something else in its file is wrong; the caller frees it. */
static char *named_bottle(const struct agent *a)
{
	const struct yaml_node *n = a->yaml ? yaml_get(yaml_root(a->yaml), "bottle") : NULL;

	return n && yaml_is_string(n) && home_is_name(n->text) ? alloc_copy(n->text.ptr, n->text.len) : NULL;
}

/* Fold the bottles that were asked for, or the agent's. */
static bool fold_for(const struct load *l, const struct agent *a, const char *const *bottles, size_t count,
		     struct fold *f)
{
	AUTO_FREE struct wish *wishes = alloc_zero(count + 1, sizeof(*wishes));
	AUTO_FREE char *subject = alloc_format("agent '%s': bottle", a->name);
	AUTO_FREE char *name = NULL;

	for (size_t i = 0; i < count; i++)
		wishes[i] = (struct wish){ bottles[i], NULL, "--bottle" };
	if (count)
		return bottle_fold(l, wishes, count, f);
	name = named_bottle(a);
	wishes[0] = (struct wish){ name, origin_in(a->origin, "bottle"), subject };
	if (name)
		return bottle_fold(l, wishes, 1, f);
	if (a->yaml && !yaml_get(yaml_root(a->yaml), "bottle"))
		origin_problem(l->problems, a->origin, a->file,
			       "%s: found nothing, wanted the name of one here, or --bottle NAME", subject);
	return false;
}

/* Put the agent's git identity over the bottles'. */
static void overlay_user(const struct agent *a, struct fold *f)
{
	static const char *const keys[] = { "name", "email" };
	const struct doc *user = doc_get(doc_get(a->doc, "git_gate"), "user");
	const struct doc *places = origin_in(origin_in(a->origin, "git_gate"), "user");
	struct located into = located_in(located_in(f->whole, "git_gate"), "user");

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (doc_get_str(user, keys[i]).len)
			located_put(into, keys[i], doc_get(user, keys[i]), origin_in(places, keys[i]));
}

/* The agent's skills, with their directories on the host. */
static bool add_skills(const struct load *l, const struct agent *a, struct doc *out)
{
	const struct doc *skills = doc_get(a->doc, "skills"), *places = origin_in(a->origin, "skills");
	struct doc *list = doc_put(out, "skills", doc_new_array());
	const char *directory = l->home->skills;
	bool good = true;

	for (size_t i = 0; i < doc_count(skills); i++) {
		const char *name = doc_cstr(doc_at(skills, i));
		AUTO_FREE char *path = directory ? alloc_format("%s/%s", directory, name) : NULL;
		struct stat st;
		struct doc *one;

		if (!path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
			good = origin_problem(l->problems, origin_item(places, i), a->file,
					      "agent '%s': skills[%zu]: found '%s', wanted a directory of that name in "
					      "'%s'", a->name, i,
					      name, directory ? directory : "$BOT_BOTTLE_SKILLS_DIR");
			continue;
		}
		one = doc_append(list, doc_new_object());
		doc_put_str(one, "name", name);
		doc_put_str(one, "path", path);
	}
	return good;
}

/* The agent itself. */
static bool add_agent(const struct load *l, const struct agent *a, struct doc *out)
{
	struct doc *d = doc_put(out, "agent", doc_new_object());
	AUTO_BUF prompt = BUF_INIT;

	front_body(&a->front, &prompt);
	doc_put_str(d, "name", a->name);
	doc_put_str(d, "path", a->file);
	doc_put_str(d, "scope", a->repository ? "repository" : "home");
	doc_put_slice(d, "prompt", buf_slice(&prompt));
	return add_skills(l, a, d);
}

/* --- the provider's part --- */

/* The recipe that replaces the provider's: absolute, below ~, or beside the bottle's file. */
static void find_dockerfile(struct making *m, struct doc *use, const struct doc *origin)
{
	const struct doc *place = origin_in(origin, "dockerfile");
	const char *path = doc_get_cstr(use, "dockerfile"), *at = origin_at(place);
	struct stat st;

	if (!path)
		return;
	put_path(m, use, "dockerfile", place);
	if (path[0] != '/' && path[0] != '~' && at && strrchr(at, '/')) {
		AUTO_FREE char *beside = alloc_format("%.*s/%s", (int)(strrchr(at, '/') - at), at, path);

		doc_put_str(use, "dockerfile", beside);
	}
	path = doc_get_cstr(use, "dockerfile");
	if (m->good && (stat(path, &st) < 0 || !S_ISREG(st.st_mode)))
		m->good = origin_problem(m->load->problems, place, path,
					 "agent_provider.dockerfile: found '%s', wanted a file", path);
}

/* The provider of the folded bottles, and agent_provider with its defaults. */
static void add_provider(struct making *m)
{
	const struct doc *use = doc_get(m->whole.doc, "agent_provider"),
			 *origin = origin_in(m->whole.origin, "agent_provider");
	const char *name = doc_get(use, "template") ? doc_get_cstr(use, "template") : "claude";
	struct doc *provider = provider_load(m->load, name, origin_in(origin, "template"), "agent_provider.template");
	struct doc *own;

	if (!provider) {
		m->good = false;
		return;
	}
	doc_put(m->out, "provider", provider);
	own = doc_put(m->out, "agent_provider", doc_new_object());
	doc_put_str(own, "template", name);
	copy_member(own, use, "dockerfile");
	copy_member(own, use, "auth_token");
	doc_put_bool(own, "forward_host_credentials", doc_get_bool(use, "forward_host_credentials"));
	doc_put(own, "settings", doc_get(use, "settings") ? doc_retain(doc_get(use, "settings")) : doc_new_object());
	find_dockerfile(m, own, origin);
	m->good = provider_check_use(m->load, provider, own, origin) && m->good;
}

/* --- git-gate --- */

/* Whether the hosts before a host key are those of the remote. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
static bool key_is_of(struct slice host_key, const struct remote *r)
{
	struct slice rest = host_key, hosts = slice_cut(&rest, ' ');
	AUTO_FREE char *with_port = alloc_format("[%s]:%u", r->host.host, r->host.port);

	if (slice_find(rest, ' ') == SLICE_NONE)
		return true; /* TYPE KEY, without hosts */
	while (hosts.len) {
		struct slice one = slice_cut(&hosts, ',');

		if (slice_eq_fold(one, slice_str(r->host.host)) || slice_eq_fold(one, slice_str(with_port)))
			return true;
	}
	return false;
}

/* What goes with ssh and what with https. */
static bool check_repo(const struct load *l, const char *name, const struct doc *d, const struct doc *origin,
		       const struct remote *r)
{
	static const char *const of_ssh[] = { "key", "host_key" };
	bool ssh = *r->scheme == 's', good = true;

	if (ssh && doc_get(d, "auth"))
		good = origin_problem(l->problems, origin_in(origin, "auth"), name,
				      "git-gate.repos.%s.auth: found with an ssh URL, which takes 'key'; remove it",
				      name);
	for (size_t i = 0; i < COUNT_OF(of_ssh); i++) {
		if (!ssh && doc_get(d, of_ssh[i]))
			good = origin_problem(l->problems, origin_in(origin, of_ssh[i]), name,
					      "git-gate.repos.%s.%s: found with an https URL, which takes 'auth'; "
					      "remove it", name,
					      of_ssh[i]);
		if (ssh && !doc_get(d, of_ssh[i]))
			origin_problem(l->warnings, origin, name,
				       "git-gate.repos.%s has no '%s': fetch and push will be refused", name,
				       of_ssh[i]);
	}
	if (ssh && doc_get(d, "host_key") && !key_is_of(doc_get_str(d, "host_key"), r))
		good = origin_problem(l->problems, origin_in(origin, "host_key"), name,
				      "git-gate.repos.%s.host_key: found the key of another host, wanted that of '%s'",
				      name,
				      r->host.host);
	return good;
}

/* What making the list of remotes needs. */
struct repos {
	struct making *making;
	const struct doc *origin;
	struct doc *list;
};

/* One remote, with its URL taken apart. */
static bool add_repo(void *ctx, const char *name, const struct doc *d)
{
	struct repos *c = ctx;
	struct making *m = c->making;
	const struct doc *origin = origin_in(c->origin, name), *key = doc_get(d, "key");
	struct doc *repo;
	struct remote r;
	const char *why;

	if (!remote_parse(doc_get_str(d, "url"), &r, &why)) { /* a URL that is there was checked, so it is not */
		origin_problem(m->lenient ? m->load->warnings : m->load->problems, origin, name,
			       "git-gate.repos.%s.url: found nothing, wanted the URL of a git remote", name);
		m->good = m->good && m->lenient;
		return true;
	}
	m->good = check_repo(m->load, name, d, origin, &r) && m->good;
	repo = doc_append(c->list, doc_new_object());
	doc_put_str(repo, "name", name);
	copy_member(repo, d, "url");
	doc_put_str(repo, "scheme", r.scheme);
	if (r.user.len)
		doc_put_slice(repo, "user", r.user);
	doc_put_str(repo, "host", r.host.host);
	doc_put_int(repo, "port", r.host.port);
	doc_put_slice(repo, "path", r.path);
	copy_member(repo, d, "host_key");
	if (key)
		put_path(m, doc_put(repo, "key", doc_copy(key)), "path", origin_in(origin_in(origin, "key"), "path"));
	copy_member(repo, d, "auth");
	copy_member(repo, d, "push");
	return true;
}

/* git_gate: the identity, and the remotes as a list. */
static void add_git_gate(struct making *m)
{
	const struct doc *git = doc_get(m->whole.doc, "git_gate");
	struct doc *out = doc_put(m->out, "git_gate", doc_new_object());
	struct repos c = { m, origin_in(origin_in(m->whole.origin, "git_gate"), "repos"), NULL };

	doc_put(out, "user", doc_retain(doc_get(git, "user")));
	copy_member(out, git, "scanner");
	c.list = doc_put(out, "repos", doc_new_array());
	doc_each(doc_get(git, "repos"), add_repo, &c);
}

/* --- the rest --- */

/* One variable of env, with its name inside. */
static bool add_variable(void *list, const char *name, const struct doc *value)
{
	struct doc *one = doc_append(list, doc_copy(value));

	doc_put_str(one, "name", name);
	return true;
}

/* egress, with the files that routes name made absolute. */
static void add_egress(struct making *m)
{
	const struct doc *egress = doc_get(m->whole.doc, "egress"), *routes = doc_get(egress, "routes");
	const struct doc *places = origin_in(origin_in(m->whole.origin, "egress"), "routes");
	struct doc *out = doc_put(m->out, "egress", doc_new_object());
	struct doc *list;

	doc_put_str(out, "log", doc_get(egress, "log") ? doc_get_cstr(egress, "log") : "blocks");
	list = doc_put(out, "routes", doc_new_array());
	for (size_t i = 0; i < doc_count(routes); i++) {
		struct doc *route = doc_append(list, doc_copy(doc_at(routes, i)));
		const struct doc *upstream = doc_get(route, "upstream");

		if (upstream)
			put_path(m, doc_put(route, "upstream", doc_copy(upstream)), "ca_file",
				 origin_in(origin_in(origin_item(places, i), "upstream"), "ca_file"));
	}
}

/* What the bottles say, as members of the manifest. */
static bool add_bottles(const struct load *l, const struct fold *f, bool lenient, struct doc *out)
{
	struct making m = { l, out, f->whole, lenient, true };
	const struct doc *supervise = doc_get(f->whole.doc, "supervise");

	doc_put(out, "bottles", doc_retain(f->names));
	add_provider(&m);
	doc_each(doc_get(f->whole.doc, "env"), add_variable, doc_put(out, "env", doc_new_array()));
	add_git_gate(&m);
	add_egress(&m);
	doc_put_bool(out, "supervise", supervise ? doc_bool(supervise) : true);
	copy_member(out, f->whole.doc, "limits");
	return m.good;
}

/* Where the values came from. */
static void add_origins(const struct agent *a, const struct fold *f, struct doc *out)
{
	struct doc *origins = doc_put(out, "origins", doc_new_object());
	const struct doc *skills = origin_in(a->origin, "skills");

	for (size_t i = 0; i < doc_count(doc_get(a->doc, "skills")); i++) {
		AUTO_FREE char *path = alloc_format("agent.skills[%zu]", i);

		origin_put(origins, path, origin_item(skills, i));
	}
	origin_flatten(f->whole.origin, origins);
}

/* The warnings of the load, for the preflight. */
static void add_warnings(const struct problems *warnings, struct doc *out)
{
	struct doc *list = doc_put(out, "warnings", doc_new_array());

	for (size_t i = 0; i < warnings->count; i++) {
		const struct problem *w = &warnings->list[i];
		AUTO_FREE char *at =
			w->line ? alloc_format("%s:%u", w->file, w->line) : alloc_copy(w->file, strlen(w->file));
		struct doc *one = doc_append(list, doc_new_object());

		doc_put_str(one, "at", at);
		doc_put_str(one, "text", w->text);
	}
}

struct doc *manifest_resolve(const struct load *l, const char *name, const char *const *bottles, size_t count)
{
	AUTO_DOC *out = doc_new("manifest", 1);
	AUTO_AGENT a = { .name = NULL };
	AUTO_FOLD f = { .names = NULL };
	bool good = agent_check_old(l);

	agent_check_repository(l);
	good = agent_read(l, name, &a) && good;
	if (!a.yaml)
		return NULL;
	good = (!a.doc || add_agent(l, &a, out)) && good;
	if (!fold_for(l, &a, bottles, count, &f))
		return NULL;
	overlay_user(&a, &f);
	if (!add_bottles(l, &f, false, out) || !good)
		return NULL;
	add_origins(&a, &f, out);
	add_warnings(l->warnings, out);
	return STEAL(out);
}

bool manifest_check_bottle(const struct load *l, const char *name)
{
	struct wish w = { name, NULL, "bottle" };
	AUTO_DOC *out = doc_new_object();
	AUTO_FOLD f = { .names = NULL };

	return bottle_fold(l, &w, 1, &f) && add_bottles(l, &f, true, out);
}

bool manifest_check_agent(const struct load *l, const char *name)
{
	AUTO_DOC *out = doc_new_object();
	AUTO_AGENT a = { .name = NULL };
	AUTO_FOLD f = { .names = NULL };
	bool good = agent_read(l, name, &a);

	if (a.doc)
		good = add_agent(l, &a, out) && good;
	if (a.yaml && yaml_get(yaml_root(a.yaml), "bottle"))
		good = fold_for(l, &a, NULL, 0, &f) && add_bottles(l, &f, true, out) && good;
	return good;
}
