#include "report.h"

#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "file.h"
#include "program.h"

enum {
	BASELINE_MAX = 64 << 20, /* bytes of an earlier report: what lib/document takes */
	LINE_MAX_BYTES = 160,    /* of a match in a line for people */
};

void report_start(struct report *r)
{
	r->list = doc_new_array();
	r->rules = doc_new_array();
}

void report_release(struct report *r)
{
	doc_release(r->list);
	doc_release(r->rules);
	doc_release(r->baseline);
}

bool report_baseline(struct report *r, const char *path, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	if (!file_read(path, BASELINE_MAX, &text, e))
		return false;
	r->baseline = doc_parse(buf_slice(&text), e);
	if (r->baseline && doc_type_of(r->baseline) != DOC_ARRAY)
		error_set(e, STATUS_CALLER, "not a list of findings");
	else if (r->baseline)
		return true;
	e->status = STATUS_CALLER;
	return error_wrap(e, "baseline '%s'", path);
}

/* Whether an earlier run had it. */
static bool is_old(const struct report *r, const char *fingerprint)
{
	for (size_t i = 0; i < doc_count(r->baseline); i++)
		if (slice_eq(doc_get_str(doc_at(r->baseline, i), "Fingerprint"), slice_str(fingerprint)))
			return true;
	return false;
}

/* Foreign bytes as text for a document. */
static void text_of(struct slice bytes, struct buf *out)
{
	if (slice_is_utf8(bytes) && slice_find(bytes, '\0') == SLICE_NONE)
		buf_add_slice(out, bytes);
	else
		escape_line(out, bytes);
}

/* Put foreign bytes into a document as text. */
static void put_text(struct doc *d, const char *key, struct slice bytes)
{
	AUTO_BUF text = BUF_INIT;

	text_of(bytes, &text);
	doc_put_slice(d, key, buf_slice(&text));
	alloc_wipe(text.ptr, text.len);
}

