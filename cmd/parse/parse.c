#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/parse/check.h"
#include "cmd/parse/manifest.h"
#include "cmd/parse/provider.h"
#include "program.h"
#include "routes.h"

#define OPERANDS_MAX 256 /* files of one check */

static const struct option_def option_defs[] = {
	{ "bottle", 'b', "NAME", "run the agent in this bottle; repeatable, folded in order" },
	{ "json", 0, NULL, "list as a document" },
	{ "providers", 0, "DIR", "where the built-in providers are" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-parse",
	"read what an operator wrote: agents, bottles, providers",
	"agent NAME [--bottle NAME]... | list [--json] | check [FILE]... |\n"
	"                schema [bottle|agent|provider|routes] | provider NAME",
	option_defs,
};

struct options {
	const char *bottles[BOTTLES_MAX];
	size_t n_bottles;
	bool json;
	const char *providers;
	const char *operands[OPERANDS_MAX + 1]; /* the command first */
	int n_operands;
};

/* program_option_fn */
static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct options *o = options;

	if (strcmp(name, "json") == 0) {
		o->json = true;
	} else if (strcmp(name, "providers") == 0) {
		o->providers = arg;
	} else if (!home_is_name(slice_str(arg))) {
		return error_set(e, STATUS_CALLER, "'%s' is not the name of a bottle", arg);
	} else if (o->n_bottles == BOTTLES_MAX) {
		return error_set(e, STATUS_CALLER, "more than %d bottles", BOTTLES_MAX);
	} else {
		o->bottles[o->n_bottles++] = arg;
	}
	return true;
}

/* Options may stand before and behind operands; false when there are too many of those. */
static bool take_arguments(int argc, char **argv, struct options *o)
{
	for (;;) {
		int first = program_start(&program, argc, argv, take_option, o);

		if (first >= argc)
			return true;
		if (o->n_operands == OPERANDS_MAX)
			return false;
		o->operands[o->n_operands++] = argv[first];
		argc -= first;
		argv += first;
	}
}

/* Print problems, each on its line. */
static void refuse(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		AUTO_BUF text = BUF_INIT;
		struct error e = ERROR_INIT;

		problem_format(&problems->list[i], &text);
		error_set(&e, STATUS_CALLER, "%s", buf_str(&text));
		program_fail(&e);
	}
	if (problems->total > problems->count) {
		struct error e = ERROR_INIT;

		error_set(&e, STATUS_CALLER, "and %zu more", problems->total - problems->count);
		program_fail(&e);
	}
}

/* Print warnings. */
static void warn(const struct problems *warnings)
{
	for (size_t i = 0; i < warnings->count; i++) {
		AUTO_BUF text = BUF_INIT;

		problem_format(&warnings->list[i], &text);
		program_warn("%s", buf_str(&text));
	}
}

/* bb-parse agent NAME */
static struct doc *run_agent(const struct options *o, const struct load *l)
{
	return manifest_resolve(l, o->operands[1], o->bottles, o->n_bottles);
}

/* Put one member of an object into another. */
static bool put_member(void *into, const char *key, const struct doc *value)
{
	doc_put(into, key, doc_retain(value));
	return true;
}

/* bb-parse provider NAME */
static struct doc *run_provider(const struct options *o, const struct load *l)
{
	AUTO_DOC *provider = provider_load(l, o->operands[1], NULL, "provider");
	struct doc *d = provider ? doc_new("provider", 1) : NULL;

	if (provider)
		doc_each(provider, put_member, d);
	return d;
}

/* bb-parse schema [WHAT]: a document; NULL with an error for an unknown one. */
static struct doc *run_schema(const char *what, struct error *e)
{
	const struct {
		const char *name;
		const struct shape *shape;
	} all[] = {
		{ "bottle", &bottle_shape },
		{ "agent", &agent_shape },
		{ "provider", &provider_file_shape },
		{ "routes", routes_file_shape(ROUTES_ALONE) },
	};
	AUTO_DOC *d = doc_new_object();
	struct doc *defs, *any;

