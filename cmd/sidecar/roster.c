#include "roster.h"

#include <stdlib.h>

#include "alloc.h"

extern char **environ;

/* What a daemon gets of the sidecar's environment beside what its document names: nothing that could hold a secret. */
static const char *const environment[] = { "PATH", "HOME",   "USER",	      "LOGNAME",     "LANG",
					   "TZ",   "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR" };

static const struct doc_field document_fields[] = {
	{ "daemons", DOC_ARRAY, true },
	{ NULL, 0, false },
};

static const struct doc_field daemon_fields[] = {
	{ "name", DOC_STR, true },	 { "program", DOC_STR, true },
	{ "args", DOC_ARRAY, false },	 { "listeners", DOC_ARRAY, false },
	{ "secrets", DOC_ARRAY, false }, { "keep", DOC_ARRAY, false },
	{ "files", DOC_ARRAY, false },	 { "reload", DOC_BOOL, false },
	{ "env", DOC_ARRAY, false },	 { NULL, 0, false },
};

static const struct doc_field listener_fields[] = {
	{ "name", DOC_STR, true },
	{ "port", DOC_INT, true },
	{ NULL, 0, false },
};

static const struct doc_field file_fields[] = {
	{ "path", DOC_STR, true },
	{ "mode", DOC_STR, false },
	{ "content", DOC_STR, true },
	{ NULL, 0, false },
};

static void spec_release(struct daemon_spec *d)
{
	for (char **a = d->argv; a && *a; a++)
		free(*a);
	for (char **v = d->env; v && *v; v++)
		free(*v);
	free(d->argv);
	free(d->env);
	free(d->path);
	free(d->dir);
	free(d->secrets);
}

void roster_release(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++)
		spec_release(&r->list[i]);
	free(r->list);
	doc_release(r->doc);
	*r = (struct roster)ROSTER_INIT;
}

/* Names become directories and prefixes: a letter or digit, then those, dashes and, where allowed, dots. */
static bool is_name(struct slice s, bool dots)
{
	if (!s.len || s.len > NAME_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if ((c >= 'a' && c <= 'z') || ascii_is_digit(c))
			continue;
		if (i == 0 || !(c == '-' || (dots && c == '.')))
			return false;
	}
	return true;
}

/* Copy an optional list of texts, all short enough to be checked by the caller; at most max of them. */
static bool take_texts(const struct doc *d, const char *path, const char *key, size_t max, const char **out, size_t *n,
		       struct error *e)
{
	const struct doc *list = doc_get(d, key);

	if (doc_count(list) > max)
		return error_set(e, STATUS_CALLER, "'%s.%s' has more than %zu entries", path, key, max);
	for (size_t i = 0; i < doc_count(list); i++) {
		if (doc_type_of(doc_at(list, i)) != DOC_STR)
			return error_set(e, STATUS_CALLER, "'%s.%s[%zu]' is not a string", path, key, i);
		out[i] = doc_cstr(doc_at(list, i));
	}
	*n = doc_count(list);
	return true;
}

static bool take_listeners(struct daemon_spec *spec, const struct doc *d, const char *path, struct error *e)
{
	const struct doc *list = doc_get(d, "listeners");

	if (doc_count(list) > LISTENERS_MAX)
		return error_set(e, STATUS_CALLER, "'%s.listeners' has more than %d entries", path, LISTENERS_MAX);
	for (size_t i = 0; i < doc_count(list); i++) {
		AUTO_FREE char *where = alloc_format("%s.listeners[%zu]", path, i);
		const struct doc *entry = doc_at(list, i);
		int64_t port;

		if (!doc_check(entry, where, listener_fields, e))
			return false;
		port = doc_get_int(entry, "port");
		if (!is_name(doc_get_str(entry, "name"), true))
			return error_set(e, STATUS_CALLER, "'%s.name' is '%s', which cannot name a listener", where,
					 doc_get_cstr(entry, "name"));
		if (port < 1 || port > 65535)
			return error_set(e, STATUS_CALLER, "'%s.port' is %lld, wanted 1 to 65535", where,
					 (long long)port);
		spec->listeners[i] = (struct listener_spec){ doc_get_cstr(entry, "name"), (uint16_t)port };
	}
	spec->n_listeners = doc_count(list);
	return true;
}

