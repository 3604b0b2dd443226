/* Routes and what they permit: compiling, hosts, ports, git, paths, methods, headers, credentials. */
#include "alloc.h"
#include "credential.h"
#include "policy.h"
#include "regex.h"
#include "t/lib/tap.h"

/* Compile a list of routes; single quotes stand for double ones. */
static struct policy *compile(const char *text, struct error *e)
{
	AUTO_FREE char *json = alloc_copy(text, strlen(text));
	AUTO_DOC *d = NULL;

	for (char *p = json; *p; p++)
		if (*p == '\'')
			*p = '"';
	d = doc_parse(slice_str(json), e);
	if (!d) {
		ok(false, "the routes are JSON: %s", e->text);
		return NULL;
	}
	return policy_new(d, e);
}

static struct verdict v;

/*
 * Judge a request: "METHOD URL" and perhaps "|" and a header line, as often as wanted. Returns "yes" or the
 * refusal's rule; the verdict stays in v.
 */
static const char *ask(const struct policy *p, const char *request)
{
	static struct http_head h;
	AUTO_BUF head = BUF_INIT;
	struct slice rest = slice_str(request), first = slice_cut(&rest, '|'), method = slice_cut(&first, ' ');
	struct target t;
	struct authority *tunnel = NULL;
	struct request_facts f;
	const char *why = "";
	size_t scanned = 0, consumed;

	if (!target_parse(method, first, &t, &why))
		return why;
	buf_add_format(&head, "%.*s %.*s HTTP/1.1\r\nHost: ", SLICE_ARG(method), SLICE_ARG(first));
	authority_format(&head, &t.authority, t.scheme);
	buf_add_str(&head, "\r\n");
	while (rest.len) {
		buf_add_slice(&head, slice_cut(&rest, '|'));
		buf_add_str(&head, "\r\n");
	}
	buf_add_str(&head, "\r\n");
	if (http_parse_request(buf_slice(&head), &scanned, &h, &consumed, &why) != HTTP_DONE)
		return why;
	if (t.scheme == SCHEME_HTTPS) {
		t.authority.port = authority_port(&t.authority, SCHEME_HTTPS);
		tunnel = &t.authority;
	}
	if (!request_gather(&h, tunnel, &f, &v.refusal))
		return v.refusal.rule;
	policy_decide(p, &f, &v);
	return v.allowed ? "yes" : v.refusal.rule;
}

struct question {
	const char *request, *answer;
};

/* Ask many. */
static void ask_all(const char *routes, const struct question *q, size_t n)
{
	struct error e = ERROR_INIT;
	struct policy *p = compile(routes, &e);

	if (!ok(p != NULL, "routes compile: %s", e.text))
		return;
	for (size_t i = 0; i < n; i++)
		is_str(ask(p, q[i].request), q[i].answer, "%.70s: %s", q[i].request, q[i].answer);
	policy_release(p);
}

static void test_hosts(void)
{
	static const struct question q[] = {
		{ "GET https://a.test/", "yes" },
		{ "GET https://A.TEST/", "yes" },
		{ "GET http://a.test/", "yes" },
		{ "GET https://b.test/", "host" },
		{ "GET https://xa.test/", "host" },
		{ "GET https://x.a.test/", "host" },
		{ "GET https://a.test.evil/", "host" },
		{ "GET https://w.test/", "host" },
		{ "GET https://x.w.test/", "yes" },
		{ "GET https://x.y.w.test/", "yes" },
		{ "GET https://xw.test/", "host" },
		{ "GET https://special.w.test/", "paths" },
		{ "GET https://special.w.test/s", "yes" },
		{ "GET https://x.special.w.test/", "yes" },
		{ "GET https://x.deep.w.test/", "paths" },
		{ "GET https://192.0.2.1/", "yes" },
		{ "GET https://192.0.2.2/", "host" },
		{ "GET https://[2001:db8::1]/", "yes" },
		{ "GET https://[2001:DB8:0:0::1]/", "yes" },
		{ "GET https://[::2]/", "host" },
		{ "GET https://dot.test/", "yes" },
	};

	ask_all("[{'host':'a.test'},{'host':'*.w.test'},{'host':'special.w.test','matches':[{'paths':[{'value':'/"
		"s'}]}]},"
		"{'host':'*.deep.w.test','matches':[{'paths':[{'value':'/d'}]}]},{'host':'192.0.2.1'},"
		"{'host':'2001:db8::1'},{'host':'Dot.test.'}]",
		q, COUNT_OF(q));
}

