/* Hosts, authorities, request-targets, paths, and that all names of a request agree. */
#include "alloc.h"
#include "path.h"
#include "request.h"
#include "t/lib/tap.h"

static void test_hosts(void)
{
	static const struct {
		const char *text, *host; /* NULL: refused */
		enum host_kind kind;
	} cases[] = {
		{ "Example.COM", "example.com", HOST_NAME },
		{ "localhost", "localhost", HOST_NAME },
		{ "xn--bcher-kva.test", "xn--bcher-kva.test", HOST_NAME },
		{ "3com.test", "3com.test", HOST_NAME },
		{ "1.2.3.com", "1.2.3.com", HOST_NAME },
		{ "_egress.local", "_egress.local", HOST_NAME },
		{ "192.0.2.1", "192.0.2.1", HOST_IPV4 },
		{ "[::1]", "::1", HOST_IPV6 },
		{ "[2001:DB8:0:0:0:0:0:1]", "2001:db8::1", HOST_IPV6 },
		{ "[::ffff:1.2.3.4]", "::ffff:1.2.3.4", HOST_IPV6 },
		{ "", NULL, 0 },
		{ ".", NULL, 0 },
		{ "a.", NULL, 0 },
		{ ".a", NULL, 0 },
		{ "a..b", NULL, 0 },
		{ "-a", NULL, 0 },
		{ "a-.b", NULL, 0 },
		{ "a_b", NULL, 0 },
		{ "x._egress.local", NULL, 0 },
		{ "a b", NULL, 0 },
		{ "a%62", NULL, 0 },
		{ "user@a", NULL, 0 },
		{ "b\xC3\xBC" "cher.test", NULL, 0 },
		{ "127.1", NULL, 0 },
		{ "2130706433", NULL, 0 },
		{ "0x7f000001", NULL, 0 },
		{ "0x7f.1", NULL, 0 },
		{ "0x", NULL, 0 },
		{ "a.0x1F", NULL, 0 },
		{ "a.1", NULL, 0 },
		{ "127.0.0.01", NULL, 0 },
		{ "1.2.3.4.5", NULL, 0 },
		{ "256.1.1.1", NULL, 0 },
		{ "::1", NULL, 0 },
		{ "[::1", NULL, 0 },
		{ "[]", NULL, 0 },
		{ "[", NULL, 0 },
		{ "[::1%25lo]", NULL, 0 },
		{ "[a]", NULL, 0 },
		{ "[1.2.3.4]", NULL, 0 },
		{ "a[::1]", NULL, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct authority a = { .port = 7 };
		const char *why = NULL;
		bool parsed = host_parse(slice_str(cases[i].text), &a, &why);

		if (cases[i].host)
			ok(parsed && a.kind == cases[i].kind && strcmp(a.host, cases[i].host) == 0 &&
			   !a.port, "'%s' is host %s",
			   cases[i].text, cases[i].host);
		else
			ok(!parsed && why, "'%s' is no host", cases[i].text);
	}
	ok(!host_is_name(SLICE("a\0b")), "nor is one with a NUL");
}

static void test_host_lengths(void)
{
	char text[300];
	struct authority a;
	const char *why;

	memset(text, 'a', sizeof(text));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	ok(host_parse(slice_of(text, 253), &a, &why) && strlen(a.host) == 253, "a name of 253 bytes");
	ok(!host_parse(slice_of(text, 254), &a, &why), "not of 254");
	text[63] = 'a';
	ok(!host_parse(slice_of(text, 100), &a, &why), "nor a label of 64");
}

static void test_authorities(void)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} cases[] = {
		{ "a.test:443", "a.test", 443 }, { "a.test", "a.test", 0 }, { "[::1]:80", "::1", 80 },
		{ "[::1]", "::1", 0 }, { "1.2.3.4:1", "1.2.3.4", 1 }, { "a.test:65535", "a.test", 65535 },
		{ "a.test:", NULL, 0 }, { "a.test:0", NULL, 0 }, { "a.test:00443", NULL, 0 },
		{ "a.test:65536", NULL, 0 }, { "a.test:65979", NULL, 0 }, { "a.test:+1", NULL, 0 },
		{ "a.test:1x", NULL, 0 }, { "a.test:1:2", NULL, 0 }, { ":80", NULL, 0 }, { "::1", NULL, 0 },
		{ "::1:80", NULL, 0 }, { "u@a.test:80", NULL, 0 }, { "u:p@a.test", NULL, 0 }, { "[::1]x:80", NULL, 0 },
		{ "[::1]80", NULL, 0 }, { "", NULL, 0 }, { "a.test:443/", NULL, 0 }, { "a.test.:443", NULL, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct authority a;
		const char *why = NULL;
		bool parsed = authority_parse(slice_str(cases[i].text), &a, &why);

		if (cases[i].host)
			ok(parsed && strcmp(a.host, cases[i].host) == 0 && a.port == cases[i].port,
			   "'%s' is an authority",
			   cases[i].text);
		else
			ok(!parsed && why, "'%s' is no authority", cases[i].text);
	}
}

