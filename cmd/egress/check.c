/* What a routes file would decide, asked from a shell: "bb-egress check" and "bb-egress routes". */
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "judge.h"
#include "program.h"
#include "settings.h"
#include "upstream.h"

struct question {
	struct settings settings; /* of them, the routes file */
	bool json;
	struct buf fields;        /* of the request, as lines of a head */
	bool has_host;            /* one of them is Host */
};

static const struct option_def check_options[] = {
	{ "routes", 0, "FILE", "the routes that decide" },
	{ "header", 'H', "FIELD", "a header of the request, 'name: value'; may be repeated" },
	{ "json", 0, NULL, "print the decision as a document" },
	{ .name = NULL },
};

static const struct program check_program = {
	.name = "bb-egress check",
	.purpose = "say whether a request would pass, and by which rule; exit 0 when it would, 1 when not",
	.usage = "--routes FILE [--json] 'METHOD URL' [-H 'NAME: VALUE']...",
	.options = check_options,
};

static const struct option_def routes_options[] = {
	{ "routes", 0, "FILE", "the routes to show" },
	{ "json", 0, NULL, "print them as a document" },
	{ .name = NULL },
};

static const struct program routes_program = {
	.name = "bb-egress routes",
	.purpose = "load a routes file and show what would be in force",
	.usage = "--routes FILE [--json]",
	.options = routes_options,
};

/* Add one header to the request. What is wrong with it beside line ends is the grammar's to say. */
static bool take_field(struct question *q, struct slice text, struct error *e)
{
	struct slice rest = text, name = slice_cut(&rest, ':');

	if (slice_find(text, '\n') != SLICE_NONE || slice_find(text, '\r') != SLICE_NONE || name.len == text.len)
		return error_set(e, STATUS_CALLER, "'%.*s' is no header: say 'NAME: VALUE'", SLICE_ARG(text));
	q->has_host = q->has_host || slice_eq_fold(name, SLICE("host"));
	buf_add_slice(&q->fields, text);
	buf_add_str(&q->fields, "\r\n");
	return true;
}

static bool take_option(void *context, const char *name, const char *arg, struct error *e)
{
	struct question *q = context;

	if (strcmp(name, "header") == 0)
		return take_field(q, slice_str(arg), e);
	if (strcmp(name, "routes") == 0)
		q->settings.routes = arg;
	else
		q->json = true;
	return true;
}

/* Load and compile the routes. */
static struct policy *load(const struct question *q, struct error *e)
{
	char hash[DIGEST_HEX];
	AUTO_DOC *file = routes_read(&q->settings, hash, e);

	return file ? policy_new(doc_get(file, "routes"), e) : NULL;
}

/* --- check --- */

/* Append the head of the request in question as a proxy gets it: with the whole URL. */
static void write_head(const struct question *q, struct slice method, struct slice url, struct buf *head)
{
	struct target t;
	const char *why;

	buf_add_slice(head, method);
	buf_add_char(head, ' ');
	buf_add_slice(head, url);
	buf_add_str(head, " HTTP/1.1\r\n");
	if (!q->has_host) {
		buf_add_str(head, "Host: ");
		if (target_parse(method, url, &t, &why) && t.form == TARGET_ABSOLUTE)
			authority_format(head, &t.authority, t.scheme);
		buf_add_str(head, "\r\n");
	}
	buf_add_slice(head, buf_slice(&q->fields));
	buf_add_str(head, "\r\n");
}

/* Decide as the proxy does, as far as that goes without looking anything up. */
static bool decide(const struct policy *p, struct slice text, struct http_head *h, struct judgement *j)
{
	struct refusal *no = &j->verdict.refusal;
	size_t scanned = 0, consumed;
	const char *why = "it has no end";

	*j = (struct judgement){ .verdict.route = SLICE_NONE };
	if (http_parse_request(text, &scanned, h, &consumed, &why) != HTTP_DONE)
		return refuse(no, 400, "framing", "malformed request: %s", why);
	return judge_request(p, h, NULL, false, j) &&
	       (j->own_page || dial_judge_literal(policy_route(p, j->verdict.route), &j->facts.authority, no));
}

/* The route that decided, or NULL. */
static const struct route *route_of(const struct policy *p, const struct judgement *j)
{
	return j->verdict.route == SLICE_NONE ? NULL : policy_route(p, j->verdict.route);
}

/* The decision as a document. */
static void print_document(const struct policy *p, const struct http_head *h, const struct judgement *j, bool passes)
{
	AUTO_DOC *d = doc_new("egress-decision", 1);
	const struct route *route = route_of(p, j);
	AUTO_BUF text = BUF_INIT;

	doc_put_bool(d, "allowed", passes);
	if (!passes) {
		doc_put_int(d, "status", j->verdict.refusal.status);
		doc_put_str(d, "rule", j->verdict.refusal.rule);
		doc_put_str(d, "reason", j->verdict.refusal.text);
	}
	if (j->named) {
		doc_put_str(d, "scheme", j->facts.scheme == SCHEME_HTTPS ? "https" : "http");
		doc_put_str(d, "host", j->facts.authority.host);
		doc_put_int(d, "port", j->facts.authority.port);
		doc_put_slice(d, "method", j->facts.method);
		doc_put_slice(d, "path", j->facts.path);
	}
	if (route) {
		doc_put_str(d, "route", route->host);
		doc_put_int(d, "index", (int64_t)j->verdict.route);
	}
	if (passes && route && route->auth) {
		struct doc *removed = doc_put(d, "removed", doc_new_array());

		doc_put_str(d, "credential", route->auth_header);
		for (size_t i = 0; i < h->n_fields; i++)
			if (j->verdict.strip[i])
				doc_append(removed, doc_new_str(h->fields[i].name));
	}
	doc_format(d, true, &text);
	puts(buf_str(&text));
}

