#include "journal.h"

#include <unistd.h>

#include "fd.h"
#include "log.h"

void journal_write(struct buf *line)
{
	struct error e = ERROR_INIT;

	log_end(line);
	(void)fd_write_all(STDOUT_FILENO, buf_slice(line), "the log", &e); /* a lost log stops nothing that is judged */
}

void journal_request(const struct ask *ask, const char *why)
{
	AUTO_BUF line = BUF_INIT;

	if (!why && ask->phase == GIT_RPC)
		return; /* told when it was advertised */
	log_begin(&line, ask->service == GIT_UPLOAD_PACK ? "fetch" : "push");
	log_text(&line, "repo", slice_str(ask->repo), JOURNAL_TEXT_MAX);
	log_bool(&line, "refused", why != NULL);
	if (why)
		log_text(&line, "why", slice_str(why), JOURNAL_TEXT_MAX);
	journal_write(&line);
}

void journal_failure(const char *repo, const char *why)
{
	AUTO_BUF line = BUF_INIT;

	log_begin(&line, "failure");
	log_str(&line, "repo", repo);
	log_text(&line, "why", slice_str(why), JOURNAL_TEXT_MAX);
	journal_write(&line);
}

void journal_refusal(const char *repo, const struct doc *problem)
{
	static const char *const members[] = { "ref", "rule", "place", "commit", "object" };
	AUTO_BUF line = BUF_INIT;

	log_begin(&line, "refuse");
	log_str(&line, "repo", repo);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (doc_get(problem, members[i]))
			log_text(&line, members[i], doc_get_str(problem, members[i]), JOURNAL_TEXT_MAX);
	journal_write(&line);
}

void journal_forward(const char *repo, const struct doc *request)
{
	const struct doc *refs = doc_get(request, "refs");

	for (size_t i = 0; i < doc_count(refs); i++) {
		AUTO_BUF line = BUF_INIT;

		log_begin(&line, "forward");
		log_str(&line, "repo", repo);
		log_text(&line, "ref", doc_get_str(doc_at(refs, i), "name"), JOURNAL_TEXT_MAX);
		log_text(&line, "old", doc_get_str(doc_at(refs, i), "old"), JOURNAL_TEXT_MAX);
		log_text(&line, "new", doc_get_str(doc_at(refs, i), "new"), JOURNAL_TEXT_MAX);
		journal_write(&line);
	}
}
