#include "difference.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "escape.h"
#include "path.h"
#include "sample.h"

#define PROBE "bb-example"	  /* a label or a path element that nobody's rules name */
#define PROBE_METHOD "BB-EXAMPLE" /* likewise */
/* names that are tried until one is found: a proposal may name them by the thousand */
#define PROBE_TRIES 20

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* A way to a host. */
struct endpoint {
	bool https;
	uint16_t port;
};

#define ENDPOINTS_MAX (2 * POLICY_PORTS_MAX)

/* One host, and what holds for it: from has the route that is left, to the one that is entered. */
struct pair {
	struct difference *out;
	const struct policy *from, *to;
	const struct doc *old, *new; /* routes; NULL: none */
	const char *name;            /* as the route has it */
	char host[HOST_MAX + 1];     /* that requests are made for */
	char probe[32];              /* a path element that no rule of the two names, */
	char method[32];             /* and a method */
	bool back;                   /* from after to before: what is gained is what was taken away */
	size_t found;                /* changes */
};

void difference_release(struct difference *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->list[i].text);
		free(d->list[i].request);
	}
	free(d->list);
	*d = (struct difference)DIFFERENCE_INIT;
}

bool difference_decide(const struct policy *p, struct slice request)
{
	static struct http_head h; /* large; nothing here is called from two threads */
	struct request_facts facts;
	size_t scanned = 0, consumed;
	struct verdict v;
	const char *why;

	if (http_parse_request(request, &scanned, &h, &consumed, &why) != HTTP_DONE ||
	    !request_gather(&h, NULL, &facts, &v.refusal))
		return false;
	policy_decide(p, &facts, &v);
	return v.allowed;
}

/* Tell a change; text and request are copied. */
static void tell(struct pair *p, enum change_kind kind, const struct buf *text, const struct buf *request)
{
	struct difference *d = p->out;
	AUTO_BUF safe = BUF_INIT;

	p->found++;
	if (d->count == DIFFERENCE_MAX) {
		d->untold++;
		return;
	}
	if (!d->list)
		d->list = alloc_zero(DIFFERENCE_MAX, sizeof(*d->list));
	escape_line(&safe, buf_slice(text));
	d->list[d->count++] =
		(struct change){ kind, buf_steal(&safe), request ? alloc_copy(buf_str(request), request->len) : NULL };
}

static void tell_format(struct pair *p, enum change_kind kind, const struct buf *request, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void tell_format(struct pair *p, enum change_kind kind, const struct buf *request, const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	tell(p, kind, &text, request);
}

/* When nothing more is told, what is left is not looked into either: proposals come from whoever wants to cost time. */
static bool is_full(struct pair *p)
{
	if (p->out->count < DIFFERENCE_MAX)
		return false;
	p->out->untold++;
	p->found++;
	return true;
}

/* What is gained on the way back was taken away. */
static enum change_kind kind_of(const struct pair *p)
{
	return p->back ? CHANGE_TAKES : CHANGE_GRANTS;
}

/* What happens to the requests that a change is about; with a "may" when none was found that shows it. */
static const char *verb(const struct pair *p, bool shown)
{
	return p->back ? shown ? "takes away" : "may take away" : shown ? "allows" : "may allow";
}
#define NOT_SHOWN "; no request was found that shows it"

/* --- requests that show something --- */

/* The ways to the host that a route leaves open. */
static size_t find_endpoints(const struct doc *route, struct endpoint list[ENDPOINTS_MAX])
{
	const struct doc *ports = doc_get(route, "ports");
	bool http = !doc_get(route, "auth"); /* a credential never goes over plain http */
	size_t n = 0;

	if (!route)
		return 0;
	if (!ports) {
		list[n++] = (struct endpoint){ true, 443 };
		if (http)
			list[n++] = (struct endpoint){ false, 80 };
	}
	for (size_t i = 0; i < doc_count(ports) && i < POLICY_PORTS_MAX; i++) {
		uint16_t port = (uint16_t)doc_int(doc_at(ports, i));

		if (port != 80)
			list[n++] = (struct endpoint){ true, port };
		if (port != 443 && http)
			list[n++] = (struct endpoint){ false, port };
	}
	return n;
}

static bool has_endpoint(const struct endpoint *list, size_t n, struct endpoint one)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].https == one.https && list[i].port == one.port)
			return true;
	return false;
}

