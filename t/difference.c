/*
 * The difference of two policies: every example is decided as it is said, by the policy's own code; and every request
 * that comes to pass is named by what is said. Over random policies, and in words for chosen ones, some of which try
 * to have a change overlooked.
 */
#include <stdlib.h>

#include "difference.h"
#include "digest.h"
#include "routes.h"
#include "t/lib/tap.h"

#define POLICIES 1500
#define REQUESTS 40

static const char *const hosts[] = { "a.test", "b.test", "*.w.test", "x.w.test", "bb-example.w.test", "*.v.w.test" };
static const char *const asked[] = { "a.test", "b.test", "y.w.test", "x.w.test", "bb-example.w.test", "z.v.w.test",
				     "c.test" };
static const char *const verbs[] = { "GET", "POST", "PUT", "DELETE", "PROPFIND", "BB-EXAMPLE" };
static const char *const paths[] = { "/", "/v1", "/v1/a", "/v1/b", "/api", "/v1/bb-example", "/bb-example" };
static const char *const patterns[] = { "/v[12]/.*", "/(a|b)+/x{2}", "/v1(/[a-z]+)?", "/\\\\d+", "/.*bb-example.*",
					"/v1/[a-z0-9-]*",
					"/(?=v)v1/.", "/v1/(?!b).*" };

static unsigned state = 7;

/* A number below n, the same in every run. */
static unsigned draw(unsigned n)
{
	state = state * 1103515245u + 12345u;
	return (state >> 16) % n;
}

static const char *pick_of(const char *const *list, size_t n)
{
	return list[draw((unsigned)n)];
}
#define PICK(list) pick_of(list, sizeof(list) / sizeof((list)[0]))

/* Append an entry of "matches". */
static void add_entry(struct buf *out)
{
	const char *separator = "";

	buf_add_str(out, "{");
	if (draw(3)) {
		bool regex = draw(4) == 0;
		const char *type = regex ? "regex" : draw(3) ? "prefix" : "exact";

		buf_add_format(out, "\"paths\":[{\"type\":\"%s\",\"value\":\"%s\"}]", type,
			       regex ? PICK(patterns) : PICK(paths));
		separator = ",";
	}
	if (draw(2)) {
		buf_add_format(out, "%s\"methods\":[\"%s\"]", separator, PICK(verbs));
		separator = ",";
	}
	if (draw(5) == 0 || !*separator)
		buf_add_format(out, "%s\"headers\":[{\"name\":\"X-A\",\"value\":\"%s\"}]", separator,
			       draw(2) ? "1" : "2");
	buf_add_str(out, "}");
}

/* A random routes file. */
static void make_routes(struct buf *out)
{
	size_t n = 0;

	buf_add_str(out, "{\"routes\":[");
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (draw(2))
			continue;
		buf_add_format(out, "%s{\"host\":\"%s\"", n++ ? "," : "", hosts[i]);
		if (draw(4) == 0)
			buf_add_format(out, ",\"ports\":[%s]", draw(2) ? "443,8443" : "80");
		if (draw(5) == 0)
			buf_add_str(out, ",\"auth\":{\"scheme\":\"Bearer\",\"token_ref\":\"token:T\"}");
		if (draw(5) == 0)
			buf_add_str(out, ",\"git\":{\"fetch\":true}");
		if (draw(2)) {
			buf_add_str(out, ",\"matches\":[");
			add_entry(out);
			if (draw(2)) {
				buf_add_str(out, ",");
				add_entry(out);
			}
			buf_add_str(out, "]");
		}
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]}");
}

/* Load and compile. */
static struct policy *compile(struct slice text)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	struct error e = ERROR_INIT;
	AUTO_DOC *routes = NULL;

	if (!routes_load(text, "routes", ROUTES_BOTTLE, &routes, &problems, NULL)) {
		printf("# %s\n", problems.count ? problems.list[0].text : "?");
		return NULL;
	}
	return policy_new(routes, &e);
}

/* A random request. */
static void make_request(struct buf *out)
{
	static const char *const ends[] = { "", "/a", "/b/xx", "/info/refs?service=git-upload-pack", "/12" };
	const char *host = PICK(asked), *port = draw(4) ? "" : ":8443";
	bool https = draw(4) != 0;
	const char *path = PICK(paths);

	buf_add_format(out, "%s http%s://%s%s%s%s HTTP/1.1\r\nHost: %s%s\r\n", PICK(verbs), https ? "s" : "", host,
		       port, path[1] ? path : "", PICK(ends), host, port);
	if (draw(3) == 0)
		buf_add_format(out, "X-A: %s\r\n", draw(2) ? "1" : "2");
	buf_add_str(out, "\r\n");
}