static void test_no_routes(void)
{
	static const struct question q[] = { { "GET https://a.test/", "host" } };
	struct error e = ERROR_INIT;
	struct policy *p = policy_new(NULL, &e);

	ask_all("[]", q, COUNT_OF(q));
	is_str(ask(p, "GET https://a.test/"), "host", "no list, no route");
	is_int(v.refusal.status, 403, "that is 403");
	is_str(v.refusal.text, "'a.test' is in no route of this bottle", "and says so");
	ok(v.refusal.askable, "it is worth asking for");
	is_int(v.route, SLICE_NONE, "there is no route to name");
	policy_release(p);
}

static void test_ports(void)
{
	static const struct question q[] = {
		{ "GET https://a.test:443/", "yes" }, { "GET https://a.test:8443/", "port" },
		{ "GET http://a.test:80/", "yes" },
		{ "GET http://a.test:8080/", "port" }, { "GET http://a.test:443/", "port" },
		{ "GET https://a.test:80/", "port" },
		{ "GET https://p.test:8443/", "yes" }, { "GET http://p.test:8443/", "yes" },
		{ "GET https://p.test/", "yes" },
		{ "GET http://p.test:443/", "port" },  { "GET http://p.test/", "port" },
		{ "GET https://p.test:1/", "port" },
		{ "GET http://c.test/", "plain-http" }, { "GET https://c.test/", "yes" },
	};

	ask_all("[{'host':'a.test'},{'host':'p.test','ports':[443,8443]},{'host':'c.test','auth':{'token_ref':'T'}}]",
		q, COUNT_OF(q));
}

static void test_git(void)
{
	static const struct question q[] = {
		{ "POST https://no.test/r.git/git-receive-pack", "git-push" },
		{ "POST https://yes.test/r.git/git-receive-pack", "git-push" },
		{ "POST https://yes.test/r.git/git%2dreceive%2Dpack", "git-push" },
		{ "POST https://yes.test/r.git/%67it-receive-pac%6b/", "git-push" },
		{ "POST https://yes.test/r.git/%2567it-receive-pack", "git-push" },
		{ "POST https://yes.test/r.git%2fgit-receive-pack", "git-push" },
		{ "POST https://yes.test/r.git/git-receive-pack//", "git-push" },
		{ "POST https://yes.test/r.git/Git-Receive-Pack", "git-push" },
		{ "POST https://yes.test/r.git/git-receive-pack;x=1", "git-push" },
		{ "POST https://yes.test/r.git/git-receive-pack%3fx", "git-push" },
		{ "GET https://yes.test/r.git/info/refs?service=git-receive-pack", "git-push" },
		{ "GET https://yes.test/r.git/info/refs?a=b&service=git%2dreceive-pack", "git-push" },
		{ "GET https://yes.test/r.git/info/refs?service=git%252dreceive%25252dpack", "git-push" },
		{ "GET https://yes.test/r.git/info/refs/?%73ervice=GIT-RECEIVE-PACK", "git-push" },
		{ "GET https://yes.test/r.git/info%2frefs?service=git-receive-pack", "git-push" },
		{ "GET https://yes.test/r.git/info/refs?service=git-upload-pack", "yes" },
		{ "GET https://no.test/r.git/info/refs?service=git-upload-pack", "git-fetch" },
		{ "GET https://no.test/r.git/info/refs", "git-fetch" },
		{ "POST https://no.test/r.git/git-upload-pack", "git-fetch" },
		{ "POST https://no.test/r.git/git%2dupload-pack", "git-fetch" },
		{ "POST https://yes.test/r.git/git-upload-pack", "yes" },
		{ "POST https://yes.test/r.git/info/lfs/objects/batch", "git-lfs" },
		{ "PUT https://yes.test/r.git/%69nfo//LFS/locks", "git-lfs" },
		{ "PUT https://yes.test/r.git/info%2flfs;x", "git-lfs" },
		{ "GET https://yes.test/r.git/lfs/info", "yes" },
		{ "GET https://yes.test/info/lfsx", "yes" },
		{ "GET https://no.test/docs?q=git-receive-pack", "yes" },
		{ "GET https://no.test/x-git-receive-pack", "yes" },
		{ "GET https://no.test/git-receive-pack/readme", "yes" },
		{ "GET https://no.test/refs", "yes" },
	};

	ask_all("[{'host':'no.test'},{'host':'yes.test','git':{'fetch':true}}]", q, COUNT_OF(q));
}