/* Append the headers that an entry of "matches" wants. */
static void add_headers(const struct doc *entry, struct buf *head)
{
	const struct doc *list = doc_get(entry, "headers");

	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *one = doc_at(list, i);

		buf_add_slice(head, doc_get_str(one, "name"));
		buf_add_str(head, ": ");
		if (slice_eq(doc_get_str(one, "type"), SLICE("regex")))
			sample_regex(doc_get_str(one, "value"), head);
		else
			buf_add_slice(head, doc_get_str(one, "value"));
		buf_add_str(head, "\r\n");
	}
}

/* Make the head of a request; true when it passes only now. */
static bool try_request(const struct pair *p, struct endpoint at, struct slice method, const struct buf *path,
			const struct doc *entry, struct buf *head)
{
	bool bracket = strchr(p->host, ':') != NULL;
	AUTO_BUF authority = BUF_INIT;

	buf_add_format(&authority, "%s%s%s", bracket ? "[" : "", p->host, bracket ? "]" : "");
	if (at.port != (at.https ? 443 : 80))
		buf_add_format(&authority, ":%u", at.port);
	buf_truncate(head, 0);
	buf_add_slice(head, method);
	buf_add_format(head, " %s://%s", at.https ? "https" : "http", buf_str(&authority));
	buf_add_slice(head, buf_slice(path));
	buf_add_format(head, " HTTP/1.1\r\nHost: %s\r\n", buf_str(&authority));
	add_headers(entry, head);
	buf_add_str(head, "\r\n");
	return !difference_decide(p->from, buf_slice(head)) && difference_decide(p->to, buf_slice(head));
}

/* The n-th path to try for a rule (NULL: any path); false when there are no more. */
static bool path_to_try(const struct pair *p, const struct doc *rule, size_t n, struct buf *path)
{
	struct slice value = doc_get_str(rule, "value"), type = doc_get_str(rule, "type");
	bool prefix = !type.len || slice_eq(type, SLICE("prefix"));

	buf_truncate(path, 0);
	if (!rule && n < 3)
		buf_add_format(path, "/%s%s%s", n != 1 ? p->probe : "", n == 2 ? "/" : "", n == 2 ? p->probe : "");
	else if (!rule)
		return false;
	else if (slice_eq(type, SLICE("regex")) && n == 0)
		sample_regex(value, path);
	else if (n == 0 || (prefix && n == 1))
		path_of_rule(value, path, &(const char *){ NULL });
	if (rule && prefix && n == 1)
		buf_add_format(path, "%s%s", slice_ends(buf_slice(path), SLICE("/")) ? "" : "/", p->probe);
	return path->len > 0;
}

/* Find a request for one method and one path rule that passes only now. */
static bool find_request(const struct pair *p, struct endpoint at, struct slice method, const struct doc *rule,
			 const struct doc *entry, const char *suffix, struct buf *head)
{
	AUTO_BUF path = BUF_INIT;

	for (size_t n = 0; path_to_try(p, rule, n, &path); n++) {
		buf_add_str(&path, suffix);
		if (try_request(p, at, method, &path, entry, head))
			return true;
	}
	return false;
}

/*
 * The method at a place of an entry's list, or when it has none of the usual ones and one that nobody names; empty at
 * the end.
 */
static struct slice method_at(const struct pair *p, const struct doc *entry, size_t n)
{
	const struct doc *list = doc_get(entry, "methods");

	if (list)
		return n < doc_count(list) ? doc_str(doc_at(list, n)) : SLICE("");
	if (n == COUNT_OF(methods))
		return slice_str(p->method);
	return n < COUNT_OF(methods) ? slice_str(methods[n]) : SLICE("");
}

/* Find any request that passes only now at an endpoint, by some entry of the new route. */
static bool find_any(const struct pair *p, struct endpoint at, const char *suffix, struct buf *head)
{
	const struct doc *entries = doc_get(p->new, "matches");
	size_t tries = 0;

	for (size_t i = 0; i == 0 || i < doc_count(entries); i++) {
		const struct doc *entry = doc_at(entries, i), *paths = doc_get(entry, "paths");

		for (size_t k = 0; k == 0 || k < doc_count(paths); k++)
			for (size_t m = 0; method_at(p, entry, m).len && tries < DIFFERENCE_TRIES; m++, tries++)
				if (find_request(p, at, method_at(p, entry, m), doc_at(paths, k), entry, suffix, head))
					return true;
	}
	return false;
}

