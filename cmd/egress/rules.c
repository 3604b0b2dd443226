/* The routes in force, the certificates that they trust, the credentials that they add. */
#include "upstream.h"

#include <stdlib.h>

#include "alloc.h"
#include "base64.h"

/* The text of a ca_file that main has sent. */
static const struct ca_file *find_ca_file(const struct upstream *u, const char *path)
{
	for (size_t i = 0; i < u->n_ca_files; i++)
		if (strcmp(u->ca_files[i].path, path) == 0)
			return &u->ca_files[i];
	return NULL;
}

/* Make what a route trusts beside the system's certificates. */
static bool make_trust(struct upstream *u, const struct route *route, struct tls_client **trust, struct error *e)
{
	const char *path = doc_get_cstr(doc_get(route->doc, "upstream"), "ca_file");
	const struct ca_file *file;

	if (!path)
		return true;
	file = find_ca_file(u, path);
	if (!file)
		return error_set(e, STATUS_WORLD, "the ca_file '%s' was not handed over", path);
	*trust = tls_client_new(u->options.trust, buf_slice(&file->pem), e);
	return *trust ? true : error_wrap(e, "in the ca_file '%s'", path);
}

struct rules *rules_new(struct upstream *u, const struct doc *routes, struct error *e)
{
	struct rules *r = alloc_zero(1, sizeof(*r));

	r->holders = 1;
	r->policy = policy_new(routes, e);
	if (!r->policy) {
		free(r);
		return NULL;
	}
	r->trust = alloc_zero(policy_count(r->policy), sizeof(struct tls_client *));
	for (size_t i = 0; i < policy_count(r->policy); i++) {
		if (!make_trust(u, policy_route(r->policy, i), &r->trust[i], e)) {
			rules_release(r);
			return NULL;
		}
	}
	return r;
}

struct rules *rules_hold(struct rules *r)
{
	r->holders++;
	return r;
}

void rules_release(struct rules *r)
{
	if (!r || --r->holders)
		return;
	for (size_t i = 0; i < policy_count(r->policy); i++)
		tls_client_release(r->trust[i]);
	free(r->trust);
	policy_release(r->policy);
	free(r);
}

/* The slot that a route's credential is in; beside a bottle and alone it has another key. */
static const char *slot_of(const struct route *route)
{
	const struct doc *auth = doc_get(route->doc, "auth");
	const char *slot = doc_get_cstr(auth, "token_ref");

	return slot ? slot : doc_get_cstr(auth, "token_env");
}

bool credential_value(const struct upstream *u, const struct route *route, struct buf *value, struct guard *guard,
		      struct refusal *no)
{
	const struct doc *auth = doc_get(route->doc, "auth");
	const char *slot = slot_of(route), *scheme = doc_get_cstr(auth, "scheme"), *user = doc_get_cstr(auth, "user");
	struct slice secret;

	if (!slot || !secret_set_find(&u->secrets, slot, &secret))
		return refuse(no, 403, "credential", "the route for '%s' needs a credential that this bottle was not given",
			      route->host);
	secret = slice_trim(secret, " \t\r\n");
	if (!secret.len)
		return refuse(no, 403, "credential", "the credential of the route for '%s' is empty", route->host);
	buf_reserve(value, 2 * secret.len + 1024);
	guard_add(guard, secret);
	if (doc_get(auth, "header")) {
		buf_add_slice(value, secret);
	} else if (scheme && slice_eq_fold(slice_str(scheme), SLICE("basic"))) {
		struct buf pair = BUF_INIT;

		buf_reserve(&pair, secret.len + 1024);
		buf_add_format(&pair, "%s:", user ? user : "");
		buf_add_slice(&pair, secret);
		buf_add_str(value, "Basic ");
		base64_encode(value, buf_slice(&pair));
		guard_add(guard, slice_sub(buf_slice(value), strlen("Basic "), value->len));
		buf_wipe(&pair);
	} else {
		buf_add_format(value, "%s ", scheme ? scheme : "Bearer");
		buf_add_slice(value, secret);
	}
	return true;
}

void credentials_missing(const struct upstream *u, const struct policy *p, struct buf *names)
{
	struct slice unused;

	for (size_t i = 0; i < policy_count(p); i++) {
		const struct route *route = policy_route(p, i);
		const char *slot = route->auth ? slot_of(route) : NULL;

		if (slot && !secret_set_find(&u->secrets, slot, &unused))
			buf_add_format(names, "%s\n", slot);
	}
}
