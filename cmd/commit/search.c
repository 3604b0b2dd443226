#include "search.h"

#include <limits.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"
#include "program.h"
#include "scan.h"

#define RULES_BYTES (1u << 20)

struct search {
	struct rules *rules;
	struct scan scan;
	bool begun; /* a file is being looked at */
	char *path;
	unsigned long found;
};

/* The rules that come with the program: beside it, as built and as installed. */
static char *shipped_rules(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	return alloc_format("%s/../share/bot-bottle/rules/tokens.yaml", slash ? exe : "/usr/local/bin");
}

struct search *search_new(struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_FREE char *path = shipped_rules();
	struct search *s = alloc_zero(1, sizeof(*s));
	AUTO_BUF text = BUF_INIT;

	s->rules = rules_new();
	if (!file_read(path, RULES_BYTES, &text, e))
		return NULL;
	if (!rules_load(s->rules, buf_slice(&text), path, &problems)) {
		error_set(e, STATUS_CALLER, "'%s' is not a file of rules; see 'bb-scan --rules'", path);
		return NULL;
	}
	rules_build(s->rules);
	return s;
}

/* Tell a finding. What cannot be judged is one, too. */
static bool take_finding(void *ctx, const struct finding *f)
{
	struct search *s = ctx;

	if (++s->found <= SEARCH_SHOWN_MAX)
		program_warn("'%s', byte %llu: %s", s->path, (unsigned long long)f->start,
			     f->rule ? f->rule->description : f->why);
	return true;
}

/* End the file that is being looked at. */
static void end_file(struct search *s)
{
	if (!s->begun)
		return;
	scan_finish(&s->scan);
	scan_release(&s->scan);
	alloc_auto_free(&s->path);
	s->path = NULL;
	s->begun = false;
}

bool search_look(void *search, const char *path, struct slice bytes, struct error *e)
{
	struct search *s = search;

	(void)e;
	if (!bytes.ptr) {
		end_file(s);
		s->path = alloc_copy(path, strlen(path));
		scan_init(&s->scan, s->rules, slice_str(s->path), take_finding, s);
		s->begun = true;
		return true;
	}
	scan_feed(&s->scan, bytes);
	return true;
}

unsigned long search_finish(struct search *s)
{
	end_file(s);
	if (s->found > SEARCH_SHOWN_MAX)
		program_warn("and %lu more", s->found - SEARCH_SHOWN_MAX);
	return s->found;
}