/* git's word behind so much query that it falls between pieces. */
static void test_git_long_query(void)
{
	struct error e = ERROR_INIT;
	struct policy *p = compile("[{'host':'a.test','git':{'fetch':true}}]", &e);

	for (size_t pad = 1980; pad < 2070; pad += 3) {
		AUTO_BUF b = BUF_INIT;

		buf_add_str(&b, "GET https://a.test/info/refs?x=");
		for (size_t i = 0; i < pad * 2; i++)
			buf_add_char(&b, 'x');
		buf_add_str(&b, "&service=git-receive-pack&y=");
		for (size_t i = 0; i < 3000; i++)
			buf_add_char(&b, 'y');
		if (strcmp(ask(p, buf_str(&b)), "git-push") != 0)
			ok(false, "found behind %zu bytes", pad * 2);
	}
	ok(true, "the service is found wherever it stands");
	policy_release(p);
}

static void test_paths(void)
{
	static const struct question q[] = {
		{ "GET https://a.test/api", "yes" },
		{ "GET https://a.test/api/", "yes" },
		{ "GET https://a.test/api/x?y", "yes" },
		{ "GET https://a.test/%61pi/x", "yes" },
		{ "GET https://a.test/apix", "paths" },
		{ "GET https://a.test/api;x", "paths" },
		{ "GET https://a.test/api%2fx", "paths" },
		{ "GET https://a.test/API", "paths" },
		{ "GET https://a.test//api", "paths" },
		{ "GET https://a.test/api/../x", "path" },
		{ "GET https://a.test/slash", "paths" },
		{ "GET https://a.test/slash/", "yes" },
		{ "GET https://a.test/slash/x", "yes" },
		{ "GET https://a.test/one", "yes" },
		{ "GET https://a.test/one/", "paths" },
		{ "GET https://a.test/one/x", "paths" },
		{ "GET https://a.test/r/12", "yes" },
		{ "GET https://a.test/r/1%32", "yes" },
		{ "GET https://a.test/r/12/3", "paths" },
		{ "GET https://a.test/x/r/12", "paths" },
		{ "GET https://a.test/r/", "paths" },
		{ "GET https://a.test/caf%c3%a9/x", "yes" },
		{ "GET https://a.test/@s%2Fn", "yes" },
		{ "GET https://a.test/%5ba%5D/x", "yes" },
		{ "GET https://a.test/@s/n", "paths" },
		{ "GET https://a.test/", "paths" },
	};

	ask_all("[{'host':'a.test','matches':[{'paths':[{'type':'prefix','value':'/api'},{'value':'/slash/'},"
		"{'type':'exact','value':'/one'},{'type':'regex','value':'/r/[0-9]+'},{'value':'/caf\xC3\xA9'},"
		"{'value':'/[a]'},"
		"{'type':'exact','value':'/@s%2fn'}]}]}]",
		q, COUNT_OF(q));
}

static void test_methods_and_headers(void)
{
	static const struct question q[] = {
		{ "GET https://a.test/m", "yes" },
		{ "get https://a.test/m", "methods" },
		{ "HEAD https://a.test/m", "methods" },
		{ "POST https://a.test/m", "yes" },
		{ "DELETE https://a.test/", "paths" },
		{ "PUT https://a.test/h", "headers" },
		{ "PUT https://a.test/h|X-Org: acme", "headers" },
		{ "PUT https://a.test/h|X-Org: acme|X-Ver: 12", "yes" },
		{ "PUT https://a.test/h|x-org: acme|X-Ver: 12", "yes" },
		{ "PUT https://a.test/h|X-Org: acme|X-Org: evil|X-Ver: 12", "headers" },
		{ "PUT https://a.test/h|X-Org: Acme|X-Ver: 12", "headers" },
		{ "PUT https://a.test/h|X-Org: acme|X-Ver: 12a", "headers" },
		{ "PUT https://a.test/h|X-Org: acme|X-Ver: 12|Connection: X-Org", "headers" },
		{ "TRACE https://a.test/t", "method" },
		{ "Trace https://any.test/", "method" },
		{ "GET https://a.test/m|X-HTTP-Method-Override: DELETE", "method-override" },
		{ "GET https://a.test/m|x-method-override: DELETE", "method-override" },
		{ "GET https://any.test/|X-HTTP-Method-Override: DELETE", "yes" },
		{ "GET https://a.test/m?_method=DELETE", "yes" },
	};

	ask_all("[{'host':'a.test','matches':[{'paths':[{'value':'/m'}],'methods':['get','Post']},"
		"{'paths':[{'value':'/h'}],'headers':[{'name':'X-Org','value':'acme'},"
		"{'name':'x-ver','value':'[0-9]+','type':'regex'}]},{'paths':[{'value':'/t'}],'methods':['TRACE']}]},"
		"{'host':'any.test'}]",
		q, COUNT_OF(q));
}

