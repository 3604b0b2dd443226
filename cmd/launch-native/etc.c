#include "etc.h"

#include "alloc.h"
#include "place.h"
#include "root.h"

/* /etc/passwd and /etc/group: the agent, and names for what is not the agent's. */
static bool write_users(int root, const struct plan *p, struct error *e)
{
	AUTO_BUF passwd = BUF_INIT;
	AUTO_BUF group = BUF_INIT;

	buf_add_str(&passwd, "root:x:0:0:root:/root:/usr/sbin/nologin\n");
	buf_add_format(&passwd, "%s:x:%u:%u::%s:/bin/sh\n", p->user, p->uid, p->gid, p->user_home);
	buf_add_str(&passwd, "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
	buf_add_format(&group, "root:x:0:\ntty:x:5:\n%s:x:%u:\nnogroup:x:65534:\n", p->user, p->gid);
	return place_file(root, "/etc/passwd", buf_slice(&passwd), 0644, e) &&
	       place_file(root, "/etc/group", buf_slice(&group), 0644, e);
}

/* /etc/hosts: the bottle itself and its services, all of them on the loopback interface. */
static bool write_hosts(int root, const struct plan *p, struct error *e)
{
	const struct doc *services = doc_get(p->bottle, "services");
	AUTO_BUF hosts = BUF_INIT;

	buf_add_format(&hosts, "127.0.0.1 localhost %s\n::1 localhost\n", p->hostname);
	for (size_t i = 0; i < doc_count(services); i++)
		buf_add_format(&hosts, "127.0.0.1 %s\n", doc_get_cstr(doc_at(services, i), "name"));
	return place_file(root, "/etc/hosts", buf_slice(&hosts), 0644, e);
}

/* Names come from files only. */
static bool write_names(int root, const struct plan *p, struct error *e)
{
	AUTO_FREE char *hostname = alloc_format("%s\n", p->hostname);

	return write_hosts(root, p, e) && place_file(root, "/etc/hostname", slice_str(hostname), 0644, e) &&
	       place_file(root, "/etc/resolv.conf",
			  SLICE("# no resolver: what may be reached is reached through the proxy\n"), 0644, e) &&
	       place_file(root, "/etc/nsswitch.conf",
			  SLICE("passwd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\n"
				"protocols: files\nservices: files\nethers: files\nrpc: files\n"),
			  0644, e);
}

/* The system's store, under the names that the distributions give it; what is in it comes later (root_trust). */
static bool place_trust(int root, const struct plan *p, struct error *e)
{
	static const char *const other_names[] = { "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt",
						   "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem" };

	AUTO_FREE char *directory = alloc_copy(p->ca_bundle, (size_t)(strrchr(p->ca_bundle, '/') - p->ca_bundle));
	AUTO_FREE char *ca = alloc_format("%s/" ROOT_TRUST_CA, directory);

	if (!place_dirs(root, directory, 0755, e) || !place_link(root, p->ca_file, ca, e))
		return false;
	for (size_t i = 0; i < COUNT_OF(other_names); i++)
		if (!place_link(root, other_names[i], p->ca_bundle, e))
			return false;
	return true;
}

bool etc_write(int root, const struct plan *p, struct error *e)
{
	return place_dirs(root, "/etc/apt/apt.conf.d", 0755, e) && write_users(root, p, e) && write_names(root, p, e) &&
	       place_trust(root, p, e) &&
	       place_file(root, "/etc/shells", SLICE("/bin/sh\n/bin/bash\n/usr/bin/bash\n"), 0644, e) &&
	       place_file(root, "/etc/profile", SLICE("# login shells keep the environment of the bottle\n"), 0644,
			  e) &&
	       place_link(root, "/etc/mtab", "/proc/self/mounts", e);
}
