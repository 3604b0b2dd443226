#include "provision.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "alloc.h"
#include "fd.h"
#include "place.h"

/* Permission bits from text like "0600"; no set-id bits. */
static bool parse_mode(const char *text, mode_t *mode, struct error *e)
{
	size_t len = strlen(text);

	*mode = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '7')
			return error_set(e, STATUS_CALLER, "'%s' is not a mode", text);
		*mode = *mode << 3 | (mode_t)(text[i] - '0');
	}
	return (len && len <= 4 && *mode <= 0777) || error_set(e, STATUS_CALLER, "'%s' is not a mode", text);
}

/* Skills and other directories. */
static bool place_copies(int root, const struct cargo *cargo, struct error *e)
{
	for (size_t i = 0; i < cargo->n; i++) {
		const struct cargo_item *item = &cargo->items[i];

		if (item->use == CARGO_COPY && !place_copy(item->tree, root, item->target, e))
			return error_wrap(e, "'%s'", item->source);
	}
	return true;
}

bool provision(const struct plan *p, const struct cargo *cargo, struct error *e)
{
	const struct doc *files = doc_get(p->bottle, "files");
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_sys(e, "unable to open the bottle's root");
	if (!place_copies(root, cargo, e))
		return false;
	for (size_t i = 0; i < doc_count(files); i++) {
		const struct doc *file = doc_at(files, i);
		const char *path = doc_get_cstr(file, "path");
		mode_t mode;

		if (!parse_mode(doc_get_cstr(file, "mode"), &mode, e) ||
		    !place_file(root, path, doc_get_str(file, "content"), mode, e))
			return error_wrap(e, "'%s'", path);
	}
	return true;
}