static void test_texts(void)
{
	struct error e = ERROR_INIT;
	struct policy *p = compile("[{'host':'x.test'},{'host':'a.test','matches':[{'paths':[{'value':'/p'}],"
				   "'methods':['GET']}]}]", &e);

	ask(p, "DELETE https://a.test/p");
	is_str(v.refusal.text, "the route for 'a.test' does not permit method 'DELETE' here",
	       "a refused method is named");
	is_int(v.route, 1, "and the route known");
	is_int(v.refusal.status, 403, "with 403");
	ask(p, "GET https://a.test/p/../q");
	is_int(v.refusal.status, 400, "an ambiguous path is 400");
	is_str(v.refusal.text, "the path holds a '.' or '..' element, perhaps encoded", "with the reason");
	ask(p, "GET https://a.test/secret-value?key=secret-value");
	ok(!strstr(v.refusal.text, "secret"), "nothing of the path or query is repeated");
	policy_release(p);
}

static void test_regex_bombs(void)
{
	struct error e = ERROR_INIT;
	struct policy *p = compile("[{'host':'a.test','matches':[{'paths':[{'type':'regex','value':'/(a+)+b'}],"
				   "'headers':[{'name':'x','type':'regex','value':'(x+x+)+y'}]},"
				   "{'paths':[{'type':'regex','value':'/(?:(a|aa)+)$'}]}]}]",
				   &e);
	AUTO_BUF b = BUF_INIT;

	buf_add_str(&b, "GET https://a.test/");
	for (int i = 0; i < 30000; i++)
		buf_add_char(&b, 'a');
	buf_add_char(&b, '!');
	is_str(ask(p, buf_str(&b)), "paths", "a match that would take for ever does not permit");
	policy_release(p);
}

