#include "policy.h"

#include <stdlib.h>

#include "alloc.h"
#include "credential.h"
#include "path.h"
#include "regex.h"

enum path_kind {
	PATH_PREFIX,
	PATH_EXACT,
	PATH_REGEX,
};

struct path_rule {
	enum path_kind kind;
	struct slice value; /* canonical form, owned; for a prefix or an exact path */
	struct regex *regex;
};

struct header_rule {
	struct slice name;  /* a view of the document */
	struct slice value; /* likewise */
	struct regex *regex; /* instead of value */
};

/* One entry of "matches": OR inside paths and methods, AND inside headers and between the three. */
struct match {
	struct path_rule *paths;
	size_t n_paths;
	struct slice *methods; /* upper case, owned */
	size_t n_methods;
	struct header_rule *headers;
	size_t n_headers;
};

struct compiled {
	struct route view;
	struct slice host; /* what follows "*." of a wildcard */
	bool wildcard;
	uint16_t ports[POLICY_PORTS_MAX];
	size_t n_ports; /* 0: the scheme's default */
	bool git_fetch;
	struct slice placeholder;
	struct match *matches;
	size_t n_matches;
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

/* One element of "paths". */
static bool compile_path(const struct doc *d, struct path_rule *rule, struct error *e)
{
	struct slice type = doc_get_str(d, "type"), value = doc_get_str(d, "value");
	struct buf canonical = BUF_INIT;
	const char *why = NULL;

	if (slice_eq(type, SLICE("regex"))) {
		rule->kind = PATH_REGEX;
		rule->regex = regex_new(value, REGEX_WHOLE, e);
		return rule->regex != NULL;
	}
	if (!type.len || slice_eq(type, SLICE("prefix")))
		rule->kind = PATH_PREFIX;
	else if (slice_eq(type, SLICE("exact")))
		rule->kind = PATH_EXACT;
	else
		return error_set(e, STATUS_CALLER, "type '%.*s' is none of prefix, exact, regex", SLICE_ARG(type));
	if (!path_of_rule(value, &canonical, &why))
		return error_set(e, STATUS_CALLER, "path '%.*s' can match no request: %s", SLICE_ARG(value), why);
	rule->value.len = canonical.len;
	rule->value.ptr = buf_steal(&canonical);
	return true;
}

/* One element of "headers". */
static bool compile_header(const struct doc *d, struct header_rule *rule, struct error *e)
{
	struct slice type = doc_get_str(d, "type");

	rule->name = doc_get_str(d, "name");
	rule->value = doc_get_str(d, "value");
	if (!http_is_token(rule->name))
		return error_set(e, STATUS_CALLER, "header name '%.*s' is not a token", SLICE_ARG(rule->name));
	if (slice_eq(type, SLICE("regex"))) {
		rule->regex = regex_new(rule->value, REGEX_WHOLE, e);
		return rule->regex != NULL;
	}
	if (type.len && !slice_eq(type, SLICE("exact")))
		return error_set(e, STATUS_CALLER, "type '%.*s' is neither exact nor regex", SLICE_ARG(type));
	return true;
}

/* One method: upper case, owned. */
static bool compile_method(const struct doc *d, struct slice *method, struct error *e)
{
	struct slice text = doc_str(d);
	char *upper;

	if (!http_is_token(text))
		return error_set(e, STATUS_CALLER, "method '%.*s' is not a token", SLICE_ARG(text));
	upper = alloc_copy(text.ptr, text.len);
	for (size_t i = 0; i < text.len; i++)
		if (upper[i] >= 'a' && upper[i] <= 'z')
			upper[i] = (char)(upper[i] - 32);
	*method = slice_of(upper, text.len);
	return true;
}

/* A list that is there must not be empty: nothing could satisfy it, or everything, depending on who reads. */
static bool check_list(const struct doc *object, const char *key, enum doc_type type, struct error *e)
{
	const struct doc *list = doc_get(object, key);

	if (!list)
		return true;
	if (doc_type_of(list) != DOC_ARRAY || !doc_count(list))
		return error_set(e, STATUS_CALLER, "'%s' is not a list of at least one element", key);
	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_type_of(doc_at(list, i)) != type)
			return error_set(e, STATUS_CALLER, "'%s[%zu]' has the wrong type", key, i);
	return true;
}

