#include "cmd/parse/bottle.h"

#include "alloc.h"
#include "cmd/parse/values.h"
#include "remote.h"
#include "routes.h"

/* --- agent_provider --- */

/* A value of settings; its provider says which type it must have. */
static struct doc *read_setting(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	int64_t number;

	(void)s;
	if (n->type != YAML_SCALAR || yaml_is_null(n)) {
		shape_problem(r, n, NULL, "found %s, wanted a string, a number, true or false",
			      n->type == YAML_SCALAR ? "nothing" : n->type == YAML_LIST ? "a list" : "a mapping");
		return NULL;
	}
	if (yaml_is_bool(n))
		return doc_new_bool(yaml_bool(n));
	if (yaml_is_int(n) && yaml_int(n, &number))
		return doc_new_int(number);
	return doc_new_str(n->text);
}

static const struct shape setting_shape = { .type = SHAPE_CUSTOM, .read = read_setting,
					    .schema = "{\"type\":[\"string\",\"integer\",\"boolean\"]}" };
static const struct shape settings_shape = { .type = SHAPE_MAP, .wanted = "a mapping", .item = &setting_shape };
static const struct shape_field provider_fields[] = {
	{ .name = "template", .shape = &value_name, .help = "claude (default), codex, pi, shell, or a plug-in" },
	{ .name = "dockerfile", .shape = &value_line, .help = "replaces the provider's recipe of the agent's image" },
	{ .name = "auth_token", .shape = &value_variable, .help = "variable of the host that holds the agent's token" },
	{ .name = "forward_host_credentials", .shape = &value_bool, .help = "use the login of the host" },
	{ .name = "settings", .shape = &settings_shape, .help = "what the provider declares" },
	{ .name = "runtime", .instead = "the backend is chosen at start: bb start --backend NAME" },
	{ .name = NULL },
};
static const struct shape provider_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping", .fields = provider_fields };

/* --- git-gate --- */

/* user: something of it. */
static bool check_user(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	if (doc_get_str(d, "name").len || doc_get_str(d, "email").len)
		return true;
	return shape_problem(r, n, NULL, "found neither name nor email, wanted one of them at least");
}

static const struct shape_field user_fields[] = {
	{ .name = "name", .shape = &value_line, .help = "user.name of git" },
	{ .name = "email", .shape = &value_line, .help = "user.email of git" },
	{ .name = NULL },
};
const struct shape bottle_git_user = { .type = SHAPE_OBJECT, .wanted = "a mapping with name or email",
				       .fields = user_fields,
				       .check = check_user };

/* Name by which the bottle sees a remote. */
static bool check_repo_name(struct slice text, struct buf *out, const char **why)
{
	bool good = text.len > 0 && text.len <= 100 && !slice_eq(text, SLICE(".")) && !slice_eq(text, SLICE(".."));

	for (size_t i = 0; i < text.len; i++)
		good = good &&
		       (ascii_is_alpha(text.ptr[i]) || ascii_is_digit(text.ptr[i]) || strchr("._-", text.ptr[i]));
	if (!good)
		return *why = "letters, digits and . _ -, at most 100", false;
	buf_add_slice(out, text);
	return true;
}

/* URL of a remote. */
static bool check_url(struct slice text, struct buf *out, const char **why)
{
	struct remote r;

	if (!remote_parse(text, &r, why))
		return false;
	buf_add_slice(out, text);
	return true;
}

/* Whether a text is base64, of at least 16 characters. */
static bool is_base64(struct slice s)
{
	size_t n = 0;

	while (n < s.len &&
	       (ascii_is_alpha(s.ptr[n]) || ascii_is_digit(s.ptr[n]) || s.ptr[n] == '+' || s.ptr[n] == '/'))
		n++;
	return n >= 16 && slice_trim(slice_sub(s, n, s.len), "=").len == 0 && s.len - n <= 2;
}

