#include "container.h"

#include "alloc.h"

const char *const part_types[PARTS] = { "container", "container", "network", "volume" };

static const char *const prefixes[PARTS] = { "bot-bottle-", "bot-bottle-sidecars-", "bot-bottle-egress-",
					     "bot-bottle-door-" };

char *part_name(enum part p, const char *identity)
{
	return alloc_format("%s%s", prefixes[p], identity);
}

struct doc *part_labels(const char *identity, const char *home)
{
	struct doc *labels = doc_new_object();

	doc_put_str(labels, LABEL_IDENTITY, identity);
	doc_put_str(labels, LABEL_HOME, home);
	return labels;
}

/* Put a list of one string. */
static void put_list(struct doc *d, const char *key, const char *word)
{
	doc_append_str(doc_put(d, key, doc_new_array()), word);
}

struct doc *container_new(const char *image, const char *user, struct doc *labels, struct doc *host)
{
	struct doc *body = doc_new_object();
	struct doc *ulimit;

	doc_put(body, "HostConfig", host);
	doc_put_str(body, "Image", image);
	doc_put_str(body, "User", user);
	doc_put(body, "Labels", labels);
	doc_put_bool(body, "AttachStdin", true);
	doc_put_bool(body, "AttachStdout", true);
	doc_put_bool(body, "AttachStderr", true);
	doc_put_bool(body, "OpenStdin", true);
	doc_put_bool(body, "StdinOnce", true); /* the launcher's end is the end of the input */
	doc_put_bool(host, "AutoRemove", true);
	doc_put_str(doc_put(host, "LogConfig", doc_new_object()), "Type", "none");
	put_list(host, "CapDrop", "ALL");
	put_list(host, "SecurityOpt", "no-new-privileges");
	doc_put_str(host, "IpcMode", "private");
	ulimit = doc_append(doc_put(host, "Ulimits", doc_new_array()), doc_new_object());
	doc_put_str(ulimit, "Name", "core");
	doc_put_int(ulimit, "Soft", 0);
	doc_put_int(ulimit, "Hard", 0);
	return body;
}

bool container_create(struct engine *en, const char *name, const struct doc *body, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/create?name=%s", name);

	return engine_call(en, "POST", path, body, NULL, e) || error_wrap(e, "unable to make the container '%s'", name);
}

bool container_start(struct engine *en, const char *name, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/%s/start", name);

	return engine_call(en, "POST", path, NULL, NULL, e) ||
	       error_wrap(e, "unable to start the container '%s'", name);
}

int container_start_ask(const struct engine *en, const char *name, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/%s/start", name);

	return engine_ask(en, path, e);
}

bool container_start_answer(struct engine *en, int *asked, const char *name, struct error *e)
{
	return engine_answer(en, asked, e) || error_wrap(e, "unable to start the container '%s'", name);
}

bool network_create(struct engine *en, const char *name, struct doc *labels, struct error *e)
{
	AUTO_DOC *body = doc_new_object();
	struct doc *options = doc_put(body, "Options", doc_new_object());

	doc_put_str(body, "Name", name);
	doc_put_str(body, "Driver", "bridge");
	doc_put_bool(body, "CheckDuplicate", true);
	doc_put_str(options, "com.docker.network.bridge.enable_icc", "false");
	doc_put(body, "Labels", labels);
	return engine_call(en, "POST", "/networks/create", body, NULL, e) ||
	       error_wrap(e, "unable to make the network '%s'", name);
}

bool volume_create(struct engine *en, const char *name, unsigned uid, struct doc *labels, struct error *e)
{
	AUTO_DOC *body = doc_new_object();
	struct doc *options = doc_put(body, "DriverOpts", doc_new_object());
	AUTO_FREE char *mount = alloc_format("size=64k,nr_inodes=8,mode=0711,uid=%u", uid);

	doc_put_str(body, "Name", name);
	doc_put_str(body, "Driver", "local");
	doc_put_str(options, "type", "tmpfs");
	doc_put_str(options, "device", "tmpfs");
	doc_put_str(options, "o", mount);
	doc_put(body, "Labels", labels);
	return engine_call(en, "POST", "/volumes/create", body, NULL, e) ||
	       error_wrap(e, "unable to make the volume '%s'", name);
}

