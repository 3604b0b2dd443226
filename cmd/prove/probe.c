#include "probe.h"

#include <arpa/inet.h>

#include "alloc.h"

static const struct doc_field probe_fields[] = {
	{ "backend", DOC_STR, true },
	{ "proxy", DOC_OBJECT, false },
	{ "unlisted", DOC_STR, false },
	{ "listed", DOC_STR, false },
	{ "services", DOC_ARRAY, true },
	{ "host_addresses", DOC_ARRAY, true },
	{ "addresses", DOC_ARRAY, false },
	{ "env", DOC_ARRAY, true },
	{ "placeholders", DOC_ARRAY, false },
	{ "hidden", DOC_ARRAY, true },
	{ "unwritable", DOC_ARRAY, false },
	{ "abstract", DOC_ARRAY, false },
	{ "namespaces", DOC_OBJECT, true },
	{ .name = NULL },
};
static const struct doc_field address_fields[] = {
	{ "address", DOC_STR, true },
	{ "port", DOC_INT, true },
	{ .name = NULL },
};
static const struct doc_field service_fields[] = {
	{ "name", DOC_STR, true },
	{ "ports", DOC_ARRAY, true },
	{ .name = NULL },
};
static const struct doc_field placeholder_fields[] = {
	{ "name", DOC_STR, true },
	{ "value", DOC_STR, true },
	{ .name = NULL },
};
static const struct doc_field namespace_fields[] = {
	{ "cgroup", DOC_STR, false }, { "ipc", DOC_STR, false },  { "mnt", DOC_STR, false },
	{ "net", DOC_STR, false },    { "pid", DOC_STR, false },  { "time", DOC_STR, false },
	{ "user", DOC_STR, false },   { "uts", DOC_STR, false }, { .name = NULL },
};

/* Every element of a list is of this type. */
static bool check_list(const struct doc *d, const char *key, enum doc_type type, struct error *e)
{
	const struct doc *list = doc_get(d, key);

	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_type_of(doc_at(list, i)) != type)
			return error_set(e, STATUS_CALLER, "'probe.%s[%zu]' is of the wrong type", key, i);
	return true;
}

/* Every element of a list of objects has these members. */
static bool check_objects(const struct doc *d, const char *key, const struct doc_field *fields, struct error *e)
{
	const struct doc *list = doc_get(d, key);

	for (size_t i = 0; i < doc_count(list); i++) {
		AUTO_FREE char *path = alloc_format("probe.%s[%zu]", key, i);

		if (!doc_check(doc_at(list, i), path, fields, e))
			return false;
	}
	return true;
}

/* A literal IPv4 or IPv6 address: nothing is resolved in here. */
static bool check_address(const char *text, struct error *e)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
		return error_set(e, STATUS_CALLER, "'%s' is not an IP address", text);
	return true;
}

/* An object of address and port. */
static bool check_endpoint(const struct doc *d, struct error *e)
{
	int64_t port = doc_get_int(d, "port");

	if (port < 1 || port > 65535)
		return error_set(e, STATUS_CALLER, "'%lld' is not a port", (long long)port);
	return check_address(doc_get_cstr(d, "address"), e);
}

/* A host name as it goes into a request: letters, digits, dots, hyphens, and not too long. */
static bool check_name(const char *name, struct error *e)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(name[i]) && !ascii_is_digit(name[i]) && name[i] != '.' && name[i] != '-')
			return error_set(e, STATUS_CALLER, "'%s' is not a host name", name);
	if (!len || len > 253)
		return error_set(e, STATUS_CALLER, "'%s' is not a host name", name);
	return true;
}

/* Addresses and ports are what they say. */
static bool check_endpoints(const struct doc *d, struct error *e)
{
	const struct doc *hosts = doc_get(d, "host_addresses");
	const struct doc *others = doc_get(d, "addresses");
	const struct doc *services = doc_get(d, "services");

	for (size_t i = 0; i < doc_count(hosts); i++)
		if (!check_address(doc_cstr(doc_at(hosts, i)), e))
			return error_wrap(e, "'probe.host_addresses[%zu]'", i);
	for (size_t i = 0; i < doc_count(others); i++)
		if (!check_endpoint(doc_at(others, i), e))
			return error_wrap(e, "'probe.addresses[%zu]'", i);
	for (size_t i = 0; i < doc_count(services); i++)
		if (!check_list(doc_at(services, i), "ports", DOC_INT, e))
			return error_wrap(e, "'probe.services[%zu]'", i);
	return true;
}

/* The shape of the whole document. */
static bool check_shape(const struct doc *d, struct error *e)
{
	return doc_check(d, "probe", probe_fields, e) && check_list(d, "host_addresses", DOC_STR, e) &&
	       check_list(d, "env", DOC_STR, e) && check_list(d, "hidden", DOC_STR, e) &&
	       check_list(d, "unwritable", DOC_STR, e) && check_list(d, "abstract", DOC_STR, e) &&
	       check_objects(d, "addresses", address_fields, e) && check_objects(d, "services", service_fields, e) &&
	       check_objects(d, "placeholders", placeholder_fields, e) &&
	       doc_check(doc_get(d, "namespaces"), "probe.namespaces", namespace_fields, e) && check_endpoints(d, e);
}

/* Take the proxy and the names that are asked of it. */
static bool take_proxy(struct probe *p, struct error *e)
{
	const struct doc *d = p->document;
	const struct doc *proxy = doc_get(d, "proxy");

	p->unlisted = doc_get_cstr(d, "unlisted");
	p->listed = doc_get_cstr(d, "listed");
	if (p->unlisted && !check_name(p->unlisted, e))
		return error_wrap(e, "'probe.unlisted'");
	if (p->listed && !check_name(p->listed, e))
		return error_wrap(e, "'probe.listed'");
	if (!proxy)
		return true;
	if (!doc_check(proxy, "probe.proxy", address_fields, e))
		return false;
	if (!check_endpoint(proxy, e))
		return error_wrap(e, "'probe.proxy'");
	if (!p->unlisted)
		return error_set(e, STATUS_CALLER, "'probe' has a proxy but no unlisted name to ask it for");
	p->proxy_address = doc_get_cstr(proxy, "address");
	p->proxy_port = (int)doc_get_int(proxy, "port");
	return true;
}

bool probe_read(int fd, struct probe *p, struct error *e)
{
	*p = (struct probe){ .document = doc_read(fd, "probe", 1, e) };
	return p->document && check_shape(p->document, e) && take_proxy(p, e);
}

void probe_release(struct probe *p)
{
	doc_release(p->document);
	*p = (struct probe){ .document = NULL };
}

bool probe_allows_variable(const struct probe *p, struct slice name)
{
	const struct doc *list = doc_get(p->document, "env");

	for (size_t i = 0; i < doc_count(list); i++)
		if (slice_eq(doc_str(doc_at(list, i)), name))
			return true;
	return false;
}

bool probe_has_service(const struct probe *p, int port)
{
	const struct doc *services = doc_get(p->document, "services");

	for (size_t i = 0; i < doc_count(services); i++) {
		const struct doc *ports = doc_get(doc_at(services, i), "ports");

		for (size_t j = 0; j < doc_count(ports); j++)
			if (doc_int(doc_at(ports, j)) == port)
				return true;
	}
	return false;
}

const char *probe_host_namespace(const struct probe *p, const char *type)
{
	return doc_get_cstr(doc_get(p->document, "namespaces"), type);
}
