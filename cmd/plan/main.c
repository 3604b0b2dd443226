/* bb-plan: turn a manifest document into a plan document, and touch nothing else. */
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/plan/plan.h"
#include "digest.h"
#include "fd.h"
#include "program.h"

static const struct option_def option_table[] = {
	{ "identity", 0, "ID", "name of the bottle's state: a slug" },
	{ "nonce", 0, "HEX", "64 hexadecimal digits; all that is random derives from them" },
	{ "started-at", 0, "TIME", "UTC, as 2026-01-31T12:00:00Z" },
	{ "backend", 0, "NAME", "the launcher that will run the plan" },
	{ "home", 0, "DIR", "the operator's directory, absolute" },
	{ "cwd", 0, "DIR", "copy this directory to the bottle's workspace" },
	{ "label", 0, "TEXT", "shown in titles and status lines" },
	{ "color", 0, "NAME", "tint of the terminal" },
	{ "headless", 0, NULL, "run unattended with --prompt" },
	{ "prompt", 0, "TEXT", "what the agent is to do, with --headless" },
	{ "resume", 0, NULL, "go on with an earlier conversation" },
	{ "program", 0, "NAME=PATH", "a program of the host that the provider needs (repeatable)" },
	{ "in-image", 0, NULL, "needed programs come with the image or root file system" },
	{ "host-has", 0, "NAME", "a host variable that is set (repeatable)" },
	{ "sensitive", 0, "NAME", "a host variable whose value must not leave the bottle (repeatable)" },
	{ "term", 0, "TERM", "kind of the terminal (xterm-256color)" },
	{ "preflight", 0, "FORM", "write what a person should see to standard error: as text or colour" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-plan",
	"turn the manifest document on standard input into a plan document on standard output",
	"--identity ID --nonce HEX --started-at TIME --backend NAME --home DIR [OPTION]...",
	option_table,
};

/* Text that may become part of a document and be shown: UTF-8, no control characters. */
static bool is_clean(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
	return slice_is_utf8(slice_str(text));
}

/* What the shell can have as the name of a variable. */
static bool is_variable(const char *text)
{
	const char *c = text;

	while (ascii_is_alpha(*c) || *c == '_' || (c > text && ascii_is_digit(*c)))
		c++;
	return c > text && !*c;
}

/* Lower-case letters, digits and single dashes inside: what names a directory and a host. */
static bool is_slug(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > PLAN_IDENTITY_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (const char *c = text; *c; c++)
		if (!(*c >= 'a' && *c <= 'z') && !ascii_is_digit(*c) && *c != '-')
			return false;
	return true;
}

/* YYYY-MM-DDTHH:MM:SSZ */
static bool is_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00Z";

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == '0' ? !ascii_is_digit(text[i]) : text[i] != form[i])
			return false;
	return true;
}

static bool is_color(const char *text)
{
	static const char *const names[] = { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" };

	if (strncmp(text, "bright-", 7) == 0)
		text += 7;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(names[i], text) == 0)
			return true;
	return false;
}

static bool is_absolute(const char *text)
{
	return text[0] == '/' && is_clean(text);
}

/* NAME=/path */
static bool is_program(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && equals != text && is_clean(text) && is_absolute(equals + 1);
}

static bool is_label(const char *text)
{
	return *text && is_clean(text) && strlen(text) <= PLAN_LABEL_MAX;
}

/* A prompt may have lines. */
static bool is_prompt(const char *text)
{
	return *text && slice_is_utf8(slice_str(text));
}

/* Decode the nonce. */
static bool take_nonce(struct plan_options *o, const char *text, struct error *e)
{
	bool ok = strlen(text) == 2 * sizeof(o->nonce);

	for (size_t i = 0; ok && i < sizeof(o->nonce); i++) {
		int high = ascii_hex(text[2 * i]), low = ascii_hex(text[2 * i + 1]);

		ok = high >= 0 && low >= 0;
		o->nonce[i] = (uint8_t)(high * 16 + low);
	}
	o->has_nonce = ok;
	return ok || error_set(e, STATUS_CALLER, "'--nonce' wants %zu hexadecimal digits", 2 * sizeof(o->nonce));
}

static void add_word(struct words *w, const char *word)
{
	w->list = alloc_resize(w->list, w->count + 1, sizeof(*w->list));
	w->list[w->count++] = word;
}

/* One option; see option_table. */
static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct plan_options *o = options;
	const struct {
		const char *name, **value;
		bool (*is_good)(const char *text);
		const char *wanted;
	} texts[] = {
		{ "identity", &o->identity, is_slug, "a slug of at most 63 letters, digits and dashes" },
		{ "started-at", &o->started_at, is_time, "a time like 2026-01-31T12:00:00Z" },
		{ "backend", &o->backend, is_slug, "the name of a backend" },
		{ "home", &o->home, is_absolute, "an absolute path in UTF-8 without control characters" },
		{ "cwd", &o->cwd, is_absolute, "an absolute path in UTF-8 without control characters" },
		{ "label", &o->label, is_label, "at most 128 bytes of printable UTF-8" },
		{ "color", &o->color, is_color, "black, red, green, yellow, blue, magenta, cyan, white or bright-*" },
		{ "prompt", &o->prompt, is_prompt, "a text in UTF-8" },
		{ "term", &o->term, is_clean, "the name of a terminal" },
	};

	if (!arg) {
		*(name[0] == 'h' ? &o->headless : name[0] == 'r' ? &o->resume : &o->in_image) = true;
		return true;
	}
	if (strcmp(name, "preflight") == 0) {
		o->preflight = true;
		o->colour = strcmp(arg, "colour") == 0;
		return o->colour || strcmp(arg, "text") == 0 ||
		       error_set(e, STATUS_CALLER, "'--preflight' wants text or colour, not '%s'", arg);
	}
	if (strcmp(name, "nonce") == 0)
		return take_nonce(o, arg, e);
	if (strcmp(name, "host-has") == 0) {
		add_word(&o->host_has, arg);
		return true;
	}
	if (strcmp(name, "sensitive") == 0) {
		add_word(&o->sensitive, arg);
		return is_variable(arg) ||
		       error_set(e, STATUS_CALLER, "'--sensitive' wants the name of a variable, not '%s'", arg);
	}
	if (strcmp(name, "program") == 0) {
		add_word(&o->programs, arg);
		return is_program(arg) || error_set(e, STATUS_CALLER, "'--program' wants NAME=/path, not '%s'", arg);
	}
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (strcmp(texts[i].name, name) != 0)
			continue;
		*texts[i].value = arg;
		return texts[i].is_good(arg) ||
		       error_set(e, STATUS_CALLER, "'--%s' wants %s, not '%s'", name, texts[i].wanted, arg);
	}
	return error_set(e, STATUS_CALLER, "unknown option '--%s'", name);
}