/* --- what a host's rules let through --- */

/* Append which paths, in words. */
static void add_path_words(const struct doc *rule, struct buf *text)
{
	struct slice type = doc_get_str(rule, "type");

	if (!rule)
		return;
	buf_add_str(text, slice_eq(type, SLICE("exact"))   ? " at exactly "
			  : slice_eq(type, SLICE("regex")) ? " where the path matches "
							   : " under ");
	buf_add_slice(text, doc_get_str(rule, "value"));
}

/* Append which headers have to be there. */
static void add_header_words(const struct doc *entry, struct buf *text)
{
	const struct doc *list = doc_get(entry, "headers");

	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *one = doc_at(list, i);

		buf_add_str(text, i ? " and " : " with the header ");
		buf_add_slice(text, doc_get_str(one, "name"));
		buf_add_str(text, slice_eq(doc_get_str(one, "type"), SLICE("regex")) ? " matching " : ": ");
		buf_add_slice(text, doc_get_str(one, "value"));
	}
}

/* Is the very entry among others? */
static bool has_entry(const struct doc *list, const struct doc *entry)
{
	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_equal(doc_at(list, i), entry))
			return true;
	return false;
}

/* Does a path rule match all that another does, as far as that can be seen from how they are written? */
static bool path_is_within(const struct doc *outer, const struct doc *inner)
{
	AUTO_BUF a = BUF_INIT, b = BUF_INIT;
	struct slice type = doc_get_str(outer, "type"), rest;

	if (!inner || doc_equal(outer, inner))
		return inner;
	if ((type.len && !slice_eq(type, SLICE("prefix"))) || slice_eq(doc_get_str(inner, "type"), SLICE("regex")) ||
	    !path_of_rule(doc_get_str(outer, "value"), &a, &(const char *){ NULL }) ||
	    !path_of_rule(doc_get_str(inner, "value"), &b, &(const char *){ NULL }) ||
	    !slice_starts(buf_slice(&b), buf_slice(&a)))
		return false;
	rest = slice_sub(buf_slice(&b), a.len, b.len);
	return !rest.len || rest.ptr[0] == '/' || slice_ends(buf_slice(&a), SLICE("/"));
}

/* Does an entry let through all that a rule of another does with a method? */
static bool is_within(const struct doc *outer, const struct doc *entry, const struct doc *rule, struct slice method)
{
	const struct doc *list = doc_get(outer, "methods"), *headers = doc_get(outer, "headers"),
			 *paths = doc_get(outer, "paths");
	bool named = !list;

	for (size_t i = 0; i < doc_count(list); i++)
		named = named || slice_eq(doc_str(doc_at(list, i)), method);
	for (size_t i = 0; named && i < doc_count(headers); i++)
		named = has_entry(doc_get(entry, "headers"), doc_at(headers, i));
	for (size_t i = 0; named && i < doc_count(paths); i++)
		if (path_is_within(doc_at(paths, i), rule))
			return true;
	return named && !doc_count(paths);
}

/* Is it plain that what a rule lets through with a method has passed before? */
static bool is_covered(const struct pair *p, const struct doc *entry, const struct doc *rule, struct slice method)
{
	const struct doc *old = doc_get(p->old, "matches");

	for (size_t i = 0; i < doc_count(old); i++)
		if (is_within(doc_at(old, i), entry, rule, method))
			return true;
	return p->old && !old;
}

/* What the methods of a rule came to. */
enum outcome {
	OUTCOME_SAME,    /* it decides nothing otherwise */
	OUTCOME_CHANGES, /* there is a request that shows it */
	OUTCOME_MAY,     /* there is none, and it is not plain that there is none */
};

/* Append the methods with an outcome; with "every method" for a rule that has no list, where that is shorter. */
static void add_methods(const struct pair *p, const struct doc *entry, const enum outcome *list, size_t n,
			enum outcome wanted, struct buf *text)
{
	bool rest = !doc_get(entry, "methods") &&
		    list[n - 1] == wanted; /* the last is the one that stands for all others */
	const char *separator = rest ? " but " : "";

