/*
 * What bb-scan says: lines for people as they come, or one document at the end,
 * in the words of gitleaks' reports or as SARIF 2.1.0 (OASIS, 2020).
 *
 * Secrets are in it only if they are asked for. All foreign text is escaped for
 * people and made UTF-8 for documents. A finding that a baseline has (a report of
 * an earlier run) is not told again.
 */
#ifndef BB_SCAN_REPORT_H
#define BB_SCAN_REPORT_H

#include "document.h"
#include "githistory.h"

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_SARIF };

struct report {
	enum report_format format;
	bool show;     /* the secrets */
	bool colour;
	size_t findings;
	struct doc *list;     /* JSON and SARIF: what was found */
	struct doc *rules;    /* SARIF: the rules that spoke */
	struct doc *baseline; /* what an earlier run found, or NULL */
};

/* A finding. Lines and columns from 1, the end included, columns in bytes. */
struct report_finding {
	const char *rule, *description;
	const char *path;
	const struct githistory_commit *commit; /* NULL: none */
	struct slice match, secret;             /* what to show; without a secret, match says why */
	int64_t line, column, end_line, end_column;
	double entropy;
};

/* Begin; the options are set by then. */
void report_start(struct report *r);
void report_release(struct report *r);

/* Read the report of an earlier run, ours or gitleaks'. */
bool report_baseline(struct report *r, const char *path, struct error *e);

void report_add(struct report *r, const struct report_finding *f);

/* Write what is left to write. */
bool report_finish(struct report *r, struct error *e);

#endif
