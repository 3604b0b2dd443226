#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

/* True when the launcher may count on the host variable. */
static bool is_set(const struct plan_options *o, const char *variable)
{
	for (size_t i = 0; i < o->host_has.count; i++)
		if (strcmp(o->host_has.list[i], variable) == 0)
			return true;
	return false;
}

/* Add a secret unless it is there; text is the host's variable, the file or the question, as source says. */
void plan_secret(struct planner *p, const char *name, const char *source, const char *text)
{
	struct doc *secret;

	for (size_t i = 0; i < doc_count(p->secrets); i++)
		if (strcmp(doc_get_cstr(doc_at(p->secrets, i), "name"), name) == 0)
			return;
	secret = doc_append(p->secrets, doc_new_object());
	doc_put_str(secret, "name", name);
	doc_put_str(secret, "source", source);
	doc_put_str(secret, source, text);
}

/* Remember a variable that is not set, with what needs it. */
void plan_missing(const struct planner *p, const char *variable, const char *key, struct buf *missing)
{
	const char *origin = doc_get_cstr(doc_get(p->manifest, "origins"), key);

	if (is_set(p->options, variable))
		return;
	buf_add_format(missing, "%s'%s' for %s", missing->len ? ", " : "", variable, key);
	if (origin)
		buf_add_format(missing, " (%s)", origin);
}

/* A route's credential: its slot instead of the host's variable. */
static void put_slot(struct planner *p, struct doc *route, const char *list, size_t index, struct buf *missing)
{
	struct slice ref = doc_get_str(doc_get(route, "auth"), "token_ref");
	AUTO_FREE char *variable = alloc_copy(ref.len ? ref.ptr : "", ref.len);
	AUTO_FREE char *slot = alloc_format("token:%s", variable);
	AUTO_FREE char *key = alloc_format("%s[%zu]", list, index);
	struct doc *own;

	if (!ref.len)
		return;
	own = doc_copy(doc_get(route, "auth"));
	doc_put_str(own, "token_ref", slot);
	doc_put(route, "auth", own);
	plan_missing(p, variable, key, missing);
	plan_secret(p, slot, "host", variable);
}

/* How the preflight names a list of detectors. */
static struct doc *detectors_shown(const struct doc *detectors)
{
	if (!detectors)
		return doc_new_str(SLICE("default"));
	if (doc_type_of(detectors) == DOC_BOOL)
		return doc_new_str(doc_bool(detectors) ? SLICE("default") : SLICE("none"));
	return doc_copy(detectors);
}

/* One line of the preflight. */
static void show_route(struct planner *p, const struct doc *route, const char *from)
{
	const struct doc *auth = doc_get(route, "auth"), *dlp = doc_get(route, "dlp");
	const char *header = doc_get_cstr(auth, "header"), *scheme = doc_get_cstr(auth, "scheme");
	struct doc *shown = doc_append(p->asked, doc_new_object()), *detectors;

	doc_put_str(shown, "host", doc_get_cstr(route, "host"));
	if (doc_get(route, "ports")) {
		doc_put(shown, "ports", doc_copy(doc_get(route, "ports")));
	} else {
		struct doc *ports = doc_put(shown, "ports", doc_new_array());

		doc_append(ports, doc_new_int(443));
		if (!auth) /* a credential never goes over plain http */
			doc_append(ports, doc_new_int(80));
	}
	if (auth)
		doc_put_str(shown, "auth", header ? header : scheme ? scheme : "Bearer");
	doc_put_str(shown, "from", from);
	detectors = doc_put(shown, "detectors", doc_new_object());
	doc_put(detectors, "outbound", detectors_shown(doc_get(dlp, "outbound_detectors")));
	doc_put(detectors, "inbound", detectors_shown(doc_get(dlp, "inbound_detectors")));
}

/* Add a route for bb-egress and for the preflight; consumes it. */
static void add_route(struct planner *p, struct doc *route, const char *from)
{
	doc_append(p->routes, route);
	show_route(p, route, from);
}

static bool has_host(const struct doc *routes, const char *host)
{
	for (size_t i = 0; i < doc_count(routes); i++)
		if (strcmp(doc_get_cstr(doc_at(routes, i), "host"), host) == 0)
			return true;
	return false;
}