	buf_add_str(text, rest ? "every method" : "");
	for (size_t i = 0; i < n; i++) {
		if ((list[i] == wanted) == rest)
			continue;
		buf_add_str(text, separator);
		buf_add_slice(text, method_at(p, entry, i));
		separator = ", ";
	}
}

/* Tell of the methods of a rule that have an outcome; example is a request for one of them, or NULL. */
static void tell_rule(struct pair *p, const struct doc *entry, const struct doc *rule, const struct buf *methods_text,
		      enum outcome outcome, const struct buf *example)
{
	AUTO_BUF text = BUF_INIT;

	if (outcome == OUTCOME_SAME)
		buf_add_format(&text, "%s a rule of %s", p->back ? "drops" : "adds", p->name);
	else
		buf_add_format(&text, "%s %s to %s", verb(p, outcome == OUTCOME_CHANGES), buf_str(methods_text),
			       p->name);
	add_path_words(rule, &text);
	add_header_words(entry, &text);
	if (!example)
		buf_add_str(&text,
			    outcome == OUTCOME_MAY ? NOT_SHOWN : "; no request was found that it decides otherwise");
	tell(p, outcome == OUTCOME_SAME ? CHANGE_OTHER : kind_of(p), &text, example);
}

/* Tell what one path rule of one entry lets through that did not pass. */
static void compare_rule(struct pair *p, struct endpoint at, const struct doc *entry, const struct doc *rule)
{
	AUTO_FREE enum outcome *outcomes =
		alloc_zero(doc_count(doc_get(entry, "methods")) + COUNT_OF(methods) + 1, sizeof(*outcomes));
	AUTO_BUF head = BUF_INIT, example = BUF_INIT;
	size_t n = 0, count[] = { 0, 0, 0 };

	if (is_full(p))
		return;
	for (; method_at(p, entry, n).len; n++) {
		struct slice method = method_at(p, entry, n);

		if (find_request(p, at, method, rule, entry, "", &head))
			outcomes[n] = OUTCOME_CHANGES;
		else if (!is_covered(p, entry, rule, method))
			outcomes[n] = OUTCOME_MAY;
		if (outcomes[n] == OUTCOME_CHANGES && !count[OUTCOME_CHANGES])
			buf_add_slice(&example, buf_slice(&head));
		count[outcomes[n]]++;
	}
	if (!count[OUTCOME_CHANGES] && !count[OUTCOME_MAY])
		tell_rule(p, entry, rule, NULL, OUTCOME_SAME, NULL);
	for (enum outcome o = OUTCOME_CHANGES; o <= OUTCOME_MAY; o++) {
		AUTO_BUF text = BUF_INIT;

		if (!count[o] || is_full(p))
			continue;
		add_methods(p, entry, outcomes, n, o, &text);
		tell_rule(p, entry, rule, &text, o, o == OUTCOME_CHANGES ? &example : NULL);
	}
}

/* "matches": every entry that the old route does not have as it is. */
static void compare_matches(struct pair *p, struct endpoint at)
{
	const struct doc *old = doc_get(p->old, "matches"), *new = doc_get(p->new, "matches");

	if (p->old && (old ? new && doc_equal(old, new) : !new))
		return;
	for (size_t i = 0; i == 0 || i < doc_count(new); i++) {
		const struct doc *entry = doc_at(new, i), *paths = doc_get(entry, "paths");

		if (entry && has_entry(old, entry))
			continue;
		for (size_t k = 0; k == 0 || k < doc_count(paths); k++)
			compare_rule(p, at, entry, doc_at(paths, k));
	}
}

/* "ports", and plain http, which a credential excludes. */
static void compare_endpoints(struct pair *p, const struct endpoint *old, size_t n_old, const struct endpoint *new,
			      size_t n_new)
{
	for (size_t i = 0; i < n_new; i++) {
		AUTO_BUF head = BUF_INIT;
		bool shown;

		if (has_endpoint(old, n_old, new[i]) || is_full(p))
			continue;
		shown = find_any(p, new[i], "", &head);
		tell_format(p, kind_of(p), shown ? &head : NULL, "%s %s on port %u of %s%s", verb(p, shown),
			    new[i].https ? "https" : "plain http", new[i].port, p->name, shown ? "" : NOT_SHOWN);
	}
}

