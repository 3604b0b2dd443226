#include "policy.h"

#include <stdlib.h>

#include "alloc.h"
#include "credential.h"
#include "gitrule.h"
#include "matches.h"
#include "path.h"

struct compiled {
	struct route view;
	struct slice host; /* what follows "*." of a wildcard */
	bool wildcard;
	uint16_t ports[POLICY_PORTS_MAX];
	size_t n_ports; /* 0: the scheme's default */
	bool git_fetch;
	struct slice placeholder;
	struct matches *matches;
};

struct policy {
	unsigned holders;
	struct doc *source;
	struct compiled *routes;
	size_t n_routes;
	uint32_t *table; /* index + 1 of a route by hash of host and wildcard; 0 is free */
	size_t table_size; /* a power of two, at least twice n_routes */
};

/* --- looking a host up --- */

/* FNV-1a. The table's keys are the operator's, so nobody can choose collisions. */
static size_t hash(struct slice host, bool wildcard)
{
	uint64_t h = 14695981039346656037u ^ (wildcard ? '*' : 0);

	for (size_t i = 0; i < host.len; i++)
		h = (h ^ (unsigned char)host.ptr[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

/* Where a host stands in the table, or the free place where it would. */
static uint32_t *find_place(const struct policy *p, struct slice host, bool wildcard)
{
	size_t mask = p->table_size - 1;

	for (size_t i = hash(host, wildcard) & mask;; i = (i + 1) & mask) {
		const struct compiled *r;

		if (!p->table[i])
			return &p->table[i];
		r = &p->routes[p->table[i] - 1];
		if (r->wildcard == wildcard && slice_eq(r->host, host))
			return &p->table[i];
	}
}

size_t policy_find_host(const struct policy *p, const struct authority *a)
{
	struct slice rest = slice_str(a->host);
	uint32_t index = *find_place(p, rest, false);

	while (!index && a->kind == HOST_NAME && rest.len) {
		slice_cut(&rest, '.');
		if (rest.len)
			index = *find_place(p, rest, true);
	}
	return index ? index - 1 : SLICE_NONE;
}

/* --- compiling --- */

/* "host": lower case, one trailing dot dropped, perhaps "*." in front of two labels or more. */
static bool compile_host(struct compiled *r, struct error *e)
{
	struct slice text = doc_get_str(r->view.doc, "host"), host = text;
	struct authority a;
	const char *why = NULL;

	if (slice_ends(host, SLICE(".")))
		host.len--;
	r->wildcard = slice_starts(host, SLICE("*."));
	if (r->wildcard)
		host = slice_sub(host, 2, host.len);
	if (host.len && host.ptr[0] != '[' && slice_find(host, ':') != SLICE_NONE) {
		AUTO_BUF bracketed = BUF_INIT;

		buf_add_format(&bracketed, "[%.*s]",
			       SLICE_ARG(host)); /* an IPv6 address may be written without brackets */
		if (!host_parse(buf_slice(&bracketed), &a, &why))
			return error_set(e, STATUS_CALLER, "host '%.*s' is no host: %s", SLICE_ARG(text), why);
	} else if (!host_parse(host, &a, &why)) {
		return error_set(e, STATUS_CALLER, "host '%.*s' is no host: %s", SLICE_ARG(text), why);
	}
	if (r->wildcard && (a.kind != HOST_NAME || !strchr(a.host, '.')))
		return error_set(e, STATUS_CALLER, "host '%.*s' is too wide: name at least two labels",
				 SLICE_ARG(text));
	r->view.host = alloc_format("%s%s", r->wildcard ? "*." : "", a.host);
	r->host = slice_str(r->view.host + (r->wildcard ? 2 : 0));
	return true;
}

/* "ports". */
static bool compile_ports(struct compiled *r, struct error *e)
{
	const struct doc *ports = doc_get(r->view.doc, "ports");

	if (ports && !doc_count(ports))
		return error_set(e, STATUS_CALLER, "'ports' is not a list of at least one element");
	if (doc_count(ports) > POLICY_PORTS_MAX)
		return error_set(e, STATUS_CALLER, "'ports' has more than %d elements", POLICY_PORTS_MAX);
	for (size_t i = 0; i < doc_count(ports); i++) {
		int64_t port = 0;

		if (doc_type_of(doc_at(ports, i)) != DOC_INT)
			return error_set(e, STATUS_CALLER, "'ports[%zu]' has the wrong type", i);
		port = doc_int(doc_at(ports, i));
		if (port < 1 || port > 65535)
			return error_set(e, STATUS_CALLER, "'ports[%zu]' is not from 1 to 65535", i);
		r->ports[r->n_ports++] = (uint16_t)port;
	}
	return true;
}

/* "auth" and "upstream": what the policy has to know of them. */
static bool compile_rest(struct compiled *r, struct error *e)
{
	const struct doc *auth = doc_get(r->view.doc, "auth"), *upstream = doc_get(r->view.doc, "upstream");
	const struct doc *max_body = doc_get(r->view.doc, "max_body");
	struct slice connect = doc_get_str(upstream, "connect"), header = doc_get_str(auth, "header");
	const char *why = NULL;

	r->view.allow_private = doc_get_bool(r->view.doc, "allow_private");
	r->git_fetch = doc_get_bool(doc_get(r->view.doc, "git"), "fetch");
	r->view.max_body = max_body ? (uint64_t)doc_int(max_body) : UINT64_MAX;
	if (max_body && doc_int(max_body) < 0)
		return error_set(e, STATUS_CALLER, "'max_body' is negative");
	r->view.has_connect = connect.len > 0;
	if (connect.len && !authority_parse(connect, &r->view.connect, &why))
		return error_set(e, STATUS_CALLER, "'upstream.connect' is '%.*s': %s", SLICE_ARG(connect), why);
	if (connect.len && !r->view.connect.port)
		return error_set(e, STATUS_CALLER, "'upstream.connect' is '%.*s', without a port", SLICE_ARG(connect));
	r->view.auth = auth != NULL;
	if (!auth)
		return true;
	if (!header.len)
		header = SLICE("authorization");
	if (!http_is_token(header))
		return error_set(e, STATUS_CALLER, "'auth.header' is '%.*s', not a token", SLICE_ARG(header));
	r->view.auth_header = alloc_copy(header.ptr, header.len);
	for (size_t i = 0; i < header.len; i++)
		((char *)(uintptr_t)r->view.auth_header)[i] = ascii_lower(header.ptr[i]);
	r->placeholder = doc_get_str(auth, "placeholder");
	return true;
}

/* One route. */
static bool compile_route(const struct doc *d, struct compiled *r, struct error *e)
{
	r->view.doc = d;
	if (!compile_host(r, e) || !compile_ports(r, e) || !compile_rest(r, e))
		return false;
	r->matches = matches_new(doc_get(d, "matches"), e);
	return r->matches != NULL;
}

/* Compile every route and enter it into the table. */
static bool compile_all(struct policy *p, const struct doc *routes, struct error *e)
{
	for (size_t i = 0; i < doc_count(routes); i++) {
		struct compiled *r = &p->routes[p->n_routes++];
		uint32_t *place;

		if (doc_type_of(doc_at(routes, i)) != DOC_OBJECT)
			return error_set(e, STATUS_CALLER, "'routes[%zu]' is not an object", i);
		if (!compile_route(doc_at(routes, i), r, e))
			return error_wrap(e, "routes[%zu]", i);
		place = find_place(p, r->host, r->wildcard);
		if (*place)
			return error_set(e, STATUS_CALLER,
					 "'routes[%zu]' has the host '%s', which 'routes[%u]' has already", i,
					 r->view.host, *place - 1);
		*place = (uint32_t)(i + 1);
	}
	return true;
}

struct policy *policy_new(const struct doc *routes, struct error *e)
{
	size_t n = doc_count(routes);
	struct policy *p;

	if (routes && doc_type_of(routes) != DOC_ARRAY) {
		error_set(e, STATUS_CALLER, "'routes' is not a list");
		return NULL;
	}
	if (n > POLICY_ROUTES_MAX) {
		error_set(e, STATUS_CALLER, "%zu routes are more than the %d that can be in force", n,
			  POLICY_ROUTES_MAX);
		return NULL;
	}
	p = alloc_zero(1, sizeof(*p));
	p->holders = 1;
	p->source = routes ? doc_retain(routes) : NULL;
	p->routes = alloc_zero(n + 1, sizeof(*p->routes));
	for (p->table_size = 16; p->table_size < 2 * n; p->table_size *= 2)
		;
	p->table = alloc_zero(p->table_size, sizeof(*p->table));
	if (compile_all(p, routes, e))
		return p;
	policy_release(p);
	return NULL;
}

struct policy *policy_retain(struct policy *p)
{
	p->holders++;
	return p;
}

void policy_release(struct policy *p)
{
	if (!p || --p->holders)
		return;
	for (size_t i = 0; i < p->n_routes; i++) {
		struct compiled *r = &p->routes[i];

		matches_release(r->matches);
		free((char *)(uintptr_t)r->view.host);
		free((char *)(uintptr_t)r->view.auth_header);
	}
	free(p->routes);
	free(p->table);
	if (p->source)
		doc_release(p->source);
	free(p);
}

size_t policy_count(const struct policy *p)
{
	return p->n_routes;
}

const struct route *policy_route(const struct policy *p, size_t index)
{
	return &p->routes[index].view;
}

/* --- deciding --- */

/* Step 3: the port. Plain http on 443 and https on 80 are another service's ports, listed or not. */
static bool judge_port(const struct compiled *r, const struct request_facts *f, struct refusal *no)
{
	bool https = f->scheme == SCHEME_HTTPS;
	uint16_t port = f->authority.port;
	bool listed = !r->n_ports && port == (https ? 443 : 80);

	for (size_t i = 0; i < r->n_ports; i++)
		listed = listed || r->ports[i] == port;
	if (!listed)
		return refuse_askable(no, "port", "port %u of '%s' is not permitted by its route", port,
				      f->authority.host);
	if (port == (https ? 80 : 443))
		return refuse(no, 403, "port", "%s on port %u is refused", https ? "https" : "plain http", port);
	if (r->view.auth && !https)
		return refuse(no, 403, "plain-http",
			      "the route for '%s' carries a credential, which never travels over plain http: use https",
			      r->view.host);
	return true;
}

/* Steps 3 to 6 on the route that was found. */
static bool judge(const struct compiled *r, const struct request_facts *f, struct verdict *v)
{
	struct path_forms path;
	const char *why = NULL;

	if (!judge_port(r, f, &v->refusal))
		return false;
	if (!path_parse(f->path, &path, &why))
		return refuse(&v->refusal, 400, "path", "%s", why);
	if (!gitrule_judge(f, slice_of(path.decoded, path.decoded_len), r->git_fetch, r->view.host, &v->refusal) ||
	    !matches_judge(r->matches, f, slice_of(path.canonical, path.canonical_len), r->view.host, &v->refusal))
		return false;
	return !r->view.auth ||
	       credential_judge(f, slice_str(r->view.auth_header), r->placeholder, v->strip, &v->refusal);
}

void policy_decide(const struct policy *p, const struct request_facts *f, struct verdict *v)
{
	*v = (struct verdict){ .route = policy_find_host(p, &f->authority) };
	if (v->route == SLICE_NONE)
		refuse_askable(&v->refusal, "host", "'%s' is in no route of this bottle", f->authority.host);
	else
		v->allowed = judge(&p->routes[v->route], f, v);
}
