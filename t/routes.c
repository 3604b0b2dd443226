/* lib/routes.h: each key of a route with right and wrong values, the messages, the normal form. */
#include "routes.h"

#include "alloc.h"
#include "t/lib/tap.h"

/* Load text; the result or the problems, one a line, are appended to out. */
static bool load(const char *text, enum routes_mode mode, struct buf *out)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT, notes = PROBLEMS_INIT;
	struct doc *routes = NULL;
	bool good = routes_load(slice_str(text), "r.yaml", mode, &routes, &problems, &notes);

	if (good)
		doc_format(routes, false, out);
	for (size_t i = 0; i < problems.count; i++) {
		problem_format(&problems.list[i], out);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < notes.count; i++) {
		buf_add_str(out, "\nnote: ");
		problem_format(&notes.list[i], out);
	}
	ok(good == (problems.total == 0) && good == (routes != NULL), "the verdict agrees with the list of problems");
	doc_release(routes);
	return good;
}

/* One route with these keys beside its host is read as this. */
static void accepts(const char *keys, const char *want)
{
	AUTO_FREE char *text = alloc_format("routes:\n- host: h.example\n%s", keys);
	AUTO_FREE char *whole = alloc_format("[{\"host\":\"h.example\"%s%s}]", *want ? "," : "", want);
	AUTO_BUF got = BUF_INIT;

	load(text, ROUTES_MANIFEST, &got);
	is_str(buf_str(&got), whole, "right: %s", keys);
}

/* One route with these keys is refused with exactly this message (behind "r.yaml:"). */
static void refuses(const char *keys, const char *want)
{
	AUTO_FREE char *text = alloc_format("routes:\n- host: h.example\n%s", keys);
	AUTO_FREE char *whole = alloc_format("r.yaml:%s\n", want);
	AUTO_BUF got = BUF_INIT;

	load(text, ROUTES_MANIFEST, &got);
	is_str(buf_str(&got), whole, "wrong: %s", keys);
}

/* Hosts, as they are written and as they are kept. */
static void test_hosts(void)
{
	static const char *const good[][2] = {
		{ "api.example.com", "api.example.com" }, { "API.Example.COM.", "api.example.com" },
		{ "localhost", "localhost" }, { "*.example.com", "*.example.com" },
		{ "*.Example.co.uk.", "*.example.co.uk" }, { "127.0.0.1", "127.0.0.1" }, { "[::1]", "::1" },
		{ "2001:DB8::1", "2001:db8::1" }, { "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "a-b.c", "a-b.c" }, { "1.example", "1.example" },
	};
	static const char *const bad[] = {
		"",                 "*",                "*.com",            "*.",               "*.*.example.com",
		"a.*.example.com",  "example.*",        "ex ample",         "exämple.com",      "-a.example",
		"a-.example",       "a..example",       ".example",         "a_b.example",      "_egress.local",
		"_EGRESS.local.",   "http://h.example", "h.example:443",    "h.example/path",   "user@h.example",
		"127.1",            "0x7f.1",           "2130706433",       "010.0.0.1",        "*.1.2.3.4",
		"[::1",             "h.example%20",     "h.example#",       "h.example?",
	};

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO_BUF out = BUF_INIT;
		const char *why = NULL;

		ok(routes_host(slice_str(good[i][0]), &out, &why), "the host '%s' is one", good[i][0]);
		is_str(buf_str(&out), good[i][1], "and is kept in lower case, without a dot at its end");
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_BUF out = BUF_INIT;
		const char *why = NULL;

		ok(!routes_host(slice_str(bad[i]), &out, &why) && why && *why && !out.len, "'%s' is no host (%s)",
		   bad[i],
		   why ? why : "no reason");
	}
}