/* "git.fetch". */
static void compare_git(struct pair *p, struct endpoint at)
{
	AUTO_BUF head = BUF_INIT;
	bool shown;

	if (!doc_get_bool(doc_get(p->new, "git"), "fetch") || doc_get_bool(doc_get(p->old, "git"), "fetch"))
		return;
	shown = find_any(p, at, "/info/refs?service=git-upload-pack", &head);
	tell_format(p, kind_of(p), shown ? &head : NULL, "%s git clone and fetch from %s%s", verb(p, shown), p->name,
		    shown ? "" : NOT_SHOWN);
}

/* What requests may do on the new route that they could not do on the old one. */
static void compare_passing(struct pair *p)
{
	struct endpoint old[ENDPOINTS_MAX], new[ENDPOINTS_MAX];
	size_t n_old = find_endpoints(p->old, old), n_new = find_endpoints(p->new, new), common = 0;

	if (!n_new)
		return;
	while (common < n_new && !has_endpoint(old, n_old, new[common]))
		common++;
	if (!p->old || common < n_new)
		compare_matches(p, new[common < n_new ? common : 0]);
	if (p->old || doc_get(p->new, "ports"))
		compare_endpoints(p, old, n_old, new, n_new);
	compare_git(p, new[common < n_new ? common : 0]);
}

/* --- what is not a matter of passing --- */

/* Whether a member is the same in both. */
static bool is_same(const struct pair *p, const char *key)
{
	const struct doc *old = doc_get(p->old, key), *new = doc_get(p->new, key);

	return old && new ? doc_equal(old, new) : old == new;
}

/* "auth": whose credential goes along. */
static void compare_auth(struct pair *p)
{
	const struct doc *old = doc_get(p->old, "auth"), *new = doc_get(p->new, "auth");
	const char *header = doc_get_cstr(new, "header");

	if (is_same(p, "auth"))
		return;
	if (!new)
		tell_format(p, CHANGE_TAKES, NULL,
			    "requests to %s no longer carry a credential; the agent's own are let through", p->name);
	else
		tell_format(p, CHANGE_GRANTS, NULL, "requests to %s carry the credential '%s' in '%s'%s", p->name,
			    doc_get(new, "token_ref") ? doc_get_cstr(new, "token_ref") : doc_get_cstr(new, "token_env"),
			    header ? header : "authorization", old ? ", another than before" : "");
}

/* "upstream", "allow_private", "max_body". */
static void compare_limits(struct pair *p)
{
	const struct doc *upstream = doc_get(p->new, "upstream");
	bool old = doc_get_bool(p->old, "allow_private"), new = doc_get_bool(p->new, "allow_private");

	if (!is_same(p, "upstream"))
		tell_format(p, upstream ? CHANGE_GRANTS : CHANGE_OTHER, NULL, "requests to %s go to %s%s%s", p->name,
			    doc_get(upstream, "connect") ? doc_get_cstr(upstream, "connect")
							 : "the address of that name",
			    doc_get(upstream, "ca_file") ? ", trusting the certificates in " : "",
			    doc_get(upstream, "ca_file") ? doc_get_cstr(upstream, "ca_file") : "");
	if (old != new)
		tell_format(p, new ? CHANGE_GRANTS : CHANGE_TAKES, NULL, "%s may %s be at a private address", p->name,
			    new ? "now" : "no longer");
	if (is_same(p, "max_body"))
		return;
	if (!doc_get(p->new, "max_body")) {
		tell_format(p, CHANGE_GRANTS, NULL, "bodies to %s are no longer limited", p->name);
	} else {
		long long limit = (long long)doc_get_int(p->new, "max_body");
		bool narrower = !doc_get(p->old, "max_body") || limit < (long long)doc_get_int(p->old, "max_body");

		tell_format(p, narrower ? CHANGE_TAKES : CHANGE_GRANTS, NULL, "bodies to %s have at most %lld bytes",
			    p->name, limit);
	}
}

/* Append which detectors a key names. */
static void add_detectors(const struct doc *route, const char *key, struct buf *text)
{
	const struct doc *list = doc_get(doc_get(route, "dlp"), key);

	if (!list || (doc_type_of(list) == DOC_BOOL && doc_bool(list)))
		buf_add_str(text, "all that are on by default");
	else if (!doc_count(list))
		buf_add_str(text, "none");
	for (size_t i = 0; i < doc_count(list); i++) {
		buf_add_str(text, i ? ", " : "");
		buf_add_slice(text, doc_str(doc_at(list, i)));
	}
}