/* Is every example what it says? */
static bool examples_hold(const struct difference *d, const struct policy *before, const struct policy *after)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct change *c = &d->list[i];
		bool was, is;

		if (!c->request)
			continue;
		was = difference_decide(before, slice_str(c->request));
		is = difference_decide(after, slice_str(c->request));
		if (was == is || is != (c->kind == CHANGE_GRANTS)) {
			printf("# %s\n# %s", c->text, c->request);
			return false;
		}
	}
	return true;
}

/* Cut the text up to a word off, and the word; the whole text when it is not there. */
static struct slice cut_at(struct slice *text, const char *word)
{
	size_t at = slice_search(*text, slice_str(word));
	struct slice front = slice_sub(*text, 0, at);

	*text = at == SLICE_NONE ? SLICE("") : slice_sub(*text, at + strlen(word), text->len);
	return front;
}

/*
 * Append the key of a list of methods, "A, B", unless it is "every method". False when the one asked for is taken out.
 */
static bool add_methods(struct slice words, struct slice method, struct buf *out)
{
	bool every = slice_starts(words, SLICE("every method"));

	if (every && slice_starts(words, SLICE("every method but ")))
		words = slice_sub(words, strlen("every method but "), words.len);
	else if (every)
		return true;
	buf_add_str(out, every ? "" : "\"methods\":[");
	while (words.len) {
		struct slice one = cut_at(&words, ", ");

		if (every && slice_eq(one, method))
			return false;
		if (!every)
			buf_add_format(out, "\"%.*s\"%s", SLICE_ARG(one), words.len ? "," : "],");
	}
	return true;
}

/* Append the route that grants just what a change says in words about matches; with git where that stays as it was. */
static bool add_granted(struct slice text, struct slice method, bool git, struct buf *out)
{
	struct slice methods = cut_at(&text, " to "), path = SLICE(""), header, name;
	const char *type = "prefix";

	header = text;
	text = cut_at(&header, " with the header ");
	path = text;
	name = cut_at(&path, " under ");
	if (!path.len) {
		path = text;
		type = "exact";
		name = cut_at(&path, " at exactly ");
	}
	if (!path.len) {
		path = text;
		type = "regex";
		name = cut_at(&path, " where the path matches ");
	}
	buf_add_format(out, "{\"routes\":[{\"host\":\"%.*s\",\"ports\":[80,443,8443],%s\"matches\":[{", SLICE_ARG(name),
		       git ? "\"git\":{\"fetch\":true}," : "");
	if (!add_methods(methods, method, out))
		return false;
	if (header.len)
		buf_add_format(out, "\"headers\":[{\"name\":\"X-A\",\"value\":\"%.*s\"}],",
			       SLICE_ARG(slice_sub(header, 5, header.len)));
	buf_add_format(out, "\"paths\":[{\"type\":\"%s\",\"value\":\"%.*s\"}]}]}]}", path.len ? type : "prefix",
		       SLICE_ARG(path.len ? path : SLICE("/")));
	return true;
}

/* Does what a change says, in words, name this request? Its words become a policy, which decides. */
static bool names(const struct change *c, struct slice request, bool git)
{
	struct slice rest = request, text = slice_str(c->text), method = cut_at(&rest, " ");
	AUTO_BUF routes = BUF_INIT;
	struct policy *policy;
	bool named;

	text = cut_at(&text, ";");
	if (!slice_starts(text, SLICE("allows ")) && !slice_starts(text, SLICE("may allow ")))
		return false;
	cut_at(&text, slice_starts(text, SLICE("may ")) ? "may allow " : "allows ");
	if (slice_starts(text, SLICE("git clone and fetch from "))) {
		cut_at(&text, "from ");
		buf_add_format(&routes,
			       "{\"routes\":[{\"host\":\"%.*s\",\"ports\":[80,443,8443],\"git\":{\"fetch\":true}}]}",
			       SLICE_ARG(text));
	} else if (slice_starts(text, SLICE("https on port ")) || slice_starts(text, SLICE("plain http on port "))) {
		struct slice scheme = cut_at(&text, " on port "), port = cut_at(&text, " of ");

		if (slice_starts(rest, SLICE("https:")) != slice_eq(scheme, SLICE("https")))
			return false;
		buf_add_format(&routes, "{\"routes\":[{\"host\":\"%.*s\",\"ports\":[%.*s],\"git\":{\"fetch\":true}}]}",
			       SLICE_ARG(text), SLICE_ARG(port));
	} else if (!add_granted(text, method, git, &routes)) {
		return false;
	}
	policy = compile(buf_slice(&routes));
	named = policy && difference_decide(policy, request);
	policy_release(policy);
	return named;
}

