/* bb-scan: what in files should not be there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "document.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "program.h"
#include "scan.h"

enum {
	FILES_MAX = 64,      /* rule files of one run */
	OPERANDS_MAX = 4096, /* operands, each of which is a rule of the kernel's */
	DEPTH_MAX = 128,     /* directories in each other, each of which costs an open descriptor's worth of stack */
	PIECE = 65536,       /* bytes read at once: what lib/scan looks at in one go */
	RULES_BYTES = 1 << 20,
};

static const struct option_def option_table[] = {
	{ "rules", 'r', "FILE", "rules beside those that come with bot-bottle; one of the same id replaces it" },
	{ "format", 'f', "FORMAT", "text (default) or json, in the words of gitleaks' reports" },
	{ "show", 0, NULL, "show the secrets; without it no output holds one" },
	{ "no-allow", 0, NULL, "report also lines that say gitleaks:allow" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-scan",
	"find secrets in files, directories (without .git) and standard input (-)\n\n"
	"exit status: 0 nothing found, 1 something found, 100 wrong use, 111 something could not be read",
	"[OPTION]... [FILE|-]...",
	option_table,
};

struct options {
	const char *files[FILES_MAX];
	size_t n_files;
	bool json, show, no_allow;
};

/* One run, and the stream that is being read. */
struct run {
	struct options options;
	struct rules *rules;
	struct doc *report; /* with json */
	size_t findings;
	bool unread; /* something could not be read */

	const char *path;
	struct scan scan;
	uint64_t lines; /* line ends in what was fed */
};

/* One option; see option_table. */
static bool take_option(void *context, const char *name, const char *arg, struct error *e)
{
	struct options *o = context;

	if (strcmp(name, "rules") == 0) {
		if (o->n_files == FILES_MAX)
			return error_set(e, STATUS_CALLER, "more than %d rule files", FILES_MAX);
		o->files[o->n_files++] = arg;
	} else if (strcmp(name, "format") == 0) {
		o->json = strcmp(arg, "json") == 0;
		return o->json || strcmp(arg, "text") == 0 || error_set(e, STATUS_CALLER, "'--format' wants text or json, not '%s'", arg);
	} else if (strcmp(name, "show") == 0) {
		o->show = true;
	} else {
		o->no_allow = true;
	}
	return true;
}

/* --- rules --- */

/* Add the rules of one file; what is wrong with it is printed. */
static bool load_rules(struct rules *rules, const char *path, struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF text = BUF_INIT;

	if (!file_read(path, RULES_BYTES, &text, e))
		return false;
	if (rules_load(rules, buf_slice(&text), path, &problems))
		return true;
	for (size_t i = 0; i + 1 < problems.count; i++) {
		AUTO_BUF line = BUF_INIT;

		problem_format(&problems.list[i], &line);
		program_warn("%s", buf_str(&line));
	}
	text.len = 0;
	problem_format(&problems.list[problems.count - 1], &text);
	return error_set(e, STATUS_CALLER, "%s", buf_str(&text));
}

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

/* --- findings --- */

/* How many line ends the bytes hold. */
static uint64_t count_lines(struct slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

/* Line and column, from 1, of a byte of the window. */
static void place_of(const struct run *r, const char *at, int64_t *line, int64_t *column)
{
	const char *start = at, *end = r->scan.window.ptr + r->scan.window.len;

	while (start > r->scan.window.ptr && start[-1] != '\n')
		start--;
	*line = (int64_t)(1 + r->lines - count_lines(slice_of(at, (size_t)(end - at))));
	*column = at - start + 1;
}

/* Put foreign bytes into a document as text. */
static void put_text(struct doc *d, const char *key, struct slice bytes)
{
	AUTO_BUF text = BUF_INIT;

	if (slice_is_utf8(bytes) && slice_find(bytes, '\0') == SLICE_NONE)
		buf_add_slice(&text, bytes);
	else
		escape_line(&text, bytes);
	doc_put_slice(d, key, buf_slice(&text));
	alloc_wipe(text.ptr, text.len);
}

/* Report in the words of gitleaks. */
static void add_json(struct run *r, const struct finding *f, const char *id, const int64_t place[4], struct slice match)
{
	struct doc *d = doc_append(r->report, doc_new_object());
	AUTO_FREE char *fingerprint = alloc_format("%s:%s:%lld", r->path, id, (long long)place[0]);
	AUTO_FREE char *entropy = alloc_format("%.6f", rule_entropy(f->secret));

	doc_put_str(d, "RuleID", id);
	put_text(d, "Description", f->rule ? slice_str(f->rule->description) : SLICE("the text takes too much work to judge"));
	doc_put_int(d, "StartLine", place[0]);
	doc_put_int(d, "EndLine", place[2]);
	doc_put_int(d, "StartColumn", place[1]);
	doc_put_int(d, "EndColumn", place[3]);
	/* What is around one secret may hold another, so a match is shown whole or not at all. */
	put_text(d, "Match", r->options.show ? match : SLICE("REDACTED"));
	put_text(d, "Secret", r->options.show ? f->secret : SLICE("REDACTED"));
	put_text(d, "File", slice_str(r->path));
	doc_put_str(d, "SymlinkFile", "");
	doc_put_str(d, "Commit", "");
	doc_put_str(d, "Entropy", entropy);
	doc_put_str(d, "Author", "");
	doc_put_str(d, "Email", "");
	doc_put_str(d, "Date", "");
	doc_put_str(d, "Message", "");
	doc_put(d, "Tags", doc_new_array());
	put_text(d, "Fingerprint", slice_str(fingerprint));
}

/* Report for people: one line, escaped. */
static void print_line(const struct run *r, const struct finding *f, const char *id, const int64_t place[4], struct slice match)
{
	AUTO_BUF line = BUF_INIT;

	escape_line(&line, slice_str(r->path));
	buf_add_format(&line, ":%lld:%lld: ", (long long)place[0], (long long)place[1]);
	escape_line(&line, slice_str(id));
	buf_add_str(&line, ": ");
	if (r->options.show || !f->rule)
		escape_cut(&line, match, 160);
	else
		escape_line(&line, slice_str(f->rule->description));
	puts(buf_str(&line));
	alloc_wipe(line.ptr, line.len);
}

/* One finding of the stream. */
static bool take_finding(void *context, const struct finding *f)
{
	struct run *r = context;
	const char *id = f->rule ? f->rule->id : "too-much-work";
	struct slice match = f->rule ? f->match : slice_str(f->why);
	int64_t place[4] = { 1, 1, 1, 1 };

	if (f->rule && !r->options.no_allow && slice_search(f->line, SLICE("gitleaks:allow")) != SLICE_NONE)
		return true;
	r->findings++;
	if (f->rule) {
		place_of(r, f->match.ptr, &place[0], &place[1]);
		place_of(r, f->match.ptr + f->match.len - 1, &place[2], &place[3]);
	}
	if (r->options.json)
		add_json(r, f, id, place, match);
	else
		print_line(r, f, id, place, match);
	return true;
}

/* --- reading --- */

/* Say that something was not read, and go on. */
static void cannot_read(struct run *r, const char *path, const char *why)
{
	program_warn("unable to read '%s': %s", path, why);
	r->unread = true;
}

/* Scan a descriptor to its end. */
static void scan_stream(struct run *r, int fd, const char *path)
{
	static char piece[PIECE];
	ssize_t n;

	r->path = path;
	r->lines = 0;
	scan_init(&r->scan, r->rules, slice_str(path), take_finding, r);
	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)) {
		struct slice bytes = slice_of(piece, n > 0 ? (size_t)n : 0);

		r->lines += count_lines(bytes);
		scan_feed(&r->scan, bytes);
	}
	if (n < 0)
		cannot_read(r, path, strerror(errno));
	scan_finish(&r->scan);
	scan_release(&r->scan);
	alloc_wipe(piece, sizeof(piece));
}

