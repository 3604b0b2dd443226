/* The stream of a container comes in pieces; names are quoted; the engine is found or refused in words. */
#include "engine.h"

#include <stdlib.h>

#include "digest.h"
#include "t/lib/tap.h"

static void test_pieces(void)
{
	struct slice in = SLICE("\1\0\0\0\0\0\0\3abc\2\0\0\0\0\0\0\1x");
	struct slice bytes;
	size_t consumed;
	int stream;

	for (size_t n = 0; n < 11; n++)
		if (engine_piece(slice_sub(in, 0, n), &stream, &bytes, &consumed) != 0)
			ok(false, "a piece of %zu bytes is not whole", n);
	ok(engine_piece(in, &stream, &bytes, &consumed) == 1 && stream == 1 && slice_eq(bytes, SLICE("abc")) &&
	   consumed == 11,
	   "a piece of output");
	ok(engine_piece(slice_sub(in, consumed, in.len), &stream, &bytes, &consumed) == 1 && stream == 2 &&
		   slice_eq(bytes, SLICE("x")),
	   "a piece of errors behind it");
	ok(engine_piece(SLICE("HTTP/1.1"), &stream, &bytes, &consumed) == -1, "anything else is no piece");
	ok(engine_piece(SLICE("\3\0\0\0\0\0\0\0"), &stream, &bytes, &consumed) == -1, "nor is a third stream");
	ok(engine_piece(SLICE("\1\0\0\0\x7f\0\0\0"), &stream, &bytes, &consumed) == -1, "nor one without end");
}

static void test_quote(void)
{
	AUTO_BUF out = BUF_INIT;

	engine_quote(&out, SLICE("a-Z_0.~ {\"l\":[\"x=/\xc3\xa9\"]}&"));
	ok(slice_eq(buf_slice(&out), SLICE("a-Z_0.~%20%7B%22l%22%3A%5B%22x%3D%2F%C3%A9%22%5D%7D%26")),
	   "all but unreserved characters");
}

/* Where is the engine, with these variables? The socket, or the error. */
static bool finds(const char *host, const char *context, const char *want)
{
	struct error e = ERROR_INIT;
	AUTO_ENGINE en = ENGINE_INIT;

	setenv("DOCKER_HOST", host, 1);
	setenv("DOCKER_CONTEXT", context, 1);
	return strstr(engine_open(&en, &e) ? en.socket : e.text, want) != NULL;
}

static void test_find(void)
{
	struct error e = ERROR_INIT;
	AUTO_ENGINE en = ENGINE_INIT;

	setenv("DOCKER_CONFIG", "/nonexistent", 1);
	ok(finds("", "", "/var/run/docker.sock"), "the usual place");
	ok(finds("unix:///run/user/7/docker.sock", "other", "/run/user/7/docker.sock"), "DOCKER_HOST goes first");
	ok(finds("", "other", "no Docker context 'other'"), "a context that is not there");
	ok(finds("tcp://192.0.2.1:2375", "", "not on a Unix socket of this machine"), "an engine elsewhere is refused");
	ok(finds("ssh://build", "", "not on a Unix socket of this machine"), "over ssh, too");
	setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock", 1);
	ok(engine_open(&en, &e) && !engine_call(&en, "GET", "/_ping", NULL, NULL, &e) && en.status == 0 &&
		   strstr(e.text, "unable to reach the Docker engine at '/nonexistent/docker.sock'; start it"),
	   "one that does not answer");
}

int main(void)
{
	digest_init();
	document_seed();
	test_pieces();
	test_quote();
	test_find();
	return tap_done();
}
