/*
 * audit-write HOME IDENTITY [EVENT [JUSTIFICATION [NOTES]]]: write one entry of the
 * component "test" to an audit log, as programs do.
 */
#include "audit.h"
#include "digest.h"
#include "program.h"

int main(int argc, char **argv)
{
	struct chain_entry entry = { .component = "test", .event = argc > 3 ? argv[3] : "note", .action = "tested" };
	struct error e = ERROR_INIT;
	AUTO_DOC *detail = NULL;

	if (argc < 3)
		return 100;
	document_seed();
	digest_init();
	detail = doc_new_object();
	doc_put_str(detail, "host", "a.test");
	entry.detail = detail;
	entry.justification = slice_str(argc > 4 ? argv[4] : NULL);
	entry.notes = slice_str(argc > 5 ? argv[5] : NULL);
	return audit_record(argv[1], argv[2], &entry, &e) ? 0 : program_fail(&e);
}