/* A container that is being removed already, because it has ended, is waited for. */
static bool remove_container(struct engine *en, const char *name, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/%s?force=1&v=1", name);
	AUTO_FREE char *wait = alloc_format("/containers/%s/wait?condition=removed", name);
	struct error refused = ERROR_INIT;

	if (engine_call(en, "DELETE", path, NULL, NULL, &refused) || en->status == 404)
		return true;
	if (en->status == 409)
		return engine_call_unless(en, 404, "POST", wait, e);
	*e = refused;
	return false;
}

bool part_remove(struct engine *en, enum part p, const char *name, struct error *e)
{
	AUTO_FREE char *path = alloc_format(p == PART_NETWORK ? "/networks/%s" : "/volumes/%s?force=1", name);
	bool ok = p == PART_AGENT || p == PART_SIDECAR ? remove_container(en, name, e) :
							 engine_call_unless(en, 404, "DELETE", path, e);

	return ok || error_wrap(e, "unable to remove the %s '%s'", part_types[p], name);
}

/* A query that asks for what carries the label of a home. */
static char *query(const char *path, const char *key, const char *home)
{
	AUTO_DOC *filters = doc_new_object();
	AUTO_FREE char *label = alloc_format("%s=%s", key, home);
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF url = BUF_INIT;

	put_list(filters, "label", label);
	doc_format(filters, false, &text);
	buf_add_format(&url, "%s", path);
	engine_quote(&url, buf_slice(&text));
	return buf_steal(&url);
}

/* Which container is it, by its name? The labels have said already that it is ours. */
static enum part kind_of(enum part listed, struct slice name)
{
	return listed == PART_AGENT && slice_starts(name, slice_str(prefixes[PART_SIDECAR])) ? PART_SIDECAR : listed;
}

/* Add what is in one list of the engine's. */
static void add_parts(struct doc *out, const struct doc *list, enum part p)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *d = doc_at(list, i), *names = doc_get(d, "Names");
		const char *name = names ? doc_cstr(doc_at(names, 0)) : doc_get_cstr(d, "Name");
		const char *identity = doc_get_cstr(doc_get(d, "Labels"), LABEL_IDENTITY);
		struct doc *part;

		if (!name || !identity)
			continue;
		name += *name == '/';
		part = doc_append(out, doc_new_object());
		doc_put_int(part, "part", kind_of(p, slice_str(name)));
		doc_put_str(part, "name", name);
		doc_put_str(part, "id", doc_get(d, "Id") ? doc_get_cstr(d, "Id") : name);
		doc_put_str(part, "identity", identity);
	}
}

struct doc *part_list(struct engine *en, const char *home, struct error *e)
{
	static const struct {
		enum part part;
		const char *path, *member;
	} lists[] = { { PART_AGENT, "/containers/json?all=1&filters=", NULL },
		      { PART_NETWORK, "/networks?filters=", NULL },
		      { PART_VOLUME, "/volumes?filters=", "Volumes" } };
	AUTO_DOC *parts = doc_new_array();

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		AUTO_FREE char *path = query(lists[i].path, LABEL_HOME, home);
		AUTO_DOC *reply = NULL;

		if (!engine_call(en, "GET", path, NULL, &reply, e))
			return NULL;
		add_parts(parts, lists[i].member ? doc_get(reply, lists[i].member) : reply, lists[i].part);
	}
	return STEAL(parts);
}

struct doc *image_list(struct engine *en, const char *home, struct error *e)
{
	AUTO_FREE char *path = query("/images/json?filters=", LABEL_SNAPSHOT_HOME, home);
	AUTO_DOC *reply = NULL;
	struct doc *images;

	if (!engine_call(en, "GET", path, NULL, &reply, e))
		return NULL;
	images = doc_new_array();
	for (size_t i = 0; i < doc_count(reply); i++) {
		const char *id = doc_get_cstr(doc_at(reply, i), "Id");
		const char *snapshot = doc_get_cstr(doc_get(doc_at(reply, i), "Labels"), LABEL_SNAPSHOT);
		struct doc *image;

		if (!id || !snapshot)
			continue;
		image = doc_append(images, doc_new_object());
		doc_put_str(image, "id", id);
		doc_put_str(image, "snapshot", snapshot);
	}
	return images;
}
