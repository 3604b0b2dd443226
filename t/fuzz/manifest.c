/*
 * Any bytes as an agent and its bottles, through all of bb-parse but its main:
 * the input is cut at lines "%%" into agents/a.md, bottles/b.md and bottles/c.md
 * of a throw-away home. Nothing may crash; a refusal has a reason; what is
 * accepted is a document that reads back as itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "cmd/parse/manifest.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/bb-fuzz.XXXXXX"; /* in memory: the disk is not what is tested */
static struct home home;

/* End the run with a report when an invariant does not hold. */
static void must(bool good)
{
	if (!good)
		abort();
}

/* Remove the home again. */
static void clean(void)
{
	struct error e = ERROR_INIT;

	home_release(&home);
	file_remove_tree(directory, &e);
}

/* Path below the home. */
static const char *below(const char *name)
{
	static char path[sizeof(directory) + 64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

/* Write one file in place: no fsync, or the disk is what is measured. */
static void put(const char *name, struct slice text)
{
	FILE *f = fopen(below(name), "w");

	must(f && fwrite(text.len ? text.ptr : "", 1, text.len, f) == text.len);
	fclose(f);
}

/* Make the home, once. The current directory stays what it is: the seeds' paths may be relative. */
static void prepare(void)
{
	static const char *const directories[] = { "bottles", "agents", "skills", "skills/s", "contrib", "contrib/p" };
	struct error e = ERROR_INIT;

	must(mkdtemp(directory) != NULL);
	for (size_t i = 0; i < COUNT_OF(directories); i++)
		must(mkdir(below(directories[i]), 0700) == 0);
	put("contrib/p/provider.yaml",
	    SLICE("command: x\nsettings: {url: {type: string, required: true}, n: {type: integer}}\n"
		  "token: {name: t, host: h.example, header: x-key, placeholder: p}\n"));
	setenv("BOT_BOTTLE_HOME", directory, 1);
	setenv("BOT_BOTTLE_SKILLS_DIR", below("skills"), 1);
	must(home_init(&home, below("contrib"), &e));
	atexit(clean);
}

/* Take the part before a line "%%" off the front. */
static struct slice take_part(struct slice *rest)
{
	size_t at = slice_search(*rest, SLICE("%%\n"));
	struct slice part = slice_sub(*rest, 0, at);

	*rest = at == SLICE_NONE ? SLICE("") : slice_sub(*rest, at + 3, rest->len);
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT, warnings = PROBLEMS_INIT;
	struct load load = { &home, &problems, &warnings };
	struct slice rest = slice_of(data, size);
	AUTO_DOC *d = NULL;
	static bool prepared;

	if (!prepared)
		prepare();
	prepared = true;
	put("agents/a.md", take_part(&rest));
	put("bottles/b.md", take_part(&rest));
	put("bottles/c.md", take_part(&rest));
	d = manifest_resolve(&load, "a", NULL, 0);
	must(!d == (problems.total > 0));
	if (d) {
		struct error e = ERROR_INIT;
		AUTO_BUF text = BUF_INIT;
		AUTO_DOC *again = NULL;

		doc_format(d, false, &text);
		again = doc_parse(buf_slice(&text), &e);
		must(again && doc_equal(d, again));
	}
	return 0;
}
