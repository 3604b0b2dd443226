#include "cmd/parse/provider.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cmd/parse/values.h"
#include "routes.h"

/* --- texts --- */

/* A path inside the bottle. */
static bool check_inside(struct slice text, struct buf *out, const char **why)
{
	struct slice rest = text;

	if (!slice_starts(text, SLICE("/")))
		return *why = "an absolute path inside the bottle", false;
	while (rest.len)
		if (slice_eq(slice_cut(&rest, '/'), SLICE("..")))
			return *why = "no '..' element", false;
	return value_check_line(text, out, why);
}

/* Permissions as chmod takes them: 0600. */
static bool check_mode(struct slice text, struct buf *out, const char **why)
{
	bool good = text.len == 4 && text.ptr[0] == '0';

	for (size_t i = 0; i < text.len; i++)
		good = good && text.ptr[i] >= '0' && text.ptr[i] <= '7';
	if (!good)
		return *why = "four octal digits, like 0600", false;
	buf_add_slice(out, text);
	return true;
}

/* The name of a program, without its directory; or of a file in the provider's directory. */
static bool check_file_name(struct slice text, struct buf *out, const char **why)
{
	if (!text.len || text.ptr[0] == '.' || text.ptr[0] == '-' || slice_find(text, '/') != SLICE_NONE)
		return *why = "a name without '/', not beginning with '.' or '-'", false;
	return value_check_line(text, out, why);
}

/* One host: where the token belongs. */
static bool check_host(struct slice text, struct buf *out, const char **why)
{
	if (slice_find(text, '*') != SLICE_NONE)
		return *why = "one host: a token goes to no other", false;
	return routes_host(text, out, why);
}

/* --- checks of whole objects --- */

/* prompt: what its form needs. */
static bool check_prompt(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	static const struct {
		const char *form, *needs[3];
	} forms[] = {
		{ "flag-file", { "flag", "file", NULL } },
		{ "flag-text", { "flag", NULL } },
		{ "file", { "file", NULL } },
		{ "env", { "env", NULL } },
	};
	bool good = true;

	for (size_t i = 0; i < COUNT_OF(forms); i++)
		for (size_t j = 0; slice_eq(doc_get_str(d, "form"), slice_str(forms[i].form)) && forms[i].needs[j]; j++)
			if (!doc_get(d, forms[i].needs[j]))
				good = shape_problem(r, n, forms[i].needs[j],
						     "found nothing, wanted it for the form '%s'", forms[i].form);
	return good;
}

/* token: one way to send it. */
static bool check_token(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	if (!doc_get(d, "scheme") == !doc_get(d, "header"))
		return shape_problem(r, n, "scheme", "found %s, wanted one of scheme and header",
				     doc_get(d, "scheme") ? "both" : "neither");
	return true;
}

/* The whole: headless says where the prompt goes. */
static bool check_provider(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	const struct doc *headless = doc_get(d, "headless");
	bool found = !headless;

	for (size_t i = 0; i < doc_count(headless); i++)
		found = found || slice_search(doc_str(doc_at(headless, i)), SLICE("{prompt}")) != SLICE_NONE;
	return found || shape_problem(r, n, "headless", "found no '{prompt}', wanted it where the text goes");
}

/* --- the table --- */

static const struct shape words_shape = { .type = SHAPE_LIST, .wanted = "a list of arguments", .item = &value_line };
static const struct shape inside_shape = { .type = SHAPE_STRING, .wanted = "a path", .text = check_inside };
static const struct shape file_name_shape = { .type = SHAPE_STRING, .wanted = "a name", .text = check_file_name };
static const struct shape file_names_shape = { .type = SHAPE_LIST, .wanted = "a list of names",
					       .item = &file_name_shape };
static const struct shape text_shape = { .type = SHAPE_STRING, .wanted = "a text" };
static const struct shape mode_shape = { .type = SHAPE_TEXT, .wanted = "permissions", .text = check_mode };

static const char *const prompt_forms[] = { "flag-file", "flag-text", "file", "env", NULL };
static const struct shape form_shape = { .type = SHAPE_WORD, .words = prompt_forms };
static const struct shape_field prompt_fields[] = {
	{ .name = "form", .shape = &form_shape, .required = true, .help = "how the agent takes its system prompt" },
	{ .name = "flag", .shape = &value_line, .help = "option that the file or the text follows" },
	{ .name = "file", .shape = &inside_shape, .help = "where the prompt is put" },
	{ .name = "env", .shape = &value_variable, .help = "variable that holds it" },
	{ .name = NULL },
};
static const struct shape prompt_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with form",
					   .fields = prompt_fields,
					   .check = check_prompt };