/* A line of known_hosts, [HOST] TYPE KEY. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
static bool check_host_key(struct slice text, struct buf *out, const char **why)
{
	struct slice rest = text, first = slice_cut(&rest, ' '), second = slice_cut(&rest, ' ');
	bool with_host = rest.len > 0;
	struct slice type = with_host ? second : first, key = with_host ? slice_cut(&rest, ' ') : second;

	if (!value_check_line(text, out, why))
		return false;
	if (slice_starts(text, SLICE("@")) || slice_starts(text, SLICE("|")))
		return *why = "no marker and no hashed name; write HOST TYPE KEY", false;
	if (!slice_starts(type, SLICE("ssh-")) && !slice_starts(type, SLICE("ecdsa-sha2-")) &&
	    !slice_starts(type, SLICE("sk-")))
		return *why = "the type of the key is unknown; take the line that ssh-keyscan prints", false;
	if (!is_base64(key))
		return *why = "the key is not base64", false;
	return true;
}

/* key: what its provider needs. */
static bool check_key(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	bool is_static = slice_eq(doc_get_str(d, "provider"), SLICE("static"));
	const char *wanted = is_static ? "path" : "forge_token_env", *other = is_static ? "forge_token_env" : "path";

	if (is_static && doc_get(d, "forge_url"))
		other = "forge_url";
	if (doc_get(d, other))
		return shape_problem(r, n, other,
				     "found with the key provider '%s', which has no use for it; remove it",
				     doc_get_cstr(d, "provider"));
	if (!doc_get(d, wanted))
		return shape_problem(r, n, wanted, "found nothing, wanted %s for the key provider '%s'",
				     is_static ? "the file of the private key" : "the variable of the forge's token",
				     doc_get_cstr(d, "provider"));
	return true;
}

/* Where a forge is. */
static bool check_forge(struct slice text, struct buf *out, const char **why)
{
	if (!remote_is_forge(text))
		return *why = "https://HOST[:PORT][/PATH]", false;
	buf_add_slice(out, text);
	return true;
}

/* A file of the host: absolute, or below the home directory. */
static bool check_path(struct slice text, struct buf *out, const char **why)
{
	if (!slice_starts(text, SLICE("/")) && !slice_starts(text, SLICE("~/")))
		return *why = "an absolute path, or one that begins with ~/", false;
	return value_check_line(text, out, why);
}

/* The start of a ref below refs/heads, perhaps with one '*' at its end. Source: git-check-ref-format(1). */
static bool check_branch(struct slice text, struct buf *out, const char **why)
{
	struct slice name = slice_ends(text, SLICE("*")) ? slice_sub(text, 0, text.len - 1) : text;
	bool good = text.len > 0 && !slice_starts(text, SLICE("-")) && !slice_starts(text, SLICE("/")) &&
		    slice_search(text, SLICE("..")) == SLICE_NONE && slice_search(text, SLICE("//")) == SLICE_NONE &&
		    slice_search(text, SLICE("@{")) == SLICE_NONE && !slice_ends(text, SLICE(".lock")) &&
		    !slice_ends(text, SLICE("/")) && !slice_ends(text, SLICE("."));

	for (size_t i = 0; i < name.len; i++)
		good = good && (unsigned char)name.ptr[i] > ' ' && !strchr("~^:?*[\\\x7f", name.ptr[i]);
	if (slice_starts(text, SLICE("refs/")))
		return *why = "the name below refs/heads/, like agent/*", false;
	if (!good)
		return *why = "a branch name, perhaps with '*' at its end", false;
	buf_add_slice(out, text);
	return true;
}

static const char *const key_providers[] = { "static", "gitea", "github", NULL };
static const struct shape key_provider_shape = { .type = SHAPE_WORD, .words = key_providers };
static const struct shape path_shape = { .type = SHAPE_STRING, .wanted = "a file", .text = check_path };
static const struct shape forge_shape = { .type = SHAPE_STRING, .wanted = "the address of a forge",
					  .text = check_forge };
static const struct shape_field key_fields[] = {
	{ .name = "provider", .shape = &key_provider_shape, .required = true,
	  .help = "static: a file; else: made by the forge" },
	{ .name = "path", .shape = &path_shape, .help = "private key, for static" },
	{ .name = "forge_token_env", .shape = &value_variable,
	  .help = "variable of the host with the forge's API token" },
	{ .name = "forge_url", .shape = &forge_shape,
	  .help = "where the forge is; default: https and the host of the url" },
	{ .name = NULL },
};
static const struct shape key_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with provider", .fields = key_fields,
					.check = check_key };
static const struct shape_field auth_fields[] = {
	{ .name = "user", .shape = &value_line, .help = "user name of basic authentication" },
	{ .name = "token_ref", .shape = &value_variable, .required = true,
	  .help = "variable of the host with the token" },
	{ .name = NULL },
};
static const struct shape auth_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with token_ref",
					 .fields = auth_fields };
static const struct shape branch_shape = { .type = SHAPE_STRING, .wanted = "a branch", .text = check_branch };
static const struct shape branches_shape = { .type = SHAPE_LIST, .wanted = "a list of at least one branch",
					     .item = &branch_shape, .min = 1 };
