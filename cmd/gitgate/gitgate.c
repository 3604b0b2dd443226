/* bb-gitgate: a bottle's only path to its git remotes. What each process is for is in gate.h. */
#include "door.h"
#include "gate.h"
#include "git.h"
#include "gitleaks.h"
#include "hook.h"
#include "jail-linux.h"
#include "judge.h"
#include "program.h"

static const struct option_def no_options[] = { { .name = NULL } };

static const struct program program = {
	"bb-gitgate",
	"stand between a bottle and its git remotes",
	"serve|check|hook ...; see bb-gitgate(1)",
	no_options,
};

/* git runs the link hooks/pre-receive. */
static bool is_hook(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && strcmp(slash, "/pre-receive") == 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {
		{ "serve", serve_main }, { "door", door_main }, { "jail", jail_main },
		{ "credential", credential_main },
		{ "hook", hook_main },   { "judge", judge_main },
		{ "unpack", unpack_main },
		{ "check", check_main },
	};

	if (is_hook(argv[0]))
		return hook_pre_receive();
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	program_start(&program, argc, argv, NULL, NULL);
	return program_usage(argc > 1 ? "unknown command '%s'" : "a command is missing", argc > 1 ? argv[1] : "");
}