/* Whether a list leaves out what another has: then less is looked for. */
static bool is_weaker(const struct doc *old, const struct doc *new)
{
	if (!new || (doc_type_of(new) == DOC_BOOL && doc_bool(new)))
		return false;
	if (!old || doc_type_of(old) != DOC_ARRAY)
		return !old || doc_bool(old); /* all by default; after none nothing is weaker */
	for (size_t i = 0; i < doc_count(old); i++)
		if (!has_entry(new, doc_at(old, i)))
			return true;
	return false;
}

/* "dlp.inbound_on_match". */
static void compare_inbound(struct pair *p)
{
	const char *was = doc_get_cstr(doc_get(p->old, "dlp"), "inbound_on_match");
	const char *is = doc_get_cstr(doc_get(p->new, "dlp"), "inbound_on_match");

	was = was ? was : "block";
	is = is ? is : "block";
	if (strcmp(was, is) != 0)
		tell_format(p, strcmp(was, "block") == 0 ? CHANGE_GRANTS : CHANGE_TAKES, NULL,
			    "what is found in what comes from %s: %s, was %s", p->name, is, was);
}

/* "dlp". */
static void compare_detectors(struct pair *p)
{
	static const char *const keys[] = { "outbound_detectors", "inbound_detectors" };
	const struct doc *old = doc_get(p->old, "dlp"), *new = doc_get(p->new, "dlp");
	const char *was = doc_get_cstr(old, "outbound_on_match"), *is = doc_get_cstr(new, "outbound_on_match");

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const struct doc *a = doc_get(old, keys[i]), *b = doc_get(new, keys[i]);
		bool weaker = is_weaker(a, b);
		AUTO_BUF text = BUF_INIT;

		if (a && b ? doc_equal(a, b) : a == b)
			continue;
		buf_add_format(&text, "%s what %s %s: detectors are ", weaker ? "looks less at" : "looks otherwise at",
			       i ? "comes from" : "goes to", p->name);
		add_detectors(p->new, keys[i], &text);
		buf_add_str(&text, ", were ");
		add_detectors(p->old, keys[i], &text);
		tell(p, weaker ? CHANGE_GRANTS : CHANGE_OTHER, &text, NULL);
	}
	compare_inbound(p);
	was = was ? was : "supervise";
	is = is ? is : "supervise";
	if (strcmp(was, is) != 0)
		tell_format(p, strcmp(was, "block") == 0 ? CHANGE_GRANTS : strcmp(is, "block") == 0 ? CHANGE_TAKES :
			    CHANGE_OTHER,
			    NULL, "what is found on its way to %s: %s, was %s", p->name, is, was);
}

/* --- hosts --- */

/* The route that a policy has for the pair's host. */
static const struct doc *route_for(const struct policy *policy, const struct authority *a)
{
	size_t index = policy_find_host(policy, a);

	return index == SLICE_NONE ? NULL : policy_route(policy, index)->doc;
}

/* Is there a route of this very name? */
static bool is_named(const struct policy *policy, const struct authority *a)
{
	size_t index = policy_find_host(policy, a);

	return index != SLICE_NONE && strcmp(policy_route(policy, index)->host, a->host) == 0;
}

/*
 * A host that a route's name stands for: itself, or for a wildcard one below it that has no route of its own in either
 * policy. Such a name is looked for, as a proposal might name the usual one to have something else shown.
 */
static bool find_probe(const struct policy *before, const struct policy *after, const char *name, struct authority *a)
{
	bool bracket = strchr(name, ':') != NULL;
	const char *why;

	for (unsigned n = 0;; n++) {
		AUTO_BUF text = BUF_INIT;

		if (name[0] != '*')
			buf_add_format(&text, bracket ? "[%s]" : "%s", name);
		else
			buf_add_format(&text, n ? PROBE "-%u.%s" : PROBE "%.0u.%s", n, name + 2);
		if (!host_parse(buf_slice(&text), a, &why))
			return false; /* longer than a name can be: nothing below it exists */
		if (name[0] != '*' || (!is_named(before, a) && !is_named(after, a)))
			return true;
	}
}

