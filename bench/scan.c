/*
 * The scanner next to others: one process, one core, the same bytes.
 *
 *	scan RULES PATTERNS FILE
 *
 * RULES is a rule file, PATTERNS the same as plain expressions (patterns.py), FILE
 * the text. Each subject reads the text from memory ROUNDS times; the least time
 * that the processor spent on one counts. Prints a table and, with BENCH_RESULTS
 * in the environment, writes the figures there as JSON.
 *
 * Vectorscan and ripgrep are measured when they are installed, and named as
 * missing when they are not. Vectorscan's expressions know no looking around, so
 * they are compiled as prefilters: it finds places to look at, and looking is not
 * in its figure.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <dlfcn.h>
#include <fcntl.h>
#include <pcre2.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "detect.h"
#include "document.h"
#include "file.h"
#include "program.h"

enum {
	ROUNDS = 3,
	PIECE = 65536,        /* bytes that a stream is fed at once, as bb-egress reads them */
	BLOCK = 1 << 20,      /* bytes that Vectorscan is given at once: it likes large ones */
	PASSES_BYTES = 2 << 20, /* of the text that one pass for each rule is measured on: all would take minutes */
	PATTERNS_MAX = 2000,
	KNOWN = 20,
};

struct bench {
	struct slice text;
	char *patterns[PATTERNS_MAX];
	unsigned n_patterns;
	struct rules *all, *certain; /* with and without guesses */
	struct fingerprints *known;
	struct doc *results;
	double reference;            /* MB/s of the first subject */
	size_t found;                /* of the round */
};

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Print a line of the table. */
static void tell(struct bench *b, const char *name, double bytes, double seconds)
{
	double rate = bytes / seconds / 1e6;

	if (b->reference <= 0)
		b->reference = rate;
	printf("%-58s %9.1f %8.2f %10zu\n", name, rate, rate / b->reference, b->found);
	fflush(stdout);
	doc_put_int(b->results, name, (int64_t)rate);
}

typedef void subject_fn(struct bench *b, struct slice text);

/* Run a subject on a text and tell its best round. */
static void measure(struct bench *b, const char *name, subject_fn *fn, struct slice text)
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double start = cpu_seconds(), took;

		b->found = 0;
		fn(b, text);
		took = cpu_seconds() - start;
		best = took < best ? took : best;
	}
	tell(b, name, (double)text.len, best);
}

/* --- ours --- */

static bool count_finding(void *ctx, const struct finding *f)
{
	(void)f;
	++*(size_t *)ctx;
	return true;
}

static void scan_with(struct bench *b, const struct rules *rules, struct slice text)
{
	struct scan s;

	scan_init(&s, rules, SLICE(""), count_finding, &b->found);
	for (size_t at = 0; at < text.len; at += PIECE)
		scan_feed(&s, slice_sub(text, at, at + PIECE));
	scan_finish(&s);
	scan_release(&s);
}

static void scan_all(struct bench *b, struct slice text)
{
	scan_with(b, b->all, text);
}

static void scan_certain(struct bench *b, struct slice text)
{
	scan_with(b, b->certain, text);
}

static bool count_detection(void *ctx, const struct detection *d)
{
	(void)d;
	++*(size_t *)ctx;
	return true;
}

static void detect_with(struct bench *b, struct detect_set set, struct slice text)
{
	struct detect *d = detect_new(set, count_detection, &b->found);

	for (size_t at = 0; at < text.len; at += PIECE)
		detect_feed(d, slice_sub(text, at, at + PIECE));
	detect_finish(d);
	detect_release(d);
}

static void detect_all(struct bench *b, struct slice text)
{
	const struct detect_set set = { .rules = b->all, .known = b->known };

	detect_with(b, set, text);
}

static void detect_certain(struct bench *b, struct slice text)
{
	const struct detect_set set = { .rules = b->certain, .known = b->known };

	detect_with(b, set, text);
}

static void detect_known(struct bench *b, struct slice text)
{
	const struct detect_set set = { .known = b->known };

	detect_with(b, set, text);
}

/* --- Vectorscan, through its binary interface: there is no need to build with it --- */

enum { HS_PREFILTER = 128, HS_BLOCK = 1 };

typedef int hs_event_fn(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx);

static struct {
	int (*compile)(const char *const *texts, const unsigned *flags, const unsigned *ids, unsigned n, unsigned mode,
		       const void *platform, void **db, void **error);
	int (*compile_one)(const char *text, unsigned flags, unsigned mode, const void *platform, void **db,
			   void **error);
	int (*scratch)(const void *db, void **scratch);
	int (*scan)(const void *db, const char *text, unsigned len, unsigned flags, void *scratch, hs_event_fn *fn,
		    void *ctx);
	void *db, *work;
	unsigned n;
} hs;

