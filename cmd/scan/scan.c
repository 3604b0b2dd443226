/* bb-scan: what in files and in the history of a repository should not be there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "fd.h"
#include "file.h"
#include "program.h"
#include "stream.h"

enum {
	FILES_MAX = 64,      /* rule files of one run */
	OPERANDS_MAX = 4096, /* operands, each of which is a rule of the kernel's */
	DEPTH_MAX = 128,     /* directories in each other, each of which costs an open descriptor's worth of stack */
	PIECE = 65536,       /* bytes read at once: what lib/scan looks at in one go */
	RULES_BYTES = 1 << 20,
};

#define COMMON_OPTIONS                                                                                            \
	{ "rules", 'r', "FILE", "rules beside those that come with bot-bottle; one of the same id replaces it" }, \
	{ "known-env", 0, "NAME", "look for the value of this variable, too, in any encoding" },                  \
	{ "format", 'f', "FORMAT", "text (default), json (gitleaks' words) or sarif" },                           \
	{ "baseline", 0, "FILE", "leave out what this JSON report of an earlier run has" },                       \
	{ "show", 0, NULL, "show the secrets; without it no output holds one" },                                  \
	{ "no-allow", 0, NULL, "report also lines that say gitleaks:allow" }

static const struct option_def file_options[] = { COMMON_OPTIONS, { NULL, 0, NULL, NULL } };

static const struct option_def git_options[] = {
	{ "range", 0, "A..B", "commits that B reaches and A does not; default: all of all refs" },
	{ "staged", 0, NULL, "what the next commit would bring" },
	COMMON_OPTIONS,
	{ NULL, 0, NULL, NULL },
};

#define STATUS_TEXT "exit status: 0 nothing found, 1 something found, 100 wrong use, 111 something could not be read"

static const struct program program = {
	"bb-scan",
	"find secrets in files, directories (without .git) and standard input (-)\n"
	"bb-scan git [OPTION]... [DIR]: in the history of a repository; see bb-scan git --help\n\n" STATUS_TEXT,
	"[OPTION]... FILE|-...",
	file_options,
};

static const struct program git_program = {
	"bb-scan git",
	"find secrets in what commits bring: each new file once, and each message\n\n" STATUS_TEXT,
	"[OPTION]... [DIR]",
	git_options,
};

/* One run. */
struct run {
	const char *files[FILES_MAX];
	size_t n_files;
	const char *known[STREAM_KNOWN_MAX];
	size_t n_known;
	const char *baseline, *range;
	bool git, staged;

	struct rules *rules;
	struct report report;
	struct stream stream;
	bool unread; /* something could not be read */
};

/* "text", "json" or "sarif". */
static bool take_format(struct run *r, const char *arg, struct error *e)
{
	static const char *const names[] = { "text", "json", "sarif" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(arg, names[i]) == 0)
			return r->report.format = (enum report_format)i, true;
	return error_set(e, STATUS_CALLER, "'--format' wants text, json or sarif, not '%s'", arg);
}

/* One option; see the tables. */
static bool take_option(void *context, const char *name, const char *arg, struct error *e)
{
	struct run *r = context;

	if (strcmp(name, "rules") == 0) {
		if (r->n_files == FILES_MAX)
			return error_set(e, STATUS_CALLER, "more than %d rule files", FILES_MAX);
		r->files[r->n_files++] = arg;
	} else if (strcmp(name, "known-env") == 0) {
		if (r->n_known == STREAM_KNOWN_MAX)
			return error_set(e, STATUS_CALLER, "more than %d known variables", STREAM_KNOWN_MAX);
		r->known[r->n_known++] = arg;
	} else if (strcmp(name, "format") == 0) {
		return take_format(r, arg, e);
	} else if (strcmp(name, "baseline") == 0) {
		r->baseline = arg;
	} else if (strcmp(name, "range") == 0) {
		r->range = arg;
	} else if (strcmp(name, "staged") == 0) {
		r->staged = true;
	} else if (strcmp(name, "show") == 0) {
		r->report.show = true;
	} else {
		r->stream.no_allow = true;
	}
	return true;
}

/* --- what is looked for --- */

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

/* Load every rule, the program's and the operator's. */
static bool load_all_rules(struct run *r, struct error *e)
{
	AUTO_FREE char *shipped = shipped_rules();

	r->rules = rules_new();
	if (!load_rules(r->rules, shipped, e))
		return false;
	for (size_t i = 0; i < r->n_files; i++)
		if (!load_rules(r->rules, r->files[i], e))
			return false;
	rules_build(r->rules);
	r->stream.rules = r->rules;
	return true;
}

