#include "provision.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "ca.h"
#include "cmd/launch-native/certificates.h"
#include "cmd/launch-native/probe.h"
#include "container.h"
#include "fd.h"
#include "pack.h"

static const struct pack_owner root_owner = { 0, 0 };

int provision_file(struct error *e)
{
	const char *dir = getenv("TMPDIR");
	AUTO_FREE char *path = alloc_format("%s/bb-launch-docker.XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkstemp(path);

	if (fd < 0) {
		error_sys(e, "unable to make a temporary file in '%s'", dir && *dir ? dir : "/tmp");
		return -1;
	}
	unlink(path);
	if (!fd_set_cloexec(fd, true, e))
		fd_close(&fd);
	return fd;
}

/* Permission bits from text like "0600"; no set-id bits. */
static bool parse_mode(const char *text, mode_t *mode, struct error *e)
{
	size_t len = strlen(text);

	*mode = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '7')
			return error_set(e, STATUS_CALLER, "'%s' is not a mode", text);
		*mode = *mode << 3 | (mode_t)(text[i] - '0');
	}
	return (len && len <= 4 && *mode <= 0777) || error_set(e, STATUS_CALLER, "'%s' is not a mode", text);
}

/* The directories between the user's home, if the path is below it, and the path: the user's own. */
static bool pack_parents(struct pack *pack, const struct plan *p, const char *path, struct error *e)
{
	struct pack_owner owner = { p->uid, p->gid };
	size_t home = strlen(p->user_home);

	if (strncmp(path, p->user_home, home) != 0 || path[home] != '/')
		return true;
	for (const char *slash = strchr(path + home + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		AUTO_FREE char *dir = alloc_copy(path, (size_t)(slash - path));

		if (!pack_directory(pack, dir, 0755, owner, e))
			return false;
	}
	return true;
}

/* Our programs: root's, like the image's own. */
static bool pack_programs(struct pack *pack, const char *programs, struct error *e)
{
	static const char *const names[] = { "bb-inside", "bb-prove" };

	if (!pack_directory(pack, PROVISION_PROGRAMS, 0755, root_owner, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		AUTO_FREE char *source = alloc_format("%s/%s", programs, names[i]);
		AUTO_FREE char *name = alloc_format(PROVISION_PROGRAMS "/%s", names[i]);

		if (!pack_copy(pack, name, source, 0755, root_owner, e))
			return false;
	}
	return true;
}

/* Skills and other directories, then the files, in the plan's order. */
static bool pack_plan(struct pack *pack, const struct plan *p, struct error *e)
{
	const struct doc *copies = doc_get(p->bottle, "copies"), *files = doc_get(p->bottle, "files");
	struct pack_owner owner = { p->uid, p->gid };

	for (size_t i = 0; i < doc_count(copies); i++) {
		const char *target = doc_get_cstr(doc_at(copies, i), "target");

		if (!pack_parents(pack, p, target, e) ||
		    !pack_tree(pack, target, doc_get_cstr(doc_at(copies, i), "source"), owner, e))
			return false;
	}
	for (size_t i = 0; i < doc_count(files); i++) {
		const struct doc *file = doc_at(files, i);
		const char *path = doc_get_cstr(file, "path");
		mode_t mode;

		if (!parse_mode(doc_get_cstr(file, "mode"), &mode, e) || !pack_parents(pack, p, path, e) ||
		    !pack_file(pack, path, mode, owner, doc_get_str(file, "content"), e))
			return error_wrap(e, "'%s'", path);
	}
	return true;
}

/* Home, workspace, working directory. */
static bool pack_places(struct pack *pack, const struct plan *p, bool restored, struct error *e)
{
	struct pack_owner owner = { p->uid, p->gid };
	bool copied = p->workspace_source && !restored;

	if (!pack_directory(pack, p->user_home, 0755, owner, e))
		return false;
	if (copied && (!pack_parents(pack, p, p->workspace_target, e) ||
		       !pack_tree(pack, p->workspace_target, p->workspace_source, owner, e)))
		return false;
	return strcmp(p->workdir, p->user_home) == 0 || (copied && strcmp(p->workdir, p->workspace_target) == 0) ||
	       pack_directory(pack, p->workdir, 0755, owner, e);
}

/* Send an archive to be unpacked at the container's root. */
static bool send(struct engine *en, const char *container, int file, struct error *e)
{
	AUTO_FREE char *path = alloc_format("/containers/%s/archive?path=/", container);

	return engine_upload(en, "PUT", path, file, NULL, NULL, e) ||
	       error_wrap(e, "unable to copy files into the bottle");
}

bool provision(struct engine *en, const char *container, const char *programs, const struct plan *p, bool restored,
	       struct error *e)
{
	AUTO_FD file = provision_file(e);
	struct pack *pack = file < 0 ? NULL : pack_open(file, e);

	if (!pack)
		return false;
	if (!pack_programs(pack, programs, e) || !pack_places(pack, p, restored, e) || !pack_plan(pack, p, e)) {
		pack_drop(pack);
		return false;
	}
	return pack_close(pack, e) && send(en, container, file, e);
}

/* The CA on its own, the bundle, and the CA's name in OpenSSL's directory beside the bundle. */
static bool pack_trust(struct pack *pack, const struct plan *p, struct slice ca, struct slice bundle, struct error *e)
{
	AUTO_FREE char *directory = alloc_copy(p->ca_bundle, (size_t)(strrchr(p->ca_bundle, '/') - p->ca_bundle));
	char link[CA_LINK_NAME_SIZE];
	AUTO_FREE char *name = NULL;

	if (!pack_file(pack, p->ca_bundle, 0644, root_owner, bundle, e))
		return false;
	if (!ca.len)
		return true;
	if (!pack_file(pack, p->ca_file, 0644, root_owner, ca, e) || !ca_link_name(ca, link, e))
		return false;
	name = alloc_format("%s/%s", directory, link);
	return pack_link(pack, name, p->ca_file, root_owner, e);
}

bool provision_trust(struct engine *en, const char *container, const struct plan *p, const struct state *s,
		     struct error *e)
{
	AUTO_FD file = provision_file(e);
	AUTO_BUF ca = BUF_INIT;
	AUTO_BUF bundle = BUF_INIT;
	struct pack *pack;

	if (file < 0 || !certificates_read(p, s, &ca, &bundle, e) || !(pack = pack_open(file, e)))
		return false;
	if (!pack_trust(pack, p, buf_slice(&ca), buf_slice(&bundle), e)) {
		pack_drop(pack);
		return false;
	}
	return pack_close(pack, e) && send(en, container, file, e);
}

/* The host's namespaces, of which the bottle may have none: it shares with it what the engine cannot split. */
static void add_namespaces(struct doc *probe)
{
	static const char *const types[] = { "ipc", "mnt", "net", "pid", "uts" };
	struct doc *namespaces = doc_put(probe, "namespaces", doc_new_object());

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		AUTO_FREE char *path = alloc_format("/proc/self/ns/%s", types[i]);
		char text[64];
		ssize_t n = readlink(path, text, sizeof(text));

		if (n > 0)
			doc_put_slice(namespaces, types[i], slice_of(text, (size_t)n));
	}
}

struct doc *provision_probe(const struct plan *p, const struct state *s)
{
	struct doc *probe = probe_new(p, "docker");
	struct doc *hidden = doc_put(probe, "hidden", doc_new_array());

	doc_append_str(hidden, s->dir);
	doc_append_str(hidden, p->home);
	doc_append_str(hidden, "/run/docker.sock");
	doc_append_str(hidden, DOOR_SOCKET); /* used once, and gone */
	add_namespaces(probe);
	return probe;
}
