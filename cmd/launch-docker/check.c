#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "engine.h"
#include "escape.h"
#include "image.h"
#include "program.h"

/* The results as they come. */
struct results {
	struct doc *list;
	bool text, good;
};

/* Add a result: level is ok, warn or fail; remedy NULL for ok. Text of the engine's is foreign. */
static void add(struct results *r, const char *level, const char *name, const char *text, const char *remedy)
{
	struct doc *d = doc_append(r->list, doc_new_object());
	AUTO_BUF safe = BUF_INIT;

	escape_cut(&safe, slice_str(text), 400);
	doc_put_str(d, "level", level);
	doc_put_str(d, "name", name);
	doc_put_str(d, "text", buf_str(&safe));
	if (remedy)
		doc_put_str(d, "remedy", remedy);
	if (strcmp(level, "fail") == 0)
		r->good = false;
	if (r->text)
		printf("%-4s %s: %s%s%s\n", level, name, buf_str(&safe), remedy ? ": " : "", remedy ? remedy : "");
}

/* One thing that the engine says it can. */
static void add_ability(struct results *r, const struct doc *info, const char *member, const char *name,
			const char *what)
{
	if (doc_get_bool(info, member))
		add(r, "ok", name, what, NULL);
	else
		add(r, "warn", name, "the engine cannot limit this", "enable the control group controller on the host");
}

/* What the security options name. */
static bool has_option(const struct doc *info, const char *word)
{
	const struct doc *list = doc_get(info, "SecurityOptions");

	for (size_t i = 0; i < doc_count(list); i++)
		if (doc_cstr(doc_at(list, i)) && strstr(doc_cstr(doc_at(list, i)), word))
			return true;
	return false;
}

/* What the engine is and can. */
static void judge_info(struct results *r, const struct doc *info)
{
	const char *version = doc_get_cstr(info, "ServerVersion"), *driver = doc_get_cstr(info, "Driver");
	AUTO_FREE char *what =
		alloc_format("engine %s, storage driver %s", version ? version : "?", driver ? driver : "?");

	add(r, "ok", "engine", what, NULL);
	if (has_option(info, "name=seccomp"))
		add(r, "ok", "seccomp", "the engine filters system calls; bottles have a stricter filter behind it",
		    NULL);
	else
		add(r, "warn", "seccomp", "the engine filters no system calls; bottles have only their own filter",
		    "use a kernel with CONFIG_SECCOMP_FILTER and an engine built with seccomp");
	add_ability(r, info, "PidsLimit", "pids", "processes can be limited");
	add_ability(r, info, "MemoryLimit", "memory", "memory can be limited");
	add_ability(r, info, "CpuCfsQuota", "cpus", "processors can be limited");
}

bool check_engine(bool json, bool *good, struct error *e)
{
	AUTO_DOC *d = doc_new("check", 1);
	struct error refused = ERROR_INIT;
	AUTO_ENGINE engine = ENGINE_INIT;
	AUTO_DOC *info = NULL;
	struct results r = { NULL, !json, true };

	doc_put_str(d, "backend", "docker");
	r.list = doc_put(d, "results", doc_new_array());
	if (engine_open(&engine, &refused) && engine_call(&engine, "GET", "/info", NULL, &info, &refused))
		judge_info(&r, info);
	else
		add(&r, "fail", "engine", refused.text, "start the engine, or use the native backend");
	*good = r.good;
	return json ? doc_write(d, STDOUT_FILENO, e) : program_flush(e);
}
