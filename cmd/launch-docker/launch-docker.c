/*
 * bb-launch-docker: run a bottle in containers of a Docker engine.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "check.h"
#include "cmd/launch-native/active.h"
#include "digest.h"
#include "document.h"
#include "program.h"
#include "remains.h"
#include "run.h"
#include "state.h"

static const struct option_def run_defs[] = {
	{ "plan", 0, "FILE", "the plan document; - for standard input" },
	{ "resume", 0, NULL, "refused: what the agent wrote went with its container" },
	{ "snapshot", 0, "NAME", "begin with what the snapshot of this name holds" },
	{ "timing", 0, NULL, "print where the time of the start went, as JSON on standard error" },
	{ .name = NULL },
};
static const struct program run_program = {
	"bb-launch-docker", "run the bottle of a plan; exits as its agent does", "run --plan FILE [OPTION]...",
	run_defs,
};

static bool set_run_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct run_options *o = options;

	(void)e;
	if (strcmp(name, "plan") == 0)
		o->plan = arg;
	else if (strcmp(name, "snapshot") == 0)
		o->snapshot = arg;
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
	if (o.resume && o.snapshot)
		return program_usage("'--resume' and '--snapshot' exclude each other");
	return run_bottle(&o, &code, &e) ? code : program_fail(&e);
}

/* Options of the commands that look around. */
struct look_options {
	bool json, dry_run;
};

static const struct option_def json_defs[] = {
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct option_def cleanup_defs[] = {
	{ "dry-run", 0, NULL, "only say what would be removed" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct program list_program = {
	"bb-launch-docker", "list the bottles that run", "list [--json]", json_defs,
};
static const struct program cleanup_program = {
	"bb-launch-docker", "remove what no running bottle owns", "cleanup [--dry-run] [--json]", cleanup_defs,
};
static const struct program check_program = {
	"bb-launch-docker", "ask whether bottles can run here; status 1: no", "check [--json]", json_defs,
};

static bool set_look_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct look_options *o = options;

	(void)arg;
	(void)e;
	if (strcmp(name, "json") == 0)
		o->json = true;
	else
		o->dry_run = true;
	return true;
}

/* list, cleanup, check: no bottle is started. */
static int do_look(const struct program *p, int argc, char **argv)
{
	struct look_options o = { false, false };
	AUTO_FREE char *home = NULL;
	struct error e = ERROR_INIT;
	bool good = true, ok;

	if (program_start(p, argc, argv, set_look_option, &o) < argc)
		return program_usage("unexpected operand '%s'", argv[optind]);
	home = state_home(&e);
	if (!home)
		return program_fail(&e);
	if (p == &list_program)
		ok = active_list(home, "docker", o.json, &e);
	else if (p == &cleanup_program)
		ok = remains_remove(home, o.dry_run, o.json, &e);
	else
		ok = check_engine(o.json, &good, &e);
	if (!ok)
		return program_fail(&e);
	return good ? STATUS_YES : STATUS_NO;
}

static const struct program program = {
	"bb-launch-docker",
	"run bottles in containers of a Docker engine",
	"run --plan FILE [OPTION]...\n"
	"       bb-launch-docker list [--json]\n"
	"       bb-launch-docker cleanup [--dry-run] [--json]\n"
	"       bb-launch-docker check [--json]",
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

	digest_init();
	document_seed();
	first = program_start(&program, argc, argv, no_option, NULL);
	if (first == argc)
		return program_usage("a command is missing");
	argc -= first;
	argv += first;
	if (strcmp(argv[0], "run") == 0)
		return do_run(argc, argv);
	if (strcmp(argv[0], "list") == 0)
		return do_look(&list_program, argc, argv);
	if (strcmp(argv[0], "cleanup") == 0)
		return do_look(&cleanup_program, argc, argv);
	if (strcmp(argv[0], "check") == 0)
		return do_look(&check_program, argc, argv);
	return program_usage("unknown command '%s'", argv[0]);
}