/* Is a request that comes to pass named by some change? */
static bool is_named(const struct difference *d, struct slice request)
{
	bool git = true;

	for (size_t i = 0; i < d->count; i++) {
		struct slice host = slice_str(d->list[i].text);

		cut_at(&host, "git clone and fetch from ");
		host = cut_at(&host, ";");
		if (slice_starts(host, SLICE("*.")))
			host = slice_sub(host, 1, host.len);
		if (d->list[i].kind == CHANGE_GRANTS && host.len && slice_search(request, host) != SLICE_NONE)
			git = false; /* then that change has to name it */
	}
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].kind == CHANGE_GRANTS && names(&d->list[i], request, git))
			return true;
	return false;
}

/* How many changes claim that something passes, or no longer does. */
static size_t count_kind(const struct difference *d, enum change_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++)
		n += d->list[i].kind == kind;
	return n;
}

static void test_random(void)
{
	size_t wrong = 0, untold = 0, unnamed = 0, claims = 0, silent = 0, changed = 0, granted = 0;

	for (int i = 0; i < POLICIES; i++) {
		AUTO_BUF a = BUF_INIT, b = BUF_INIT;
		AUTO_DIFFERENCE d = DIFFERENCE_INIT;
		struct policy *before, *after;

		make_routes(&a);
		if (draw(4))
			make_routes(&b);
		else
			buf_add_slice(&b, buf_slice(&a));
		before = compile(buf_slice(&a));
		after = compile(buf_slice(&b));
		if (!before || !after) {
			ok(false, "routes compile: %s %s", buf_str(&a), buf_str(&b));
			return;
		}
		difference_find(&d, before, after);
		wrong += !examples_hold(&d, before, after);
		claims += count_kind(&d, CHANGE_GRANTS) + count_kind(&d, CHANGE_TAKES);
		silent += d.count == 0;
		for (int r = 0; r < REQUESTS; r++) {
			AUTO_BUF request = BUF_INIT;
			bool was, is;

			make_request(&request);
			was = difference_decide(before, buf_slice(&request));
			is = difference_decide(after, buf_slice(&request));
			if (was == is)
				continue;
			changed++;
			untold += d.count == 0;
			granted += is;
			if (!is || is_named(&d, buf_slice(&request)))
				continue;
			if (!unnamed++)
				printf("# %s# from %s\n#   to %s\n", buf_str(&request), buf_str(&a), buf_str(&b));
		}
		policy_release(before);
		policy_release(after);
	}
	is_int(wrong, 0, "of %zu claims over %d pairs of policies every example is decided as it is said", claims,
	       POLICIES);
	is_int(untold, 0, "%zu requests that are decided otherwise: where nothing is said, none is", changed);
	ok(silent > POLICIES / 5, "for %zu pairs nothing is said", silent);
	ok(claims > POLICIES && changed > POLICIES, "and the others are no idle test");
	is_int(unnamed, 0, "each of the %zu that come to pass is named: host, port, method, path, header", granted);
	ok(granted > POLICIES, "which are many");
}

/* What is said for two files. */
static void says(const char *before, const char *after, const char *want, const char *name)
{
	struct policy *a = compile(slice_str(before)), *b = compile(slice_str(after));
	AUTO_DIFFERENCE d = DIFFERENCE_INIT;
	AUTO_BUF text = BUF_INIT;

	if (!ok(a && b, "routes compile"))
		return;
	difference_find(&d, a, b);
	difference_format(&d, &text);
	is_str(buf_str(&text), want, "%s", name);
	policy_release(a);
	policy_release(b);
}

