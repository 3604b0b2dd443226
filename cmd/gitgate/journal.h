/*
 * The gate's log: one JSON object a line on standard output (lib/log.h), written
 * in one piece so that lines of several stewards do not mix.
 *
 *	start     what is served
 *	fetch     a client read from a repository, or was refused (why)
 *	push      a client began to push
 *	refuse    a push that was refused: repo, ref, rule, place, commit, why
 *	ask       a proposal: repo, proposal, status (asked, joined, approved, rejected, withdrawn, void)
 *	forward   a push that went upstream: repo, ref, old, new
 *	failure   something of ours went wrong: repo, why
 *
 * Text of the bottle's is escaped and cut.
 */
#ifndef BB_GITGATE_JOURNAL_H
#define BB_GITGATE_JOURNAL_H

#include "buf.h"
#include "document.h"
#include "door.h"

#define JOURNAL_TEXT_MAX 512 /* bytes of one text: a line stays below PIPE_BUF, which is written whole */

/* Write a line that log_begin began. */
void journal_write(struct buf *line);

/* A client's request, and why it was refused (NULL: it was not). */
void journal_request(const struct ask *ask, const char *why);

void journal_failure(const char *repo, const char *why);

/* One problem of a verdict (verdict.h); a request that was forwarded. */
void journal_refusal(const char *repo, const struct doc *problem);
void journal_forward(const char *repo, const struct doc *request);

#endif
