/*
 * Routes: which hosts a bottle may talk to, and how. The one loader of the keys
 * of egress.routes, used for manifests, for the routes file of bb-egress (beside
 * a bottle or alone) and for proposals of an agent. See bb-routes(5).
 *
 * What comes out is a list of ROUTE objects as bb-documents(5) describes them:
 * host in lower case without a trailing dot, methods in upper case, absent keys
 * absent. Everything a matcher needs to trust is settled here: host names are
 * names, ports are ports, regular expressions compile.
 *
 * Problems are added to a list, all of a load. Nothing here blocks or touches a
 * file: the caller reads the text. May be called after confinement.
 */
#ifndef BB_ROUTES_H
#define BB_ROUTES_H

#include "document.h"
#include "problems.h"
#include "shape.h"

/* Where the value of auth comes from decides which key names it. */
enum routes_mode {
	ROUTES_MANIFEST, /* token_ref: a variable of the host */
	ROUTES_BOTTLE,   /* token_ref: a slot that was handed over, "token:NAME" */
	ROUTES_ALONE,    /* token_env: a variable of bb-egress itself */
};

/*
 * Load a whole routes file, {routes: [ROUTE…]}. file is the name for messages.
 * On success *routes is a new list (owned by the caller); notes gets what is
 * not wrong but surprising (a host given twice: the later entry replaces the
 * earlier). On failure problems has at least one more entry and *routes is NULL.
 */
bool routes_load(struct slice text, const char *file, enum routes_mode mode, struct doc **routes,
		 struct problems *problems, struct problems *notes);

/* The shape of the list under egress.routes of a manifest. */
extern const struct shape routes_manifest_shape;

/* The shape of a whole routes file. */
const struct shape *routes_file_shape(enum routes_mode mode);

/*
 * A new list (owned by the caller) with one entry for each host: where a host
 * comes again, the last entry. moved (may be NULL) is called for each old entry
 * in turn with its new index, or SLICE_NONE when it was left out.
 */
typedef void routes_moved_fn(void *ctx, size_t from, size_t to);
struct doc *routes_unique(const struct doc *routes, routes_moved_fn *moved, void *ctx);

/*
 * Append the canonical form of a host as a route may name it: a name of LDH
 * labels in lower case without a trailing dot, *.NAME for a name below which one
 * owner has all hosts (suffix.h), or an IP literal (without brackets for IPv6).
 * False with *why when it is none.
 */
bool routes_host(struct slice text, struct buf *out, const char **why);

/* Detectors that exist by name, ends with NULL. */
extern const char *const routes_outbound_detectors[];
extern const char *const routes_inbound_detectors[];

#endif
