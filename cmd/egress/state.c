/* The state directory of a bb-egress that runs alone, and what "bb-egress env" makes of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "listen.h"
#include "program.h"
#include "settings.h"

/* Append the path of a file in the state directory. */
static const char *in_state(const char *state, const char *name, struct buf *path)
{
	buf_truncate(path, 0);
	buf_add_format(path, "%s/%s", state, name);
	return buf_str(path);
}

bool store_open(struct settings *s, struct error *e)
{
	AUTO_BUF path = BUF_INIT;

	if (!s->state)
		return true;
	if (!file_make_dirs(s->state, 0700, e))
		return false;
	s->store = open(in_state(s->state, "ca.key", &path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->store >= 0)
		return true;
	if (errno != ENOENT)
		return error_sys(e, "unable to open '%s'", buf_str(&path));
	/* A new key gets its name only when it is whole, so that a crash leaves none that cannot be read. */
	in_state(s->state, "ca.key.new", &path);
	if (unlink(buf_str(&path)) < 0 && errno != ENOENT)
		return error_sys(e, "unable to remove '%s'", buf_str(&path));
	s->store = open(buf_str(&path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	s->new_store = true;
	return s->store >= 0 ? true : error_sys(e, "unable to make '%s'", buf_str(&path));
}

/* Give a new key its name. */
static bool name_store(struct settings *s, struct error *e)
{
	AUTO_BUF from = BUF_INIT;
	AUTO_BUF to = BUF_INIT;

	in_state(s->state, "ca.key.new", &from);
	in_state(s->state, "ca.key", &to);
	if (fsync(s->store) < 0 || rename(buf_str(&from), buf_str(&to)) < 0)
		return error_sys(e, "unable to keep '%s'", buf_str(&to));
	s->new_store = false;
	return true;
}

/* The system's trusted certificates and ours in one file, for programs that take one file only. */
static bool publish_bundle(const char *path, struct slice pem, struct error *e)
{
	static const char *const systems[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
					       "/etc/ssl/cert.pem" };
	AUTO_BUF bundle = BUF_INIT;

	for (size_t i = 0; i < COUNT_OF(systems) && !bundle.len; i++) {
		struct error ignored = ERROR_INIT; /* a system without it trusts ours alone */

		file_read(systems[i], 16u << 20, &bundle, &ignored);
	}
	buf_add_slice(&bundle, pem);
	return file_replace(path, buf_slice(&bundle), 0644, e);
}

bool certificate_publish(struct settings *s, struct slice pem, struct error *e)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_BUF address = BUF_INIT;

	if (s->ca_cert && !file_replace(s->ca_cert, pem, 0644, e))
		return false;
	if (!s->state)
		return true;
	if (s->new_store && !name_store(s, e))
		return false;
	listen_format(s->listeners[0], &address);
	buf_add_char(&address, '\n');
	return file_replace(in_state(s->state, "ca.pem", &path), pem, 0644, e) &&
	       publish_bundle(in_state(s->state, "bundle.pem", &path), pem, e) &&
	       file_replace(in_state(s->state, "address", &path), buf_slice(&address), 0644, e);
}

/* --- bb-egress env --- */

static const struct option_def env_options[] = {
	{ "state", 0, "DIR", "the state directory of the running bb-egress" },
	{ .name = NULL },
};

static const struct program env_program = {
	.name = "bb-egress env",
	.purpose = "print the variables that send a program's traffic through the proxy, for eval",
	.usage = "--state DIR",
	.options = env_options,
};

static bool take_env_option(void *context, const char *name, const char *arg, struct error *e)
{
	(void)name;
	(void)e;
	*(const char **)context = arg;
	return true;
}

/* Print one export with the value quoted for sh. */
static void print_export(const char *name, const char *value)
{
	printf("export %s='", name);
	for (const char *p = value; *p; p++)
		*p == '\'' ? (void)fputs("'\\''", stdout) : (void)putchar(*p);
	puts("'");
}

/* What programs look at, and for what; found by trying them. */
static void print_variables(const char *state, const char *address)
{
	static const char *const proxies[] = { "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy" };
	static const char *const bundles[] = { "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
					       "GIT_SSL_CAINFO",
					       "PIP_CERT", "CARGO_HTTP_CAINFO" };
	AUTO_BUF url = BUF_INIT;
	AUTO_BUF path = BUF_INIT;

	buf_add_format(&url, "http://%s", address);
	for (size_t i = 0; i < COUNT_OF(proxies); i++)
		print_export(proxies[i], buf_str(&url));
	print_export("NO_PROXY", "localhost,127.0.0.1,::1");
	print_export("no_proxy", "localhost,127.0.0.1,::1");
	print_export("NODE_USE_ENV_PROXY", "1");
	print_export("NODE_EXTRA_CA_CERTS", in_state(state, "ca.pem", &path));
	in_state(state, "bundle.pem", &path);
	for (size_t i = 0; i < COUNT_OF(bundles); i++)
		print_export(bundles[i], buf_str(&path));
}

int env_main(int argc, char **argv)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_BUF address = BUF_INIT;
	AUTO_FREE char *full = NULL;
	const char *state = NULL;
	struct error e = ERROR_INIT;

	if (program_start(&env_program, argc, argv, take_env_option, &state) != argc)
		return program_usage("unexpected operand");
	if (!state)
		return program_usage("which proxy? say --state DIR");
	full = realpath(state, NULL);
	if (!full) {
		error_sys(&e, "unable to read '%s'", state);
		return program_fail(&e);
	}
	if (!file_read(in_state(full, "address", &path), 256, &address, &e)) {
		error_wrap(&e, "is bb-egress running with this state directory?");
		return program_fail(&e);
	}
	if (address.len && address.ptr[address.len - 1] == '\n')
		buf_truncate(&address, address.len - 1);
	print_variables(full, buf_str(&address));
	return program_flush(&e) ? STATUS_YES : program_fail(&e);
}