static void test_credentials(void)
{
	static const struct question q[] = {
		{ "GET https://b.test/|Authorization: Bearer theirs", "yes" },
		{ "GET https://b.test/|Authorization: Bearer a|Authorization: Basic b", "yes" },
		{ "GET https://b.test/|X-Api-Key: theirs", "credential" },
		{ "GET https://b.test/|x_api_key: theirs", "credential" },
		{ "GET https://b.test/|X-Api-Key: ph-1", "yes" },
		{ "GET https://b.test/|X-Api-Key: Bearer ph-1", "yes" },
		{ "GET https://b.test/|X-Api-Key: xph-1", "credential" },
		{ "GET https://b.test/|X-Api-Key: evil, Bearer ph-1", "credential" },
		{ "GET https://b.test/|X-Api-Key: Bearer ph-1 evil", "credential" },
		{ "GET https://b.test/|X-Api-Key:", "yes" },
		{ "GET https://b.test/|PRIVATE-TOKEN: t", "credential" },
		{ "GET https://b.test/|X-Goog-Api-Key: t", "credential" },
		{ "GET https://b.test/|X-Amz-Security-Token: t", "credential" },
		{ "GET https://b.test/|X-Authorization: t", "credential" },
		{ "GET https://b.test/|Proxy-Authorization: Basic eDp5", "yes" },
		{ "GET https://b.test/|Connection: x-token|X-Token: t", "yes" },
		{ "GET https://b.test/|Sec-WebSocket-Key: x|Sec-WebSocket-Protocol: realtime", "yes" },
		{ "GET https://b.test/|Sec-WebSocket-Protocol: realtime, Openai-Insecure-Api-Key.sk-1", "credential" },
		{ "GET https://b.test/|Idempotency-Key: x|X-CSRF-Token: y|X-Request-Id: z", "yes" },
		{ "GET https://b.test/?key=theirs", "credential" },
		{ "GET https://b.test/?a=b&%6bey=theirs", "credential" },
		{ "GET https://b.test/?a=b;KEY=theirs", "credential" },
		{ "GET https://b.test/?key[]=theirs", "credential" },
		{ "GET https://b.test/?key%5B0%5d=theirs", "credential" },
		{ "GET https://b.test/?+%20key=theirs", "credential" },
		{ "GET https://b.test/?api-key=theirs", "credential" },
		{ "GET https://b.test/?ApiKey=theirs", "credential" },
		{ "GET https://b.test/?access_token=theirs", "credential" },
		{ "GET https://b.test/?X-Amz-Signature=theirs", "credential" },
		{ "GET https://b.test/?key=", "yes" },
		{ "GET https://b.test/?key", "yes" },
		{ "GET https://b.test/?key=ph-1", "yes" },
		{ "GET https://b.test/?key=ph%2D1", "yes" },
		{ "GET https://b.test/?key=ph-1&key=theirs", "credential" },
		{ "GET https://b.test/?keyword=a&page_token=b&monkey=c", "yes" },
		{ "GET https://x.test/|X-Api-Key: theirs|Authorization: Bearer theirs", "yes" },
		{ "GET https://x.test/|Api-Key: theirs", "credential" },
		{ "GET https://x.test/?key=x", "credential" },
		{ "GET https://free.test/?key=x|X-Api-Key: y|Authorization: z|Cookie: a=b", "yes" },
	};

	ask_all("[{'host':'b.test','auth':{'scheme':'Bearer','token_ref':'T','placeholder':'ph-1'}},"
		"{'host':'x.test','auth':{'header':'X-API-Key','token_ref':'T'}},{'host':'free.test'}]",
		q, COUNT_OF(q));
}

static void test_stripping(void)
{
	struct error e = ERROR_INIT;
	struct policy *p =
		compile("[{'host':'x.test','auth':{'header':'X-API-Key','token_ref':'T'}},{'host':'free.test'}]", &e);

	is_str(ask(p, "GET https://x.test/|Authorization: a|Accept: b|x-api-key: c|Cookie: d|Authorization: e"), "yes",
	       "their own credentials do not stop the request");
	ok(!v.strip[0] && v.strip[1] && !v.strip[2] && v.strip[3] && !v.strip[4] && v.strip[5],
	   "but are taken out; cookies are for cookies.h");
	ask(p, "GET https://free.test/|Authorization: a|Cookie: b");
	ok(!v.strip[1] && !v.strip[2], "without auth they pass");
	policy_release(p);
}

static void test_route_views(void)
{
	struct error e = ERROR_INIT;
	struct policy *p = compile("[{'host':'*.A.test','allow_private':true,'max_body':10,"
				   "'upstream':{'connect':'127.0.0.1:8443'},"
				   "'auth':{'header':'X-Key','token_ref':'T'}},{'host':'b.test',"
				   "'auth':{'token_env':'E'}},"
				   "{'host':'c.test','max_body':0}]",
				   &e);
	const struct route *r = policy_route(p, 0);
	struct authority a = { HOST_NAME, 443, "z.a.test" };

	is_int(policy_count(p), 3, "three routes");
	is_str(r->host, "*.a.test", "the host is lower case");
	ok(r->auth && r->allow_private && r->has_connect && r->connect.port == 8443 && r->max_body == 10,
	   "what it permits");
	is_str(r->auth_header, "x-key", "the header it injects");
	is_str(policy_route(p, 1)->auth_header, "authorization", "or by default");
	ok(policy_route(p, 1)->max_body == UINT64_MAX && policy_route(p, 2)->max_body == 0,
	   "no limit, and a limit of 0");
	is_int(policy_find_host(p, &a), 0, "a host is found");
	policy_release(policy_retain(p));
	is_int(policy_count(p), 3, "a second holder lets go alone");
	policy_release(p);
	policy_release(NULL);
}

