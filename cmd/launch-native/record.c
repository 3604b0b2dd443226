#include "record.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "escape.h"
#include "program.h"

/* Digests of what the bottle is: its plan. */
static struct doc *digests(const struct plan *p)
{
	struct doc *hashes = doc_new_object();
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF hex = BUF_INIT;

	doc_format(p->doc, false, &text);
	chain_digest(buf_slice(&text), &hex);
	doc_put_slice(hashes, "plan", buf_slice(&hex));
	return hashes;
}

bool record_start(struct audit *a, const struct plan *p, bool resume, struct error *e)
{
	static const char *const copied[] = { "agent", "bottles", "cwd", "backend", "label" };
	AUTO_FREE char *file = audit_path(p->home, p->identity);
	AUTO_DOC *detail = doc_new_object();
	AUTO_DOC *hashes = digests(p);

	for (size_t i = 0; i < COUNT_OF(copied); i++) {
		const struct doc *value = doc_get(p->doc, copied[i]);

		if (value)
			doc_put(detail, copied[i], doc_copy(value));
	}
	doc_put_str(detail, "version", program_version);
	if (!audit_open(a, file, e))
		return false;
	audit_add(a, &(struct chain_entry){ .component = "launcher", .event = resume ? "resume" : "start",
					    .detail = detail,
					    .hashes = hashes });
	return audit_commit(a, e);
}

bool record_end(struct audit *a, int code, const char *why, struct error *e)
{
	AUTO_DOC *detail = doc_new_object();

	if (a->fd < 0)
		return true; /* nothing was recorded of it */
	doc_put_int(detail, "status", code);
	if (why) {
		AUTO_BUF safe = BUF_INIT;

		escape_line(&safe, slice_str(why));
		doc_put_slice(detail, "reason", buf_slice(&safe));
	}
	audit_add(a, &(struct chain_entry){ .component = "launcher", .event = why ? "failed" : "end",
					    .detail = detail });
	return audit_commit(a, e);
}

bool record_removal(const char *home, const char *identity, struct error *e)
{
	AUTO_FREE char *file = audit_path(home, identity);

	if (access(file, F_OK) < 0)
		return true;
	return audit_record(home, identity, &(struct chain_entry){ .component = "launcher", .event = "removed" }, e);
}