	doc_put_str(d, "$schema", "https://json-schema.org/draft/2020-12/schema");
	for (size_t i = 0; what && i < COUNT_OF(all); i++)
		if (strcmp(all[i].name, what) == 0) {
			struct doc *one = shape_schema(all[i].shape);

			doc_put_str(one, "$schema", "https://json-schema.org/draft/2020-12/schema");
			doc_put_str(one, "title", what);
			return one;
		}
	if (what) {
		error_set(e, STATUS_CALLER, "there is no schema '%s'; wanted bottle, agent, provider or routes", what);
		return NULL;
	}
	doc_put_str(d, "title", "front matter of bottles and agents; $defs has provider.yaml and routes files as well");
	defs = doc_put(d, "$defs", doc_new_object());
	any = doc_put(d, "anyOf", doc_new_array());
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		AUTO_FREE char *path = alloc_format("#/$defs/%s", all[i].name);

		doc_put(defs, all[i].name, shape_schema(all[i].shape));
		if (i < 2)
			doc_put_str(doc_append(any, doc_new_object()), "$ref", path);
	}
	return STEAL(d);
}

/* bb-parse check [FILE]... */
static bool run_check(const struct options *o, const struct load *l, struct error *e)
{
	bool good = true;

	if (o->n_operands == 1)
		return check_all(l, e);
	for (int i = 1; i < o->n_operands; i++)
		good = check_file(l, o->operands[i], e) && good;
	return good;
}

/* Print a document; the exit status. */
static int put(const struct doc *d, bool pretty)
{
	struct error e = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;

	doc_format(d, pretty, &text);
	buf_add_char(&text, '\n');
	fwrite(text.ptr, 1, text.len, stdout);
	return program_flush(&e) ? STATUS_YES : program_fail(&e);
}

/* Check how a command was called; STATUS_YES or the exit status. */
static int check_usage(const struct options *o)
{
	static const struct {
		const char *name;
		int least, most; /* operands behind it */
		bool bottle, json;
	} commands[] = {
		{ "agent", 1, 1, true, false },		      { "list", 0, 0, false, true },
		{ "check", 0, OPERANDS_MAX, false, false },   { "schema", 0, 1, false, false },
		{ "provider", 1, 1, false, false },
	};

	if (!o->n_operands)
		return program_usage("wanted a command: agent, list, check, schema or provider");
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].name, o->operands[0]) != 0)
			continue;
		if (o->n_operands - 1 < commands[i].least)
			return program_usage("'%s' needs a name", commands[i].name);
		if (o->n_operands - 1 > commands[i].most)
			return program_usage("'%s' has no use for '%s'", commands[i].name,
					     o->operands[commands[i].most + 1]);
		if (o->n_bottles && !commands[i].bottle)
			return program_usage("'%s' has no option '--bottle'", commands[i].name);
		if (o->json && !commands[i].json)
			return program_usage("'%s' has no option '--json'", commands[i].name);
		return STATUS_YES;
	}
	return program_usage("unknown command '%s'", o->operands[0]);
}

/* Run the command; its document, if it makes one, is handed over in *d. */
static bool run(const struct options *o, const struct load *l, struct doc **d, struct error *e)
{
	switch (o->operands[0][0]) {
	case 'a':
		return (*d = run_agent(o, l)) != NULL;
	case 'p':
		return (*d = run_provider(o, l)) != NULL;
	case 's':
		return (*d = run_schema(o->operands[1], e)) != NULL;
	case 'l':
		return (*d = list_make(l, e)) != NULL;
	default:
		return run_check(o, l, e);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .n_bottles = 0 };
	bool fit = take_arguments(argc, argv, &o);
	AUTO_PROBLEMS problems = PROBLEMS_INIT, warnings = PROBLEMS_INIT;
	AUTO_HOME home = { .user = NULL };
	struct load load = { &home, &problems, &warnings };
	struct error e = ERROR_INIT;
	AUTO_DOC *d = NULL;
	bool good;
	int usage;

	document_seed();
	if (!fit)
		return program_usage("more than %d operands", OPERANDS_MAX);
	usage = check_usage(&o);
	if (usage != STATUS_YES)
		return usage;
	if (!home_init(&home, o.providers, &e))
		return program_fail(&e);
	good = run(&o, &load, &d, &e);
	warn(&warnings);
	refuse(&problems);
	if (!good)
		return e.status != STATUS_YES ? program_fail(&e) : STATUS_CALLER;
	if (o.operands[0][0] == 'l' && !o.json)
		list_print(d);
	else if (d)
		return put(d, o.operands[0][0] == 's');
	return program_flush(&e) ? STATUS_YES : program_fail(&e);
}