/*
 * A provider's route with what such a route has by default: matches are redacted rather than held, and what a model
 * answers is not kept from its agent, as it quotes what it has read.
 */
static struct doc *provider_route(const struct doc *declared)
{
	struct doc *route = doc_copy(declared);
	struct doc *dlp = doc_get(route, "dlp") ? doc_copy(doc_get(route, "dlp")) : doc_new_object();

	if (!doc_get(dlp, "outbound_on_match"))
		doc_put_str(dlp, "outbound_on_match", "redact");
	if (!doc_get(dlp, "inbound_on_match"))
		doc_put_str(dlp, "inbound_on_match", "warn");
	doc_put(route, "dlp", dlp);
	return route;
}

/* The auth member of the route that gets the provider's token. */
static void put_token(const struct planner *p, struct doc *route, const struct doc *token, const char *slot)
{
	struct doc *auth = doc_new_object();

	if (doc_get(token, "header"))
		doc_put_str(auth, "header", doc_get_cstr(token, "header"));
	else
		doc_put_str(auth, "scheme", doc_get(token, "scheme") ? doc_get_cstr(token, "scheme") : "Bearer");
	doc_put_str(auth, "token_ref", slot);
	if (p->placeholder)
		doc_put_str(auth, "placeholder", p->placeholder);
	doc_put(route, "auth", auth);
}

/* The provider's token: a secret, and the placeholder that stands for it inside. */
static void take_token(struct planner *p, const struct doc *token, const char *slot, struct buf *missing)
{
	const char *variable = doc_get_cstr(doc_get(p->manifest, "agent_provider"), "auth_token");
	AUTO_FREE char *random = plan_random(p->options, slot);
	AUTO_BUF text = BUF_INIT;

	plan_missing(p, variable, "agent_provider.auth_token", missing);
	plan_secret(p, slot, "host", variable);
	template_replace(doc_get_str(token, "placeholder"), "{random}", random, &text);
	p->placeholder = buf_steal(&text);
}

/* Routes that the provider brings; the one of the token's host is made where it has none. */
static void add_provider_routes(struct planner *p, struct buf *missing)
{
	const struct doc *routes = doc_get(p->provider, "routes"), *token = doc_get(p->provider, "token");
	const char *host = doc_get_cstr(token, "host");
	AUTO_FREE char *slot = alloc_format("token:%s", token ? doc_get_cstr(token, "name") : "");
	bool with_token = token && doc_get(doc_get(p->manifest, "agent_provider"), "auth_token");

	if (with_token)
		take_token(p, token, slot, missing);
	for (size_t i = 0; i < doc_count(routes); i++) {
		struct doc *route = provider_route(doc_at(routes, i));

		if (with_token && strcmp(doc_get_cstr(route, "host"), host) == 0)
			put_token(p, route, token, slot);
		else
			put_slot(p, route, "provider.routes", i, missing);
		add_route(p, route, "provider");
	}
	if (with_token && !has_host(routes, host)) {
		AUTO_DOC *bare = doc_new_object();
		struct doc *route;

		doc_put_str(bare, "host", host);
		route = provider_route(bare);
		put_token(p, route, token, slot);
		add_route(p, route, "provider");
	}
	if (token && !with_token)
		plan_note(p, "note", "no agent_provider.auth_token: the agent has no token for '%s' until someone logs "
				     "in inside the bottle",
			  host);
}

/* True when a later route of the manifest is for the same host. */
static bool is_replaced(const struct doc *routes, size_t index)
{
	const char *host = doc_get_cstr(doc_at(routes, index), "host");

	for (size_t i = index + 1; i < doc_count(routes); i++)
		if (strcmp(doc_get_cstr(doc_at(routes, i), "host"), host) == 0)
			return true;
	return false;
}

