/*
 * bb-deploy-key: a key for one bottle and one repository, made at its start and revoked after its end.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "keypair.h"
#include "program.h"
#include "record.h"
#include "secret.h"
#include "state.h"

struct options {
	const char *record, *provider, *url, *forge, *title, *variable;
	int token; /* descriptor, or -1: the variable of the environment */
	bool dry_run, json;
};

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;
	const struct {
		const char *name;
		const char **value;
	} texts[] = { { "record", &o->record }, { "provider", &o->provider }, { "url", &o->url },
		      { "forge", &o->forge },   { "title", &o->title },	      { "variable", &o->variable } };

	if (strcmp(name, "token") == 0)
		return fd_parse(arg, &o->token, e);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (strcmp(name, texts[i].name) == 0)
			*texts[i].value = arg;
	o->dry_run = o->dry_run || strcmp(name, "dry-run") == 0;
	o->json = o->json || strcmp(name, "json") == 0;
	return true;
}

/* --- the token --- */

/* One line without white space around it: what stands in a header's field. */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] > '~')
			return false;
	return s.len > 0;
}

/* Append the forge's token: from the descriptor, else from the variable of the environment. */
static bool read_token(const struct options *o, const char *variable, struct buf *token, struct error *e)
{
	const char *value = o->token < 0 ? getenv(variable) : NULL;
	struct buf raw = BUF_INIT;
	bool ok = true;

	buf_reserve(&raw, SECRET_VALUE_MAX + 1); /* so that no copy of it is left behind by growing */
	buf_reserve(token, SECRET_VALUE_MAX + 1);
	if (o->token >= 0)
		ok = fd_read_all(o->token, SECRET_VALUE_MAX, "the forge's token", &raw, e);
	else if (value)
		buf_add_str(&raw, value);
	else
		ok = error_set(e, STATUS_CALLER,
			       "the forge's token is wanted in the host variable '%s', which is not set", variable);
	if (ok) {
		buf_add_slice(token, slice_trim(buf_slice(&raw), " \t\r\n"));
		ok = is_token(buf_slice(token)) ||
		     error_set(e, STATUS_CALLER, "the forge's token ('%s') is empty or holds white space", variable);
	}
	buf_wipe(&raw);
	return ok;
}

/* --- commands --- */

/* Revoke the key of a record and remove the record; on failure it stays, for the next attempt. */
static bool revoke_key(const struct record *r, const char *path, struct slice token, struct error *e)
{
	const struct forge f = { r->kind, r->keys, token };
	AUTO_BUF id = BUF_INIT;

	if (r->id)
		buf_add_str(&id, r->id);
	else if (forge_find(&f, r->public, &id, e) != FORGE_DONE)
		return error_wrap(e, "unable to tell whether the deploy key '%s' is there", r->title);
	if (id.len && forge_revoke(&f, buf_str(&id), e) != FORGE_DONE)
		return error_wrap(e, "unable to revoke the deploy key '%s'; it still opens the repository", r->title);
	return record_remove(path, e);
}

/* Revoke what a record at this path is about, if there is one. */
static bool revoke_record(const struct options *o, const char *path, struct error *e)
{
	struct record r;
	struct buf token = BUF_INIT;
	bool ok = record_read(&r, path, e) && read_token(o, r.variable, &token, e) &&
		  revoke_key(&r, path, buf_slice(&token), e);

	buf_wipe(&token);
	record_release(&r);
	return ok;
}

/*
 * Register a new key. Its record is there before the forge is asked, so that whatever ends us there is something
 * to revoke it by.
 */
static bool register_key(struct record *r, const char *path, struct slice token, struct error *e)
{
	const struct forge f = { r->kind, r->keys, token };
	struct error unrevoked = ERROR_INIT;
	AUTO_BUF id = BUF_INIT;
	enum forge_result result;

	if (!record_write(r, path, e))
		return false;
	result = forge_register(&f, r->title, r->public, &id, e);
	r->id = id.len ? buf_str(&id) : NULL;
	if (result == FORGE_DONE && record_write(r, path, e)) {
		r->id = NULL; /* ends with this function */
		return true;
	}
	if (result == FORGE_REFUSED)
		record_remove(path, &unrevoked);
	else if (!revoke_key(r, path, token, &unrevoked))
		program_warn("%s; 'bb cleanup' tries again", unrevoked.text);
	r->id = NULL;
	return false;
}