/* A wildcard is over the names of one owner. */
static void test_wildcards(void)
{
	static const char *const owned[] = { "example.com", "example.co.uk", "example.github.io", "a.b.example",
					     "notamazonaws.com",
					     "internal.corp", "xn--bcher-kva.example" };
	static const char *const anybodys[] = { "co.uk", "github.io", "com.br", "s3.amazonaws.com", "amazonaws.com",
						"herokuapp.com",
						"us-east-1.amazonaws.com", "x.s3.eu-west-1.amazonaws.com",
						"blob.core.windows.net",
						"pages.dev", "vercel.app", "anything.ck", "xn--55qx5d.cn", "CO.UK." };

	for (size_t i = 0; i < COUNT_OF(owned); i++) {
		AUTO_FREE char *host = alloc_format("*.%s", owned[i]);
		AUTO_BUF out = BUF_INIT;
		const char *why = NULL;

		ok(routes_host(slice_str(host), &out, &why), "'%s' may be a route", host);
	}
	for (size_t i = 0; i < COUNT_OF(anybodys); i++) {
		AUTO_FREE char *host = alloc_format("*.%s", anybodys[i]);
		AUTO_BUF out = BUF_INIT;
		const char *why = NULL;

		ok(!routes_host(slice_str(host), &out, &why) && why && strstr(why, "anybody") &&
		   !out.len, "'%s' may not: %s", host,
		   why ? why : "(no reason)");
		ok(routes_host(slice_str(host + 2), &out, &why), "... while the name itself may");
	}
	refuses("- host: '*.github.io'\n",
		"3:9: routes[1].host: found the string '*.github.io', wanted a host name: it is a public suffix, below "
		"which anybody can have "
		"a host; name the hosts");
}

/* A label of 64 characters and a name of 254 are too long. */
static void test_host_lengths(void)
{
	AUTO_BUF name = BUF_INIT, out = BUF_INIT;
	const char *why;

	for (int i = 0; i < 63; i++)
		buf_add_char(&name, 'a');
	buf_add_str(&name, ".example");
	ok(routes_host(buf_slice(&name), &out, &why), "a label of 63 characters is a host's");
	buf_truncate(&name, 0);
	for (int i = 0; i < 64; i++)
		buf_add_char(&name, 'a');
	buf_add_str(&name, ".example");
	ok(!routes_host(buf_slice(&name), &out, &why), "one of 64 is not");
	buf_truncate(&name, 0);
	for (int i = 0; i < 127; i++)
		buf_add_str(&name, "a.");
	ok(routes_host(slice_sub(buf_slice(&name), 0, 253), &out, &why), "a name of 253 characters is a host");
	buf_add_str(&name, "bc");
	ok(!routes_host(buf_slice(&name), &out, &why), "one of 256 is not");
}

static void test_keys(void)
{
	accepts("", "");
	accepts("  ports: [443, 8443]\n", "\"ports\":[443,8443]");
	accepts("  ports: [1, 65535]\n", "\"ports\":[1,65535]");
	refuses("  ports: [0]\n", "3:11: routes[0].ports[0]: found the number 0, wanted a port from 1 to 65535");
	refuses("  ports: [65536]\n", "3:11: routes[0].ports[0]: found the number 65536, wanted a port from 1 to "
				      "65535");
	refuses("  ports: ['443']\n", "3:11: routes[0].ports[0]: found the string '443', wanted a port from 1 to "
				      "65535");
	refuses("  ports: []\n", "3:10: routes[0].ports: found an empty list, wanted a list of at least one port");
	refuses("  ports: 443\n", "3:10: routes[0].ports: found the number 443, wanted a list of at least one port");
	accepts("  allow_private: true\n", "\"allow_private\":true");
	refuses("  allow_private: yes\n", "3:18: routes[0].allow_private: found the string 'yes', wanted true or "
					  "false");
	accepts("  max_body: 0\n", "\"max_body\":0");
	accepts("  max_body: 0x10\n", "\"max_body\":16");
	refuses("  max_body: -1\n", "3:13: routes[0].max_body: found the number -1, wanted a number of bytes");
	refuses("  max_body: 1.5\n", "3:13: routes[0].max_body: found the number 1.5, wanted a number of bytes");
	refuses("  max_body: 9223372036854775808\n",
		"3:13: routes[0].max_body: found the number 9223372036854775808, wanted a number of bytes");
	accepts("  git: {fetch: true}\n", "\"git\":{\"fetch\":true}");
	refuses("  git: {}\n", "3:8: routes[0].git.fetch: found nothing, wanted a value");
	refuses("  git: {fetch: true, push: true}\n",
		"3:22: routes[0].git: key 'push' is not used here: a push over HTTP is "
						      "always refused; declare the remote in git-gate.repos");
	refuses("  role: x\n", "3:3: routes[0]: key 'role' is not used here: the word is reserved; remove it");
	refuses("  path_allowlist: [/a]\n", "3:3: routes[0]: key 'path_allowlist' is not used here: write 'matches: "
					    "[{paths: "
					    "[{type: prefix, value: /PATH}]}]'");
	refuses("  prots: [1]\n", "3:3: routes[0] has unknown key 'prots' (did you mean 'ports'?); allowed: host, "
				  "ports, auth, "
				  "matches, dlp, git, upstream, allow_private, max_body");
	refuses("  headers: []\n", "3:3: routes[0] has unknown key 'headers'; allowed: host, ports, auth, matches, "
				   "dlp, git, "
				   "upstream, allow_private, max_body");
}

