/* origin: the far end of tests and measurements. See origin.h and bench/README. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "bench/pattern.h"
#include "fd.h"
#include "origin.h"
#include "program.h"

#define WORKERS_MAX 64

static const struct option_def defs[] = {
	{ "bind", 0, "ADDRESS", "IPv4 address to listen on (127.0.0.1)" },
	{ "http", 0, "PORT", "port for plain HTTP (chosen by the kernel)" },
	{ "https", 0, "PORT", "port for HTTPS (chosen by the kernel)" },
	{ "ca", 0, "DIR", "authority in DIR/ca.pem and DIR/ca.key, made when absent" },
	{ "cert", 0, "FILE", "this chain for every name, with --key" },
	{ "key", 0, "FILE", "its private key" },
	{ "record", 0, "FILE", "append a JSON line for each connection and request" },
	{ "root", 0, "DIR", "serve the files below DIR" },
	{ "udp", 0, NULL, "record datagrams that reach the plain port's number, too" },
	{ "workers", 0, "N", "threads (1)" },
	{ "ready", 0, "FD", "write \"PLAIN-PORT TLS-PORT\" there when listening (1)" },
	{ NULL, 0, NULL, NULL },
};

static const struct program self = {
	.name = "origin",
	.purpose = "answer test requests over HTTP and HTTPS, and record them",
	.usage = "--ca DIR [OPTION]...\n"
		 "paths: /bytes/N /chunked/N?size=S /echo /headers /status/N /sse?n=N&ms=M /slow?ms=M\n"
		 "       /redirect?to=URL /truncate/N /close, then files of --root, else 404\n",
	.options = defs,
};

/* Read a number between 0 and max. */
static bool parse_number(const char *text, unsigned long max, unsigned *out, struct error *e)
{
	uint64_t v;

	if (!slice_to_u64(slice_str(text), &v) || v > max)
		return error_set(e, STATUS_CALLER, "'%s' is not a number up to %lu", text, max);
	*out = (unsigned)v;
	return true;
}

static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct origin_options *o = options;

	if (strcmp(name, "bind") == 0)
		o->bind = arg;
	else if (strcmp(name, "ca") == 0)
		o->ca_dir = arg;
	else if (strcmp(name, "cert") == 0)
		o->cert = arg;
	else if (strcmp(name, "key") == 0)
		o->key = arg;
	else if (strcmp(name, "record") == 0)
		o->record = arg;
	else if (strcmp(name, "root") == 0)
		o->root = arg;
	else if (strcmp(name, "udp") == 0)
		o->udp = true;
	else if (strcmp(name, "workers") == 0)
		return parse_number(arg, WORKERS_MAX, &o->workers, e);
	else if (strcmp(name, "http") == 0)
		return parse_number(arg, 65535, &o->http_port, e);
	else if (strcmp(name, "https") == 0)
		return parse_number(arg, 65535, &o->https_port, e);
	else if (strcmp(name, "ready") == 0)
		return fd_parse(arg, &o->ready, e);
	return true;
}

/* Make a listening socket of a type; the port that it got goes to *port. */
static int listen_on(int type, const char *address, unsigned want, unsigned *port, struct error *e)
{
	AUTO_FD fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)want) };
	socklen_t len = sizeof(a);
	int on = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		error_set(e, STATUS_CALLER, "'%s' is not an IPv4 address", address);
		return -1;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (type == SOCK_STREAM && listen(fd, 1024) < 0) ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		error_sys(e, "unable to listen on '%s' port %u", address, want);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd_steal(&fd);
}

/* Open everything that the workers share. */
static bool origin_open(struct origin *o, struct error *e)
{
	const struct origin_options *p = &o->options;

	if (p->record && (o->record_fd = open(p->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
		return error_sys(e, "unable to open '%s'", p->record);
	if (p->root && (o->root_fd = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return error_sys(e, "unable to open '%s'", p->root);
	if (!p->cert && !(o->identity = identity_open(p->ca_dir, e)))
		return false;
	o->pattern = alloc_zero(PATTERN_SIZE, 1);
	pattern_fill(o->pattern);
	return (o->tls = identity_context(o->identity, p->cert, p->key, e)) &&
	       (o->listener[0] = listen_on(SOCK_STREAM, p->bind, p->http_port, &o->port[0], e)) >= 0 &&
	       (o->listener[1] = listen_on(SOCK_STREAM, p->bind, p->https_port, &o->port[1], e)) >= 0 &&
	       (!p->udp || (o->datagrams = listen_on(SOCK_DGRAM, p->bind, o->port[0], &o->port[0], e)) >= 0);
}

/* Tell whoever waits which ports these are, and close the descriptor. */
static bool announce(struct origin *o, struct error *e)
{
	AUTO_BUF line = BUF_INIT;
	AUTO_FD null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	buf_add_format(&line, "%u %u\n", o->port[0], o->port[1]);
	if (!fd_write_all(o->options.ready, buf_slice(&line), "the ports", e))
		return false;
	if (null < 0 || dup2(null, o->options.ready) < 0)
		return error_sys(e, "unable to close the ready descriptor");
	return true;
}

/* Close it all; for a start that failed. */
static void origin_release(struct origin *o)
{
	fd_close(&o->record_fd);
	fd_close(&o->root_fd);
	fd_close(&o->listener[0]);
	fd_close(&o->listener[1]);
	fd_close(&o->datagrams);
	SSL_CTX_free(o->tls);
	identity_release(o->identity);
	free(o->pattern);
}

/* A thread: serve, and end the program if that fails. */
static void *run_worker(void *arg)
{
	struct error e = ERROR_INIT;

	worker_run(arg, &e);
	exit(program_fail(&e));
}

int main(int argc, char **argv)
{
	struct origin o = { .options = { .bind = "127.0.0.1", .workers = 1, .ready = STDOUT_FILENO },
			    .record_fd = -1, .root_fd = -1, .listener = { -1, -1 }, .datagrams = -1 };
	struct error e = ERROR_INIT;
	pthread_t thread;

	if (program_start(&self, argc, argv, take_option, &o.options) != argc)
		return program_usage("unexpected operand");
	if (!o.options.ca_dir == !o.options.cert || !o.options.cert != !o.options.key || o.options.workers == 0)
		return program_usage("give either --ca, or --cert with --key, and at least one worker");
	if (!origin_open(&o, &e) || !announce(&o, &e)) {
		origin_release(&o);
		return program_fail(&e);
	}
	for (unsigned i = 1; i < o.options.workers; i++)
		if (pthread_create(&thread, NULL, run_worker, &o) != 0)
			return program_fail(&(struct error){ STATUS_WORLD, "unable to start a thread" });
	run_worker(&o);
	return STATUS_WORLD;
}