static const struct option_def make_defs[] = {
	{ "provider", 0, "NAME", "gitea or github" },
	{ "url", 0, "URL", "the repository's remote" },
	{ "forge", 0, "URL", "address of the forge; default: that of the remote's host" },
	{ "title", 0, "TEXT", "what the key is called there" },
	{ "variable", 0, "NAME", "variable of the host with the forge's token, for revoking" },
	{ "record", 0, "FILE", "where to note the key; one that is noted there is revoked first" },
	{ "token", 0, "FD", "descriptor to read the token from; default: the variable" },
	{ .name = NULL },
};

/* make: print a private key whose public half the forge has. */
static bool make(const struct options *o, char **operands, int n, struct error *e)
{
	struct record r = { .title = o->title, .variable = o->variable };
	AUTO_BUF keys = BUF_INIT;
	AUTO_BUF public = BUF_INIT;
	struct buf private = BUF_INIT, token = BUF_INIT;
	struct remote remote;
	AUTO_FD lock = -1;
	const char *why;
	bool ok;

	(void)operands;
	if (n || !o->provider || !o->url || !o->title || !o->variable || !o->record)
		return error_set(e, STATUS_CALLER,
				 "wanted --provider, --url, --title, --variable and --record; see --help");
	if (!forge_kind_parse(o->provider, &r.kind))
		return error_set(e, STATUS_CALLER, "'%s' is no forge; wanted gitea or github", o->provider);
	if (!slice_is_utf8(slice_str(o->title)) || !remote_parse(slice_str(o->url), &remote, &why))
		return error_set(e, STATUS_CALLER, "the url or the title cannot be used");
	if (!forge_keys_url(r.kind, o->forge, &remote, &keys, e))
		return false;
	r.keys = buf_str(&keys);
	lock = record_lock(o->record, e);
	ok = lock >= 0 && read_token(o, o->variable, &token, e) && keypair_make(&private, &public, e);
	r.public = buf_str(&public);
	if (ok && access(o->record, F_OK) == 0) {
		struct record old;

		ok = record_read(&old, o->record, e) && revoke_key(&old, o->record, buf_slice(&token), e);
		record_release(&old);
	}
	ok = ok && register_key(&r, o->record, buf_slice(&token), e) &&
	     fd_write_all(STDOUT_FILENO, buf_slice(&private), "standard output", e);
	buf_wipe(&token);
	buf_wipe(&private);
	return ok;
}

static const struct option_def revoke_defs[] = {
	{ "token", 0, "FD", "descriptor to read the token from; default: the variable that the record names" },
	{ .name = NULL },
};

/* revoke: of one record; one that is not there is fine. */
static bool revoke_one(const struct options *o, char **operands, int n, struct error *e)
{
	AUTO_FD lock = -1;

	if (n != 1)
		return error_set(e, STATUS_CALLER, "wanted one RECORD; see --help");
	lock = record_lock(operands[0], e);
	return lock >= 0 && (access(operands[0], F_OK) < 0 || revoke_record(o, operands[0], e));
}

