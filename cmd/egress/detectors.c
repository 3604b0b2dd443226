#include "detectors.h"

#include "alloc.h"

const char *const on_match_names[] = { "supervise", "redact", "block" };

struct detector {
	struct slice name;
	unsigned bit;
	bool named_only; /* not on by default */
};

static const struct detector outbound[] = {
	{ SLICE("token_patterns"), DETECT_TOKENS, false },
	{ SLICE("known_secrets"), DETECT_KNOWN, false },
	{ SLICE("entropy"), DETECT_ENTROPY, true },
};
static const struct detector inbound[] = { { SLICE("naive_injection_detection"), DETECT_INJECTION, false } };

/* What a list of detectors, false for none, or nothing for all switches on. */
static unsigned switched_on(const struct doc *list, const struct detector *all, size_t n)
{
	bool every = !list || (doc_type_of(list) == DOC_BOOL && doc_bool(list));
	unsigned on = 0;

	for (size_t k = 0; k < n; k++) {
		bool named = every && !all[k].named_only;

		for (size_t i = 0; i < doc_count(list); i++)
			named = named || slice_eq(doc_str(doc_at(list, i)), all[k].name);
		on |= named ? all[k].bit : 0;
	}
	return on;
}

struct detectors detectors_of(const struct doc *route)
{
	const struct doc *dlp = doc_get(route, "dlp");
	struct detectors d = {
		.outbound = switched_on(doc_get(dlp, "outbound_detectors"), outbound, COUNT_OF(outbound)),
		.inbound = switched_on(doc_get(dlp, "inbound_detectors"), inbound, COUNT_OF(inbound)),
		.on_match = ON_MATCH_SUPERVISE,
		.inbound_warns = slice_eq(doc_get_str(dlp, "inbound_on_match"), SLICE("warn")),
	};
	struct slice word = doc_get_str(dlp, "outbound_on_match");

	for (size_t i = 0; i < COUNT_OF(on_match_names); i++)
		if (slice_eq(word, slice_str(on_match_names[i])))
			d.on_match = (enum on_match)i;
	return d;
}

/* Is a word of a media type one of a text's? */
static bool is_text(struct slice word)
{
	static const char *const words[] = { "text", "json", "ndjson", "json5", "jsonl", "xml", "html", "javascript",
					     "ecmascript", "yaml",
					     "toml", "markdown", "csv", "sql", "sh", "shellscript", "python", "perl",
					     "ruby", "php",
					     "graphql", "urlencoded", "rtf", "multipart", "message" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (slice_eq_fold(word, slice_str(words[i])))
			return true;
	return false;
}

/* By one media type: text/plain, application/problem+json, application/x-sh, image/svg+xml. */
static enum reading reading_of_type(struct slice type)
{
	size_t start = 0;

	if (slice_eq_fold(type, SLICE("text/event-stream")))
		return READING_EVENTS;
	for (size_t i = 0; i <= type.len; i++) {
		if (i < type.len && (ascii_is_alpha(type.ptr[i]) || ascii_is_digit(type.ptr[i])))
			continue;
		if (is_text(slice_sub(type, start, i)))
			return READING_TEXT;
		start = i + 1;
	}
	return READING_NONE;
}

enum reading reading_of(const struct http_head *response)
{
	enum reading most = READING_NONE;
	bool typed = false;

	for (size_t i = 0; i < response->n_fields; i++) {
		struct slice rest = response->fields[i].value;
		enum reading one;

		if (response->fields[i].id != HTTP_CONTENT_TYPE)
			continue;
		one = reading_of_type(slice_trim(slice_cut(&rest, ';'), " \t"));
		most = one > most ? one : most;
		typed = true;
	}
	return typed ? most : READING_TEXT;
}