/* A file stands directly in the daemon's directory. */
static bool is_file_name(struct slice s)
{
	return s.len && s.len <= FILE_NAME_MAX && s.ptr[0] != '.' && slice_find(s, '/') == SLICE_NONE;
}

static bool check_files(const struct doc *files, const char *path, struct error *e)
{
	if (doc_count(files) > FILES_MAX)
		return error_set(e, STATUS_CALLER, "'%s.files' has more than %d entries", path, FILES_MAX);
	for (size_t i = 0; i < doc_count(files); i++) {
		AUTO_FREE char *where = alloc_format("%s.files[%zu]", path, i);
		const struct doc *entry = doc_at(files, i);
		struct slice mode;

		if (!doc_check(entry, where, file_fields, e))
			return false;
		if (!is_file_name(doc_get_str(entry, "path")))
			return error_set(e, STATUS_CALLER, "'%s.path' is '%s', wanted a plain file name", where,
					 doc_get_cstr(entry, "path"));
		mode = doc_get_str(entry, "mode");
		if (doc_get(entry, "mode") && !slice_eq(mode, SLICE("0600")) && !slice_eq(mode, SLICE("0400")) &&
		    !slice_eq(mode, SLICE("0644")) && !slice_eq(mode, SLICE("0700")) && !slice_eq(mode, SLICE("0755")))
			return error_set(e, STATUS_CALLER, "'%s.mode' is '%s', wanted 0400, 0600, 0644, 0700 or 0755",
					 where, doc_get_cstr(entry, "mode"));
	}
	return true;
}

/* What stands in braces: append what it becomes, and note in used what was taken. */
static bool expand_word(struct daemon_spec *spec, struct slice word, bool *used, struct buf *out)
{
	struct slice name = word;
	struct slice verb = slice_cut(&name, ':');

	if (slice_eq(word, SLICE("dir"))) {
		buf_add_str(out, spec->dir);
		return true;
	}
	if (slice_eq(word, SLICE("secrets"))) {
		spec->takes_secrets = true;
		buf_add_format(out, "%d", spec_secrets_fd(spec));
		return true;
	}
	if (slice_eq(word, SLICE("ready"))) {
		spec->tells_ready = true;
		buf_add_format(out, "%d", spec_ready_fd(spec));
		return true;
	}
	for (size_t i = 0; slice_eq(verb, SLICE("listener")) && i < spec->n_listeners; i++)
		if (slice_eq(name, slice_str(spec->listeners[i].name))) {
			used[spec_listener_fd(i)] = true;
			buf_add_format(out, "%d", spec_listener_fd(i));
			return true;
		}
	for (size_t i = 0; slice_eq(verb, SLICE("keep")) && i < spec->n_keeps; i++)
		if (slice_eq(name, slice_str(spec->keeps[i]))) {
			used[spec_keep_fd(spec, i)] = true;
			buf_add_format(out, "%d", spec_keep_fd(spec, i));
			return true;
		}
	return false;
}

/* Expand one argument. */
static bool expand(struct daemon_spec *spec, const char *path, const char *arg, bool *used, char **out, struct error *e)
{
	struct slice rest = slice_str(arg);
	AUTO_BUF text = BUF_INIT;

	while (rest.len) {
		size_t open = slice_find(rest, '{');
		size_t end;

		if (open == SLICE_NONE)
			open = rest.len;
		buf_add_slice(&text, slice_sub(rest, 0, open));
		rest = slice_sub(rest, open, rest.len);
		if (!rest.len)
			break;
		end = slice_find(rest, '}');
		if (end == SLICE_NONE || !expand_word(spec, slice_sub(rest, 1, end), used, &text))
			return error_set(e, STATUS_CALLER,
					 "'%s.args' has '%s', which names nothing that the daemon is given", path, arg);
		rest = slice_sub(rest, end + 1, rest.len);
	}
	*out = buf_steal(&text);
	return true;
}