/* Does a route's rule name a method, or a path with a text in it? */
static bool mentions(const struct doc *route, struct slice method, struct slice element)
{
	const struct doc *entries = doc_get(route, "matches");

	for (size_t i = 0; i < doc_count(entries); i++) {
		const struct doc *list = doc_get(doc_at(entries, i), "methods"),
				 *paths = doc_get(doc_at(entries, i), "paths");

		for (size_t k = 0; k < doc_count(list); k++)
			if (slice_eq(doc_str(doc_at(list, k)), method))
				return true;
		for (size_t k = 0; k < doc_count(paths); k++)
			if (slice_search(doc_get_str(doc_at(paths, k), "value"), element) != SLICE_NONE)
				return true;
	}
	return false;
}

/* Choose what the examples ask for: a proposal might have named the usual to have something else shown. */
static void choose_probes(struct pair *p)
{
	for (unsigned n = 0; n < PROBE_TRIES; n++) {
		snprintf(p->probe, sizeof(p->probe), n ? PROBE "-%u" : PROBE "%.0u", n);
		snprintf(p->method, sizeof(p->method), n ? PROBE_METHOD "-%u" : PROBE_METHOD "%.0u", n);
		if (!mentions(p->old, slice_str(p->method), slice_str(p->probe)) &&
		    !mentions(p->new, slice_str(p->method), slice_str(p->probe)))
			return;
	}
}

/* Compare what the two policies have for one host that a route names. */
static void compare_host(struct difference *d, const struct policy *before, const struct policy *after,
			 const char *name)
{
	struct pair p = { .out = d, .from = before, .to = after, .name = name };
	struct authority a;

	if (!find_probe(before, after, name, &a))
		return;
	memcpy(p.host, a.host, sizeof(a.host));
	p.old = route_for(before, &a);
	p.new = route_for(after, &a);
	if ((p.old && p.new && doc_equal(p.old, p.new)) || is_full(&p))
		return;
	choose_probes(&p);
	compare_passing(&p);
	if (p.new) {
		compare_auth(&p);
		compare_limits(&p);
		compare_detectors(&p);
	}
	p = (struct pair){ .out = d, .from = after, .to = before, .old = p.new, .new = p.old, .name = name,
			   .back = true,
			   .found = p.found };
	memcpy(p.host, a.host, sizeof(a.host));
	choose_probes(&p);
	compare_passing(&p);
	if (!p.found)
		tell_format(&p, CHANGE_OTHER, NULL,
			    "the route of %s is written otherwise; no request was found that it decides otherwise",
			    name);
}

void difference_find(struct difference *d, const struct policy *before, const struct policy *after)
{
	*d = (struct difference)DIFFERENCE_INIT;
	for (size_t i = 0; i < policy_count(after); i++)
		compare_host(d, before, after, policy_route(after, i)->host);
	for (size_t i = 0; i < policy_count(before); i++) {
		const char *name = policy_route(before, i)->host;
		size_t k = 0;

		while (k < policy_count(after) && strcmp(policy_route(after, k)->host, name) != 0)
			k++;
		if (k == policy_count(after)) /* not told yet */
			compare_host(d, before, after, name);
	}
}

void difference_format(const struct difference *d, struct buf *out)
{
	static const char signs[] = { '+', '-', '~' };

	for (size_t i = 0; i < d->count; i++) {
		struct slice head = slice_str(d->list[i].request), line = slice_cut(&head, '\r'), rest;

		buf_add_format(out, "%c %s\n", signs[d->list[i].kind], d->list[i].text);
		if (!line.len)
			continue;
		buf_add_str(out, "    as in ");
		escape_line(out, slice_sub(line, 0, line.len - strlen(" HTTP/1.1")));
		rest = slice_trim(head, "\r\n");
		slice_cut(&rest, '\n'); /* Host says what the URL says */
		while (rest.len) {
			buf_add_str(out, ", ");
			escape_line(out, slice_trim(slice_cut(&rest, '\n'), "\r"));
		}
		buf_add_char(out, '\n');
	}
	if (d->untold)
		buf_add_format(out, "and %zu more changes\n", d->untold);
	if (!d->count)
		buf_add_str(out, "nothing: every request is decided and treated as before\n");
}