static int count_event(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	++*(size_t *)ctx;
	return 0;
}

static void scan_vectorscan(struct bench *b, struct slice text)
{
	for (size_t at = 0; at < text.len; at += BLOCK) {
		struct slice block = slice_sub(text, at, at + BLOCK);

		hs.scan(hs.db, block.ptr, (unsigned)block.len, 0, hs.work, count_event, &b->found);
	}
}

/* Load the library and compile the expressions that it knows. */
static bool vectorscan_start(const struct bench *b)
{
	void *lib = dlopen("libhs.so.5", RTLD_NOW), *error;
	static const char *texts[PATTERNS_MAX];
	static unsigned flags[PATTERNS_MAX], ids[PATTERNS_MAX];

	if (!lib)
		return false;
	*(void **)&hs.compile = dlsym(lib, "hs_compile_multi");
	*(void **)&hs.compile_one = dlsym(lib, "hs_compile");
	*(void **)&hs.scratch = dlsym(lib, "hs_alloc_scratch");
	*(void **)&hs.scan = dlsym(lib, "hs_scan");
	if (!hs.compile || !hs.compile_one || !hs.scratch || !hs.scan)
		return false;
	for (unsigned i = 0; i < b->n_patterns; i++) {
		void *one;

		if (hs.compile_one(b->patterns[i], HS_PREFILTER, HS_BLOCK, NULL, &one, &error) != 0)
			continue;
		texts[hs.n] = b->patterns[i];
		flags[hs.n] = HS_PREFILTER;
		ids[hs.n] = hs.n;
		hs.n++;
	}
	return hs.compile(texts, flags, ids, hs.n, HS_BLOCK, NULL, &hs.db, &error) == 0 &&
	       hs.scratch(hs.db, &hs.work) == 0;
}

/* --- PCRE2, a pass for each expression --- */

static void scan_passes(struct bench *b, struct slice text)
{
	for (unsigned i = 0; i < b->n_patterns; i++) {
		int code;
		PCRE2_SIZE offset, at = 0;
		pcre2_code *re = pcre2_compile((PCRE2_SPTR)b->patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE,
					       &code, &offset, NULL);
		pcre2_match_data *match;

		if (!re)
			continue;
		pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
		match = pcre2_match_data_create_from_pattern(re, NULL);
		while (at < text.len && pcre2_match(re, (PCRE2_SPTR)text.ptr, text.len, at, 0, match, NULL) > 0) {
			PCRE2_SIZE end = pcre2_get_ovector_pointer(match)[1];

			b->found++;
			at = end > at ? end : at + 1;
		}
		pcre2_match_data_free(match);
		pcre2_code_free(re);
	}
}

/* --- programs --- */

/* Run a program on the file and tell what it spent; false when it is not installed. */
static bool measure_program(struct bench *b, const char *name, const char *const argv[])
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		struct rusage used;
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			int null = open("/dev/null", O_WRONLY);

			dup2(null, STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
			execvp(argv[0], (char *const *)(uintptr_t)argv);
			_exit(127);
		}
		if (pid < 0 || wait4(pid, &status, 0, &used) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
			return false;
		double took = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
		best = took < best ? took : best;
	}
	b->found = 0;
	tell(b, name, (double)b->text.len, best);
	return true;
}

/* Keywords of all rules, one a line, in a file of its own. */
static bool write_keywords(const char *rules, char *path)
{
	int fd = mkstemp(path);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct slice rest;

	if (!out || !file_read(rules, 4u << 20, &text, &e))
		return false;
	/* As the file writes them: "keywords: [a, 'b']" and "near: […]". */
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'), " "), word;
		size_t open = slice_find(line, '[');

		if ((!slice_starts(line, SLICE("keywords: [")) && !slice_starts(line, SLICE("near: ["))) ||
		    !slice_ends(line, SLICE("]")))
			continue;
		for (line = slice_sub(line, open + 1, line.len - 1); line.len;) {
			word = slice_trim(slice_cut(&line, ','), " '");
			fprintf(out, "%.*s\n", SLICE_ARG(word));
		}
	}
	return fclose(out) == 0;
}

/* --- the program --- */