static const struct shape env_text = { .type = SHAPE_TEXT, .wanted = "a string", .text = value_check_line };
static const struct shape env_shape = { .type = SHAPE_MAP, .wanted = "a mapping of names to strings", .item = &env_text,
					.name = value_check_env_name, .pattern = "^[A-Za-z_][A-Za-z0-9_]*$" };
static const struct shape variables_shape = { .type = SHAPE_LIST, .wanted = "a list of names",
					      .item = &value_variable };

static const struct shape_field file_fields[] = {
	{ .name = "path", .shape = &inside_shape, .required = true, .help = "where it is put" },
	{ .name = "mode", .shape = &mode_shape, .help = "permissions; default 0600" },
	{ .name = "template", .shape = &text_shape, .required = true,
	  .help = "its text, with {placeholder}, {workspace}, ..." },
	{ .name = NULL },
};
static const struct shape file_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with path and template",
					 .fields = file_fields };
static const struct shape files_shape = { .type = SHAPE_LIST, .wanted = "a list of files", .item = &file_shape };

static const char *const schemes[] = { "Bearer", "token", NULL };
static const struct shape scheme_shape = { .type = SHAPE_WORD, .words = schemes };
static const struct shape host_shape = { .type = SHAPE_STRING, .wanted = "a host", .text = check_host };
static const struct shape_field token_fields[] = {
	{ .name = "name", .shape = &value_name, .required = true, .help = "of the slot" },
	{ .name = "host", .shape = &host_shape, .required = true, .help = "the route that gets it" },
	{ .name = "scheme", .shape = &scheme_shape, .help = "Authorization: SCHEME VALUE" },
	{ .name = "header", .shape = &value_line, .help = "another header; the value is sent bare" },
	{ .name = "placeholder", .shape = &value_line, .required = true,
	  .help = "what the agent has instead; {random}" },
	{ .name = "env", .shape = &value_variable, .help = "variable that holds the placeholder" },
	{ .name = NULL },
};
static const struct shape token_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with name, host and placeholder",
					  .fields = token_fields, .check = check_token };

static const char *const setting_types[] = { "string", "integer", "boolean", NULL };
static const struct shape setting_type_shape = { .type = SHAPE_WORD, .words = setting_types };
static const struct shape_field setting_fields[] = {
	{ .name = "type", .shape = &setting_type_shape, .required = true },
	{ .name = "required", .shape = &value_bool },
	{ .name = NULL },
};
static const struct shape setting_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with type",
					    .fields = setting_fields };
static const struct shape settings_shape = { .type = SHAPE_MAP, .wanted = "a mapping of settings",
					     .item = &setting_shape };

static const struct shape_field fields[] = {
	{ .name = "command", .shape = &value_line, .required = true, .help = "program to run" },
	{ .name = "args", .shape = &words_shape, .help = "always" },
	{ .name = "resume_args", .shape = &words_shape, .help = "when a bottle is resumed" },
	{ .name = "headless", .shape = &words_shape, .help = "without a terminal; {prompt} is replaced" },
	{ .name = "prompt", .shape = &prompt_shape, .help = "the system prompt" },
	{ .name = "skills_dir", .shape = &inside_shape, .help = "where skills are put" },
	{ .name = "env", .shape = &env_shape, .help = "variables of the bottle" },
	{ .name = "hidden_env", .shape = &variables_shape, .help = "variables that are not shown before start" },
	{ .name = "files", .shape = &files_shape, .help = "files to place" },
	{ .name = "routes", .shape = &routes_manifest_shape, .help = "hosts that the agent needs" },
	{ .name = "token", .shape = &token_shape, .help = "where the agent's token goes" },
	{ .name = "forward_host_credentials", .shape = &value_bool, .help = "whether the host's login can be used" },
	{ .name = "settings", .shape = &settings_shape, .help = "keys of agent_provider.settings" },
	{ .name = "mcp", .shape = &words_shape, .help = "command that registers the supervise server; {url}" },
	{ .name = "verify", .shape = &words_shape, .help = "command that must succeed before hand-over" },
	{ .name = "image", .shape = &file_name_shape, .help = "recipe of the image, a file beside this one" },
	{ .name = "needs", .shape = &file_names_shape, .help = "programs that the native backend takes from the host" },
	{ .name = NULL },
};
const struct shape provider_file_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping", .fields = fields,
					   .check = check_provider };

/* --- loading --- */