static void test_auth(void)
{
	AUTO_BUF got = BUF_INIT;

	accepts("  auth: {scheme: Bearer, token_ref: T}\n", "\"auth\":{\"scheme\":\"Bearer\",\"token_ref\":\"T\"}");
	accepts("  auth: {scheme: token, token_ref: _t1}\n", "\"auth\":{\"scheme\":\"token\",\"token_ref\":\"_t1\"}");
	accepts("  auth: {scheme: basic, user: me, token_ref: T}\n",
		"\"auth\":{\"scheme\":\"basic\",\"user\":\"me\",\"token_ref\":\"T\"}");
	accepts("  auth: {header: x-api-key, token_ref: T}\n",
		"\"auth\":{\"header\":\"x-api-key\",\"token_ref\":\"T\"}");
	load("routes:\n- host: h.example\n  auth: {scheme: Bearer, header: x-api-key, token_ref: T}\n", ROUTES_MANIFEST,
	     &got);
	is_str(buf_str(&got),
	       "[{\"host\":\"h.example\",\"auth\":{\"header\":\"x-api-key\",\"token_ref\":\"T\"}}]\nnote: r.yaml:3:18: "
	       "routes[0].auth.scheme: not used beside 'header': the value is sent bare",
	       "a scheme beside a header is dropped with a note");
	buf_truncate(&got, 0);
	load("routes:\n- host: h.example\n  auth: {scheme: Bearer, token_ref: 'token:t', placeholder: ph-1}\n",
	     ROUTES_BOTTLE, &got);
	is_str(buf_str(&got),
	       "[{\"host\":\"h.example\",\"auth\":{\"scheme\":\"Bearer\",\"token_ref\":\"token:t\","
	       "\"placeholder\":\"ph-1\"}}]",
	       "beside a bottle the placeholder is named");
	refuses("  auth: {scheme: Bearer, token_ref: T, placeholder: ph-1}\n",
		"3:40: routes[0].auth has unknown key 'placeholder'; allowed: scheme, header, user, token_ref");
	refuses("  auth: {token_ref: T}\n",
		"3:9: routes[0].auth.scheme: found nothing, wanted Bearer, token or basic (or 'header')");
	refuses("  auth: {scheme: Bearer}\n",
		"3:9: routes[0].auth.token_ref: found nothing, wanted the name of an environment variable");
	refuses("  auth: {scheme: bearer, token_ref: T}\n",
		"3:18: routes[0].auth.scheme: found the string 'bearer', wanted one "
							    "of Bearer, token, basic (did you mean 'Bearer'?)");
	refuses("  auth: {scheme: basic, token_ref: T}\n",
		"3:9: routes[0].auth.user: found nothing, wanted a user for the scheme basic");
	refuses("  auth: {scheme: Bearer, user: me, token_ref: T}\n",
		"3:32: routes[0].auth.user: found without the scheme basic; remove it");
	refuses("  auth: {scheme: basic, user: 'a:b', token_ref: T}\n",
		"3:31: routes[0].auth.user: found the string 'a:b', wanted a user name: empty, or it holds ':' or a "
		"control "
		"character");
	refuses("  auth: {scheme: Bearer, token_ref: sk-ant-api03-x}\n",
		"3:37: routes[0].auth.token_ref: found another text (not shown), wanted the name of an environment "
		"variable: "
		"letters, digits and '_', and no digit first");
	refuses("  auth: {scheme: Bearer, token_ref: T, token: ghp_x}\n",
		"3:40: routes[0].auth: key 'token' is not used here: a secret is never written into a file; name the "
		"variable "
		"that holds it in 'token_ref'");
	refuses("  auth: {scheme: Bearer, token_ref: T, token_env: T}\n",
		"3:40: routes[0].auth: key 'token_env' is not used here: in a manifest the key is 'token_ref'");
	refuses("  auth: {header: Host, token_ref: T}\n",
		"3:18: routes[0].auth.header: found the string 'Host', wanted the name "
							  "of a header: that header frames or routes the message");
	refuses("  auth: {header: 'x y', token_ref: T}\n",
		"3:18: routes[0].auth.header: found the string 'x y', wanted the name of a header: not a header name");
}