static const struct shape_field push_fields[] = {
	{ .name = "branches", .shape = &branches_shape,
	  .help = "what may be pushed: names below refs/heads/, agent/*" },
	{ .name = "force", .shape = &value_bool, .help = "may rewrite history; default false" },
	{ .name = "delete", .shape = &value_bool, .help = "may delete; default false" },
	{ .name = "tags", .shape = &value_bool, .help = "may push tags; default false" },
	{ .name = NULL },
};
static const struct shape push_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping of what a push may do",
					 .fields = push_fields };
static const struct shape url_shape = { .type = SHAPE_STRING, .wanted = "the URL of a git remote", .text = check_url,
					.hide = true };
static const struct shape host_key_shape = { .type = SHAPE_STRING, .wanted = "a host key", .text = check_host_key };
static const struct shape_field repo_fields[] = {
	{ .name = "url", .shape = &url_shape, .help = "ssh://, https:// or user@host:path" },
	{ .name = "host_key", .shape = &host_key_shape, .help = "HOST TYPE KEY, as ssh-keyscan prints it" },
	{ .name = "key", .shape = &key_shape, .help = "the key for ssh" },
	{ .name = "auth", .shape = &auth_shape, .help = "the token for https" },
	{ .name = "push", .shape = &push_shape, .help = "what a push may do" },
	{ .name = "identity", .instead = "write 'key: {provider: static, path: FILE}'" },
	{ .name = "provisioned_key", .instead = "write 'key: {provider: gitea, forge_token_env: NAME}'" },
	{ .name = NULL },
};
static const struct shape repo_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with url", .fields = repo_fields };
static const struct shape repos_shape = { .type = SHAPE_MAP, .wanted = "a mapping of names to remotes",
					  .name = check_repo_name, .item = &repo_shape,
						  .pattern = "^[A-Za-z0-9._-]+$" };
static const char *const scanners[] = { "own", "gitleaks", "both", NULL };
static const struct shape scanner_shape = { .type = SHAPE_WORD, .words = scanners };
static const struct shape_field git_fields[] = {
	{ .name = "user", .shape = &bottle_git_user, .help = "who commits" },
	{ .name = "repos", .shape = &repos_shape, .help = "remotes that the bottle reaches through the gate" },
	{ .name = "scanner", .shape = &scanner_shape,
	  .help = "own (default): bot-bottle's; gitleaks or both: gitleaks as well" },
	{ .name = NULL },
};
static const struct shape git_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with user or repos",
					.fields = git_fields };

/* --- the whole --- */

static const struct shape_field egress_fields[] = {
	{ .name = "routes", .shape = &routes_manifest_shape, .help = "hosts that the bottle may reach" },
	{ .name = "log", .shape = &value_log, .help = "0 off, 1 blocks (default), 2 full" },
	{ .name = "allowlist", .instead = "write one entry for each host under 'routes': '- host: NAME'" },
	{ .name = NULL },
};
static const struct shape egress_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with routes",
					   .fields = egress_fields };

#define OF_AGENT "an agent's file has it; a bottle holds what agents share"
static const struct shape_field bottle_fields[] = {
	{ .name = "extends", .shape = &value_names, .help = "bottles that this one builds on" },
	{ .name = "env", .shape = &value_env, .help = "variables of the bottle" },
	{ .name = "agent_provider", .shape = &provider_shape, .help = "which kind of agent runs, and how it logs in" },
	{ .name = "git-gate", .shape = &git_shape, .as = "git_gate", .help = "git identity and remotes" },
	{ .name = "egress", .shape = &egress_shape, .help = "the only way out" },
	{ .name = "supervise", .shape = &value_bool,
	  .help = "true (default): what needs approval is asked; false: refused" },
	{ .name = "limits", .shape = &value_limits, .help = "what the bottle may use of the host" },
	{ .name = "git", .instead = "remotes are declared in 'git-gate.repos'" },
	{ .name = "git_user", .instead = "write 'git-gate: {user: {name: NAME, email: EMAIL}}'" },
	{ .name = "ssh", .instead = "ssh remotes are declared in 'git-gate.repos', with 'key' and 'host_key'" },
	{ .name = "runtime", .instead = "the backend is chosen at start: bb start --backend NAME" },
	{ .name = "cred_proxy", .instead = "credentials are given to a route: 'egress.routes[].auth'" },
	{ .name = "egress_proxy", .instead = "the key is 'egress', with 'routes'" },
	{ .name = "pipelock", .instead = "what is looked for is said per route: 'egress.routes[].dlp'" },
	{ .name = "bottle", .instead = OF_AGENT },
	{ .name = "skills", .instead = OF_AGENT },
	{ .name = NULL },
};
const struct shape bottle_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping", .fields = bottle_fields };