/* Make argv; everything that the daemon is given must be taken by some argument. */
static bool take_arguments(struct daemon_spec *spec, const struct doc *d, const char *path, struct error *e)
{
	bool used[FD_FIRST + LISTENERS_MAX + KEEPS_MAX + 2] = { false };
	const struct doc *list = doc_get(d, "args");
	size_t n = doc_count(list);

	if (n > ARGUMENTS_MAX)
		return error_set(e, STATUS_CALLER, "'%s.args' has more than %d entries", path, ARGUMENTS_MAX);
	spec->argv = alloc_zero(n + 2, sizeof(*spec->argv));
	spec->argv[0] = alloc_copy(doc_get_cstr(d, "program"), doc_get_str(d, "program").len);
	for (size_t i = 0; i < n; i++) {
		if (doc_type_of(doc_at(list, i)) != DOC_STR)
			return error_set(e, STATUS_CALLER, "'%s.args[%zu]' is not a string", path, i);
		if (!expand(spec, path, doc_cstr(doc_at(list, i)), used, &spec->argv[i + 1], e))
			return false;
	}
	for (size_t i = 0; i < spec->n_listeners; i++)
		if (!used[spec_listener_fd(i)])
			return error_set(e, STATUS_CALLER, "'%s.args' does not take the listener '%s'", path,
					 spec->listeners[i].name);
	for (size_t i = 0; i < spec->n_keeps; i++)
		if (!used[spec_keep_fd(spec, i)])
			return error_set(e, STATUS_CALLER, "'%s.args' does not take what is kept as '%s'", path,
					 spec->keeps[i]);
	if (spec->n_secrets && !spec->takes_secrets)
		return error_set(e, STATUS_CALLER, "'%s.args' does not take the secrets", path);
	return true;
}

/* Make the environment: the fixed names and those that the document lists, as far as they are set. */
static bool take_environment(struct daemon_spec *spec, const struct doc *d, const char *path, struct error *e)
{
	const char *names[COUNT_OF(environment) + ARGUMENTS_MAX];
	size_t n = COUNT_OF(environment), extra, set = 0;

	memcpy(names, environment, sizeof(environment));
	if (!take_texts(d, path, "env", ARGUMENTS_MAX, names + n, &extra, e))
		return false;
	n += extra;
	spec->env = alloc_zero(n + 1, sizeof(*spec->env));
	for (size_t i = 0; i < n; i++) {
		const char *value = *names[i] && !strchr(names[i], '=') ? getenv(names[i]) : NULL;

		if (value)
			spec->env[set++] = alloc_format("%s=%s", names[i], value);
	}
	return true;
}

/* A program is a plain name beside bb-sidecar or an absolute path; nothing is looked for in PATH. */
static bool take_program(struct daemon_spec *spec, const struct doc *d, const char *path, const char *bin,
			 struct error *e)
{
	const char *program = doc_get_cstr(d, "program");

	if (*program == '/')
		spec->path = alloc_copy(program, strlen(program));
	else if (*program && !strchr(program, '/'))
		spec->path = alloc_format("%s/%s", bin, program);
	else
		return error_set(e, STATUS_CALLER, "'%s.program' is '%s', wanted a plain name or an absolute path",
				 path, program);
	return true;
}

/* Fill one spec from its entry in the document. */
static bool take_daemon(struct daemon_spec *spec, const struct doc *d, const char *path, const char *dir,
			const char *bin, struct error *e)
{
	if (!doc_check(d, path, daemon_fields, e))
		return false;
	spec->name = doc_get_cstr(d, "name");
	if (!is_name(doc_get_str(d, "name"), false))
		return error_set(e, STATUS_CALLER, "'%s.name' is '%s', which cannot name a daemon", path, spec->name);
	spec->dir = alloc_format("%s/%s", dir, spec->name);
	spec->secrets = alloc_zero(doc_count(doc_get(d, "secrets")), sizeof(*spec->secrets));
	spec->files = doc_get(d, "files");
	spec->reload = doc_get_bool(d, "reload");
	if (!take_program(spec, d, path, bin, e) || !take_listeners(spec, d, path, e) ||
	    !take_texts(d, path, "keep", KEEPS_MAX, spec->keeps, &spec->n_keeps, e) ||
	    !take_texts(d, path, "secrets", SIZE_MAX, spec->secrets, &spec->n_secrets, e))
		return false;
	for (size_t i = 0; i < spec->n_keeps; i++)
		if (!is_name(slice_str(spec->keeps[i]), true))
			return error_set(e, STATUS_CALLER, "'%s.keep[%zu]' is '%s', which cannot name a memory file",
					 path, i, spec->keeps[i]);
	return check_files(spec->files, path, e) && take_arguments(spec, d, path, e) &&
	       take_environment(spec, d, path, e);
}