static const struct option_def cleanup_defs[] = {
	{ "dry-run", 0, NULL, "only say what would be revoked" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};

/* Whether the bottle of a record runs: its name is that of the record up to the first dot. */
struct search {
	struct slice identity;
	bool active;
};

static bool look_at(void *ctx, const struct state_entry *entry, struct error *e)
{
	struct search *s = ctx;

	(void)e;
	s->active = s->active || (entry->active && slice_eq(slice_str(entry->identity), s->identity));
	return true;
}

/* One record of the directory. False with an error when its key could not be revoked. */
static bool sweep(const struct options *o, const char *home, const char *dir, const char *name, struct doc *items,
		  struct error *e)
{
	struct search s = { slice_sub(slice_str(name), 0, slice_find(slice_str(name), '.')), false };
	AUTO_FREE char *path = alloc_format("%s/%s", dir, name);
	struct doc *item;

	if (!state_each(home, look_at, &s, e))
		return false;
	if (s.active)
		return true;
	if (!o->dry_run && !revoke_record(o, path, e))
		return false;
	item = doc_append(items, doc_new_object());
	doc_put_str(item, "type", "deploy-key");
	doc_put_slice(item, "name", slice_sub(slice_str(name), 0, strlen(name) - 5));
	doc_put_str(item, "path", path);
	if (!o->json)
		printf("%.*s\n", (int)strlen(name) - 5, name);
	return true;
}

/* Every record; all are tried, the last failure is the error. */
static bool sweep_all(const struct options *o, const char *home, struct doc *items, struct error *e)
{
	AUTO_FREE char *dir = alloc_format("%s/deploy-keys", home);
	AUTO_FREE char *below = alloc_format("%s/x", dir);
	AUTO_FD lock = -1;
	DIR *list;
	struct dirent *d;
	bool ok = true;

	if (access(dir, F_OK) < 0)
		return true;
	lock = record_lock(below, e);
	if (lock < 0)
		return false;
	list = opendir(dir);
	if (!list)
		return error_sys(e, "unable to read '%s'", dir);
	while ((d = readdir(list))) {
		struct error why = ERROR_INIT;

		if (d->d_name[0] == '.' || !slice_ends(slice_str(d->d_name), SLICE(".json")) ||
		    !slice_is_utf8(slice_str(d->d_name)))
			continue;
		if (sweep(o, home, dir, d->d_name, items, &why))
			continue;
		if (!ok)
			program_warn("%s", e->text);
		*e = why;
		ok = false;
	}
	closedir(list);
	return ok;
}

/* cleanup: of all bottles that do not run. */
static bool cleanup(const struct options *o, char **operands, int n, struct error *e)
{
	AUTO_FREE char *home = state_home(e);
	AUTO_DOC *d = doc_new("cleanup", 1);
	struct doc *items;
	bool ok;

	if (n)
		return error_set(e, STATUS_CALLER, "unexpected operand '%s'", operands[0]);
	if (!home)
		return false;
	doc_put_str(d, "backend", "forge");
	doc_put_bool(d, "dry_run", o->dry_run);
	items = doc_put(d, "items", doc_new_array());
	ok = sweep_all(o, home, items, e);
	if (o->json) {
		struct error unwritten = ERROR_INIT;

		return doc_write(d, STDOUT_FILENO, ok ? e : &unwritten) && ok;
	}
	return ok && program_flush(e);
}

struct command {
	const char *name;
	bool (*run)(const struct options *o, char **operands, int n, struct error *e);
	struct program program;
};

static const struct command commands[] = {
	{ "make", make, { "bb-deploy-key", "make a key, register it at the forge, print its private half",
			  "make OPTION...", make_defs } },
	{ "revoke", revoke_one, { "bb-deploy-key", "revoke the key of a record", "revoke [OPTION] RECORD",
				  revoke_defs } },
	{ "cleanup", cleanup, { "bb-deploy-key", "revoke the keys of bottles that do not run", "cleanup [OPTION]...",
				cleanup_defs } },
};

static const struct program program = {
	"bb-deploy-key",
	"keys for one bottle and one repository, made at a forge and revoked there",
	"make OPTION...\n"
	"       bb-deploy-key revoke [OPTION] RECORD\n"
	"       bb-deploy-key cleanup [--dry-run] [--json]",
	(const struct option_def[]){ { .name = NULL } },
};

int main(int argc, char **argv)
{
	struct options o = { .token = -1 };
	const struct command *c = NULL;
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, &o), used;

	for (size_t i = 0; first < argc && i < COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, argv[first]) == 0)
			c = &commands[i];
	if (!c)
		return first < argc ? program_usage("unknown command '%s'", argv[first])
				    : program_usage("a command is missing");
	document_seed();
	argc -= first;
	argv += first;
	used = program_start(&c->program, argc, argv, take_option, &o);
	return c->run(&o, argv + used, argc - used, &e) ? STATUS_YES : program_fail(&e);
}
