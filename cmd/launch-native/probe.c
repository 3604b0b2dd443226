#include "probe.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

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

struct doc *probe_new(const struct plan *p, const char *backend)
{
	struct doc *probe = doc_new("probe", 1);

	doc_put_str(probe, "backend", backend);
	add_proxy(probe, p);
	if (doc_get(p->probe, "unlisted"))
		doc_put_slice(probe, "unlisted", doc_get_str(p->probe, "unlisted"));
	if (doc_get(p->probe, "listed"))
		doc_put_slice(probe, "listed", doc_get_str(p->probe, "listed"));
	add_services(probe, p);
	add_addresses(probe);
	add_environment(probe, p);
	return probe;
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
		return error_set(e, STATUS_WORLD,
				 "the bottle does not hold: layer '%s', check '%s': %s; it was not started",
				 layer ? layer : "?", name ? name : "?", detail ? detail : "no detail");
	}
	return error_set(e, STATUS_WORLD, "the bottle does not hold, says bb-prove; it was not started");
}

bool probe_judge(struct slice text, int code, struct error *e)
{
	AUTO_DOC *verdict = doc_parse(text, e);

	if (!verdict || doc_type_of(verdict) != DOC_OBJECT || !doc_is(verdict, "verdict", 1, e))
		return error_set(e, STATUS_WORLD, "bb-prove gave no verdict (status %d); the bottle was not started",
				 code);
	if (code != STATUS_YES || !doc_get_bool(verdict, "holds"))
		return refuse(verdict, e);
	return true;
}