/* The decision as a line. */
static void print_line(const struct policy *p, const struct judgement *j, bool passes)
{
	const struct route *route = route_of(p, j);
	AUTO_BUF line = BUF_INIT;

	if (!passes)
		buf_add_format(&line, "refused with %u by the rule '%s': %s", j->verdict.refusal.status,
			       j->verdict.refusal.rule, j->verdict.refusal.text);
	else if (j->own_page)
		buf_add_str(&line, "allowed: the proxy answers it itself");
	else
		buf_add_format(&line, "allowed by the route for '%s'%s%s%s", route->host,
			       route->auth ? ", with its credential in '" : "", route->auth ? route->auth_header : "",
			       route->auth ? "'" : "");
	puts(buf_str(&line));
}

int check_main(int argc, char **argv)
{
	struct question q = { .settings.alone = true };
	struct error e = ERROR_INIT;
	AUTO_BUF head = BUF_INIT;
	struct slice method, url;
	struct judgement j;
	struct http_head h;
	struct policy *p;
	bool passes;
	int at;

	document_seed();
	at = program_start(&check_program, argc, argv, take_option, &q);
	if (at == argc)
		return program_usage("which request? say 'METHOD URL', as in 'GET https://example.com/'");
	url = slice_str(argv[at]);
	method = slice_cut(&url, ' ');
	if (!method.len || !url.len || slice_find(url, ' ') != SLICE_NONE)
		return program_usage("'%s' is not of the form 'METHOD URL'", argv[at]);
	argc -= at;
	argv += at;
	if (program_start(&check_program, argc, argv, take_option, &q) != argc)
		return program_usage("more than one request");
	if (!q.settings.routes)
		return program_usage("no routes file: say --routes FILE");
	p = load(&q, &e);
	if (!p)
		return program_fail(&e);
	write_head(&q, method, url, &head);
	passes = decide(p, buf_slice(&head), &h, &j);
	if (q.json)
		print_document(p, &h, &j, passes);
	else
		print_line(p, &j, passes);
	policy_release(p);
	buf_release(&q.fields);
	if (!program_flush(&e))
		return program_fail(&e);
	return passes ? STATUS_YES : STATUS_NO;
}

/* --- routes --- */

/* Append the words of a list, with commas. */
static void add_words(const struct doc *list, struct buf *line)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *one = doc_at(list, i);

		buf_add_str(line, i ? "," : "");
		if (doc_type_of(one) == DOC_INT)
			buf_add_format(line, "%lld", (long long)doc_int(one));
		else
			buf_add_slice(line, doc_type_of(one) == DOC_OBJECT ? doc_get_str(one, "value") : doc_str(one));
	}
}

/* Append " NAME WORDS" for a list that is there. */
static void add_list(const struct doc *d, const char *key, const char *name, struct buf *line)
{
	if (!doc_get(d, key))
		return;
	buf_add_format(line, " %s ", name);
	add_words(doc_get(d, key), line);
}

/* What one route permits, on a line. */
static void print_route(const struct doc *route)
{
	const struct doc *matches = doc_get(route, "matches"), *auth = doc_get(route, "auth");
	AUTO_BUF line = BUF_INIT;
	AUTO_BUF safe = BUF_INIT;

	buf_add_slice(&line, doc_get_str(route, "host"));
	add_list(route, "ports", "ports", &line);
	if (auth)
		buf_add_format(&line, " credential %s from %s", doc_get(auth, "header") ? doc_get_cstr(auth, "header") :
			       doc_get_cstr(auth, "scheme"), doc_get_cstr(auth, "token_env"));
	if (doc_get(doc_get(route, "upstream"), "connect"))
		buf_add_format(&line, " at %s", doc_get_cstr(doc_get(route, "upstream"), "connect"));
	if (doc_get_bool(doc_get(route, "git"), "fetch"))
		buf_add_str(&line, " git-fetch");
	if (doc_get_bool(route, "allow_private"))
		buf_add_str(&line, " private");
	if (doc_get(route, "max_body"))
		buf_add_format(&line, " max-body %lld", (long long)doc_get_int(route, "max_body"));
	for (size_t i = 0; i < doc_count(matches); i++) {
		buf_add_str(&line, i ? " or" : " matching");
		add_list(doc_at(matches, i), "methods", "methods", &line);
		add_list(doc_at(matches, i), "paths", "paths", &line);
		if (doc_get(doc_at(matches, i), "headers"))
			buf_add_str(&line, " headers");
	}
	escape_line(&safe, buf_slice(&line));
	puts(buf_str(&safe));
}

int routes_main(int argc, char **argv)
{
	struct question q = { .settings.alone = true };
	struct error e = ERROR_INIT;
	char hash[DIGEST_HEX];
	AUTO_DOC *file = NULL;
	AUTO_BUF text = BUF_INIT;
	const struct doc *list;
	struct policy *p;

	document_seed();
	if (program_start(&routes_program, argc, argv, take_option, &q) != argc)
		return program_usage("unexpected operand");
	if (!q.settings.routes)
		return program_usage("no routes file: say --routes FILE");
	file = routes_read(&q.settings, hash, &e);
	p = file ? policy_new(doc_get(file, "routes"), &e) : NULL;
	if (!p)
		return program_fail(&e);
	policy_release(p);
	list = doc_get(file, "routes");
	if (q.json) {
		doc_format(file, true, &text);
		puts(buf_str(&text));
	} else {
		for (size_t i = 0; i < doc_count(list); i++)
			print_route(doc_at(list, i));
	}
	return program_flush(&e) ? STATUS_YES : program_fail(&e);
}