static void test_words(void)
{
	says("routes: [{host: a.test}]", "routes: [{host: a.test}]",
	     "nothing: every request is decided and treated as before\n", "equal routes");
	says("routes: []", "routes: [{host: api.example.com, matches: [{methods: [get, post], paths: [{value: "
			   "/v1}]}]}]",
	     "+ allows GET, POST to api.example.com under /v1\n    as in GET https://api.example.com/v1\n",
	     "a new host");
	says("routes: [{host: a.test}]", "routes: []",
	     "- takes away every method to a.test\n    as in GET https://a.test/bb-example\n",
	     "a host that is gone");
	says("routes: [{host: a.test, matches: [{methods: [GET]}]}]", "routes: [{host: a.test}]",
	     "+ allows every method but GET to a.test\n    as in HEAD https://a.test/bb-example\n"
	     "~ drops a rule of a.test; no request was found that it decides otherwise\n",
	     "rules that are gone");
	says("routes: [{host: a.test, matches: [{paths: [{value: /a}]}]}]",
	     "routes: [{host: a.test, matches: [{paths: [{value: /a}]}, {paths: [{value: /a/b}]}]}]",
	     "~ adds a rule of a.test under /a/b; no request was found that it decides otherwise\n",
	     "a rule that adds nothing");
	says("routes: [{host: a.test, matches: [{paths: [{value: /a}]}]}]",
	     "routes: [{host: a.test, matches: [{paths: [{value: /a}, {type: regex, value: "
	     "'/v\\d+/(x|y)[abc]{2}[^x]'}], methods: [GET]}]}]",
	     "~ adds a rule of a.test under /a; no request was found that it decides otherwise\n"
	     "+ allows GET to a.test where the path matches /v\\\\d+/(x|y)[abc]{2}[^x]\n    as in GET https://a.test/"
	     "v1/xaa0\n"
	     "- takes away every method but GET to a.test under /a\n    as in HEAD https://a.test/a\n",
	     "a regular expression");
	says("routes: [{host: a.test}]", "routes: [{host: a.test, ports: [443, 8443]}]",
	     "+ allows https on port 8443 of a.test\n    as in GET https://a.test:8443/bb-example\n"
	     "+ allows plain http on port 8443 of a.test\n    as in GET http://a.test:8443/bb-example\n"
	     "- takes away plain http on port 80 of a.test\n    as in GET http://a.test/bb-example\n",
	     "ports");
	says("routes: [{host: bb-example.w.test}, {host: '*.w.test', matches: [{methods: [GET]}]}]",
	     "routes: [{host: bb-example.w.test}, {host: '*.w.test', matches: [{methods: [GET]}, {methods: [POST]}]}]",
	     "+ allows POST to *.w.test\n    as in POST https://bb-example-1.w.test/bb-example\n",
	     "a wildcard, with a route of the name that examples usually have");
	says("routes: [{host: a.test, dlp: {outbound_on_match: block}}]",
	     "routes: [{host: a.test, allow_private: true, max_body: 5, dlp: {outbound_detectors: false, "
	     "inbound_on_match: warn}, git: {fetch: true}, "
	     "upstream: {connect: 'b.test:1'}, auth: {scheme: Bearer, token_ref: 'token:T'}}]",
	     "+ allows git clone and fetch from a.test\n"
	     "    as in GET https://a.test/bb-example/info/refs?service=git-upload-pack\n"
	     "+ requests to a.test carry the credential 'token:T' in 'authorization'\n"
	     "+ requests to a.test go to b.test:1\n+ a.test may now be at a private address\n"
	     "- bodies to a.test have at most 5 bytes\n"
	     "+ looks less at what goes to a.test: detectors are none, were all that are on by default\n"
	     "+ what is found in what comes from a.test: warn, was block\n"
	     "+ what is found on its way to a.test: supervise, was block\n"
	     "- takes away plain http on port 80 of a.test\n    as in GET http://a.test/bb-example\n",
	     "all that is not a matter of passing");
	says("routes: []", "routes: [{host: a.test, matches: [{paths: [{value: /a}], headers: [{name: X-A, value: "
			   "\"b\\u202e\"}]}]}]",
	     "+ allows every method to a.test under /a with the header X-A: b\\u{202E}\n    as in GET https://a.test/a,"
	     " X-A: b\\u{202E}\n",
	     "what an agent wrote is escaped");
}