static void scan_path(struct run *r, const char *path, bool named, int depth);

/* Scan what is in a directory, in the order of names. */
static void scan_directory(struct run *r, const char *path, int depth)
{
	struct dirent **list = NULL;
	int n = depth < DEPTH_MAX ? scandir(path, &list, NULL, alphasort) : -1;

	if (n < 0)
		cannot_read(r, path, depth < DEPTH_MAX ? strerror(errno) : "too many directories in each other");
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, ".git") != 0) {
			AUTO_FREE char *child = alloc_format("%s/%s", path, name);

			scan_path(r, child, false, depth + 1);
		}
		free(list[i]);
	}
	free(list);
}

/* Scan a file or directory; links are followed where the operator named them, and only regular files are read below. */
static void scan_path(struct run *r, const char *path, bool named, int depth)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (strcmp(path, "-") == 0 && named) {
		scan_stream(r, STDIN_FILENO, "-");
		return;
	}
	if ((named ? stat(path, &st) : lstat(path, &st)) < 0) {
		cannot_read(r, path, strerror(errno));
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		scan_directory(r, path, depth);
		return;
	}
	if (!S_ISREG(st.st_mode) && !named)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (named ? 0 : O_NOFOLLOW | O_NONBLOCK));
	if (fd < 0)
		cannot_read(r, path, strerror(errno));
	else
		scan_stream(r, fd, path);
}