/* Routes of the manifest. Those of the provider own their host, and of two for one host the later counts. */
static void add_manifest_routes(struct planner *p, struct buf *missing)
{
	const struct doc *routes = doc_get(doc_get(p->manifest, "egress"), "routes");
	AUTO_DOC *owned = doc_copy(p->routes);

	for (size_t i = 0; i < doc_count(routes); i++) {
		const char *host = doc_get_cstr(doc_at(routes, i), "host");
		struct doc *route;

		if (has_host(owned, host)) {
			plan_note(p, "warning", "the route '%s' is set aside: provider '%s' has its own for that host",
				  host, doc_get_cstr(p->provider, "name"));
			continue;
		}
		if (is_replaced(routes, i)) {
			plan_note(p, "note", "an earlier route '%s' is replaced by a later one", host);
			continue;
		}
		route = doc_copy(doc_at(routes, i));
		put_slot(p, route, "egress.routes", i, missing);
		add_route(p, route, "manifest");
	}
}

/* Variables whose value is a secret: copied from the host or asked for. */
static void add_env_secrets(struct planner *p, struct buf *missing)
{
	const struct doc *env = doc_get(p->manifest, "env");

	for (size_t i = 0; i < doc_count(env); i++) {
		const struct doc *v = doc_at(env, i);
		const char *source = doc_get_cstr(v, "source");
		AUTO_FREE char *name = alloc_format("env:%s", doc_get_cstr(v, "name"));
		AUTO_FREE char *key = alloc_format("env.%s", doc_get_cstr(v, "name"));

		if (strcmp(source, "literal") == 0)
			continue;
		if (strcmp(source, "host") == 0)
			plan_missing(p, doc_get_cstr(v, "host"), key, missing);
		plan_secret(p, name, source, doc_get_cstr(v, source));
	}
}

/* Variables of the host that the bottle does not get and whose values must not leave it all the same. */
static void add_sensitive(struct planner *p)
{
	const struct words *list = &p->options->sensitive;

	for (size_t i = 0; i < list->count; i++) {
		AUTO_FREE char *name = alloc_format("host:%s", list->list[i]);

		plan_secret(p, name, "host", list->list[i]);
	}
}

/* Does the bottle have a variable of this name for another purpose? */
static bool has_variable(const struct planner *p, const char *name)
{
	const struct doc *env = doc_get(p->manifest, "env");

	for (size_t i = 0; i < doc_count(env); i++)
		if (strcmp(doc_get_cstr(doc_at(env, i), "name"), name) == 0)
			return true;
	return doc_get(doc_get(p->provider, "env"), name) != NULL;
}

/*
 * The canary: a variable that looks like a secret and that nobody needs. Its value is
 * made up by the launcher; whoever sends it away has taken the environment.
 */
static void add_canary(struct planner *p)
{
	static const char *const first[] = { "ANALYTICS", "ARCHIVE", "BACKUP", "BILLING", "DEPLOY", "INTERNAL",
					     "LEGACY", "METRICS",
					     "PARTNER", "PAYMENT", "RELEASE", "REPORTING", "STAGING", "TENANT",
					     "VENDOR", "WAREHOUSE" };
	static const char *const second[] = { "BROKER", "BUCKET", "CACHE", "CLIENT", "CLUSTER", "DATABASE", "GATEWAY",
					      "LEDGER",
					      "QUEUE", "REPLICA", "SESSION", "SIGNING", "STORAGE", "SYNC", "WEBHOOK",
					      "WORKER" };
	const uint8_t *nonce = p->options->nonce;

	for (size_t i = 0; i < COUNT_OF(first) && !p->canary; i++) {
		AUTO_FREE char *name =
			alloc_format("%s_%s_SECRET", first[(nonce[PLAN_NONCE_SIZE - 1] + i) % COUNT_OF(first)],
				     second[nonce[PLAN_NONCE_SIZE - 2] % COUNT_OF(second)]);

		if (!has_variable(p, name))
			p->canary = alloc_format("canary:%s", name);
	}
	if (p->canary)
		plan_secret(p, p->canary, "random", "30");
}

/* A route's slot that has the name of the provider's would get the wrong token. */
static bool check_slots(const struct planner *p, struct error *e)
{
	const struct doc *routes = doc_get(doc_get(p->manifest, "egress"), "routes");
	const char *name = p->placeholder ? doc_get_cstr(doc_get(p->provider, "token"), "name") : NULL;

	for (size_t i = 0; name && i < doc_count(routes); i++)
		if (slice_eq(doc_get_str(doc_get(doc_at(routes, i), "auth"), "token_ref"), slice_str(name)))
			return error_set(e, STATUS_CALLER,
					 "egress.routes[%zu].auth.token_ref is '%s', the name of the provider's own "
					 "token; give the "
					 "host variable another name",
					 i, name);
	return true;
}

