#include "deploykeys.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "program.h"
#include "spawn.h"

#define TOKEN_MAX 4096 /* bytes of a forge's token: GitHub's have 93; a pipe holds it before anybody reads */
#define TOKEN_FD 3     /* where bb-deploy-key finds it */

/* A pipe that holds the forge's token. Returns its reading end, or -1 with an error. */
static int token_pipe(const struct doc *key, struct error *e)
{
	const char *variable = doc_get_cstr(key, "variable"), *token = getenv(variable);
	AUTO_FD read_end = -1;
	AUTO_FD write_end = -1;
	int ends[2];

	if (!token || !*token || strlen(token) > TOKEN_MAX) {
		error_set(e, STATUS_CALLER, "the host variable '%s', which should hold the token of a forge, %s",
			  variable, token && *token ? "is too long" : "is not set");
		return -1;
	}
	if (!fd_pipe(ends, e))
		return -1;
	read_end = ends[0];
	write_end = ends[1];
	return fd_write_all(write_end, slice_str(token), "a pipe", e) ? fd_steal(&read_end) : -1;
}

/*
 * Run bb-deploy-key with the token; its output is appended to out, its errors go to ours. Returns its exit status, or
 * -1.
 */
static int run_program(const char *programs, const struct doc *key, const char *const *argv, struct buf *out,
		       struct error *e)
{
	AUTO_FREE char *path = alloc_format("%s/bb-deploy-key", programs);
	const char *roots = getenv("SSL_CERT_FILE");
	AUTO_FREE char *trusted = alloc_format("SSL_CERT_FILE=%s", roots ? roots : "");
	const char *const env[] = { "LC_ALL=C", roots ? trusted : NULL, NULL };
	AUTO_FD token = token_pipe(key, e);
	const struct spawn_fd fds[] = { { token, TOKEN_FD }, { STDERR_FILENO, STDERR_FILENO } };
	const struct spawn s = { .path = path, .argv = argv, .env = env, .cwd = "/", .fds = fds, .n_fds = COUNT_OF(fds),
				 .new_session = true }; /* a ^C is for us, and finds the key revoked */

	return token < 0 ? -1 : spawn_capture(&s, SECRET_VALUE_MAX, out, e);
}

/* The record of a key. The caller frees it. */
static char *record_path(const struct plan *p, const struct doc *key)
{
	return alloc_format("%s/deploy-keys/%s.%s.json", p->home, p->identity, doc_get_cstr(key, "repo"));
}

/* One key. */
static bool make_key(const struct deploy_keys *k, const struct doc *key, struct secret_set *set, struct error *e)
{
	AUTO_FREE char *record = record_path(k->plan, key);
	const char *forge = doc_get_cstr(key, "forge"), *repo = doc_get_cstr(key, "repo");
	const char *const argv[] = { "bb-deploy-key", "make",
				     "--token",	      "3",
				     "--provider",    doc_get_cstr(key, "provider"),
				     "--url",	      doc_get_cstr(key, "url"),
				     "--title",	      doc_get_cstr(key, "title"),
				     "--variable",    doc_get_cstr(key, "variable"),
				     "--record",      record,
				     forge ? "--forge" : NULL, forge, NULL };
	struct buf private = BUF_INIT;
	int code;
	bool ok;

	buf_reserve(&private, SECRET_VALUE_MAX + 1); /* so that no copy of it is left behind by growing */
	code = run_program(k->programs, key, argv, &private, e);
	ok = code == 0 && secret_set_add(set, doc_get_cstr(key, "secret"), buf_slice(&private), e);
	buf_wipe(&private);
	if (code > 0)
		error_set(e, code == STATUS_CALLER ? STATUS_CALLER : STATUS_WORLD,
			  "unable to make a deploy key for '%s'", repo);
	return ok;
}

bool deploy_keys_make(struct deploy_keys *k, const struct plan *p, const char *programs, struct secret_set *set,
		      struct error *e)
{
	if (!doc_count(p->deploy_keys))
		return true;
	*k = (struct deploy_keys){ p, programs };
	for (size_t i = 0; i < doc_count(p->deploy_keys); i++)
		if (!make_key(k, doc_at(p->deploy_keys, i), set, e))
			return false;
	return true;
}

void deploy_keys_revoke(struct deploy_keys *k)
{
	for (size_t i = 0; k->plan && i < doc_count(k->plan->deploy_keys); i++) {
		const struct doc *key = doc_at(k->plan->deploy_keys, i);
		AUTO_FREE char *record = record_path(k->plan, key);
		const char *const argv[] = { "bb-deploy-key", "revoke", "--token", "3", record, NULL };
		AUTO_BUF nothing = BUF_INIT;
		struct error e = ERROR_INIT;
		int code;

		if (access(record, F_OK) < 0)
			continue;
		code = run_program(k->programs, key, argv, &nothing, &e);
		if (code < 0)
			program_warn("%s", e.text);
		if (code != 0)
			program_warn("the deploy key for '%s' still opens its repository; 'bb cleanup' tries again to "
				     "revoke it",
				     doc_get_cstr(key, "repo"));
	}
	k->plan = NULL;
}