/* The time of a commit as gitleaks writes it. */
static void put_date(struct doc *d, const struct githistory_commit *commit)
{
	char date[32] = "";
	time_t when = commit ? (time_t)commit->time : 0;
	struct tm tm;

	if (commit && gmtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	doc_put_str(d, "Date", date);
}

/* Report in the words of gitleaks. */
static void add_json(struct report *r, const struct report_finding *f, const char *fingerprint)
{
	struct doc *d = doc_append(r->list, doc_new_object());
	const struct githistory_commit none = { .time = 0 }, *commit = f->commit ? f->commit : &none;
	AUTO_FREE char *entropy = alloc_format("%.6f", f->entropy);

	doc_put_str(d, "RuleID", f->rule);
	put_text(d, "Description", slice_str(f->description));
	doc_put_int(d, "StartLine", f->line);
	doc_put_int(d, "EndLine", f->end_line);
	doc_put_int(d, "StartColumn", f->column);
	doc_put_int(d, "EndColumn", f->end_column);
	/* What is around one secret may hold another, so a match is shown whole or not at all. */
	put_text(d, "Match", r->show ? f->match : SLICE("REDACTED"));
	put_text(d, "Secret", r->show ? f->secret : SLICE("REDACTED"));
	put_text(d, "File", slice_str(f->path));
	doc_put_str(d, "SymlinkFile", "");
	doc_put_str(d, "Commit", commit->id);
	doc_put_str(d, "Entropy", entropy);
	put_text(d, "Author", commit->author);
	put_text(d, "Email", commit->email);
	put_date(d, f->commit);
	put_text(d, "Message", r->show || !commit->message.len ? slice_trim(commit->message, "\n") : SLICE("REDACTED"));
	doc_put(d, "Tags", doc_new_array());
	put_text(d, "Fingerprint", slice_str(fingerprint));
}

/* A path as a relative URI reference (RFC 3986 §4.2). */
static void uri_of(const char *path, struct buf *out)
{
	for (const char *c = path; *c; c++) {
		if (ascii_is_alpha(*c) || ascii_is_digit(*c) || strchr("/._-~", *c))
			buf_add_char(out, *c);
		else
			buf_add_format(out, "%%%02X", (unsigned)(unsigned char)*c);
	}
}

/* An object with the one member "text". */
static struct doc *message(const char *text)
{
	struct doc *d = doc_new_object();

	put_text(d, "text", slice_str(text));
	return d;
}

/* Remember a rule that spoke. */
static void add_rule(struct report *r, const struct report_finding *f)
{
	struct doc *d;

	for (size_t i = 0; i < doc_count(r->rules); i++)
		if (slice_eq(doc_get_str(doc_at(r->rules, i), "id"), slice_str(f->rule)))
			return;
	d = doc_append(r->rules, doc_new_object());
	put_text(d, "id", slice_str(f->rule));
	doc_put(d, "shortDescription", message(f->description));
}

/* Report as a result of SARIF (§3.27); its columns end behind the last one. */
static void add_sarif(struct report *r, const struct report_finding *f, const char *fingerprint)
{
	struct doc *d = doc_append(r->list, doc_new_object()), *place, *region, *prints;
	AUTO_BUF uri = BUF_INIT;
	AUTO_FREE char *text =
		alloc_format("%s%s%s", f->description, f->commit ? ", in commit " : "", f->commit ? f->commit->id : "");

	add_rule(r, f);
	put_text(d, "ruleId", slice_str(f->rule));
	doc_put_str(d, "level", "error");
	doc_put(d, "message", message(text));
	place = doc_put(doc_append(doc_put(d, "locations", doc_new_array()), doc_new_object()), "physicalLocation",
			doc_new_object());
	uri_of(f->path, &uri);
	doc_put_str(doc_put(place, "artifactLocation", doc_new_object()), "uri", buf_str(&uri));
	region = doc_put(place, "region", doc_new_object());
	doc_put_int(region, "startLine", f->line);
	doc_put_int(region, "startColumn", f->column);
	doc_put_int(region, "endLine", f->end_line);
	doc_put_int(region, "endColumn", f->end_column + 1);
	prints = doc_put(d, "partialFingerprints", doc_new_object());
	put_text(prints, "commitFileRuleLine/v1", slice_str(fingerprint));
}

/* Report for people: one line, escaped. */
static void print_line(const struct report *r, const struct report_finding *f)
{
	AUTO_BUF line = BUF_INIT;

	if (f->commit)
		buf_add_format(&line, "%.12s ", f->commit->id);
	escape_line(&line, slice_str(f->path));
	buf_add_format(&line, ":%lld:%lld: %s", (long long)f->line, (long long)f->column,
		       r->colour ? "\033[1;31m" : "");
	escape_line(&line, slice_str(f->rule));
	buf_add_format(&line, "%s: ", r->colour ? "\033[0m" : "");
	if (r->show || !f->secret.len)
		escape_cut(&line, f->match, LINE_MAX_BYTES);
	else
		escape_line(&line, slice_str(f->description));
	puts(buf_str(&line));
	alloc_wipe(line.ptr, line.len);
}

void report_add(struct report *r, const struct report_finding *f)
{
	AUTO_FREE char *fingerprint = alloc_format("%s%s%s:%s:%lld", f->commit ? f->commit->id : "",
						   f->commit ? ":" : "", f->path, f->rule, (long long)f->line);

	if (is_old(r, fingerprint))
		return;
	r->findings++;
	if (r->format == REPORT_JSON)
		add_json(r, f, fingerprint);
	else if (r->format == REPORT_SARIF)
		add_sarif(r, f, fingerprint);
	else
		print_line(r, f);
}

/* The document around the results (SARIF §3.13, §3.14). */
static bool write_sarif(struct report *r, struct error *e)
{
	AUTO_DOC *d = doc_new_object();
	struct doc *run, *driver;

	doc_put_str(d, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	doc_put_str(d, "version", "2.1.0");
	run = doc_append(doc_put(d, "runs", doc_new_array()), doc_new_object());
	driver = doc_put(doc_put(run, "tool", doc_new_object()), "driver", doc_new_object());
	doc_put_str(driver, "name", "bb-scan");
	doc_put_str(driver, "version", program_version);
	doc_put(driver, "rules", doc_retain(r->rules));
	doc_put(run, "results", doc_retain(r->list));
	return doc_write(d, STDOUT_FILENO, e);
}

bool report_finish(struct report *r, struct error *e)
{
	if (r->format == REPORT_JSON)
		return doc_write(r->list, STDOUT_FILENO, e);
	if (r->format == REPORT_SARIF)
		return write_sarif(r, e);
	return program_flush(e);
}