/* One element of "matches". */
static bool compile_match(const struct doc *d, struct match *m, struct error *e)
{
	const struct doc *paths = doc_get(d, "paths"), *methods = doc_get(d, "methods"), *headers = doc_get(d, "headers");

	if (!check_list(d, "paths", DOC_OBJECT, e) || !check_list(d, "methods", DOC_STR, e) ||
	    !check_list(d, "headers", DOC_OBJECT, e))
		return false;
	m->paths = alloc_zero(doc_count(paths) + 1, sizeof(*m->paths));
	m->methods = alloc_zero(doc_count(methods) + 1, sizeof(*m->methods));
	m->headers = alloc_zero(doc_count(headers) + 1, sizeof(*m->headers));
	for (; m->n_paths < doc_count(paths); m->n_paths++)
		if (!compile_path(doc_at(paths, m->n_paths), &m->paths[m->n_paths], e))
			return error_wrap(e, "paths[%zu]", m->n_paths);
	for (; m->n_methods < doc_count(methods); m->n_methods++)
		if (!compile_method(doc_at(methods, m->n_methods), &m->methods[m->n_methods], e))
			return error_wrap(e, "methods[%zu]", m->n_methods);
	for (; m->n_headers < doc_count(headers); m->n_headers++)
		if (!compile_header(doc_at(headers, m->n_headers), &m->headers[m->n_headers], e))
			return error_wrap(e, "headers[%zu]", m->n_headers);
	return true;
}

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

		buf_add_format(&bracketed, "[%.*s]", SLICE_ARG(host)); /* an IPv6 address may be written without brackets */
		if (!host_parse(buf_slice(&bracketed), &a, &why))
			return error_set(e, STATUS_CALLER, "host '%.*s' is no host: %s", SLICE_ARG(text), why);
	} else if (!host_parse(host, &a, &why)) {
		return error_set(e, STATUS_CALLER, "host '%.*s' is no host: %s", SLICE_ARG(text), why);
	}
	if (r->wildcard && (a.kind != HOST_NAME || !strchr(a.host, '.')))
		return error_set(e, STATUS_CALLER, "host '%.*s' is too wide: name at least two labels", SLICE_ARG(text));
	r->view.host = alloc_format("%s%s", r->wildcard ? "*." : "", a.host);
	r->host = slice_str(r->view.host + (r->wildcard ? 2 : 0));
	return true;
}

