#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "files-linux.h"
#include "kernel-linux.h"
#include "loop.h"
#include "network-linux.h"
#include "probe.h"
#include "process-linux.h"
#include "program.h"
#include "verdict.h"

struct options {
	bool list;
	bool json;
};

static const struct option_def option_defs[] = {
	{ "list", 0, NULL, "print the checks instead of making them" },
	{ "json", 0, NULL, "with --list: print a document (a verdict always is one)" },
	{ .name = NULL },
};

static const struct program program = {
	"bb-prove",
	"try every way out of a bottle, from the inside; the probe document on standard input says what to try",
	"[OPTION]... <PROBE",
	option_defs,
};

static bool set_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct options *o = options;

	(void)arg;
	(void)e;
	if (strcmp(name, "list") == 0)
		o->list = true;
	else
		o->json = true;
	return true;
}

/* Print the checks, one a line: name, layer, whose guarantee it is, what is tried. */
static void print_list(void)
{
	for (enum check c = 0; c < CHECK_COUNT; c++)
		printf("%-18s %-18s %-7s %s\n", check_defs[c].name, check_defs[c].layer,
		       check_defs[c].native ? "native" : "all", check_defs[c].tries);
}

/* Print the checks as a document. */
static bool print_list_document(struct error *e)
{
	AUTO_DOC *d = doc_new("checks", 1);
	struct doc *rows = doc_put(d, "checks", doc_new_array());

	for (enum check c = 0; c < CHECK_COUNT; c++) {
		struct doc *row = doc_append(rows, doc_new_object());

		doc_put_str(row, "name", check_defs[c].name);
		doc_put_str(row, "layer", check_defs[c].layer);
		doc_put_bool(row, "native", check_defs[c].native);
		doc_put_str(row, "tries", check_defs[c].tries);
	}
	return doc_write(d, STDOUT_FILENO, e);
}

/* Make every check. What was inherited is looked at before anything is opened. */
static void try_everything(const struct probe *p, struct verdict *v)
{
	process_prove(p, v);
	privileges_prove(p, v);
	namespaces_prove(p, v);
	neighbours_prove(p, v);
	network_prove(p, v);
	sockets_prove(p, v);
	kernel_prove(p, v);
	settings_prove(p, v);
	files_prove(p, v);
	proxy_prove(p, v); /* last: it may still be starting */
}

/* Read the probe, try, write the verdict; the exit status. */
static int prove(struct error *e)
{
	int64_t start = loop_clock();
	AUTO_FREE struct verdict *v = alloc_zero(1, sizeof(*v));
	AUTO_DOC *document = NULL;
	AUTO_BUF text = BUF_INIT;
	struct probe p;

	document_seed();
	if (!probe_read(STDIN_FILENO, &p, e)) {
		probe_release(&p);
		return program_fail(e);
	}
	v->native = slice_eq(doc_get_str(p.document, "backend"), SLICE(BACKEND_NATIVE));
	try_everything(&p, v);
	probe_release(&p);
	document = verdict_document(v, loop_clock() - start);
	if (!doc_write(document, STDOUT_FILENO, e))
		return program_fail(e);
	verdict_explain(v, &text);
	for (struct slice rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');

		error_set(e, STATUS_NO, "%.*s", SLICE_ARG(line));
		program_fail(e);
	}
	return verdict_holds(v) ? STATUS_YES : STATUS_NO;
}

int main(int argc, char **argv)
{
	struct options o = { false, false };
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, set_option, &o);

	if (first < argc)
		return program_usage("unexpected operand '%s'", argv[first]);
	if (o.list && o.json)
		return print_list_document(&e) ? STATUS_YES : program_fail(&e);
	if (o.list) {
		print_list();
		return program_flush(&e) ? STATUS_YES : program_fail(&e);
	}
	return prove(&e);
}