/* --- the program --- */

static const struct confine_call scan_calls[] = {
	CONFINE_ALLOW(__NR_openat),
	CONFINE_ALLOW(__NR_read),
	CONFINE_ALLOW(__NR_fstat),
	CONFINE_ALLOW(__NR_newfstatat),
#ifdef __NR_stat
	CONFINE_ALLOW(__NR_open),
	CONFINE_ALLOW(__NR_stat),
	CONFINE_ALLOW(__NR_lstat),
#endif
	CONFINE_ALLOW(__NR_getdents64),
	CONFINE_ALLOW(__NR_lseek),
	CONFINE_ALLOW(__NR_fcntl),
	CONFINE_ALLOW(__NR_sysinfo), /* qsort asks how much memory there is, for long directories */
	{ __NR_write, 0, ~(uint64_t)0, STDOUT_FILENO },
	CONFINE_END,
};

/* Leave nothing but reading what was named. */
static bool confine_to(char **operands, struct error *e)
{
	static const struct confine_call *const calls[] = { scan_calls, NULL };
	const struct confinement c = { .role = "scanner", .readable = (const char *const *)operands, .calls = calls };

	return confine(&c, e);
}

/* Load every rule, the program's and the operator's. */
static bool prepare(struct run *r, struct error *e)
{
	AUTO_FREE char *shipped = shipped_rules();

	r->rules = rules_new();
	if (!load_rules(r->rules, shipped, e))
		return false;
	for (size_t i = 0; i < r->options.n_files; i++)
		if (!load_rules(r->rules, r->options.files[i], e))
			return false;
	rules_build(r->rules);
	return true;
}

/* Write the report; what the run says as a status. */
static int finish(struct run *r, struct error *e)
{
	if (r->options.json && !doc_write(r->report, STDOUT_FILENO, e))
		return program_fail(e);
	if (!program_flush(e))
		return program_fail(e);
	return r->findings ? STATUS_NO : r->unread ? STATUS_WORLD : STATUS_YES;
}

int main(int argc, char **argv)
{
	static struct run run;
	struct error e = ERROR_INIT;
	int first, status;

	document_seed();
	first = program_start(&program, argc, argv, take_option, &run.options);
	if (first == argc)
		return program_usage("nothing to scan: name files, directories or -");
	if (argc - first > OPERANDS_MAX)
		return program_usage("more than %d operands", OPERANDS_MAX);
	if (!prepare(&run, &e) || !confine_to(argv + first, &e))
		return program_fail(&e);
	run.report = doc_new_array();
	for (int i = first; i < argc; i++)
		scan_path(&run, argv[i], true, 0);
	status = finish(&run, &e);
	doc_release(run.report);
	rules_release(run.rules);
	return status;
}