/* "ports". */
static bool compile_ports(struct compiled *r, struct error *e)
{
	const struct doc *ports = doc_get(r->view.doc, "ports");

	if (!check_list(r->view.doc, "ports", DOC_INT, e))
		return false;
	if (doc_count(ports) > POLICY_PORTS_MAX)
		return error_set(e, STATUS_CALLER, "'ports' has more than %d elements", POLICY_PORTS_MAX);
	for (size_t i = 0; i < doc_count(ports); i++) {
		int64_t port = doc_int(doc_at(ports, i));

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
	const struct doc *matches = doc_get(d, "matches");

	r->view.doc = d;
	if (!compile_host(r, e) || !compile_ports(r, e) || !compile_rest(r, e) || !check_list(d, "matches", DOC_OBJECT, e))
		return false;
	r->matches = alloc_zero(doc_count(matches) + 1, sizeof(*r->matches));
	while (r->n_matches < doc_count(matches)) {
		struct match *m = &r->matches[r->n_matches++];

		if (!compile_match(doc_at(matches, r->n_matches - 1), m, e))
			return error_wrap(e, "matches[%zu]", r->n_matches - 1);
	}
	return true;
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
			return error_set(e, STATUS_CALLER, "'routes[%zu]' has the host '%s', which 'routes[%u]' has already", i,
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
		error_set(e, STATUS_CALLER, "%zu routes are more than the %d that can be in force", n, POLICY_ROUTES_MAX);
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

/* Free what one entry of "matches" owns. */
static void release_match(struct match *m)
{
	for (size_t i = 0; m->paths && i <= m->n_paths; i++) { /* one more: the one that failed to compile, or the spare */
		regex_release(m->paths[i].regex);
		free((char *)(uintptr_t)m->paths[i].value.ptr);
	}
	for (size_t i = 0; i < m->n_methods; i++)
		free((char *)(uintptr_t)m->methods[i].ptr);
	for (size_t i = 0; m->headers && i <= m->n_headers; i++)
		regex_release(m->headers[i].regex);
	free(m->paths);
	free(m->methods);
	free(m->headers);
}

void policy_release(struct policy *p)
{
	if (!p || --p->holders)
		return;
	for (size_t i = 0; i < p->n_routes; i++) {
		struct compiled *r = &p->routes[i];

		for (size_t j = 0; j < r->n_matches; j++)
			release_match(&r->matches[j]);
		free(r->matches);
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
		return refuse(no, 403, "port",
			      "port %u of '%s' is not permitted by its route; ask with the supervise tool 'allow'", port,
			      f->authority.host);
	if (port == (https ? 80 : 443))
		return refuse(no, 403, "port", "%s on port %u is refused", https ? "https" : "plain http", port);
	if (r->view.auth && !https)
		return refuse(no, 403, "plain-http",
			      "the route for '%s' carries a credential, which never travels over plain http: use https",
			      r->view.host);
	return true;
}

/* Whether the decoded path's last element, empty ones and parameters not counted, is name. Its start goes to *at. */
static bool last_element_is(struct slice path, struct slice name, size_t *at)
{
	size_t start;

	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	for (start = path.len; start && path.ptr[start - 1] != '/'; start--)
		;
	*at = start;
	path = slice_sub(path, start, path.len);
	for (size_t i = 0; i < path.len; i++)
		if (strchr(";?#", path.ptr[i]))
			path = slice_sub(path, 0, i);
	return slice_eq_fold(path, name);
}

/* Whether the decoded path has the elements "info" and "lfs" behind each other: the API of Git LFS. */
static bool is_lfs(struct slice path)
{
	bool info = false;

	while (path.len) {
		struct slice element = slice_cut(&path, '/');

		if (!element.len)
			continue;
		if (info && slice_eq_fold(slice_sub(element, 0, slice_find(element, ';')), SLICE("lfs")))
			return true;
		info = slice_eq_fold(slice_sub(element, 0, slice_find(element, ';')), SLICE("info"));
	}
	return false;
}

/* Whether the query holds a word in some encoding: decoded up to three times, any case. */
static bool query_mentions(struct slice query, struct slice word)
{
	char text[4096]; /* git's own query has 24 bytes; a longer one is searched in overlapping pieces */
	size_t step = sizeof(text) / 2;

	for (size_t from = 0; from < query.len || from == 0; from += step) {
		struct slice piece = slice_sub(query, from, from + sizeof(text));
		size_t len = piece.len;

		if (len)
			memcpy(text, piece.ptr, len);
		for (int round = 0; round < PATH_DECODE_MAX; round++)
			len = path_decode(text, len);
		for (size_t i = 0; i < len; i++)
			text[i] = ascii_lower(text[i]);
		if (slice_search(slice_of(text, len), word) != SLICE_NONE)
			return true;
	}
	return false;
}

/* The git rule: no push over HTTP, not by way of LFS either; fetch only where the route says so. */
static bool judge_git(const struct compiled *r, const struct request_facts *f, struct slice path, struct refusal *no)
{
	size_t at;
	bool push = last_element_is(path, SLICE("git-receive-pack"), &at);
	bool fetch = last_element_is(path, SLICE("git-upload-pack"), &at);

	if (last_element_is(path, SLICE("refs"), &at) && last_element_is(slice_sub(path, 0, at), SLICE("info"), &at)) {
		push = query_mentions(f->query, SLICE("receive-pack"));
		fetch = true;
	}
	if (push)
		return refuse(no, 403, "git-push",
			      "pushing over http is refused on every route: push to the git gate, which the remote 'origin' names");
	if (is_lfs(path))
		return refuse(no, 403, "git-lfs",
			      "Git LFS over http is refused on every route, because it uploads as well: have the files fetched on "
			      "the host");
	if (fetch && !r->git_fetch)
		return refuse(no, 403, "git-fetch",
			      "the route for '%s' does not permit git to fetch (git: {fetch: true}); ask with the supervise "
			      "tool 'allow'",
			      r->view.host);
	return true;
}

/* Whether a path rule holds for the canonical path. A match that costs too much does not hold. */
static bool path_holds(const struct path_rule *rule, struct slice path)
{
	switch (rule->kind) {
	case PATH_REGEX:
		return regex_match(rule->regex, path, 0, NULL, NULL) == REGEX_YES;
	case PATH_EXACT:
		return slice_eq(rule->value, path);
	default:
		if (!slice_starts(path, rule->value))
			return false;
		return path.len == rule->value.len || slice_ends(rule->value, SLICE("/")) || path.ptr[rule->value.len] == '/';
	}
}

/* Whether a header rule holds: the field is there, and every field of that name has the value. */
static bool header_holds(const struct header_rule *rule, const struct request_facts *f)
{
	bool there = false;

	for (size_t i = 0; i < f->n_fields; i++) {
		struct slice value = f->fields[i].value;

		if (!slice_eq_fold(f->fields[i].name, rule->name))
			continue;
		there = true;
		if (f->fields[i].hop || (rule->regex ? regex_match(rule->regex, value, 0, NULL, NULL) != REGEX_YES
						     : !slice_eq(rule->value, value)))
			return false;
	}
	return there;
}

/* How far a request gets in one entry of "matches". */
enum reached {
	REACHED_PATHS,
	REACHED_METHODS,
	REACHED_HEADERS,
	REACHED_ALL,
};

/* Judge one entry. */
static enum reached try_match(const struct match *m, const struct request_facts *f, struct slice path)
{
	bool holds = !m->n_paths;

	for (size_t i = 0; !holds && i < m->n_paths; i++)
		holds = path_holds(&m->paths[i], path);
	if (!holds)
		return REACHED_PATHS;
	holds = !m->n_methods;
	for (size_t i = 0; !holds && i < m->n_methods; i++)
		holds = slice_eq(m->methods[i], f->method);
	if (!holds)
		return REACHED_METHODS;
	for (size_t i = 0; i < m->n_headers; i++)
		if (!header_holds(&m->headers[i], f))
			return REACHED_HEADERS;
	return REACHED_ALL;
}

/* A header that asks the origin to treat the request as one of another method, or NULL. */
static const struct http_field *find_override(const struct request_facts *f)
{
	static const char *const names[] = { "x-http-method-override", "x-http-method", "x-method-override" };

	for (size_t i = 0; i < f->n_fields; i++)
		for (size_t j = 0; j < COUNT_OF(names); j++)
			if (slice_eq_fold(f->fields[i].name, slice_str(names[j])))
				return &f->fields[i];
	return NULL;
}

/* Whether some entry names methods, so that a request's method matters. */
static bool names_methods(const struct compiled *r)
{
	for (size_t i = 0; i < r->n_matches; i++)
		if (r->matches[i].n_methods)
			return true;
	return false;
}

/* Step 5: at least one entry of "matches" holds. */
static bool judge_matches(const struct compiled *r, const struct request_facts *f, struct slice path, struct refusal *no)
{
	enum reached best = r->n_matches ? REACHED_PATHS : REACHED_ALL;

	if (slice_eq_fold(f->method, SLICE("TRACE")) || slice_eq_fold(f->method, SLICE("TRACK")))
		return refuse(no, 403, "method", "TRACE is refused: its answer would show what the proxy added");
	if (names_methods(r) && find_override(f))
		return refuse(no, 403, "method-override",
			      "the route for '%s' permits certain methods, so headers that override the method are refused",
			      r->view.host);
	for (size_t i = 0; best != REACHED_ALL && i < r->n_matches; i++) {
		enum reached reached = try_match(&r->matches[i], f, path);

		best = reached > best ? reached : best;
	}
	switch (best) {
	case REACHED_ALL:
		return true;
	case REACHED_HEADERS:
		return refuse(no, 403, "headers",
			      "the route for '%s' permits this path and method only with other headers; see 'matches' in "
			      "http://" HOST_INTROSPECTION "/allowlist",
			      r->view.host);
	case REACHED_METHODS:
		return refuse(no, 403, "methods",
			      "the route for '%s' does not permit method '%.*s' here; ask with the supervise tool 'allow'",
			      r->view.host, (int)f->method.len, f->method.ptr);
	default:
		return refuse(no, 403, "paths",
			      "the route for '%s' does not permit this path; ask with the supervise tool 'allow'", r->view.host);
	}
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
	if (!judge_git(r, f, slice_of(path.decoded, path.decoded_len), &v->refusal) ||
	    !judge_matches(r, f, slice_of(path.canonical, path.canonical_len), &v->refusal))
		return false;
	return !r->view.auth ||
	       credential_judge(f, slice_str(r->view.auth_header), r->placeholder, v->strip, &v->refusal);
}

void policy_decide(const struct policy *p, const struct request_facts *f, struct verdict *v)
{
	*v = (struct verdict){ .route = policy_find_host(p, &f->authority) };
	if (v->route == SLICE_NONE)
		refuse(&v->refusal, 403, "host", "'%s' is in no route of this bottle; ask with the supervise tool 'allow'",
		       f->authority.host);
	else
		v->allowed = judge(&p->routes[v->route], f, v);
}
