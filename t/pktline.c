/* Packet lines and the requests that begin a conversation: what is understood, and what is refused. */
#include "pktline.h"

#include "t/lib/tap.h"

/* A git:// request with this answer. */
static void git(struct slice payload, bool good, const char *repo, unsigned version, const char *name)
{
	struct git_request r;
	const char *why = NULL;
	bool got = git_request_parse(payload, &r, &why);

	ok(got == good && (!good || (slice_eq(r.repo, slice_str(repo)) && r.version == version)) && (good || why),
	   "git: %s", name);
}

static void http(const char *method, const char *target, const char *protocol, bool good, const char *name)
{
	struct git_request r;
	const char *why = NULL;
	bool got = git_request_parse_http(slice_str(method), slice_str(target), slice_str(protocol), &r, &why);

	ok(got == good && (good || why), "http: %s", name);
}

int main(void)
{
	AUTO_BUF out = BUF_INIT;
	size_t len;

	pkt_add(&out, SLICE("hi\n"));
	pkt_add_flush(&out);
	is_str(buf_str(&out), "0007hi\n0000", "a packet and a flush");
	ok(pkt_length(SLICE("fff0"), &len) && len == PKT_MAX, "the longest packet");
	ok(!pkt_length(SLICE("fff1"), &len), "one byte more");
	ok(!pkt_length(SLICE("0003"), &len), "a length that is none");
	ok(!pkt_length(SLICE("00g0"), &len) && !pkt_length(SLICE("+010"), &len) && !pkt_length(SLICE("010"), &len),
	   "no digits");

	{
		struct git_request r;
		const char *why = NULL;

		ok(!git_request_parse_http(SLICE("GET"), SLICE("/a\0pp/info/refs?service=git-upload-pack"), SLICE(""),
					   &r, &why) && why,
		   "a NUL in a name");
	}

	git(SLICE("git-upload-pack /app.git\0host=h\0"), true, "app", 0, "the first protocol");
	git(SLICE("git-upload-pack /app\0host=h\0\0version=2\0"), true, "app", 2, "the second, without .git");
	git(SLICE("git-receive-pack /a.b-c_d\0"), true, "a.b-c_d", 0, "no host");
	git(SLICE("git-upload-pack /app.git\0host=h\0\0version=1:version=9\0"), true, "app", 1,
	    "a version that is not known");
	git(SLICE("git-upload-archive /app.git\0host=h\0"), false, NULL, 0, "another service");
	git(SLICE("git-upload-pack /../app.git\0host=h\0"), false, NULL, 0, "a path that climbs");
	git(SLICE("git-upload-pack /a/b.git\0host=h\0"), false, NULL, 0, "a path with directories");
	git(SLICE("git-upload-pack app.git\0host=h\0"), false, NULL, 0, "no slash");
	git(SLICE("git-upload-pack /.git\0host=h\0"), false, NULL, 0, "no name");
	git(SLICE("git-upload-pack /-x\0host=h\0"), false, NULL, 0, "an option");
	git(SLICE("git-upload-pack /app.git host=h"), false, NULL, 0, "no end");
	git(SLICE("git-upload-pack /app\n;id\0host=h\0"), false, NULL, 0, "a newline inside");

	http("GET", "/app.git/info/refs?service=git-upload-pack", "version=2", true, "advertisement");
	http("POST", "/app/git-receive-pack", "", true, "a push");
	http("GET", "/app.git/info/refs", "", false, "the dumb protocol");
	http("GET", "/app.git/HEAD", "", false, "a file");
	http("GET", "/app.git/info/refs?service=git-upload-archive", "", false, "another service");
	http("GET", "/app.git/info/refs?service=git-upload-pack&x=1", "", false, "another parameter");
	http("POST", "/app.git/git-upload-pack?x", "", false, "a query behind a service");
	http("PUT", "/app.git/git-upload-pack", "", false, "another method");
	http("POST", "/app.git/../x/git-upload-pack", "", false, "a path that climbs");
	http("POST", "/%61pp.git/git-upload-pack", "", false, "a name in percent encoding");
	http("POST", "http://h/app.git/git-upload-pack", "", false, "a whole URL");
	return tap_done();
}
