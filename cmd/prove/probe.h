/*
 * The probe document: what the launcher knows and bb-prove has to try.
 *
 *	{"kind": "probe", "v": 1,
 *	 "backend": "native",                         whose guarantees are asked for
 *	 "proxy": {"address": "127.0.0.1", "port": 9099},       absent: no egress daemon
 *	 "unlisted": "name that no route has", "listed": "name that a route has",
 *	 "services": [{"name": "egress", "ports": [9099]}],     the only listeners there may be
 *	 "host_addresses": ["192.0.2.7"],             addresses of the host
 *	 "addresses": [{"address": "…", "port": 443}],          further ones that must not answer
 *	 "env": ["PATH", …],                          every variable that there may be
 *	 "placeholders": [{"name": "API_KEY", "value": "…"}],   what token variables must hold
 *	 "hidden": ["/home/op/.bot-bottle/state/x"],  paths that must not be there
 *	 "unwritable": ["/run/x"],                    paths that only Landlock protects
 *	 "abstract": ["name"],                        abstract sockets outside the Landlock domain
 *	 "namespaces": {"net": "net:[4026531833]", …}}          the host's, as readlink(2) gives them
 *
 * The document holds no secret: a placeholder is worth nothing.
 *
 * Everything points into the document, which the probe owns.
 */
#ifndef BB_PROVE_PROBE_H
#define BB_PROVE_PROBE_H

#include "document.h"

#define BACKEND_NATIVE "native"

struct probe {
	struct doc *document;
	const char *proxy_address; /* NULL: there is no proxy */
	int proxy_port;
	const char *unlisted; /* NULL only without proxy */
	const char *listed;   /* NULL: no route */
};

/* Read and check a probe document. False with an error that says what is wrong. Blocks. */
bool probe_read(int fd, struct probe *p, struct error *e);
void probe_release(struct probe *p);

/* May a variable of this name be in the environment? */
bool probe_allows_variable(const struct probe *p, struct slice name);

/* Is this port one of the bottle's services? */
bool probe_has_service(const struct probe *p, int port);

/* The host's namespace of a type ("net"), NULL when not given. */
const char *probe_host_namespace(const struct probe *p, const char *type);

#endif
