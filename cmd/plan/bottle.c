#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"

/* Append all strings of a list member. */
static void append_all(struct doc *argv, const struct doc *list)
{
	for (size_t i = 0; i < doc_count(list); i++)
		doc_append_str(argv, doc_cstr(doc_at(list, i)));
}

/* The argument for the system prompt, where the agent takes it on its command line. */
static void append_system_prompt(const struct planner *p, struct doc *argv)
{
	const struct doc *prompt = doc_get(p->provider, "prompt");
	const char *text = doc_get_cstr(doc_get(p->manifest, "agent"), "prompt");
	const char *file = doc_get_cstr(prompt, "file");
	struct slice form = doc_get_str(prompt, "form");

	if (!*text)
		return;
	if (slice_eq(form, SLICE("flag-file"))) {
		doc_append_str(argv, doc_get_cstr(prompt, "flag"));
		doc_append_str(argv, file ? file : PLAN_HOME "/.bot-bottle-prompt.txt");
	} else if (slice_eq(form, SLICE("flag-text"))) {
		doc_append_str(argv, doc_get_cstr(prompt, "flag"));
		doc_append_str(argv, text);
	}
}

/* The arguments of an unattended run, {prompt} being what the operator gave. */
static void append_headless(const struct planner *p, struct doc *argv)
{
	const struct doc *list = doc_get(p->provider, "headless");

	for (size_t i = 0; i < doc_count(list); i++) {
		AUTO_BUF text = BUF_INIT;

		template_replace(doc_str(doc_at(list, i)), "{prompt}", p->options->prompt, &text);
		doc_append_str(argv, buf_str(&text));
	}
}

/* The agent's command line. */
static struct doc *argv_make(const struct planner *p)
{
	struct doc *argv = doc_new_array();

	doc_append_str(argv, doc_get_cstr(p->provider, "command"));
	append_all(argv, doc_get(p->provider, "args"));
	if (p->options->resume)
		append_all(argv, doc_get(p->provider, "resume_args"));
	append_system_prompt(p, argv);
	if (p->options->headless)
		append_headless(p, argv);
	return argv;
}

/* Who the agent is inside. */
static struct doc *user_make(void)
{
	struct doc *u = doc_new_object();

	doc_put_str(u, "name", PLAN_USER);
	doc_put_int(u, "uid", 1000);
	doc_put_int(u, "gid", 1000);
	doc_put_str(u, "home", PLAN_HOME);
	return u;
}

/* Add a service; returns its list of ports. */
static struct doc *add_service(struct doc *services, const char *name)
{
	struct doc *service = doc_append(services, doc_new_object());

	doc_put_str(service, "name", name);
	return doc_put(service, "ports", doc_new_array());
}

/* The names that the bottle can resolve, each with its ports: services whose daemon runs. */
static struct doc *services_make(const struct planner *p)
{
	struct doc *services = doc_new_array(), *ports;

	doc_append(add_service(services, "egress"), doc_new_int(PLAN_EGRESS_PORT));
	if (gate_is_wanted(p)) {
		ports = add_service(services, "git-gate");
		doc_append(ports, doc_new_int(PLAN_GIT_PORT));
		doc_append(ports, doc_new_int(PLAN_GIT_HTTP_PORT));
	}
	if (supervise_is_wanted(p))
		doc_append(add_service(services, "supervise"), doc_new_int(PLAN_SUPERVISE_PORT));
	return services;
}

/* Where the certificates of the bottle's CA go. */
static struct doc *ca_make(void)
{
	struct doc *ca = doc_new_object();

	doc_put_str(ca, "file", PLAN_CA_FILE);
	doc_put_str(ca, "bundle", PLAN_CA_BUNDLE);
	return ca;
}

/* The host's programs that the bottle gets to see. */
static struct doc *programs_make(const struct plan_options *o)
{
	struct doc *programs = doc_new_array();

	for (size_t i = 0; i < o->programs.count; i++) {
		const char *given = o->programs.list[i], *path = strchr(given, '=') + 1;
		struct doc *program = doc_append(programs, doc_new_object());

		doc_put_slice(program, "name", slice_of(given, (size_t)(path - given) - 1));
		doc_put_str(program, "path", path);
	}
	return programs;
}

/* The recipe of the agent's image: the manifest's, else the provider's. */
static void put_image(const struct planner *p, struct doc *bottle)
{
	const char *own = doc_get_cstr(doc_get(p->manifest, "agent_provider"), "dockerfile");
	const char *directory = doc_get_cstr(p->provider, "path"), *recipe = doc_get_cstr(p->provider, "image");
	AUTO_FREE char *path = alloc_format("%s/%s", directory ? directory : "", recipe ? recipe : "");

	if (own || recipe)
		doc_put_str(doc_put(bottle, "image", doc_new_object()), "dockerfile", own ? own : path);
}

/* The copy of the host's current directory. */
static void put_workspace(const struct plan_options *o, struct doc *bottle)
{
	struct doc *w;

	if (!o->cwd)
		return;
	w = doc_put(bottle, "workspace", doc_new_object());
	doc_put_str(w, "source", o->cwd);
	doc_put_str(w, "target", PLAN_WORKSPACE);
}

struct doc *bottle_make(struct planner *p, struct error *e)
{
	const struct doc *limits = doc_get(p->manifest, "limits"), *verify = doc_get(p->provider, "verify");
	AUTO_DOC *bottle = doc_new_object();
	struct doc *env = environment_make(p, e);

	if (!env)
		return NULL;
	doc_put_str(bottle, "hostname", p->options->identity);
	doc_put(bottle, "user", user_make());
	doc_put_str(bottle, "workdir", p->workdir);
	put_workspace(p->options, bottle);
	doc_put(bottle, "argv", argv_make(p));
	doc_put_bool(bottle, "tty", !p->options->headless);
	doc_put(bottle, "env", env);
	if (!files_add(p, bottle, e))
		return NULL;
	doc_put(bottle, "services", services_make(p));
	doc_put(bottle, "ca", ca_make());
	supervise_register(p, doc_put(bottle, "setup", doc_new_array()));
	if (doc_count(verify))
		doc_put(bottle, "verify", doc_copy(verify));
	doc_put(bottle, "programs", programs_make(p->options));
	put_image(p, bottle);
	doc_put(bottle, "limits", limits ? doc_copy(limits) : doc_new_object());
	return STEAL(bottle);
}