static void test_bad_routes(void)
{
	static const struct {
		const char *routes, *text;
	} cases[] = {
		{ "{}", "'routes' is not a list" },
		{ "[1]", "'routes[0]' is not an object" },
		{ "[{}]", "routes[0]: host '' is no host" },
		{ "[{'host':'a_b.test'}]", "routes[0]: host 'a_b.test' is no host" },
		{ "[{'host':'*'}]", "routes[0]: host '*' is no host" },
		{ "[{'host':'*.com'}]", "routes[0]: host '*.com' is too wide" },
		{ "[{'host':'*.1.2.3.4'}]", "routes[0]: host '*.1.2.3.4' is too wide" },
		{ "[{'host':'a.*.test'}]", "is no host" },
		{ "[{'host':'::zz'}]", "is no host" },
		{ "[{'host':'a.test:443'}]", "is no host" },
		{ "[{'host':'a.test'},{'host':'A.test.'}]",
		  "'routes[1]' has the host 'a.test', which 'routes[0]' has already" },
		{ "[{'host':'a.test','ports':[]}]", "'ports' is not a list of at least one" },
		{ "[{'host':'a.test','ports':[0]}]", "'ports[0]' is not from 1 to 65535" },
		{ "[{'host':'a.test','ports':[80,65536]}]", "'ports[1]' is not from" },
		{ "[{'host':'a.test','ports':['80']}]", "'ports[0]' has the wrong type" },
		{ "[{'host':'a.test','ports':80}]", "'ports' is not a list" },
		{ "[{'host':'a.test','max_body':-1}]", "'max_body' is negative" },
		{ "[{'host':'a.test','upstream':{'connect':'b'}}]", "'upstream.connect' is 'b', without a port" },
		{ "[{'host':'a.test','upstream':{'connect':'b_:1'}}]", "'upstream.connect' is 'b_:1': a host" },
		{ "[{'host':'a.test','auth':{'header':'x y'}}]", "'auth.header' is 'x y', not a token" },
		{ "[{'host':'a.test','matches':[]}]", "'matches' is not a list of at least one" },
		{ "[{'host':'a.test','matches':[1]}]", "'matches[0]' has the wrong type" },
		{ "[{'host':'a.test','matches':[{'paths':[]}]}]", "routes[0]: matches[0]: 'paths' is not a list" },
		{ "[{'host':'a.test','matches':[{'methods':[]}]}]", "'methods' is not a list" },
		{ "[{'host':'a.test','matches':[{'headers':{}}]}]", "'headers' is not a list" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'x'}]}]}]",
		  "routes[0]: matches[0]: paths[0]: path 'x' can match no" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'/a/..'}]}]}]",
		  "path '/a/..' can match no request" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'/a?b'}]}]}]", "the query is not part of a path" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'/a%'}]}]}]", "can match no request" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'/a','type':'glob'}]}]}]",
		  "type 'glob' is none of" },
		{ "[{'host':'a.test','matches':[{'paths':[{'value':'/ok'},{'value':'(','type':'regex'}]}]}]",
		  "paths[1]: regular expression '(' is wrong at byte 1" },
		{ "[{'host':'a.test','matches':[{'methods':['GET','a b']}]}]",
		  "methods[1]: method 'a b' is not a token" },
		{ "[{'host':'a.test','matches':[{'headers':[{'name':'a:','value':'b'}]}]}]",
		  "header name 'a:' is not a token" },
		{ "[{'host':'a.test','matches':[{'headers':[{'name':'a','value':'b','type':'x'}]}]}]",
		  "type 'x' is neither" },
		{ "[{'host':'a.test','matches':[{'headers':[{'name':'a','value':'[','type':'regex'}]}]}]",
		  "is wrong at byte" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error e = ERROR_INIT;
		struct policy *p = compile(cases[i].routes, &e);

		ok(!p && e.status == STATUS_CALLER && strstr(e.text, cases[i].text), "refused: %s (%s)", cases[i].text,
		   e.text);
		policy_release(p);
	}
}

/* Append a list of n routes. */
static void write_routes(struct buf *b, size_t n)
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < n; i++)
		buf_add_format(b, "%s{'host':'%sh%zu.test'}", i ? "," : "", i % 10 ? "" : "*.", i);
	buf_add_char(b, ']');
}