/* Directory of the operator's own provider, or of the built-in one. */
static char *directory_of(const struct home *h, const char *name, bool contrib)
{
	return contrib ? alloc_format("%s/contrib/%s", h->path, name) : alloc_format("%s/%s", h->providers, name);
}

/* Whether a directory has a provider.yaml. */
static bool has_provider(const struct home *h, const char *name, bool contrib)
{
	AUTO_FREE char *directory = directory_of(h, name, contrib);
	AUTO_FREE char *file = alloc_format("%s/provider.yaml", directory);
	struct stat st;

	return lstat(file, &st) == 0;
}

/* Add the names of the providers in one directory. */
static void add_names(const struct home *h, bool contrib, struct doc *seen)
{
	AUTO_FREE char *directory = directory_of(h, "", contrib);
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (home_is_name(slice_str(entry->d_name)) && has_provider(h, entry->d_name, contrib))
			doc_put_bool(seen, entry->d_name, true);
	if (dir)
		closedir(dir);
}

/* A sorted array of an object's keys that is being filled. */
struct keys {
	const char **list;
	size_t count;
};

/* Add one key. */
static bool add_key(void *ctx, const char *key, const struct doc *value)
{
	struct keys *k = ctx;

	(void)value;
	k->list = alloc_resize(k->list, k->count + 1, sizeof(*k->list));
	k->list[k->count++] = key;
	return true;
}

/* qsort's order of strings. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct doc *provider_names(const struct home *h)
{
	struct doc *names = doc_new_array();
	AUTO_DOC *seen = doc_new_object();
	struct keys keys = { NULL, 0 };

	add_names(h, false, seen);
	add_names(h, true, seen);
	doc_each(seen, add_key, &keys);
	if (keys.count)
		qsort(keys.list, keys.count, sizeof(*keys.list), by_name);
	for (size_t i = 0; i < keys.count; i++)
		doc_append_str(names, keys.list[i]);
	free(keys.list);
	return names;
}

/* Say that there is no such provider, and which there are. */
static struct doc *refuse_absent(const struct load *l, const char *name, const struct doc *origin, const char *subject)
{
	AUTO_DOC *names = provider_names(l->home);
	AUTO_FREE const char **list = alloc_zero(doc_count(names) + 1, sizeof(*list));
	AUTO_BUF known = BUF_INIT;
	const char *near;

	for (size_t i = 0; i < doc_count(names); i++) {
		list[i] = doc_cstr(doc_at(names, i));
		buf_add_format(&known, "%s%s", i ? ", " : "", list[i]);
	}
	near = shape_nearest(slice_str(name), list);
	origin_problem(l->problems, origin, l->home->path,
		       "%s: found '%s', wanted a provider%s%s%s: one of %s, or a plug-in in '%s/contrib'", subject,
		       name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
		       known.len ? buf_str(&known) : "none", l->home->path);
	return NULL;
}

/* The image's recipe is there. */
static bool check_image(const struct load *l, const struct doc *d, const char *directory, const char *file)
{
	const char *image = doc_get_cstr(d, "image");
	AUTO_FREE char *path = alloc_format("%s/%s", directory, image ? image : "");
	struct stat st;

	if (!image || (stat(path, &st) == 0 && S_ISREG(st.st_mode)))
		return true;
	return problems_add(l->problems, file, 0, 0, "image: found '%s', wanted a file beside provider.yaml", image);
}

/* Put one member of an object into another. */
static bool put_member(void *ctx, const char *key, const struct doc *value)
{
	doc_put(ctx, key, doc_retain(value));
	return true;
}

struct doc *provider_load_directory(const struct load *l, const char *directory, bool own, bool *absent)
{
	const char *slash = strrchr(directory, '/'), *name = slash ? slash + 1 : directory;
	AUTO_FREE char *file = alloc_format("%s/provider.yaml", directory);
	AUTO_FREE char *subject = alloc_format("provider '%s'", name);
	AUTO_SHAPE_READER r = { .file = file, .subject = subject, .problems = l->problems, .notes = l->warnings };
	AUTO_DOC *d = doc_new_object();
	AUTO_DOC *parts = NULL;
	AUTO_BUF text = BUF_INIT;
	AUTO_YAML *y = NULL;
	enum home_read read = home_read_file(directory, "provider.yaml", own, &text, l->problems);