/* The first name that occurs twice, or NULL. */
static const char *repeated(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(names[i], names[k]) == 0)
				return names[i];
	return NULL;
}

/* Refuse two daemons of one name and two listeners of one name. */
static bool check_names(const struct roster *r, struct error *e)
{
	const char *daemons[DAEMONS_MAX], *listeners[DAEMONS_MAX * LISTENERS_MAX], *twice;
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		daemons[i] = r->list[i].name;
		for (size_t k = 0; k < r->list[i].n_listeners; k++)
			listeners[n++] = r->list[i].listeners[k].name;
	}
	twice = repeated(daemons, r->count);
	if (twice)
		return error_set(e, STATUS_CALLER, "two daemons are called '%s'", twice);
	twice = repeated(listeners, n);
	if (twice)
		return error_set(e, STATUS_CALLER, "two listeners are called '%s'", twice);
	return true;
}

/* Leave only the daemons that subset names; each of its names must be one. */
static bool choose(struct roster *r, const char *subset, struct error *e)
{
	bool chosen[DAEMONS_MAX] = { false };
	struct slice rest = slice_str(subset);
	size_t kept = 0;

	while (rest.len) {
		size_t len = strcspn(rest.ptr, ", ");
		bool found = len == 0;

		for (size_t i = 0; i < r->count; i++)
			if (slice_eq(slice_sub(rest, 0, len), slice_str(r->list[i].name)))
				chosen[i] = found = true;
		if (!found)
			return error_set(e, STATUS_CALLER,
					 "BOT_BOTTLE_SIDECAR_DAEMONS names '%.*s', which is not in the document",
					 (int)len, rest.ptr);
		rest = slice_sub(rest, len + 1, rest.len);
	}
	for (size_t i = 0; i < r->count; i++) {
		if (chosen[i])
			r->list[kept++] = r->list[i];
		else
			spec_release(&r->list[i]);
	}
	r->count = kept;
	return kept ? true : error_set(e, STATUS_CALLER, "BOT_BOTTLE_SIDECAR_DAEMONS leaves no daemon to run");
}

bool roster_load(struct roster *r, int fd, const char *dir, const char *bin, const char *subset, struct error *e)
{
	const struct doc *daemons;

	r->doc = doc_read(fd, "sidecar", 1, e);
	if (!r->doc || !doc_check(r->doc, "sidecar", document_fields, e))
		return false;
	daemons = doc_get(r->doc, "daemons");
	if (doc_count(daemons) < 1 || doc_count(daemons) > DAEMONS_MAX)
		return error_set(e, STATUS_CALLER, "'sidecar.daemons' has %zu entries, wanted 1 to %d",
				 doc_count(daemons), DAEMONS_MAX);
	r->list = alloc_zero(doc_count(daemons), sizeof(*r->list));
	for (size_t i = 0; i < doc_count(daemons); i++) {
		AUTO_FREE char *path = alloc_format("sidecar.daemons[%zu]", i);

		r->count = i + 1;
		if (!take_daemon(&r->list[i], doc_at(daemons, i), path, dir, bin, e))
			return false;
	}
	return check_names(r, e) && (!subset || !*subset || choose(r, subset, e));
}

bool roster_has_listener(const struct roster *r, const char *name)
{
	const struct doc *daemons = doc_get(r->doc, "daemons");

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *listeners = doc_get(doc_at(daemons, i), "listeners");

		for (size_t k = 0; k < doc_count(listeners); k++)
			if (strcmp(doc_get_cstr(doc_at(listeners, k), "name"), name) == 0)
				return true;
	}
	return false;
}
