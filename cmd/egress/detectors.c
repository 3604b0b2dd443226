#include "detectors.h"

#include "alloc.h"

const char *const on_match_names[] = { "supervise", "redact", "block" };

/* What a list of detectors, false for none, or nothing for the defaults switches on. */
static unsigned outbound_of(const struct doc *list)
{
	static const struct {
		struct slice name;
		unsigned bit;
	} known[] = { { SLICE("token_patterns"), DETECT_TOKENS }, { SLICE("known_secrets"), DETECT_KNOWN } };
	unsigned on = 0;

	if (!list || (doc_type_of(list) == DOC_BOOL && doc_bool(list)))
		return DETECT_TOKENS | DETECT_KNOWN;
	for (size_t i = 0; i < doc_count(list); i++)
		for (size_t k = 0; k < COUNT_OF(known); k++)
			if (slice_eq(doc_str(doc_at(list, i)), known[k].name))
				on |= known[k].bit;
	return on;
}

struct detectors detectors_of(const struct doc *route)
{
	const struct doc *dlp = doc_get(route, "dlp");
	struct detectors d = { .outbound = outbound_of(doc_get(dlp, "outbound_detectors")), .on_match = ON_MATCH_SUPERVISE };
	struct slice word = doc_get_str(dlp, "outbound_on_match");

	for (size_t i = 0; i < COUNT_OF(on_match_names); i++)
		if (slice_eq(word, slice_str(on_match_names[i])))
			d.on_match = (enum on_match)i;
	return d;
}