/* Changes that an agent might try to have overlooked, having had something harmless approved before. */
static void test_hidden(void)
{
	says("routes: [{host: a.test, matches: [{paths: [{value: /v1/bb-example}, {type: exact, value: /v1}]}]}]",
	     "routes: [{host: a.test, matches: [{paths: [{value: /v1/bb-example}, {type: exact, value: /v1}, {value: "
	     "/v1}]}]}]",
	     "~ adds a rule of a.test under /v1/bb-example; no request was found that it decides otherwise\n"
	     "~ adds a rule of a.test at exactly /v1; no request was found that it decides otherwise\n"
	     "+ allows every method to a.test under /v1\n    as in GET https://a.test/v1/bb-example-1\n"
	     "~ drops a rule of a.test under /v1/bb-example; no request was found that it decides otherwise\n"
	     "~ drops a rule of a.test at exactly /v1; no request was found that it decides otherwise\n",
	     "the path of the usual example was permitted before");
	says("routes: [{host: a.test, matches: [{paths: [{type: regex, value: '/v1(/[a-z0-9-]+)*'}]}]}]",
	     "routes: [{host: a.test, matches: [{paths: [{value: /v1}]}]}]",
	     "+ may allow every method to a.test under /v1; no request was found that shows it\n"
	     "- may take away every method to a.test where the path matches /v1(/[a-z0-9-]+)*; no request was found "
	     "that shows it\n",
	     "every example was permitted before");
	says("routes: [{host: a.test, matches: [{methods: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS]}]}]",
	     "routes: [{host: a.test}]",
	     "+ allows every method but GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS to a.test\n"
	     "    as in BB-EXAMPLE https://a.test/bb-example\n"
	     "~ drops a rule of a.test; no request was found that it decides otherwise\n",
	     "only methods that nobody thinks of are new");
	says("routes: [{host: a.test, matches: [{methods: [BB-EXAMPLE]}]}]",
	     "routes: [{host: a.test, matches: [{methods: [GET]}]}]",
	     "+ allows GET to a.test\n    as in GET https://a.test/bb-example-1\n"
	     "- takes away BB-EXAMPLE to a.test\n    as in BB-EXAMPLE https://a.test/bb-example-1\n",
	     "the usual method has a rule");
	says("routes: []", "routes: [{host: a.test, ports: [443, 8443], auth: {scheme: Bearer, token_ref: 'token:T'}}]",
	     "+ allows every method to a.test\n    as in GET https://a.test/bb-example\n"
	     "+ allows https on port 443 of a.test\n    as in GET https://a.test/bb-example\n"
	     "+ allows https on port 8443 of a.test\n    as in GET https://a.test:8443/bb-example\n"
	     "+ requests to a.test carry the credential 'token:T' in 'authorization'\n",
	     "a new host with a port of its own");
	says("routes: [{host: a.test, matches: [{paths: [{value: /x}]}]}]",
	     "routes: [{host: a.test, ports: [443, 8443], matches: [{paths: [{type: regex, value: "
	     "'/(?=y)y(?<=y)'}]}]}]",
	     "+ may allow every method to a.test where the path matches /(?=y)y(?<=y); no request was found that shows "
	     "it\n"
	     "+ may allow https on port 8443 of a.test; no request was found that shows it\n"
	     "+ may allow plain http on port 8443 of a.test; no request was found that shows it\n"
	     "- takes away every method to a.test under /x\n    as in GET https://a.test/x\n"
	     "- takes away plain http on port 80 of a.test\n    as in GET http://a.test/x\n",
	     "a pattern for which no text is found");
}

/* Thousands of rules: as many as are told are looked into, the rest is counted. */
static void test_many(void)
{
	AUTO_DIFFERENCE d = DIFFERENCE_INIT;
	struct policy *before = compile(slice_str("routes: [{host: a.test, matches: [{methods: [PUT]}]}]")), *after;
	AUTO_BUF text = BUF_INIT;

	buf_add_str(&text, "{\"routes\":[{\"host\":\"a.test\",\"matches\":[{\"paths\":[");
	for (int i = 0; i < 5000; i++)
		buf_add_format(&text, "%s{\"value\":\"/p%d\"}", i ? "," : "", i);
	buf_add_str(&text, "]}]}]}");
	after = compile(buf_slice(&text));
	if (!ok(before && after, "five thousand rules compile"))
		return;
	difference_find(&d, before, after);
	is_int(d.count, DIFFERENCE_MAX, "as many as anybody reads are told");
	is_int(d.untold, 4801, "and the rest is counted: further rules, and the one that is gone");
	ok(examples_hold(&d, before, after), "what is told holds");
	policy_release(before);
	policy_release(after);
}

int main(void)
{
	document_seed();
	digest_init();
	test_words();
	test_hidden();
	test_many();
	test_random();
	return tap_done();
}