bool egress_gather(struct planner *p, struct error *e)
{
	AUTO_BUF missing = BUF_INIT;

	add_provider_routes(p, &missing);
	add_manifest_routes(p, &missing);
	add_env_secrets(p, &missing);
	add_sensitive(p);
	add_canary(p);
	gate_gather(p, &missing);
	if (missing.len)
		return error_set(e, STATUS_CALLER, "not set on this host: %s; set it and start again",
				 buf_str(&missing));
	return check_slots(p, e);
}

struct doc *egress_slots(const struct planner *p)
{
	static const struct slice kinds[] = { SLICE("token:"), SLICE("env:"), SLICE("host:"), SLICE("canary:") };
	struct doc *slots = doc_new_array();

	for (size_t i = 0; i < doc_count(p->secrets); i++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++)
			if (slice_starts(doc_get_str(doc_at(p->secrets, i), "name"), kinds[k]))
				doc_append_str(slots, doc_get_cstr(doc_at(p->secrets, i), "name"));
	return slots;
}

/* Where bb-egress asks the operator, and what it remembers of the answers over a restart. */
static void put_queue(const struct planner *p, struct doc *daemon, struct doc *args, struct doc *keep)
{
	const char *const more[] = { "--queue", "{dir}/../queue", "--bottle", p->options->identity, "--permits",
				     "{keep:permits}" };

	for (size_t i = 0; i < COUNT_OF(more); i++)
		doc_append_str(args, more[i]);
	doc_append_str(keep, "permits");
	doc_append_str(doc_put(daemon, "env", doc_new_array()), "EGRESS_TOKEN_ALLOW_TIMEOUT_SECONDS");
}

/* bb-egress, its files and its descriptors. */
static struct doc *daemon_make(const struct planner *p)
{
	const char *log = doc_get_cstr(doc_get(p->manifest, "egress"), "log");
	const char *const args[] = { "--routes",   "{dir}/routes.yaml", "--listener", "{listener:egress}",
				     "--secrets",  "{secrets}",	     "--ca-store", "{keep:ca}",
				     "--ca-cert",  "{dir}/ca.pem",      "--ready",	"{ready}",
				     "--log-level", log ? log : "blocks" };
	struct doc *d = doc_new_object(), *list, *keep, *item;
	AUTO_DOC *routes = doc_new_object();
	AUTO_BUF text = BUF_INIT;

	doc_put_str(d, "name", "egress");
	doc_put_str(d, "program", "bb-egress");
	list = doc_put(d, "args", doc_new_array());
	keep = doc_put(d, "keep", doc_new_array());
	doc_append_str(keep, "ca");
	if (supervise_is_wanted(p))
		put_queue(p, d, list, keep);
	for (size_t i = 0; i < COUNT_OF(args); i++)
		doc_append_str(list, args[i]);
	item = doc_append(doc_put(d, "listeners", doc_new_array()), doc_new_object());
	doc_put_str(item, "name", "egress");
	doc_put_int(item, "port", PLAN_EGRESS_PORT);
	doc_put(d, "secrets", egress_slots(p));
	doc_put(routes, "routes", doc_retain(p->routes));
	doc_format(routes, true, &text); /* JSON is YAML */
	buf_add_char(&text, '\n');
	item = doc_append(doc_put(d, "files", doc_new_array()), doc_new_object());
	doc_put_str(item, "path", "routes.yaml");
	doc_put_str(item, "mode", "0600");
	doc_put_slice(item, "content", buf_slice(&text));
	doc_put_bool(d, "reload", true);
	return d;
}

struct doc *sidecar_make(const struct planner *p)
{
	struct doc *sidecar = doc_new("sidecar", 1), *daemons = doc_put(sidecar, "daemons", doc_new_array());

	doc_append(daemons, daemon_make(p));
	if (gate_is_wanted(p))
		doc_append(daemons, gate_make(p));
	if (supervise_is_wanted(p))
		doc_append(daemons, supervise_make(p));
	return sidecar;
}
