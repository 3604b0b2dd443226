/*
 * The url corpus through target, request and policy: its table as routes, each
 * case as the head that the proxy would see.
 */
#include "policy.h"
#include "t/lib/corpus.h"

/* The corpus' route_table.json in the words of a routes file. */
static const char table[] =
	"[{\"host\":\"api.allowed.test\",\"ports\":[443],"
	"\"matches\":[{\"paths\":[{\"type\":\"prefix\",\"value\":\"/v1/\"}],\"methods\":[\"GET\",\"POST\"]}]},"
	"{\"host\":\"files.allowed.test\",\"ports\":[80],"
	"\"matches\":[{\"paths\":[{\"type\":\"prefix\",\"value\":\"/public/\"}],\"methods\":[\"GET\",\"HEAD\"]}]},"
	"{\"host\":\"example.com\",\"ports\":[443],"
	"\"matches\":[{\"paths\":[{\"type\":\"prefix\",\"value\":\"/\"}],\"methods\":[\"GET\"]}]}]";

struct tally {
	struct policy *policy;
	size_t cases, must, strict, allowed;
};

/* Append the head of a case's request. */
static void write_head(struct buf *out, const struct doc *line, struct slice target, struct slice host)
{
	const struct doc *hosts = doc_get(line, "hosts"), *headers = doc_get(line, "headers");

	buf_add_format(out, "%s %.*s HTTP/1.1\r\n", doc_get_cstr(line, "method"), SLICE_ARG(target));
	for (size_t i = 0; i < doc_count(hosts); i++)
		buf_add_format(out, "Host: %s\r\n", doc_cstr(doc_at(hosts, i)));
	if (!hosts)
		buf_add_format(out, "Host: %.*s\r\n", SLICE_ARG(host));
	for (size_t i = 0; i < doc_count(headers); i++)
		buf_add_format(out, "%s: %s\r\n", doc_cstr(doc_at(doc_at(headers, i), 0)),
			       doc_cstr(doc_at(doc_at(headers, i), 1)));
	buf_add_str(out, "\r\n");
}

/* Judge a request's head, inside a tunnel or not. */
static bool judge_head(const struct policy *p, struct slice bytes, const struct authority *tunnel)
{
	struct request_facts f;
	struct refusal no;
	struct http_head h;
	struct verdict v;
	size_t scanned = 0, consumed;
	const char *why;

	if (http_parse_request(bytes, &scanned, &h, &consumed, &why) != HTTP_DONE || consumed != bytes.len ||
	    !request_gather(&h, tunnel, &f, &no))
		return false;
	policy_decide(p, &f, &v);
	return v.allowed;
}

/* What a client that follows the rules sends as Host for an absolute URL. */
static struct slice host_of(struct slice url)
{
	size_t at = slice_search(url, SLICE("://"));
	struct slice rest = at == SLICE_NONE ? url : slice_sub(url, at + 3, url.len);
	size_t end = 0;

	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
		end++;
	return slice_sub(rest, 0, end);
}

/* The CONNECT and the name in TLS: whether there is a tunnel, and to where. */
static bool open_tunnel(const struct doc *line, struct authority *tunnel)
{
	struct slice sni = doc_get_str(line, "sni");
	struct target t;
	struct authority named;
	const char *why;

	if (!target_parse(SLICE("CONNECT"), doc_get_str(line, "connect"), &t, &why))
		return false;
	*tunnel = t.authority;
	return !sni.len || (host_parse(sni, &named, &why) && strcmp(named.host, tunnel->host) == 0);
}

/* Whether the case's request passes. */
static bool passes(const struct policy *p, const struct doc *line)
{
	struct slice kind = doc_get_str(line, "kind"), target = doc_get_str(line, "target");
	struct authority tunnel;
	AUTO_BUF head = BUF_INIT;

	if (slice_eq(kind, SLICE("absolute-url"))) {
		write_head(&head, line, target, host_of(target));
		return judge_head(p, buf_slice(&head), NULL);
	}
	if (!open_tunnel(line, &tunnel))
		return false;
	if (slice_eq(doc_get_str(line, "method"), SLICE("CONNECT"))) {
		/* The CONNECT is the whole case: what counts is whether a plain request in it would pass. */
		buf_add_format(&head, "GET /v1/ HTTP/1.1\r\nHost: %.*s\r\n\r\n",
			       SLICE_ARG(doc_get_str(line, "connect")));
		return judge_head(p, buf_slice(&head), &tunnel);
	}
	write_head(&head, line, target, doc_get_str(line, "host"));
	return judge_head(p, buf_slice(&head), &tunnel);
}

static void judge(void *ctx, const struct doc *line)
{
	struct tally *t = ctx;
	bool allowed = passes(t->policy, line);
	struct slice expect = doc_get_str(line, "expect");
	bool must = !slice_eq(doc_get_str(line, "level"), SLICE("STRICT"));

	t->cases++;
	t->allowed += allowed;
	if (slice_eq(expect, SLICE("either")) || allowed == slice_eq(expect, SLICE("allow")))
		return;
	*(must ? &t->must : &t->strict) += 1;
	printf("# %s: %s: wanted %s: %s (%s)\n", doc_get_cstr(line, "level"), doc_get_cstr(line, "id"),
	       doc_get_cstr(line, "expect"), doc_get_cstr(line, "why"),
	       doc_get_cstr(line, doc_get(line, "target") ? "target" : "connect"));
}

int main(void)
{
	struct error e = ERROR_INIT;
	struct tally t = { 0 };
	AUTO_DOC *routes = NULL;

	document_seed();
	if (!corpus_there())
		return tap_done();
	routes = doc_parse(slice_str(table), &e);
	t.policy = policy_new(routes, &e);
	if (!ok(t.policy != NULL, "the table compiles: %s", e.text))
		return tap_done();
	corpus_each("url/route_cases.jsonl", judge, &t);
	printf("# %zu cases, %zu allowed\n", t.cases, t.allowed);
	ok(t.cases >= 1200, "the corpus is the whole one");
	is_int(t.must, 0, "no MUST failure");
	is_int(t.strict, 0, "no STRICT failure");
	policy_release(t.policy);
	return tap_done();
}
