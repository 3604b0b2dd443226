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

/* The slot that a route's credential is in; beside a bottle and alone it has another key. */
static const char *slot_of(const struct route *route)
{
	const struct doc *auth = doc_get(route->doc, "auth");
	const char *slot = doc_get_cstr(auth, "token_ref");

	return slot ? slot : doc_get_cstr(auth, "token_env");
}

/* The credential of a route, without what an editor may have left around it; false when it was not handed over. */
static bool find_credential(const struct upstream *u, const struct route *route, struct slice *secret)
{
	const char *slot = slot_of(route);

	if (!slot || !secret_set_find(&u->secrets, slot, secret))
		return false;
	*secret = slice_trim(*secret, " \t\r\n");
	return true;
}

/* Append user and credential as the basic scheme has them, RFC 7617. */
static void add_basic(struct buf *value, const char *user, struct slice secret)
{
	struct buf pair = BUF_INIT;

	buf_reserve(&pair, secret.len + 1024);
	buf_add_format(&pair, "%s:", user ? user : "");
	buf_add_slice(&pair, secret);
	base64_encode(value, buf_slice(&pair));
	buf_wipe(&pair);
}

static bool is_basic(const struct doc *auth)
{
	return !doc_get(auth, "header") && slice_eq_fold(doc_get_str(auth, "scheme"), SLICE("basic"));
}

bool credential_value(const struct upstream *u, const struct route *route, struct buf *value, struct refusal *no)
{
	const struct doc *auth = doc_get(route->doc, "auth");
	const char *scheme = doc_get_cstr(auth, "scheme");
	struct slice secret;

	if (!find_credential(u, route, &secret))
		return refuse(no, 403, "credential",
			      "the route for '%s' needs a credential that this bottle was not given", route->host);
	if (!secret.len)
		return refuse(no, 403, "credential", "the credential of the route for '%s' is empty", route->host);
	buf_reserve(value, 2 * secret.len + 1024);
	if (is_basic(auth)) {
		buf_add_str(value, "Basic ");
		add_basic(value, doc_get_cstr(auth, "user"), secret);
		return true;
	}
	if (!doc_get(auth, "header"))
		buf_add_format(value, "%s ", scheme ? scheme : "Bearer");
	buf_add_slice(value, secret);
	return true;
}

/* What a route's origins may send back: the credential, and what the basic scheme makes of it. */
static void make_guard(const struct upstream *u, const struct route *route, struct guard_set *set)
{
	const struct doc *auth = doc_get(route->doc, "auth");
	struct buf pair = BUF_INIT;
	struct slice secret;

	if (!route->auth || !find_credential(u, route, &secret))
		return;
	guard_set_add(set, secret);
	if (is_basic(auth)) {
		add_basic(&pair, doc_get_cstr(auth, "user"), secret);
		guard_set_add(set, buf_slice(&pair));
	}
	buf_wipe(&pair);
}

struct routing *routing_new(struct upstream *u, const struct doc *routes, struct error *e)
{
	struct routing *r = alloc_zero(1, sizeof(*r));

	r->holders = 1;
	r->policy = policy_new(routes, e);
	if (!r->policy) {
		free(r);
		return NULL;
	}
	r->trust = alloc_zero(policy_count(r->policy), sizeof(struct tls_client *));
	r->guards = alloc_zero(policy_count(r->policy), sizeof(struct guard_set *));
	r->inbound = alloc_zero(policy_count(r->policy), sizeof(bool));
	for (size_t i = 0; i < policy_count(r->policy); i++) {
		const struct route *route = policy_route(r->policy, i);

		r->inbound[i] = detectors_of(route->doc).inbound;
		if (!make_trust(u, route, &r->trust[i], e)) {
			routing_release(r);
			return NULL;
		}
		if (route->auth) {
			r->guards[i] = alloc_zero(1, sizeof(struct guard_set));
			make_guard(u, route, r->guards[i]);
		}
	}
	return r;
}

struct routing *routing_hold(struct routing *r)
{
	r->holders++;
	return r;
}

void routing_release(struct routing *r)
{
	if (!r || --r->holders)
		return;
	for (size_t i = 0; i < policy_count(r->policy); i++) {
		tls_client_release(r->trust[i]);
		if (r->guards[i])
			guard_set_release(r->guards[i]);
		free(r->guards[i]);
	}
	free(r->trust);
	free(r->guards);
	free(r->inbound);
	policy_release(r->policy);
	free(r);
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
