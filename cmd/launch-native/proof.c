#include "proof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "hatch.h"
#include "loop.h"
#include "root.h"

/* Where the proxy is inside. */
static void add_proxy(struct doc *probe, const struct plan *p)
{
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	size_t n = plan_listeners(p, listeners);

	for (size_t i = 0; i < n; i++) {
		struct doc *proxy;

		if (strcmp(listeners[i].name, "egress") != 0)
			continue;
		proxy = doc_put(probe, "proxy", doc_new_object());
		doc_put_str(proxy, "address", "127.0.0.1");
		doc_put_int(proxy, "port", listeners[i].port);
		return;
	}
}

/* Every service with all its ports: the only listeners that there may be. */
static void add_services(struct doc *probe, const struct plan *p)
{
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	struct doc *services = doc_put(probe, "services", doc_new_array());
	size_t n = plan_listeners(p, listeners);

	for (size_t i = 0; i < n; i++) {
		struct doc *service = doc_append(services, doc_new_object());

		doc_put_str(service, "name", listeners[i].name);
		doc_append(doc_put(service, "ports", doc_new_array()), doc_new_int(listeners[i].port));
	}
}

/* Addresses of the host's interfaces. */
static void add_addresses(struct doc *probe)
{
	struct doc *list = doc_put(probe, "host_addresses", doc_new_array());
	struct ifaddrs *all;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		const void *address = NULL;

		if (!a->ifa_addr || a->ifa_flags & IFF_LOOPBACK)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			address = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		else if (a->ifa_addr->sa_family == AF_INET6)
			address = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		if (address && inet_ntop(a->ifa_addr->sa_family, address, text, sizeof(text)))
			doc_append_str(list, text);
	}
	freeifaddrs(all);
}

/* The only variables that there may be, and what those hold whose value is in the plan. */
static void add_environment(struct doc *probe, const struct plan *p)
{
	const struct doc *env = doc_get(p->bottle, "env");
	struct doc *names = doc_put(probe, "env", doc_new_array());
	struct doc *values = doc_put(probe, "placeholders", doc_new_array());

	for (size_t i = 0; i < doc_count(env); i++) {
		const struct doc *v = doc_at(env, i);
		struct doc *value;

		doc_append_str(names, doc_get_cstr(v, "name"));
		if (!doc_get(v, "value"))
			continue;
		value = doc_append(values, doc_new_object());
		doc_put_str(value, "name", doc_get_cstr(v, "name"));
		doc_put_slice(value, "value", doc_get_str(v, "value"));
	}
}

/* What must not be there, and what only Landlock protects. */
static void add_paths(struct doc *probe, const struct state *s)
{
	struct doc *hidden = doc_put(probe, "hidden", doc_new_array());
	struct doc *unwritable = doc_put(probe, "unwritable", doc_new_array());

	doc_append_str(hidden, s->dir);
	doc_append_str(hidden, "/etc/shadow");
	doc_append_str(hidden, "/etc/sudoers");
	doc_append_str(hidden, "/sys/fs/cgroup");
	doc_append_str(unwritable, ROOT_MARKER);
}

/* The host's namespaces, of which the bottle may have none. */
static void add_namespaces(struct doc *probe)
{
	static const char *const types[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	struct doc *namespaces = doc_put(probe, "namespaces", doc_new_object());

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		AUTO_FREE char *path = alloc_format("/proc/self/ns/%s", types[i]);
		char text[64];
		ssize_t n = readlink(path, text, sizeof(text));

		if (n > 0)
			doc_put_slice(namespaces, types[i], slice_of(text, (size_t)n));
	}
}

struct doc *proof_probe(const struct plan *p, const struct state *s)
{
	struct doc *probe = doc_new("probe", 1);

