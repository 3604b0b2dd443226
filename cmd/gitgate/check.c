/* The verb "check": the verdict on one ref of a repository on this machine, from a shell. */
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "fd.h"
#include "judge.h"
#include "program.h"

struct options {
	const char *rules;
	bool json;
	struct doc *policy; /* owned */
};

static const struct option_def option_defs[] = {
	{ "rules", 0, "FILE", "what a secret looks like; see bb-rules(5)" },
	{ "branch", 0, "NAME", "a branch that may be pushed, perhaps with '*' at its end (repeatable; default: any)" },
	{ "force", 0, NULL, "history may be rewritten" },
	{ "delete", 0, NULL, "refs may be deleted" },
	{ "tags", 0, NULL, "tags may be pushed" },
	{ "json", 0, NULL, "print a document: problems, and findings that their line excuses" },
	{ .name = NULL },
};

static const struct program program = {
	"bb-gitgate",
	"say what the gate would say to a push of REF from object OLD to object NEW (zeros: none)",
	"check --rules FILE [OPTION]... REPO OLD NEW REF",
	option_defs,
};

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;

	(void)e;
	if (strcmp(name, "rules") == 0) {
		o->rules = arg;
		return true;
	}
	if (strcmp(name, "json") == 0) {
		o->json = true;
		return true;
	}
	if (strcmp(name, "branch") != 0) {
		doc_put_bool(o->policy, name, true);
		return true;
	}
	if (!slice_is_utf8(slice_str(arg)))
		return error_set(e, STATUS_CALLER, "'--branch' is not UTF-8");
	if (!doc_get(o->policy, "branches"))
		doc_put(o->policy, "branches", doc_new_array());
	doc_append_str((struct doc *)(uintptr_t)doc_get(o->policy, "branches"), arg);
	return true;
}

/* The object directory of a repository: bare, or with a work tree. */
static char *objects_of(const char *repo)
{
	AUTO_FREE char *below = alloc_format("%s/.git/objects", repo);

	return access(below, F_OK) == 0 ? STEAL(below) : alloc_format("%s/objects", repo);
}

/* The request that stands for the four operands. */
static bool make_request(struct push_request *r, struct options *o, char **operands, const char *objects,
			 struct error *e)
{
	AUTO_BUF line = BUF_INIT;
	const struct repo repo = { .name = "check" };
	struct doc *d;

	buf_add_format(&line, "ref %s %s %s\n", operands[1], operands[2], operands[3]);
	d = push_request_make(&repo, buf_slice(&line), e);
	if (!d)
		return false;
	doc_put_str(d, "known", objects);
	doc_put_str(d, "rules", o->rules);
	doc_put(d, "policy", doc_retain(o->policy));
	return push_request_read(r, d, e);
}

/* Print one line for each problem. */
static void print(const struct doc *problems)
{
	for (size_t i = 0; i < doc_count(problems); i++) {
		AUTO_BUF line = BUF_INIT;
		AUTO_BUF safe = BUF_INIT;

		verdict_line(doc_at(problems, i), &line);
		escape_line(&safe, buf_slice(&line));
		printf("%s\n", buf_str(&safe));
	}
}

/* Print the verdict as a document that a terminal may show. */
static bool print_json(const struct doc *verdict, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF safe = BUF_INIT;

	doc_format(verdict, false, &text);
	doc_ascii(buf_slice(&text), &safe);
	buf_add_char(&safe, '\n');
	return fd_write_all(STDOUT_FILENO, buf_slice(&safe), "standard output", e);
}

int check_main(int argc, char **argv)
{
	struct options o = { .rules = NULL };
	struct push_request r = { .doc = NULL };
	AUTO_FREE char *objects = NULL;
	AUTO_DOC *verdict = NULL;
	AUTO_DOC *policy = NULL;
	struct error e = ERROR_INIT;
	struct judge *j;
	const struct doc *problems, *suppressed;
	int first;

	document_seed();
	o.policy = policy = doc_new_object();
	first = program_start(&program, argc, argv, take_option, &o);
	if (first + 4 != argc)
		return program_usage("wanted REPO OLD NEW REF");
	if (!o.rules)
		return program_usage("option '--rules' is missing");
	objects = objects_of(argv[first]);
	if (access(objects, R_OK) < 0) {
		error_sys(&e, "unable to read '%s'", objects);
		return program_fail(&e);
	}
	if (!make_request(&r, &o, argv + first, objects, &e) || !(j = judge_open(&r, true, NULL, &e)))
		return program_fail(&e);
	verdict = judge_run(j, &e);
	judge_release(j);
	push_request_release(&r);
	problems = doc_get(verdict, "problems");
	suppressed = doc_get(verdict, "suppressed");
	if (!o.json) {
		print(problems);
		print(suppressed);
	}
	if (o.json ? !print_json(verdict, &e) : !program_flush(&e))
		return program_fail(&e);
	return doc_count(problems) + doc_count(suppressed) ? STATUS_NO : STATUS_YES;
}