/* Load a rule file. */
static struct rules *load(const char *path, bool guesses, struct error *e)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_BUF text = BUF_INIT;
	struct rules *r = rules_new();

	if (!file_read(path, 4u << 20, &text, e))
		return NULL;
	if (!rules_load(r, buf_slice(&text), path, &problems))
		return error_set(e, STATUS_CALLER, "'%s' is no rule file", path), NULL;
	if (!guesses)
		rules_drop_guesses(r);
	rules_build(r);
	return r;
}

/* Read the expressions, one a line. */
static bool read_patterns(struct bench *b, const char *path, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!file_read(path, 4u << 20, &text, e))
		return false;
	for (rest = buf_slice(&text); rest.len && b->n_patterns < PATTERNS_MAX;) {
		struct slice line = slice_cut(&rest, '\n');

		b->patterns[b->n_patterns++] = alloc_copy(line.ptr, line.len);
	}
	return true;
}

/* Map the text. */
static bool map_text(struct bench *b, const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return error_sys(e, "unable to read '%s'", path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return error_sys(e, "unable to read '%s'", path);
	b->text = slice_of(p, (size_t)st.st_size);
	return true;
}

/* Secrets that are not in the text. */
static struct fingerprints *make_known(void)
{
	unsigned char key[FINGERPRINT_KEY];
	struct fingerprints *f;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(i * 37 + 11);
	f = fingerprints_new(key);
	srand(20);
	for (uint32_t i = 0; i < KNOWN; i++) {
		char secret[40];

		for (size_t n = 0; n < sizeof(secret); n++)
			secret[n] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[rand() % 62];
		known_add(f, slice_of(secret, sizeof(secret)), 0, i);
	}
	return f;
}

/* Those of others. */
static void measure_peers(struct bench *b, const char *rules, const char *file)
{
	char keywords[] = "/tmp/bb-bench-keywords.XXXXXX";
	const char *const rg[] = { "rg", "-c", "-j1", "-i", "-F", "-f", keywords, file, NULL };
	const char *const gitleaks[] = { "gitleaks", "dir", "--exit-code", "0", file, NULL };

	if (vectorscan_start(b)) {
		AUTO_FREE char *name = alloc_format("Vectorscan, %u of the expressions, without looking closer", hs.n);

		measure(b, name, scan_vectorscan, b->text);
	} else {
		puts("Vectorscan is not installed (libvectorscan5)");
	}
	measure(b, "PCRE2 with JIT, a pass for each expression (2 MiB)", scan_passes,
		slice_sub(b->text, 0, PASSES_BYTES));
	if (!write_keywords(rules, keywords) || !measure_program(b, "ripgrep, the keywords alone", rg))
		puts("ripgrep is not installed");
	unlink(keywords);
	if (!measure_program(b, "gitleaks, its own rules", gitleaks))
		puts("gitleaks is not installed");
}

/* Write the figures where BENCH_RESULTS says. */
static bool write_results(const struct bench *b, struct error *e)
{
	const char *path = getenv("BENCH_RESULTS");
	int fd;
	bool ok;

	if (!path)
		return true;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ok = fd >= 0 ? doc_write(b->results, fd, e) : error_sys(e, "unable to write '%s'", path);
	if (fd >= 0)
		close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct error e = ERROR_INIT;

	if (argc != 4) {
		fprintf(stderr, "usage: scan RULES PATTERNS FILE\n");
		return STATUS_CALLER;
	}
	document_seed();
	b.results = doc_new_object();
	if (!map_text(&b, argv[3], &e) || !read_patterns(&b, argv[2], &e) || !(b.all = load(argv[1], true, &e)) ||
	    !(b.certain = load(argv[1], false, &e))) {
		fprintf(stderr, "scan: %s\n", e.text);
		return (int)e.status;
	}
	b.known = make_known();
	printf("%zu MB of text, %zu rules, %zu without guesses, %d known secrets; processor time of one core, best of "
	       "%d\n\n",
	       b.text.len / 1000000, rules_count(b.all), rules_count(b.certain), KNOWN, ROUNDS);
	printf("%-58s %9s %8s %10s\n", "", "MB/s", "ratio", "found");
	measure(&b, "bb-scan: all rules", scan_all, b.text);
	measure(&b, "rules without guesses", scan_certain, b.text);
	measure(&b, "known secrets alone, encodings taken off", detect_known, b.text);
	measure(&b, "bb-egress's default: rules without guesses, known secrets", detect_certain, b.text);
	measure(&b, "all rules and known secrets, encodings taken off", detect_all, b.text);
	measure_peers(&b, argv[1], argv[3]);
	if (!write_results(&b, &e)) {
		fprintf(stderr, "scan: %s\n", e.text);
		return (int)e.status;
	}
	return STATUS_YES;
}
