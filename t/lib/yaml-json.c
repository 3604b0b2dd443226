/*
 * Load YAML with lib/yaml.h and say what it is, for the tests that judge many
 * documents: one line of JSON.
 *
 *	yaml-json FILE           {"value":…,"text":…,"ms":…,"kib":…} or {"problems":[…],"ms":…,"kib":…}
 *	yaml-json --front FILE   the same of the front matter of a file, with "body"
 *
 * value types plain scalars by the core schema, text keeps every scalar as a
 * string. ms is processor time of the load alone; kib is the most memory the
 * process held.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"
#include "front.h"
#include "program.h"
#include "yaml.h"

/* A scalar as the core schema types it. Floats keep their text, marked, since documents have none. */
static struct doc *typed(const struct yaml_node *n)
{
	int64_t v;

	if (yaml_is_null(n))
		return doc_new_null();
	if (yaml_is_bool(n))
		return doc_new_bool(yaml_bool(n));
	if (yaml_is_int(n) && yaml_int(n, &v))
		return doc_new_int(v);
	if (yaml_is_float(n) || yaml_is_int(n)) {
		struct doc *d = doc_new_object();

		doc_put_slice(d, "\x01number", n->text);
		return d;
	}
	return doc_new_str(n->text);
}

/* The tree as a document. */
static struct doc *convert(const struct yaml_node *n, bool text)
{
	struct doc *d;

	if (n->type == YAML_SCALAR)
		return text ? doc_new_str(n->text) : typed(n);
	d = n->type == YAML_MAP ? doc_new_object() : doc_new_array();
	for (const struct yaml_node *m = n->first; m; m = m->next) {
		AUTO_FREE char *key = alloc_copy(m->key.ptr ? m->key.ptr : "", m->key.len);

		if (n->type == YAML_MAP)
			doc_put(d, key, convert(m, text));
		else
			doc_append(d, convert(m, text));
	}
	return d;
}

/* Most memory held so far, in KiB. */
static long peak(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

/* Processor time of this process in milliseconds. */
static double spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const struct option_def options[] = {
	{ "front", 0, NULL, "the file begins with front matter" },
	{ NULL, 0, NULL, NULL },
};
static const struct program program = { "yaml-json", "show what a YAML document is read as", "[--front] FILE",
					options };

/* program_option_fn: there is one option. */
static bool take_option(void *front, const char *name, const char *arg, struct error *e)
{
	(void)name, (void)arg, (void)e;
	*(bool *)front = true;
	return true;
}

int main(int argc, char **argv)
{
	bool with_front = false;
	int first = program_start(&program, argc, argv, take_option, &with_front);
	struct front front = { .line = 1 };
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_DOC *answer = doc_new_object();
	struct error e = ERROR_INIT;
	AUTO_YAML *y = NULL;
	AUTO_BUF text = BUF_INIT;
	double before;

	if (first + 1 != argc)
		return program_usage("wanted one file");
	if (!file_read(argv[first], 64 << 20, &text, &e))
		return program_fail(&e);
	before = spent();
	front.yaml = buf_slice(&text);
	if (!with_front || front_split(buf_slice(&text), argv[first], &front, &problems))
		y = yaml_load(front.yaml, argv[first], front.line, &problems);
	doc_put_int(answer, "ms", (int64_t)(spent() - before));
	doc_put_int(answer, "kib", peak());
	if (y) {
		doc_put(answer, "value", convert(yaml_root(y), false));
		doc_put(answer, "text", convert(yaml_root(y), true));
		if (with_front) {
			AUTO_BUF body = BUF_INIT;

			front_body(&front, &body);
			doc_put_slice(answer, "body", buf_slice(&body));
		}
	} else {
		struct doc *list = doc_put(answer, "problems", doc_new_array());

		for (size_t i = 0; i < problems.count; i++) {
			AUTO_BUF one = BUF_INIT;

			problem_format(&problems.list[i], &one);
			doc_append(list, doc_new_str(slice_is_utf8(buf_slice(&one)) ? buf_slice(&one) : SLICE("?")));
		}
	}
	return doc_write(answer, STDOUT_FILENO, &e) ? 0 : program_fail(&e);
}
