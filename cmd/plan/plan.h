/*
 * The planner: from what an operator declared to what a launcher does.
 *
 * It is a function: the manifest document and the options go in, the plan
 * document comes out, and nothing else is looked at. No file is opened, no name
 * resolved, no clock read; what is random is derived from the nonce. The plan
 * names services ("egress") and never an address, so every backend can run it.
 *
 * manifest_check runs first and looks at the manifest's whole shape; everything
 * after it relies on that and asks no type again. See bb-documents(5).
 */
#ifndef BB_PLAN_H
#define BB_PLAN_H

#include "document.h"

#define PLAN_NONCE_SIZE 32   /* bytes; 64 hexadecimal digits on the command line */
#define PLAN_IDENTITY_MAX 63 /* bytes: it becomes a host name (RFC 1035, section 2.3.4) */
#define PLAN_LABEL_MAX 128   /* bytes of a label: it goes to a terminal's title */
#define PLAN_EGRESS_PORT 9099
#define PLAN_GIT_PORT 9418
#define PLAN_GIT_HTTP_PORT 9420
#define PLAN_SUPERVISE_PORT 9100
#define PLAN_SUPERVISE_URL "http://supervise:9100/" /* MCP, for the agent */

#define PLAN_USER "node"
#define PLAN_HOME "/home/node"
#define PLAN_WORKSPACE PLAN_HOME "/workspace"
#define PLAN_CA_FILE "/etc/bot-bottle/ca.pem"
#define PLAN_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* The arguments of a repeatable option; the strings are argv's. */
struct words {
	const char **list;
	size_t count;
};

struct plan_options {
	const char *identity, *started_at, *backend, *home, *cwd, *label, *color, *prompt, *term;
	struct words programs; /* NAME=/path */
	struct words host_has; /* names of host variables that are set */
	struct words sensitive; /* names of host variables whose values must not leave a bottle */
	uint8_t nonce[PLAN_NONCE_SIZE];
	bool has_nonce, headless, resume, in_image, preflight, colour;
};

/* One run: what it reads and what it has gathered so far. */
struct planner {
	const struct plan_options *options;
	const struct doc *manifest, *provider; /* the second is a member of the first */
	const char *workdir;
	char *placeholder;    /* stands for the provider's token inside the bottle; NULL when there is no token */
	struct doc *secrets;  /* plan.secrets */
	struct doc *keys;     /* plan.deploy_keys */
	struct doc *routes;   /* as bb-egress gets them */
	struct doc *asked;    /* routes as the preflight shows them */
	struct doc *notes;    /* plan.notes */
	char *canary;         /* the secret "canary:NAME", whose value is also the variable NAME of the bottle */
};

/* Check the whole shape of a manifest document. */
bool manifest_check(const struct doc *manifest, struct error *e);

/* Refuse what the manifest asks for and this version or this provider cannot give. */
bool manifest_refuse(const struct planner *p, struct error *e);

/* Note for the preflight; level is "note" or "warning". */
void plan_note(struct planner *p, const char *level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Text of 32 letters and digits that depends on the nonce and purpose only; the caller frees it. */
char *plan_random(const struct plan_options *o, const char *purpose);

/*
 * Replace {workspace} {label} {color} {identity} {placeholder} {prompt} in text; {NAME:json} gives the
 * value as a JSON string with its quotes; other braces stay. False, and out is worthless, when text names
 * something that this bottle has not ({placeholder} without a token, {mcp_url} without an approval server):
 * whatever the text was for is then left out.
 */
bool template_expand(const struct planner *p, const char *text, struct buf *out);
/* Append text with value in the place of each mark. */
void template_replace(struct slice text, const char *mark, const char *value, struct buf *out);

/* Gather secrets and routes. Fails when a host variable is not set, naming all that are missing. */
bool egress_gather(struct planner *p, struct error *e);

/*
 * Names of the secrets that must not leave the bottle, the tokens that bb-egress adds to requests among them: a new
 * list.
 */
struct doc *egress_slots(const struct planner *p);

/* Add a secret unless it is there; text is the host's variable, the file or the question, as source says. */
void plan_secret(struct planner *p, const char *name, const char *source, const char *text);
/* Remember a host variable that is not set, with what needs it. */
void plan_missing(const struct planner *p, const char *variable, const char *key, struct buf *missing);

/*
 * The git gate: whether the manifest names remotes; what they need; bb-gitgate for the sidecar; how a person sees them.
 */
bool gate_is_wanted(const struct planner *p);
void gate_gather(struct planner *p, struct buf *missing);
struct doc *gate_make(const struct planner *p);
struct doc *gate_remotes(const struct planner *p);
void gate_notes(struct planner *p); /* what a person has to know before */

/*
 * Asking the operator: whether the manifest wants it; bb-supervise for the sidecar; the command that tells the agent of
 * it.
 */
bool supervise_is_wanted(const struct planner *p);
struct doc *supervise_make(const struct planner *p);
void supervise_register(const struct planner *p, struct doc *setup);

/* The document for bb-sidecar. */
struct doc *sidecar_make(const struct planner *p);

/* plan.bottle: environment, files, command. NULL on error. */
struct doc *bottle_make(struct planner *p, struct error *e);

/* The environment list alone. */
struct doc *environment_make(struct planner *p, struct error *e);

/* Files and copies, in bottle. */
bool files_add(struct planner *p, struct doc *bottle, struct error *e);

/* Notes that do not depend on a part; plan.preflight and plan.probe. */
void notes_add(struct planner *p);
struct doc *preflight_make(const struct planner *p, const struct doc *bottle);
struct doc *probe_make(const struct planner *p);

/* Append what a person should see before the start, one fact a line, safe for a terminal. */
void preflight_show(const struct planner *p, const struct doc *plan, bool colour, struct buf *out);

#endif
