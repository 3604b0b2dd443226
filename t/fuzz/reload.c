/*
 * Hostile lines on the way of a reload: what a daemon prints becomes a report (cmd/sidecar/peers.h), what the sidecar
 * reports is judged (lib/reload.c). A yes is only said by a whole report that says so, about the file in question.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/reload.c"

#include "cmd/sidecar/peers.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* The digest of the file that is waited for; seeds name it. */
static const char wanted[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Judge a line, and hold the verdict against what the line says. */
static void check_verdict(struct slice line)
{
	struct error e = ERROR_INIT, any = ERROR_INIT, unparsed = ERROR_INIT;
	enum answer about_ours = judge(line, wanted, &e), about_any = judge(line, NULL, &any);
	AUTO_DOC *d = doc_parse(line, &unparsed);

	MUST(about_ours == ANSWER_NONE || about_ours == about_any);
	MUST((about_ours == ANSWER_NO) == (e.status == STATUS_NO));
	if (about_any == ANSWER_NONE)
		return;
	MUST(d && slice_eq(doc_get_str(d, "kind"), SLICE("reload")) && doc_get_int(d, "v") == 1);
	MUST(doc_get_bool(d, "ok") == (about_any == ANSWER_YES));
	MUST((about_ours != ANSWER_NONE) == slice_eq(doc_get_str(d, "sha256"), slice_str(wanted)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool seeded;
	struct slice line = slice_of((const char *)data, size);
	AUTO_BUF report = BUF_INIT;
	struct slice rest;

	if (!seeded)
		document_seed_with(1);
	seeded = true;
	check_verdict(line);
	peers_report("egress", line, &report);
	rest = buf_slice(&report);
	while (rest.len) { /* what the sidecar makes of a daemon's line is always a report */
		struct slice one = slice_cut(&rest, '\n');
		struct error e = ERROR_INIT;

		MUST(one.len <= RELOAD_REPORT_MAX);
		MUST(judge(one, NULL, &e) != ANSWER_NONE);
		check_verdict(one);
	}
	return 0;
}