/* Take the secrets out of the environment; what stays are fingerprints. */
static bool take_known_secrets(struct run *r, struct error *e)
{
	unsigned char key[FINGERPRINT_KEY];

	if (!r->n_known)
		return true;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return error_sys(e, "unable to draw a key");
	r->stream.known = fingerprints_new(key);
	for (size_t i = 0; i < r->n_known; i++) {
		char *value = getenv(r->known[i]);

		if (!value)
			return error_set(e, STATUS_CALLER, "the variable '%s' of --known-env is not set", r->known[i]);
		if (!known_add(r->stream.known, slice_str(value), 0, (uint32_t)i))
			return error_set(e, STATUS_CALLER,
					 "the value of '%s' is too short to be recognised: fewer than %d letters and "
					 "digits",
					 r->known[i], FINGERPRINT_SHORT_MIN);
		r->stream.names[i] = r->known[i];
		alloc_wipe(value, strlen(value));
	}
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

	stream_begin(&r->stream, path, NULL);
	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		stream_feed(&r->stream, slice_of(piece, n > 0 ? (size_t)n : 0));
	if (n < 0)
		cannot_read(r, path, strerror(errno));
	stream_end(&r->stream);
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

/* Scan one text of the history. */
static bool scan_text(void *context, const struct githistory_text *text)
{
	struct run *r = context;
	const char *path = text->path ? text->path : "commit message";

	if (text->unread) {
		cannot_read(r, path, text->unread);
		return true;
	}
	stream_begin(&r->stream, path, text->commit);
	stream_feed(&r->stream, text->bytes);
	stream_end(&r->stream);
	return true;
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
static bool confine_to(char *const *paths, struct error *e)
{
	static const struct confine_call *const calls[] = { scan_calls, gitstore_calls, NULL };
	const struct confinement c = { .role = "scanner", .readable = (const char *const *)paths, .calls = calls };

	return confine(&c, e);
}

/* Everything that is read before confinement, but for what is scanned. */
static bool prepare(struct run *r, struct error *e)
{
	static char buffer[PIECE];
	bool terminal = isatty(STDOUT_FILENO);

	document_seed();
	report_start(&r->report);
	r->report.colour = terminal && !getenv("NO_COLOR");
	/*
	 * With a buffer of its own, stdio does not ask what kind of device it writes to, which it may not once
	 * confined.
	 */
	setvbuf(stdout, buffer, terminal ? _IOLBF : _IOFBF, sizeof(buffer));
	r->stream.report = &r->report;
	return load_all_rules(r, e) && take_known_secrets(r, e) &&
	       (!r->baseline || report_baseline(&r->report, r->baseline, e));
}

/* Write the report; what the run says as a status. */
static int finish(struct run *r)
{
	struct error e = ERROR_INIT;
	bool written = report_finish(&r->report, &e);
	int status = r->report.findings ? STATUS_NO : r->unread ? STATUS_WORLD : STATUS_YES;

	report_release(&r->report);
	rules_release(r->rules);
	fingerprints_release(r->stream.known);
	return written ? status : program_fail(&e);
}

/* bb-scan git: the history of a repository. */
static int scan_git(struct run *r, int argc, char **argv)
{
	struct error e = ERROR_INIT;
	struct githistory_paths paths;
	struct githistory *history;
	int first = program_start(&git_program, argc, argv, take_option, r);
	bool ok;

	if (argc - first > 1)
		return program_usage("more than one directory");
	if (r->range && r->staged)
		return program_usage("--range and --staged exclude each other");
	if (!prepare(r, &e) || !githistory_find(first < argc ? argv[first] : ".", &paths, &e))
		return program_fail(&e);
	githistory_prepare();
	if (!confine_to(paths.all, &e) || !(history = githistory_open(&paths, &e)))
		return program_fail(&e);
	ok = r->staged ? githistory_staged(history, scan_text, r, &e)
		       : githistory_range(history, r->range, scan_text, r, &e);
	githistory_release(history);
	githistory_paths_release(&paths);
	if (!ok && !r->report.findings)
		return program_fail(&e);
	if (!ok)
		program_warn("%s", e.text);
	return finish(r);
}

/* bb-scan: files, directories, standard input. */
static int scan_files(struct run *r, int argc, char **argv)
{
	struct error e = ERROR_INIT;
	int first = program_start(&program, argc, argv, take_option, r);

	if (first == argc)
		return program_usage("nothing to scan: name files, directories or -");
	if (argc - first > OPERANDS_MAX)
		return program_usage("more than %d operands", OPERANDS_MAX);
	if (!prepare(r, &e) || !confine_to(argv + first, &e))
		return program_fail(&e);
	for (int i = first; i < argc; i++)
		scan_path(r, argv[i], true, 0);
	return finish(r);
}

int main(int argc, char **argv)
{
	static struct run run;

	return argc > 1 && strcmp(argv[1], "git") == 0 ? scan_git(&run, argc - 1, argv + 1)
						       : scan_files(&run, argc, argv);
}