static void test_equality_and_form(void)
{
	struct authority a, b, c, v6;
	AUTO_BUF out = BUF_INIT;
	const char *why;

	authority_parse(SLICE("A.test"), &a, &why);
	authority_parse(SLICE("a.test:443"), &b, &why);
	authority_parse(SLICE("a.test:8443"), &c, &why);
	authority_parse(SLICE("[::1]:80"), &v6, &why);
	ok(authority_equal(&a, &b, SCHEME_HTTPS) && !authority_equal(&a, &b, SCHEME_HTTP) &&
	   !authority_equal(&b, &c, SCHEME_HTTPS),
	   "equal names and ports are equal");
	authority_format(&out, &b, SCHEME_HTTPS);
	buf_add_char(&out, ' ');
	authority_format(&out, &b, SCHEME_HTTP);
	buf_add_char(&out, ' ');
	authority_format(&out, &c, SCHEME_HTTPS);
	buf_add_char(&out, ' ');
	authority_format(&out, &v6, SCHEME_HTTP);
	buf_add_char(&out, ' ');
	authority_format(&out, &v6, SCHEME_HTTPS);
	is_str(buf_str(&out), "a.test a.test:443 a.test:8443 [::1] [::1]:80", "the default port is not written");
}

static void test_targets(void)
{
	static const struct {
		const char *method, *text, *path, *query; /* path NULL: refused */
		enum target_form form;
	} cases[] = {
		{ "GET", "/", "/", NULL, TARGET_ORIGIN },
		{ "GET", "/a?b?c", "/a", "b?c", TARGET_ORIGIN },
		{ "GET", "/a?", "/a", "", TARGET_ORIGIN },
		{ "GET", "//a.test/", "//a.test/", NULL, TARGET_ORIGIN },
		{ "GET", "/a?\\{}\"<>", "/a", "\\{}\"<>", TARGET_ORIGIN },
		{ "GET", "/a-._~!$&'()*+,;=:@%2f?[]|^", "/a-._~!$&'()*+,;=:@%2f", "[]|^", TARGET_ORIGIN },
		{ "GET", "HTTP://a.test/x?y", "/x", "y", TARGET_ABSOLUTE },
		{ "GET", "https://a.test", "/", NULL, TARGET_ABSOLUTE },
		{ "GET", "https://a.test?q", "/", "q", TARGET_ABSOLUTE },
		{ "CONNECT", "a.test:443", "", NULL, TARGET_AUTHORITY },
		{ "CONNECT", "a.test", NULL, NULL, 0 },
		{ "CONNECT", "/", NULL, NULL, 0 },
		{ "CONNECT", "https://a.test:443", NULL, NULL, 0 },
		{ "GET", "a.test:443", NULL, NULL, 0 },
		{ "GET", "*", NULL, NULL, 0 },
		{ "GET", "", NULL, NULL, 0 },
		{ "GET", "a/b", NULL, NULL, 0 },
		{ "GET", "ftp://a.test/", NULL, NULL, 0 },
		{ "GET", "https:/a.test/", NULL, NULL, 0 },
		{ "GET", "https:///a.test/", NULL, NULL, 0 },
		{ "GET", "https://u@a.test/", NULL, NULL, 0 },
		{ "GET", "https://a.test\\x/", NULL, NULL, 0 },
		{ "GET", "/a#b", NULL, NULL, 0 },
		{ "GET", "/a?b#c", NULL, NULL, 0 },
		{ "GET", "/a b", NULL, NULL, 0 },
		{ "GET", "/a\x01", NULL, NULL, 0 },
		{ "GET", "/\xC3\xA9", NULL, NULL, 0 },
		{ "GET", "/a\\b", NULL, NULL, 0 },
		{ "GET", "/a\"", NULL, NULL, 0 },
		{ "GET", "/{a}", NULL, NULL, 0 },
		{ "GET", "/[a]", NULL, NULL, 0 },
		{ "GET", "/a|b", NULL, NULL, 0 },
		{ "GET", "/a^b", NULL, NULL, 0 },
		{ "GET", "/a`b", NULL, NULL, 0 },
		{ "GET", "/%", NULL, NULL, 0 },
		{ "GET", "/%4", NULL, NULL, 0 },
		{ "GET", "/%4g", NULL, NULL, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct target t;
		const char *why = NULL;
		bool parsed = target_parse(slice_str(cases[i].method), slice_str(cases[i].text), &t, &why);

		if (!cases[i].path) {
			ok(!parsed && why, "'%s' is no target of %s", cases[i].text, cases[i].method);
			continue;
		}
		ok(parsed && t.form == cases[i].form && slice_eq(t.path, slice_str(cases[i].path)) &&
			   t.has_query == (cases[i].query != NULL) && slice_eq(t.query, slice_str(cases[i].query)),
		   "'%s' is a target of %s", cases[i].text, cases[i].method);
	}
}

static void test_paths(void)
{
	static const struct {
		const char *path, *canonical, *decoded; /* canonical NULL: refused, decoded is a word of the reason */
	} cases[] = {
		{ "/", "/", "/" },
		{ "/a%62c", "/abc", "/abc" },
		{ "/a%2fb%2Fc", "/a%2Fb%2Fc", "/a/b/c" },
		{ "/@scope%2fname", "/@scope%2Fname", "/@scope/name" },
		{ "/caf%c3%a9", "/caf%C3%A9", "/caf\xC3\xA9" },
		{ "/100%25", "/100%25", "/100%" },
		{ "/a%20b", "/a%20b", "/a b" },
		{ "/...", "/...", "/..." },
		{ "/..a/b..", "/..a/b..", "/..a/b.." },
		{ "/%252541", "/%252541", "/A" },
		{ "/%25252541", "/%25252541", "/%41" },
		{ "//a//", "//a//", "//a//" },
		{ "/a;b=..", "/a;b=..", "/a;b=.." },
		{ "/.", NULL, "'.' or '..'" },
		{ "/..", NULL, "'.' or '..'" },
		{ "/a/../b", NULL, "'.' or '..'" },
		{ "/a/%2e%2E/b", NULL, "'.' or '..'" },
		{ "/a/.%2e", NULL, "'.' or '..'" },
		{ "/a%2f..%2fb", NULL, "'.' or '..'" },
		{ "/a/..;x/b", NULL, "'.' or '..'" },
		{ "/a/.;/b", NULL, "'.' or '..'" },
		{ "/a/%2e%2e%3bx/b", NULL, "'.' or '..'" },
		{ "/%252e%252e/b", NULL, "more than once" },
		{ "/a%252fb", NULL, "more than once" },
		{ "/%25252e%25252e/b", NULL, "more than once" },
		{ "/a%5cb", NULL, "backslash" },
		{ "/a\\b", NULL, "backslash" },
		{ "/a%255cb", NULL, "backslash" },
		{ "/a%25255cb", NULL, "backslash" },
		{ "/a%00", NULL, "control" },
		{ "/a%0d%0ab", NULL, "control" },
		{ "/a%7f", NULL, "control" },
		{ "/a%2500", NULL, "control" },
		{ "/%c0%af", NULL, "UTF-8" },
		{ "/%e0%80%af", NULL, "UTF-8" },
		{ "/%ff", NULL, "UTF-8" },
		{ "/%25c0%25ae", NULL, "UTF-8" },
		{ "/a%", NULL, "two hexadecimal" },
		{ "/a%2", NULL, "two hexadecimal" },
		{ "/%u002e", NULL, "two hexadecimal" },
		{ "", NULL, "begin with" },
		{ "a", NULL, "begin with" },
	};
	static struct path_forms p;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *why = NULL;
		bool parsed = path_parse(slice_str(cases[i].path), &p, &why);

		if (cases[i].canonical)
			ok(parsed && slice_eq(slice_of(p.canonical, p.canonical_len), slice_str(cases[i].canonical)) &&
				   slice_eq(slice_of(p.decoded, p.decoded_len), slice_str(cases[i].decoded)),
			   "path '%s' is '%s' (%s)", cases[i].path, cases[i].canonical, why ? why : "");
		else
			ok(!parsed && strstr(why, cases[i].decoded), "path '%s' is refused: %s (%s)", cases[i].path,
			   cases[i].decoded, why ? why : "accepted");
	}
}