	*absent = read == HOME_ABSENT;
	if (read == HOME_READ)
		y = yaml_load(buf_slice(&text), file, 1, l->problems);
	if (y)
		parts = shape_read(&r, &provider_file_shape, yaml_root(y));
	if (!parts || !check_image(l, parts, directory, file))
		return NULL;
	doc_put_str(d, "name", name);
	doc_put_str(d, "path", directory);
	doc_put_str(d, "origin", own ? "contrib" : "built-in");
	doc_each(parts, put_member, d);
	return STEAL(d);
}

struct doc *provider_load(const struct load *l, const char *name, const struct doc *origin, const char *subject)
{
	AUTO_FREE char *own = directory_of(l->home, name, true);
	AUTO_FREE char *built_in = directory_of(l->home, name, false);
	bool absent = true;
	struct doc *d;

	if (!home_is_name(slice_str(name)))
		return refuse_absent(l, name, origin, subject);
	d = provider_load_directory(l, own, true, &absent);
	if (d && has_provider(l->home, name, false))
		origin_problem(l->warnings, NULL, doc_get_cstr(d, "path"), "used instead of the built-in provider '%s'",
			       name);
	if (!absent)
		return d;
	d = provider_load_directory(l, built_in, false, &absent);
	return absent ? refuse_absent(l, name, origin, subject) : d;
}

/* --- agent_provider against its provider --- */

/* What the checks of settings need. */
struct use {
	const struct load *load;
	const struct doc *declared; /* settings of the provider */
	const struct doc *settings; /* of the bottle */
	const struct doc *origin;   /* of the bottle's settings */
	const char *provider;
	bool good;
};

/* Whether a setting has its declared type. */
static bool has_type(const struct doc *value, const char *type)
{
	return doc_type_of(value) == (*type == 's' ? DOC_STR : *type == 'i' ? DOC_INT : DOC_BOOL);
}

/* A setting that a bottle gives is declared, and of its type. */
static bool check_given(void *ctx, const char *key, const struct doc *value)
{
	struct use *u = ctx;
	const struct doc *declared = doc_get(u->declared, key);
	const char *type = doc_get_cstr(declared, "type");
	struct keys known = { NULL, 0 };
	AUTO_BUF list = BUF_INIT;

	if (declared && has_type(value, type))
		return true;
	u->good = false;
	if (declared) {
		origin_problem(u->load->problems, origin_in(u->origin, key), u->provider,
			       "agent_provider.settings.%s: found another type, wanted %s %s", key,
			       *type == 'i' ? "an" : "a", type);
		return true;
	}
	if (u->declared)
		doc_each(u->declared, add_key, &known);
	for (size_t i = 0; i < known.count; i++)
		buf_add_format(&list, "%s%s", i ? ", " : "", known.list[i]);
	free(known.list);
	origin_problem(u->load->problems, origin_in(u->origin, key), u->provider,
		       "agent_provider.settings has unknown key '%s'; provider '%s' declares: %s", key, u->provider,
		       list.len ? buf_str(&list) : "none");
	return true;
}

/* A setting that the provider must have is given. */
static bool check_required(void *ctx, const char *key, const struct doc *declared)
{
	struct use *u = ctx;

	if (doc_get_bool(declared, "required") && !doc_get(u->settings, key)) {
		u->good = false;
		origin_problem(u->load->problems, u->origin, u->provider,
			       "agent_provider.settings.%s: found nothing, wanted a %s, which provider '%s' needs", key,
			       doc_get_cstr(declared, "type"), u->provider);
	}
	return true;
}

bool provider_check_use(const struct load *l, const struct doc *provider, const struct doc *use,
			const struct doc *origin)
{
	const char *name = doc_get_cstr(provider, "name");
	const struct doc *places = origin_in(origin, "settings");
	struct use u = { l, doc_get(provider, "settings"), doc_get(use, "settings"), places ? places : origin, name,
			 true };

	if (doc_get(use, "auth_token") && !doc_get(provider, "token"))
		u.good = origin_problem(l->problems, origin_in(origin, "auth_token"), name,
					"agent_provider.auth_token: found it, but provider '%s' has no token slot; "
					"remove it, or give a "
					"route 'auth'",
					name);
	if (doc_get_bool(use, "forward_host_credentials") && !doc_get_bool(provider, "forward_host_credentials"))
		u.good = origin_problem(l->problems, origin_in(origin, "forward_host_credentials"), name,
					"agent_provider.forward_host_credentials: found true, but provider '%s' does "
					"not support it; "
					"remove it",
					name);
	if (u.settings)
		doc_each(u.settings, check_given, &u);
	if (u.declared)
		doc_each(u.declared, check_required, &u);
	return u.good;
}