static void test_matches(void)
{
	accepts("  matches: [{paths: [{value: /api}]}]\n",
		"\"matches\":[{\"paths\":[{\"value\":\"/api\",\"type\":\"prefix\"}]}]");
	accepts("  matches: [{paths: [{type: regex, value: '/v[0-9]+/.*'}], methods: [get, Post]}]\n",
		"\"matches\":[{\"paths\":[{\"type\":\"regex\",\"value\":\"/v[0-9]+/.*\"}],\"methods\":[\"GET\","
		"\"POST\"]}]");
	accepts("  matches: [{headers: [{name: Accept, value: x}]}, {methods: [HEAD]}]\n",
		"\"matches\":[{\"headers\":[{\"name\":\"Accept\",\"value\":\"x\",\"type\":\"exact\"}]},"
		"{\"methods\":[\"HEAD\"]}]");
	refuses("  matches: []\n", "3:12: routes[0].matches: found an empty list, wanted a list of at least one entry "
				   "(leave the "
				   "key out to allow every request)");
	refuses("  matches: [{}]\n", "3:13: routes[0].matches[0]: found an entry that asks for nothing, wanted paths, "
				     "methods or "
				     "headers; leave 'matches' out to allow every request");
	refuses("  matches: [{paths: []}]\n",
		"3:21: routes[0].matches[0].paths: found an empty list, wanted a list of at least one path");
	refuses("  matches: [{paths: [/api]}]\n", "3:22: routes[0].matches[0].paths[0]: found the string '/api', "
						  "wanted a mapping "
						  "with type and value");
	refuses("  matches: [{paths: [{value: api}]}]\n",
		"3:30: routes[0].matches[0].paths[0].value: found a path that does not "
							  "begin with '/', wanted one that does");
	refuses("  matches: [{paths: [{value: '/a?b'}]}]\n",
		"3:30: routes[0].matches[0].paths[0].value: found '?' or '#', wanted "
							     "a path: the query is not compared");
	refuses("  matches: [{paths: [{value: /a/../b}]}]\n",
		"3:30: routes[0].matches[0].paths[0].value: found a '.' or '..' "
							      "element, which is never let through");
	refuses("  matches: [{paths: [{value: '/a/%2e%2e'}]}]\n",
		"3:30: routes[0].matches[0].paths[0].value: found a path that no request can have: the path holds a "
		"'.' or '..' "
		"element, perhaps encoded");
	refuses("  matches: [{paths: [{type: glob, value: /a}]}]\n",
		"3:29: routes[0].matches[0].paths[0].type: found the string 'glob', wanted one of prefix, exact, "
		"regex");
	refuses("  matches: [{methods: [CONNECT]}]\n",
		"3:24: routes[0].matches[0].methods[0]: found the string 'CONNECT', wanted "
						       "a method: CONNECT opens the tunnel and is judged by host and "
						       "port alone");
	refuses("  matches: [{methods: ['G T']}]\n",
		"3:24: routes[0].matches[0].methods[0]: found the string 'G T', wanted a method: not a method name");
	refuses("  matches: [{headers: [{name: 'a:', value: x}]}]\n",
		"3:31: routes[0].matches[0].headers[0].name: found the string 'a:', wanted the name of a header: not a "
		"header "
		"name");
	refuses("  matches: [{headers: [{name: a}]}]\n",
		"3:24: routes[0].matches[0].headers[0].value: found nothing, wanted the value of a header");
	refuses("  matches: [{headers: [{name: a, value: 1}]}]\n",
		"3:41: routes[0].matches[0].headers[0].value: found the number 1, wanted the value of a header; put it "
		"in quotes");
}