static void test_path_length(void)
{
	static struct path_forms p;
	AUTO_BUF b = BUF_INIT;
	const char *why = NULL;

	while (b.len < PATH_BYTES_MAX)
		buf_add_char(&b, '/');
	ok(path_parse(buf_slice(&b), &p, &why) && p.canonical_len == PATH_BYTES_MAX, "a path of 32 KiB");
	buf_add_char(&b, '/');
	ok(!path_parse(buf_slice(&b), &p, &why), "not one byte more: %s", why);
}

/* Gather the facts of a head, in a tunnel to "a.test:PORT" unless port is 0. */
static unsigned gather(const char *text, unsigned port, struct request_facts *f)
{
	static struct http_head h;
	static struct refusal no;
	struct authority tunnel = { HOST_NAME, (uint16_t)port, "a.test" };
	size_t scanned = 0, consumed;
	const char *why = "";

	if (http_parse_request(slice_str(text), &scanned, &h, &consumed, &why) != HTTP_DONE) {
		ok(false, "the head is read: %s", why);
		return 0;
	}
	no.status = 0;
	return request_gather(&h, port ? &tunnel : NULL, f, &no) ? 200 : no.status;
}

static void test_gathering(void)
{
	static const struct {
		const char *text;
		unsigned port, status;
		const char *name;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 200, "a request in a tunnel" },
		{ "GET / HTTP/1.1\r\nHost: A.TEST:443\r\n\r\n", 443, 200, "with the port spelled out" },
		{ "GET / HTTP/1.1\r\nHost: a.test:8443\r\n\r\n", 8443, 200, "on another port" },
		{ "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 200, "in absolute form" },
		{ "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 8443, 421, "Host without the tunnel's port" },
		{ "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", 443, 421, "another Host" },
		{ "GET https://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 421, "another URL" },
		{ "GET https://a.test:444/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 421, "another port in the URL" },
		{ "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 421, "another scheme" },
		{ "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n", 443, 400, "a malformed Host" },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 443, 400, "an empty Host" },
		{ "GET / HTTP/1.0\r\n\r\n", 443, 400, "no Host" },
		{ "GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 400, "a malformed target" },
		{ "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, 400, "CONNECT in a tunnel" },
		{ "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", 0, 200, "a plain request" },
		{ "GET https://a.test/x HTTP/1.1\r\nHost: a.test:443\r\n\r\n", 0, 200, "a plain request for https" },
		{ "GET http://a.test/x HTTP/1.1\r\nHost: b.test\r\n\r\n", 0, 421, "with another Host" },
		{ "GET http://a.test:81/x HTTP/1.1\r\nHost: a.test\r\n\r\n", 0, 421, "with another port" },
		{ "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 0, 400, "to the proxy as if it were the origin" },
		{ "GET /x HTTP/1.1\r\nHost: _egress.local\r\n\r\n", 0, 200, "but for introspection" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct request_facts f;

		is_int(gather(cases[i].text, cases[i].port, &f), cases[i].status, "%s", cases[i].name);
	}
}

static void test_facts(void)
{
	struct request_facts f;
	AUTO_BUF out = BUF_INIT;
	struct refusal no;

	gather("PUT http://a.test:8080?x HTTP/1.1\r\nHost: a.test:8080\r\nB: c\r\n\r\n", 0, &f);
	ok(f.scheme == SCHEME_HTTP && f.authority.port == 8080 && f.n_fields == 2 && slice_eq(f.method, SLICE("PUT")),
	   "the facts of a plain request");
	request_target(&out, &f);
	is_str(buf_str(&out), "/?x", "an empty path is sent as /");
	buf_truncate(&out, 0);
	gather("GET /a%41 HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, &f);
	ok(f.scheme == SCHEME_HTTPS && f.authority.port == 443, "in a tunnel it is https");
	request_target(&out, &f);
	is_str(buf_str(&out), "/a%41", "a path is sent as it came");
	ok(!refuse(&no, 403, "x", "a%cb\xC3\xA9", '\n') && strcmp(no.text, "a?b??") == 0,
	   "a refusal is one line of ASCII");
}

int main(void)
{
	test_hosts();
	test_host_lengths();
	test_authorities();
	test_equality_and_form();
	test_targets();
	test_paths();
	test_path_length();
	test_gathering();
	test_facts();
	return tap_done();
}
