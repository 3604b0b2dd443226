/* Cookies: those that an origin has set pass, others do not. */
#include "alloc.h"
#include "cookies.h"
#include "t/lib/tap.h"

/* Remember what a response with these header lines sets. */
static void respond(struct cookies *c, const char *host, const char *lines)
{
	AUTO_FREE char *text = alloc_format("HTTP/1.1 200 OK\r\n%s\r\n\r\n", lines);
	static struct http_head h;
	size_t scanned = 0, consumed;
	const char *why = "";

	if (http_parse_response(slice_str(text), &scanned, false, &h, &consumed, &why) != HTTP_DONE)
		ok(false, "the response is one: %s", why);
	cookies_remember(c, host, &h);
}

/* What is left of the cookies of a request with these header lines. */
static void left(const struct cookies *c, const char *host, const char *lines, const char *want, const char *name)
{
	AUTO_FREE char *text = alloc_format("GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", lines);
	static struct http_head h;
	size_t scanned = 0, consumed;
	const char *why = "";
	AUTO_BUF out = BUF_INIT;

	if (http_parse_request(slice_str(text), &scanned, &h, &consumed, &why) != HTTP_DONE)
		ok(false, "the request is one: %s", why);
	cookies_filter(c, host, &h, &out);
	is_str(buf_str(&out), want, "%s", name);
}

static void test_passing(void)
{
	struct cookies c = { NULL, NULL };

	left(&c, "a.test", "Cookie: s=1", "", "before anything was set nothing passes");
	respond(&c, "a.test", "Set-Cookie: s=1; Path=/; HttpOnly\r\nset-cookie:t=2\r\nX: u=3");
	left(&c, "a.test", "Cookie: s=1", "s=1", "what was set passes");
	left(&c, "a.test", "Cookie: s=1; t=2", "s=1; t=2", "all of it");
	left(&c, "a.test", "Cookie: evil=1;  t=2 ;s=1;Path=/; u=3; s", "t=2; s=1", "and nothing else");
	left(&c, "a.test", "Cookie: s=1\r\nCookie: t=2", "s=1; t=2", "from several headers, too");
	left(&c, "a.test", "Cookie: s=11; S=1; s= 1; s=; =1; s", "", "another value or name is another cookie");
	left(&c, "b.test", "Cookie: s=1", "", "and another host's");
	respond(&c, "a.test", "Set-Cookie: =x\r\nSet-Cookie: bare\r\nSet-Cookie:");
	left(&c, "a.test", "Cookie: =x; bare", "", "what has no name is none");
	respond(&c, "a.test", "Set-Cookie: s=1");
	left(&c, "a.test", "Cookie: s=1", "s=1", "setting it again changes nothing");
	cookies_release(&c);
	left(&c, "a.test", "Cookie: s=1", "", "after the release nothing is known");
}

/* Memory is bounded: the oldest are forgotten, the newest never at once. */
static void test_many(void)
{
	struct cookies c = { NULL, NULL };
	size_t known = 0;

	for (int i = 0; i < 20000; i++) {
		AUTO_FREE char *line = alloc_format("Set-Cookie: n%d=v", i);
		AUTO_FREE char *back = alloc_format("Cookie: n%d=v", i);
		AUTO_FREE char *want = alloc_format("n%d=v", i);

		respond(&c, "a.test", line);
		if (i % 1000 == 0)
			left(&c, "a.test", back, want, "the newest passes");
	}
	for (int i = 0; i < 20000; i++) {
		AUTO_FREE char *text = alloc_format("GET / HTTP/1.0\r\nCookie: n%d=v\r\n\r\n", i);
		static struct http_head h;
		size_t scanned = 0, consumed;
		const char *why;
		AUTO_BUF out = BUF_INIT;

		http_parse_request(slice_str(text), &scanned, &h, &consumed, &why);
		cookies_filter(&c, "a.test", &h, &out);
		known += out.len > 0;
	}
	ok(known > 3500 && known <= COOKIES_SETS * COOKIES_WAYS,
	   "of 20,000 so many are known as there is room for: %zu", known);
	cookies_release(&c);
}

int main(void)
{
	cookies_prepare();
	test_passing();
	test_many();
	return tap_done();
}