	doc_put_str(probe, "backend", "native");
	add_proxy(probe, p);
	if (doc_get(p->probe, "unlisted"))
		doc_put_slice(probe, "unlisted", doc_get_str(p->probe, "unlisted"));
	if (doc_get(p->probe, "listed"))
		doc_put_slice(probe, "listed", doc_get_str(p->probe, "listed"));
	add_services(probe, p);
	add_addresses(probe);
	add_environment(probe, p);
	add_paths(probe, s);
	add_namespaces(probe);
	return probe;
}

/* Send the probe and the pipe for the verdict in. */
static bool send_probe(int hatch, const struct doc *probe, int verdict, struct error *e)
{
	AUTO_FD file = memfd_create("probe", MFD_CLOEXEC);
	struct hatch_message m = { .kind = HATCH_PROVE, .n_fds = 2, .fds = { file, verdict } };

	if (file < 0 || !doc_write(probe, file, e) || lseek(file, 0, SEEK_SET) < 0)
		return error_sys(e, "unable to make a memory file");
	return hatch_send(hatch, &m, e);
}

/* Read until the end or the deadline. */
static bool read_verdict(int fd, struct buf *text, struct error *e)
{
	int64_t deadline = loop_clock() + PROOF_MS;
	struct pollfd p = { fd, POLLIN, 0 };

	for (;;) {
		int64_t left = deadline - loop_clock();
		ssize_t n;

		if (left <= 0)
			return error_set(e, STATUS_WORLD, "bb-prove gives no verdict within %d seconds", PROOF_MS / 1000);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		buf_reserve(text, 4096);
		n = read(fd, text->ptr + text->len, text->cap - text->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read the verdict of bb-prove");
		if (n == 0)
			return true;
		text->len += (size_t)n;
		if (text->len > PROOF_VERDICT_MAX)
			return error_set(e, STATUS_WORLD, "the verdict of bb-prove is larger than %u bytes", PROOF_VERDICT_MAX);
	}
}

/* Name the first layer that does not hold. */
static bool refuse(const struct doc *verdict, struct error *e)
{
	const struct doc *checks = doc_get(verdict, "checks");

	for (size_t i = 0; i < doc_count(checks); i++) {
		const struct doc *c = doc_at(checks, i);
		const char *layer, *name, *detail;

		if (doc_type_of(c) != DOC_OBJECT || slice_eq(doc_get_str(c, "result"), SLICE("held")))
			continue;
		layer = doc_get_cstr(c, "layer");
		name = doc_get_cstr(c, "name");
		detail = doc_get_cstr(c, "detail");
		return error_set(e, STATUS_WORLD, "the bottle does not hold: layer '%s', check '%s': %s; it was not started",
				 layer ? layer : "?", name ? name : "?", detail ? detail : "no detail");
	}
	return error_set(e, STATUS_WORLD, "the bottle does not hold, says bb-prove; it was not started");
}

/* What a verdict and an exit code mean together. */
static bool judge(struct slice text, int code, struct error *e)
{
	AUTO_DOC *verdict = doc_parse(text, e);

	if (!verdict || doc_type_of(verdict) != DOC_OBJECT || !doc_is(verdict, "verdict", 1, e))
		return error_set(e, STATUS_WORLD, "bb-prove gave no verdict (status %d); the bottle was not started", code);
	if (code != STATUS_YES || !doc_get_bool(verdict, "holds"))
		return refuse(verdict, e);
	return true;
}

bool proof_demand(int hatch, const struct plan *p, const struct state *s, struct error *e)
{
	AUTO_DOC *probe = proof_probe(p, s);
	struct hatch_message m;
	AUTO_BUF text = BUF_INIT;
	AUTO_FD out = -1;
	AUTO_FD in = -1;
	int ends[2];

	if (!fd_pipe(ends, e))
		return false;
	out = ends[0];
	in = ends[1];
	if (!send_probe(hatch, probe, in, e))
		return false;
	fd_close(&in);
	return read_verdict(out, &text, e) && hatch_expect(hatch, HATCH_PROVED, 0, &m, e) &&
	       judge(buf_slice(&text), m.value, e);
}