/* A regular expression that does not compile is an error at its place, whichever the words of the library. */
static void test_regex(void)
{
	AUTO_BUF got = BUF_INIT;

	ok(!load("routes:\n- host: a.b\n  matches:\n  - paths:\n    - {type: regex, value: '/('}\n", ROUTES_MANIFEST,
		 &got),
	   "a broken regular expression of a path is refused");
	ok(slice_starts(buf_slice(&got), SLICE("r.yaml:5:28: routes[0].matches[0].paths[0].value: ")), "at its place");
	buf_truncate(&got, 0);
	ok(!load("routes: [{host: a.b, matches: [{headers: [{name: a, type: regex, value: '[z'}]}]}]", ROUTES_MANIFEST,
		 &got),
	   "and one of a header");
}

static void test_dlp(void)
{
	accepts("  dlp: {outbound_detectors: false}\n", "\"dlp\":{\"outbound_detectors\":false}");
	accepts("  dlp: {outbound_detectors: []}\n", "\"dlp\":{\"outbound_detectors\":false}");
	accepts("  dlp: {outbound_detectors: [token_patterns, known_secrets, entropy]}\n",
		"\"dlp\":{\"outbound_detectors\":[\"token_patterns\",\"known_secrets\",\"entropy\"]}");
	accepts("  dlp: {inbound_detectors: [naive_injection_detection]}\n",
		"\"dlp\":{\"inbound_detectors\":[\"naive_injection_detection\"]}");
	accepts("  dlp: {outbound_on_match: redact}\n", "\"dlp\":{\"outbound_on_match\":\"redact\"}");
	accepts("  dlp: {outbound_on_match: supervise}\n", "\"dlp\":{\"outbound_on_match\":\"supervise\"}");
	accepts("  dlp: {outbound_on_match: block}\n", "\"dlp\":{\"outbound_on_match\":\"block\"}");
	accepts("  dlp: {inbound_on_match: warn}\n", "\"dlp\":{\"inbound_on_match\":\"warn\"}");
	refuses("  dlp: {inbound_on_match: redact}\n",
		"3:27: routes[0].dlp.inbound_on_match: found the string 'redact', wanted "
							"one of block, warn");
	refuses("  dlp: {outbound_on_match: allow}\n",
		"3:28: routes[0].dlp.outbound_on_match: found the string 'allow', wanted "
						       "one of supervise, redact, block");
	refuses("  dlp: {outbound_detectors: true}\n",
		"3:29: routes[0].dlp.outbound_detectors: found true, wanted false or a "
						       "list; leave the key out for the defaults");
	refuses("  dlp: {outbound_detectors: [token_pattern]}\n",
		"3:30: routes[0].dlp.outbound_detectors[0]: found the string 'token_pattern', wanted one of "
		"token_patterns, known_secrets, entropy (did you mean 'token_patterns'?)");
	refuses("  dlp: {inbound_detectors: [entropy]}\n",
		"3:29: routes[0].dlp.inbound_detectors[0]: found the string 'entropy', "
							   "wanted one of naive_injection_detection");
	refuses("  dlp: {outbound_detectors: entropy}\n",
		"3:29: routes[0].dlp.outbound_detectors: found the string 'entropy', wanted a list");
}

static void test_upstream(void)
{
	accepts("  upstream: {connect: '127.0.0.1:8080', ca_file: /etc/ca.pem}\n",
		"\"upstream\":{\"connect\":\"127.0.0.1:8080\",\"ca_file\":\"/etc/ca.pem\"}");
	accepts("  upstream: {connect: '[::1]:1'}\n", "\"upstream\":{\"connect\":\"[::1]:1\"}");
	refuses("  upstream: {}\n", "3:13: routes[0].upstream: found an empty mapping, wanted connect or ca_file");
	refuses("  upstream: {connect: h.example}\n",
		"3:23: routes[0].upstream.connect: found the string 'h.example', wanted HOST:PORT: the port is "
		"missing");
	refuses("  upstream: {ca_file: ca.pem}\n",
		"3:23: routes[0].upstream.ca_file: found the string 'ca.pem', wanted a file: an absolute path");
}

