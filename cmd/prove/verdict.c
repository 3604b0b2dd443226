#include "verdict.h"

#include <stdio.h>

#include "escape.h"

const struct check_def check_defs[CHECK_COUNT] = {
#define X(id, name, layer, native, tries) [CHECK_##id] = { name, layer, native, tries },
	CHECKS(X)
#undef X
};

/* Keep the worse of two results, and its detail. */
__attribute__((format(printf, 4, 0))) static void keep_worst(struct verdict *v, enum check check, enum result result,
							      const char *fmt, va_list ap)
{
	AUTO_BUF raw = BUF_INIT, safe = BUF_INIT;

	if (result <= v->of[check].result)
		return;
	buf_add_vformat(&raw, fmt, ap);
	escape_cut(&safe, buf_slice(&raw), DETAIL_MAX - 1);
	v->of[check].result = result;
	snprintf(v->of[check].detail, DETAIL_MAX, "%s", buf_str(&safe));
}

void verdict_set(struct verdict *v, enum check check, enum result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep_worst(v, check, result, fmt, ap);
	va_end(ap);
}

void verdict_clear(struct verdict *v, enum check check)
{
	verdict_set(v, check, RESULT_HELD, "nothing found");
}

void verdict_judge(struct verdict *v, enum check check, bool broken, const char *fmt, ...)
{
	va_list ap;

	if (!broken) {
		verdict_clear(v, check);
		return;
	}
	va_start(ap, fmt);
	keep_worst(v, check, RESULT_OPEN, fmt, ap);
	va_end(ap);
}

bool verdict_applies(const struct verdict *v, enum check check)
{
	return v->native || !check_defs[check].native;
}

/* Does this check stand in the way of a start? */
static bool failed(const struct verdict *v, enum check check)
{
	return verdict_applies(v, check) && v->of[check].result != RESULT_HELD;
}

bool verdict_holds(const struct verdict *v)
{
	for (enum check c = 0; c < CHECK_COUNT; c++)
		if (failed(v, c))
			return false;
	return true;
}

/* The word of the document for a result. */
static const char *result_word(enum result result)
{
	switch (result) {
	case RESULT_HELD:
		return "held";
	case RESULT_OPEN:
		return "open";
	case RESULT_NONE:
	case RESULT_UNKNOWN:
		break;
	}
	return "unknown";
}

/* The detail of a check, also of one that nobody reported on. */
static const char *detail_of(const struct verdict *v, enum check check)
{
	return v->of[check].result == RESULT_NONE ? "was not tried" : v->of[check].detail;
}

struct doc *verdict_document(const struct verdict *v, int64_t milliseconds)
{
	struct doc *d = doc_new("verdict", 1);
	struct doc *checks;

	doc_put_bool(d, "holds", verdict_holds(v));
	checks = doc_put(d, "checks", doc_new_array());
	for (enum check c = 0; c < CHECK_COUNT; c++) {
		struct doc *row;

		if (!verdict_applies(v, c))
			continue;
		row = doc_append(checks, doc_new_object());
		doc_put_str(row, "name", check_defs[c].name);
		doc_put_str(row, "layer", check_defs[c].layer);
		doc_put_str(row, "result", result_word(v->of[c].result));
		doc_put_str(row, "detail", detail_of(v, c));
	}
	doc_put_int(d, "milliseconds", milliseconds);
	return d;
}

/* Is c the first failed check of its layer? */
static bool first_of_layer(const struct verdict *v, enum check check)
{
	for (enum check c = 0; c < check; c++)
		if (failed(v, c) && strcmp(check_defs[c].layer, check_defs[check].layer) == 0)
			return false;
	return true;
}

void verdict_explain(const struct verdict *v, struct buf *out)
{
	for (enum check c = 0; c < CHECK_COUNT; c++) {
		size_t more = 0;

		if (!failed(v, c) || !first_of_layer(v, c))
			continue;
		for (enum check d = c + 1; d < CHECK_COUNT; d++)
			more += failed(v, d) && strcmp(check_defs[c].layer, check_defs[d].layer) == 0;
		buf_add_format(out, "the layer '%s' does not hold: %s: %s", check_defs[c].layer, check_defs[c].name,
			       detail_of(v, c));
		if (more)
			buf_add_format(out, " (and %zu more)", more);
		buf_add_char(out, '\n');
	}
}
