#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"
#include "digest.h"

char *plan_random(const struct plan_options *o, const char *purpose)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct slice parts[] = { slice_of(o->nonce, sizeof(o->nonce)), slice_str(purpose) };
	char text[DIGEST_SIZE];
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(parts, COUNT_OF(parts), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		text[i] = alphabet[digest[i] % (sizeof(alphabet) - 1)];
	return alloc_copy(text, sizeof(text));
}

/* Find what {name} stands for; false when it is none of ours. A name that this bottle has nothing for gives NULL. */
static bool lookup(const struct planner *p, struct slice name, const char **value)
{
	const struct plan_options *o = p->options;
	const struct {
		const char *name, *value;
	} names[] = {
		{ "workspace", p->workdir },
		{ "label", o->label ? o->label : "" },
		{ "color", o->color ? o->color : "" },
		{ "identity", o->identity },
		{ "placeholder", p->placeholder },
		{ "mcp_url", supervise_is_wanted(p) ? PLAN_SUPERVISE_URL : NULL },
		{ "prompt", doc_get_cstr(doc_get(p->manifest, "agent"), "prompt") },
	};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!slice_eq(name, slice_str(names[i].name)))
			continue;
		*value = names[i].value;
		return true;
	}
	return false;
}

/* Append value as a JSON string with its quotes. */
static void add_json(struct buf *out, const char *value)
{
	AUTO_DOC *d = doc_new_str(slice_str(value));

	doc_format(d, false, out);
}

void template_replace(struct slice text, const char *mark, const char *value, struct buf *out)
{
	size_t at;

	while ((at = slice_search(text, slice_str(mark))) != SLICE_NONE) {
		buf_add(out, text.ptr, at);
		buf_add_str(out, value);
		text = slice_sub(text, at + strlen(mark), text.len);
	}
	buf_add_slice(out, text);
}

bool template_expand(const struct planner *p, const char *text, struct buf *out)
{
	struct slice rest = slice_str(text);

	while (rest.len) {
		size_t open = slice_find(rest, '{'), close;
		const char *value = NULL;
		struct slice name;
		bool json;

		if (open == SLICE_NONE) {
			buf_add_slice(out, rest);
			break;
		}
		buf_add(out, rest.ptr, open);
		rest = slice_sub(rest, open, rest.len);
		close = slice_find(rest, '}');
		name = slice_sub(rest, 1, close == SLICE_NONE ? 0 : close);
		json = slice_ends(name, SLICE(":json"));
		if (json)
			name = slice_sub(name, 0, name.len - strlen(":json"));
		if (!lookup(p, name, &value)) {
			buf_add_char(out, '{');
			rest = slice_sub(rest, 1, rest.len);
			continue;
		}
		if (!value)
			return false;
		if (json)
			add_json(out, value);
		else
			buf_add_str(out, value);
		rest = slice_sub(rest, close + 1, rest.len);
	}
	return true;
}
