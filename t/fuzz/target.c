/* Targets, authorities and paths: what is accepted has one form, which is accepted as itself. */
#include <stdio.h>
#include <stdlib.h>

#include "path.h"
#include "target.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* An authority, formatted, parses as itself. */
static void check_authority(const struct authority *a)
{
	AUTO_BUF text = BUF_INIT;
	struct authority again;
	const char *why = NULL;

	authority_format(&text, a, SCHEME_HTTPS);
	MUST(authority_parse(buf_slice(&text), &again, &why));
	MUST(authority_equal(a, &again, SCHEME_HTTPS) && again.kind == a->kind);
	for (const char *p = a->host; *p; p++)
		MUST(*p > ' ' && *p <= '~' && !(*p >= 'A' && *p <= 'Z'));
}

/* A path's canonical form is its own; its decoded form has nothing that would be refused. */
static void check_path(struct slice path)
{
	static struct path_forms p, again;
	const char *why = NULL;
	struct slice rest;

	if (!path_parse(path, &p, &why)) {
		MUST(why != NULL);
		return;
	}
	MUST(p.canonical_len <= path.len && p.decoded_len <= path.len);
	MUST(path_parse(slice_of(p.canonical, p.canonical_len), &again, &why));
	MUST(slice_eq(slice_of(p.canonical, p.canonical_len), slice_of(again.canonical, again.canonical_len)));
	MUST(slice_eq(slice_of(p.decoded, p.decoded_len), slice_of(again.decoded, again.decoded_len)));
	rest = slice_of(p.decoded, p.decoded_len);
	MUST(slice_is_utf8(rest) && slice_find(rest, '\\') == SLICE_NONE && slice_find(rest, '\0') == SLICE_NONE);
	while (rest.len) {
		struct slice element = slice_cut(&rest, '/');

		MUST(!slice_eq(element, SLICE("..")) && !slice_eq(element, SLICE(".")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct authority a;
	struct target t;
	const char *why = NULL;

	if (authority_parse(text, &a, &why))
		check_authority(&a);
	else
		MUST(why != NULL);
	if (target_parse(SLICE("CONNECT"), text, &t, &why))
		MUST(t.form == TARGET_AUTHORITY && t.authority.port);
	if (target_parse(SLICE("GET"), text, &t, &why)) {
		MUST(t.path.len && t.path.ptr[0] == '/');
		if (t.form == TARGET_ABSOLUTE)
			check_authority(&t.authority);
		check_path(t.path);
	}
	check_path(text);
	return 0;
}