/* Which key names the credential depends on where it comes from. */
static void test_modes(void)
{
	AUTO_BUF got = BUF_INIT;

	ok(load("routes: [{host: a.b, auth: {scheme: Bearer, token_ref: 'token:a-b.c'}}]", ROUTES_BOTTLE, &got),
	   "beside a bottle token_ref names a slot");
	ok(!load("routes: [{host: a.b, auth: {scheme: Bearer, token_ref: NAME}}]", ROUTES_BOTTLE, &got),
	   "and nothing else");
	ok(load("routes: [{host: a.b, auth: {scheme: Bearer, token_env: NAME}}]", ROUTES_ALONE, &got),
	   "alone token_env names a variable");
	ok(!load("routes: [{host: a.b, auth: {scheme: Bearer, token_ref: NAME}}]", ROUTES_ALONE, &got),
	   "and token_ref is refused");
	ok(!load("routes: [{host: a.b, auth: {scheme: Bearer, token_env: 'A B'}}]", ROUTES_ALONE, &got),
	   "so is no name");
	ok(load("{\"routes\":[{\"host\":\"a.b\",\"ports\":[443]}]}", ROUTES_BOTTLE, &got), "JSON is YAML");
	ok(load("routes: []", ROUTES_BOTTLE, &got), "no routes are a file as well");
	ok(!load("", ROUTES_BOTTLE, &got), "an empty file is not");
	ok(!load("routs: []", ROUTES_BOTTLE, &got), "nor is one without routes");
	ok(!load("- host: a.b", ROUTES_BOTTLE, &got), "nor a bare list");
}

/* All problems of a load are told, and hosts are unique after it. */
static void test_lists(void)
{
	AUTO_BUF got = BUF_INIT;

	load("routes:\n- host: A.b\n  ports: [1]\n- host: c.d\n- host: a.b.\n  ports: [2]\n", ROUTES_MANIFEST, &got);
	is_str(buf_str(&got),
	       "[{\"host\":\"c.d\"},{\"host\":\"a.b\",\"ports\":[2]}]\nnote: r.yaml:2:9: routes[0]: the host 'A.b' has "
	       "a later "
	       "entry, which replaces this one",
	       "the later entry of a host replaces the earlier, with a note");
	buf_truncate(&got, 0);
	load("routes:\n- host: '*'\n- ports: [0]\n- 7\n", ROUTES_MANIFEST, &got);
	is_str(buf_str(&got),
	       "r.yaml:2:9: routes[0].host: found the string '*', wanted a host name: a route to every host is not "
	       "possible; name "
	       "the hosts\nr.yaml:3:11: routes[1].ports[0]: found the number 0, wanted a port from 1 to "
	       "65535\nr.yaml:3:3: "
	       "routes[1].host: found nothing, wanted a host name\nr.yaml:4:3: routes[2]: found the number 7, wanted a "
	       "mapping "
	       "with host\n",
	       "all errors of a load are told");
}

/* The number of routes and the number of messages are bounded. */
static void test_limits(void)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct doc *routes = NULL;

	buf_add_str(&text, "routes:\n");
	for (int i = 0; i < 10000; i++)
		buf_add_format(&text, "- {host: h%d.example, ports: [443]}\n", i);
	ok(routes_load(buf_slice(&text), "r", ROUTES_MANIFEST, &routes, &problems, NULL), "10,000 routes load");
	is_int(doc_count(routes), 10000, "all of them");
	doc_release(routes);
	buf_add_str(&text, "- {host: one.more}\n");
	ok(!routes_load(buf_slice(&text), "r", ROUTES_MANIFEST, &routes, &problems, NULL), "one more does not");
	problems_release(&problems);
	buf_truncate(&text, 0);
	buf_add_str(&text, "routes:\n");
	for (int i = 0; i < 1000; i++)
		buf_add_str(&text, "- {host: '*'}\n");
	ok(!routes_load(buf_slice(&text), "r", ROUTES_MANIFEST, &routes, &problems, NULL),
	   "1,000 wrong routes are refused");
	is_int(problems.count, PROBLEMS_MAX, "messages are kept up to a limit");
	is_int(problems.total, 1000, "and counted beyond it");
}

int main(void)
{
	document_seed();
	test_hosts();
	test_host_lengths();
	test_wildcards();
	test_keys();
	test_auth();
	test_matches();
	test_regex();
	test_dlp();
	test_upstream();
	test_modes();
	test_lists();
	test_limits();
	return tap_done();
}
