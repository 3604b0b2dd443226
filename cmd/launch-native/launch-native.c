/*
 * bb-launch-native: run a bottle on this Linux, without root, daemon or image.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "document.h"
#include "program.h"
#include "run.h"
#include "sabotage.h"

static const struct option_def run_defs[] = {
	{ "plan", 0, "FILE", "the plan document; - for standard input" },
	{ "resume", 0, NULL, "go on in the state that is kept of this identity" },
	{ "timing", 0, NULL, "print where the time of the start went, as JSON on standard error" },
	{ .name = NULL },
};
static const struct program run_program = {
	"bb-launch-native", "run the bottle of a plan; exits as its agent does", "run --plan FILE [OPTION]...", run_defs,
};

static bool set_run_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct run_options *o = options;

	(void)e;
	if (strcmp(name, "plan") == 0)
		o->plan = arg;
	else if (strcmp(name, "resume") == 0)
		o->resume = true;
	else
		o->timing = true;
	return true;
}

/* The directory that this program is in: its companions are there, too. The caller frees it. */
static char *own_directory(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char *slash;

#ifdef BB_SABOTAGE
	if (*sabotage_programs())
		return alloc_copy(sabotage_programs(), strlen(sabotage_programs()));
#endif
	if (n <= 0 || n == (ssize_t)sizeof(path))
		return alloc_copy(".", 1);
	path[n] = '\0';
	slash = strrchr(path, '/');
	return alloc_copy(path, (size_t)(slash - path));
}

/* run: the life of one bottle. */
static int do_run(int argc, char **argv)
{
	AUTO_FREE char *programs = own_directory();
	struct run_options o = { .programs = programs };
	struct error e = ERROR_INIT;
	int code;

	if (program_start(&run_program, argc, argv, set_run_option, &o) < argc)
		return program_usage("unexpected operand '%s'", argv[optind]);
	if (!o.plan)
		return program_usage("the option '--plan' is missing");
	return run_bottle(&o, &code, &e) ? code : program_fail(&e);
}

static const struct program program = {
	"bb-launch-native",
	"run bottles on this Linux, without root, daemon or image",
	"run --plan FILE [OPTION]...\n"
	"       bb-launch-native list [--json]\n"
	"       bb-launch-native cleanup [--dry-run] [--json]\n"
	"       bb-launch-native check [--json]",
	(const struct option_def[]){ { .name = NULL } },
};

/* The program has only commands; options come after them. */
static bool no_option(void *options, const char *name, const char *arg, struct error *e)
{
	(void)options;
	(void)arg;
	return error_set(e, STATUS_CALLER, "unknown option '%s'", name);
}

int main(int argc, char **argv)
{
	int first;

	document_seed();
#ifdef BB_SABOTAGE
	sabotage_init();
#endif
	first = program_start(&program, argc, argv, no_option, NULL);
	if (first == argc)
		return program_usage("a command is missing");
	if (strcmp(argv[first], "run") == 0)
		return do_run(argc - first, argv + first);
	return program_usage("unknown command '%s'", argv[first]);
}
