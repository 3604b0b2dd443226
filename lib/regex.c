#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "alloc.h"

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

struct regex *regex_new(struct slice pattern, unsigned flags, struct error *e)
{
	uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_USE_OFFSET_LIMIT;
	struct regex *r;
	pcre2_code *code;
	PCRE2_SIZE where = 0;
	int number = 0;

	if (pattern.len > REGEX_PATTERN_MAX) {
		error_set(e, STATUS_CALLER, "a regular expression of %zu bytes is longer than %d", pattern.len,
			  REGEX_PATTERN_MAX);
		return NULL;
	}
	if (flags & REGEX_WHOLE)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	if (flags & REGEX_HERE)
		options |= PCRE2_ANCHORED;
	if (flags & REGEX_CASELESS)
		options |= PCRE2_CASELESS;
	code = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.ptr : ""), pattern.len, options, &number, &where, NULL);
	if (!code) {
		PCRE2_UCHAR text[160];

		pcre2_get_error_message(number, text, sizeof(text));
		error_set(e, STATUS_CALLER, "regular expression '%.*s' is wrong at byte %zu: %s", SLICE_ARG(pattern),
			  where, (const char *)text);
		return NULL;
	}
	if (flags & REGEX_JIT)
		/* failing leaves the interpreter, which gives the same answers */
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	r = alloc_zero(1, sizeof(*r));
	r->code = code;
	r->data = pcre2_match_data_create_from_pattern(code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->data || !r->limits) {
		regex_release(r);
		error_set(e, STATUS_WORLD, "no memory for a regular expression");
		return NULL;
	}
	pcre2_set_match_limit(r->limits, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(r->limits, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(r->limits, REGEX_HEAP_KIB);
	return r;
}

void regex_release(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

/* A pair of offsets as a view of the subject. */
static struct slice pair(const struct regex *r, struct slice subject, size_t index)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

	return slice_sub(subject, v[2 * index], v[2 * index + 1]);
}

enum regex_result regex_match(const struct regex *r, struct slice subject, size_t from, struct slice *found,
			      struct slice *group)
{
	PCRE2_SPTR text = (PCRE2_SPTR)(subject.len ? subject.ptr : "");
	int n = pcre2_match(r->code, text, subject.len, from, 0, r->data, r->limits);

	if (n == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	if (n < 0)
		return REGEX_LIMIT;
	if (found)
		*found = pair(r, subject, 0);
	if (group) {
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
		bool took_part = n != 1 && pcre2_get_ovector_count(r->data) > 1 && v[2] != PCRE2_UNSET;

		*group = pair(r, subject, took_part ? 1 : 0);
	}
	return REGEX_YES;
}

enum regex_result regex_match_until(const struct regex *r, struct slice subject, size_t from, size_t last,
				    struct slice *found)
{
	enum regex_result result;

	pcre2_set_offset_limit(r->limits, last);
	result = regex_match(r, subject, from, found, NULL);
	pcre2_set_offset_limit(r->limits, PCRE2_UNSET);
	return result;
}

struct slice regex_group(const struct regex *r, struct slice subject, unsigned index)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

	if (index >= pcre2_get_ovector_count(r->data) || v[2 * index] == PCRE2_UNSET)
		return slice_of(NULL, 0);
	return pair(r, subject, index);
}