/* What is missing or does not go together; NULL when all is well. */
static const char *find_fault(const struct plan_options *o)
{
	if (!o->identity)
		return "'--identity' is missing";
	if (!o->has_nonce)
		return "'--nonce' is missing";
	if (!o->started_at)
		return "'--started-at' is missing";
	if (!o->backend)
		return "'--backend' is missing";
	if (!o->home)
		return "'--home' is missing";
	if (o->headless && !o->prompt)
		return "'--headless' needs '--prompt TEXT'";
	if (o->prompt && !o->headless)
		return "'--prompt' goes with '--headless' only";
	return NULL;
}

/* The plan's own members: which bottle this is. */
static struct doc *plan_head(const struct planner *p)
{
	const struct plan_options *o = p->options;
	AUTO_FREE char *state = alloc_format("%s/state/%s", o->home, o->identity);
	struct doc *plan = doc_new("plan", 1);

	doc_put_str(plan, "identity", o->identity);
	doc_put_str(plan, "agent", doc_get_cstr(doc_get(p->manifest, "agent"), "name"));
	doc_put(plan, "bottles", doc_copy(doc_get(p->manifest, "bottles")));
	doc_put_str(plan, "backend", o->backend);
	if (o->label)
		doc_put_str(plan, "label", o->label);
	if (o->color)
		doc_put_str(plan, "color", o->color);
	doc_put_str(plan, "started_at", o->started_at);
	doc_put_str(plan, "home", o->home);
	if (o->cwd)
		doc_put_str(plan, "cwd", o->cwd);
	doc_put_str(plan, "state", state);
	return plan;
}

/* The whole plan, in the order in which its parts depend on each other. NULL on error. */
static struct doc *plan_make(struct planner *p, struct error *e)
{
	struct doc *plan, *bottle;

	if (!manifest_refuse(p, e) || !egress_gather(p, e))
		return NULL;
	bottle = bottle_make(p, e);
	if (!bottle)
		return NULL;
	notes_add(p);
	plan = plan_head(p);
	doc_put(plan, "bottle", bottle);
	doc_put(plan, "secrets", doc_retain(p->secrets));
	if (doc_count(p->keys))
		doc_put(plan, "deploy_keys", doc_retain(p->keys));
	doc_put(plan, "sidecar", sidecar_make(p));
	doc_put(plan, "probe", probe_make(p));
	doc_put(plan, "notes", doc_retain(p->notes));
	doc_put(plan, "preflight", preflight_make(p, bottle));
	return plan;
}

/* Read, plan, write. */
static bool run(const struct plan_options *o, struct error *e)
{
	AUTO_DOC *manifest = doc_read(STDIN_FILENO, "manifest", 1, e);
	AUTO_DOC *secrets = doc_new_array();
	AUTO_DOC *keys = doc_new_array();
	AUTO_DOC *routes = doc_new_array();
	AUTO_DOC *asked = doc_new_array();
	AUTO_DOC *notes = doc_new_array();
	AUTO_DOC *plan = NULL;
	AUTO_BUF text = BUF_INIT;
	struct planner p = { o, manifest, doc_get(manifest, "provider"), o->cwd ? PLAN_WORKSPACE : PLAN_HOME,
			     NULL, secrets, keys, routes, asked, notes, NULL };

	if (!manifest || !manifest_check(manifest, e))
		return false;
	plan = plan_make(&p, e);
	alloc_auto_free(&p.placeholder);
	alloc_auto_free(&p.canary);
	if (!plan || !doc_write(plan, STDOUT_FILENO, e))
		return false;
	if (o->preflight)
		preflight_show(&p, plan, o->colour, &text);
	return fd_write_all(STDERR_FILENO, buf_slice(&text), "standard error", e);
}

int main(int argc, char **argv)
{
	struct plan_options o = { .term = "xterm-256color" };
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, &o);
	uint32_t seed;
	bool ok;

	if (first < argc)
		return program_usage("unexpected operand '%s'", argv[first]);
	if (find_fault(&o))
		return program_usage("%s", find_fault(&o));
	memcpy(&seed, o.nonce, sizeof(seed));
	document_seed_with(seed);
	digest_init();
	ok = run(&o, &e);
	alloc_auto_free(&o.programs.list);
	alloc_auto_free(&o.host_has.list);
	alloc_auto_free(&o.sensitive.list);
	return ok ? STATUS_YES : program_fail(&e);
}