static void test_many_routes(void)
{
	struct error e = ERROR_INIT;
	AUTO_BUF b = BUF_INIT;
	struct policy *p;
	size_t wrong = 0;

	write_routes(&b, POLICY_ROUTES_MAX);
	p = compile(buf_str(&b), &e);
	if (!ok(p != NULL, "10,000 routes compile: %s", e.text))
		return;
	for (size_t i = 0; i < POLICY_ROUTES_MAX; i++) {
		struct authority a = { HOST_NAME, 443, "" };

		snprintf(a.host, sizeof(a.host), "%sh%zu.test", i % 10 ? "" : "x.y.", i);
		wrong += policy_find_host(p, &a) != i;
	}
	is_int(wrong, 0, "each is found");
	policy_release(p);
	buf_truncate(&b, 0);
	write_routes(&b, POLICY_ROUTES_MAX + 1);
	ok(!compile(buf_str(&b), &e) && strstr(e.text, "10001 routes are more than"), "one more is refused");
	buf_truncate(&b, 0);
	buf_add_str(&b, "[{'host':'a.test','ports':[1");
	for (int i = 1; i <= POLICY_PORTS_MAX; i++)
		buf_add_str(&b, ",2");
	buf_add_str(&b, "]}]");
	ok(!compile(buf_str(&b), &e) && strstr(e.text, "'ports' has more than 64"), "so are 65 ports");
}

static void test_regex(void)
{
	struct error e = ERROR_INIT;
	struct slice found, group;
	struct regex *jit = regex_new(SLICE("b(c)?"), REGEX_JIT | REGEX_CASELESS, &e);
	struct regex *whole = regex_new(SLICE("a|ab"), REGEX_WHOLE, &e);
	struct regex *bomb = regex_new(SLICE("(a|aa)+$"), REGEX_WHOLE, &e);
	AUTO_BUF text = BUF_INIT;

	ok(regex_match(jit, SLICE("abC"), 0, &found, &group) == REGEX_YES && slice_eq(found, SLICE("bC")) &&
		   slice_eq(group, SLICE("C")),
	   "a match and its group");
	ok(regex_match(jit, SLICE("abbc"), 2, &found, &group) == REGEX_YES && slice_eq(found, SLICE("bc")),
	   "from a place on");
	ok(regex_match(jit, SLICE("ab"), 0, &found, &group) == REGEX_YES && slice_eq(group, SLICE("b")),
	   "a group that took no part is the match");
	ok(regex_match(jit, SLICE("xyz"), 0, NULL, NULL) == REGEX_NO &&
	   regex_match(jit, SLICE(""), 0, NULL, NULL) == REGEX_NO,
	   "no match");
	ok(regex_match(whole, SLICE("ab"), 0, NULL, NULL) == REGEX_YES &&
	   regex_match(whole, SLICE("abc"), 0, NULL, NULL) == REGEX_NO &&
		   regex_match(whole, SLICE("xab"), 0, NULL, NULL) == REGEX_NO,
	   "a whole match spans the subject, whichever alternative comes first");
	ok(regex_match(whole, SLICE("a\n"), 0, NULL, NULL) == REGEX_NO, "a newline at the end included");
	for (int i = 0; i < 5000; i++)
		buf_add_char(&text, 'a');
	buf_add_char(&text, '!');
	is_int(regex_match(bomb, buf_slice(&text), 0, NULL, NULL), REGEX_LIMIT,
	       "too much work is an answer of its own");
	buf_truncate(&text, 0);
	for (int i = 0; i <= REGEX_PATTERN_MAX; i++)
		buf_add_char(&text, 'a');
	ok(!regex_new(buf_slice(&text), 0, &e) && strstr(e.text, "is longer than 4096"), "a pattern has a limit");
	ok(!regex_new(SLICE("a\\C"), 0, &e) && strstr(e.text, "is wrong at byte"),
	   "single code units are not to be had");
	regex_release(jit);
	regex_release(whole);
	regex_release(bomb);
	regex_release(NULL);
}

int main(void)
{
	document_seed();
	test_hosts();
	test_no_routes();
	test_ports();
	test_git();
	test_git_long_query();
	test_paths();
	test_methods_and_headers();
	test_texts();
	test_regex_bombs();
	test_credentials();
	test_stripping();
	test_route_views();
	test_bad_routes();
	test_many_routes();
	test_regex();
	return tap_done();
}
