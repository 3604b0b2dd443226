#include "gitrule.h"

#include "path.h"

/* Whether the decoded path's last element, empty ones and parameters not counted, is name. Its start goes to *at. */
static bool last_element_is(struct slice path, struct slice name, size_t *at)
{
	size_t start;

	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	for (start = path.len; start && path.ptr[start - 1] != '/'; start--)
		;
	*at = start;
	path = slice_sub(path, start, path.len);
	for (size_t i = 0; i < path.len; i++)
		if (strchr(";?#", path.ptr[i]))
			path = slice_sub(path, 0, i);
	return slice_eq_fold(path, name);
}

/* Whether the decoded path has the elements "info" and "lfs" behind each other: the API of Git LFS. */
static bool is_lfs(struct slice path)
{
	bool info = false;

	while (path.len) {
		struct slice element = slice_cut(&path, '/');

		if (!element.len)
			continue;
		if (info && slice_eq_fold(slice_sub(element, 0, slice_find(element, ';')), SLICE("lfs")))
			return true;
		info = slice_eq_fold(slice_sub(element, 0, slice_find(element, ';')), SLICE("info"));
	}
	return false;
}

/* Whether the query holds a word in some encoding: decoded up to three times, any case. */
static bool query_mentions(struct slice query, struct slice word)
{
	char text[4096]; /* git's own query has 24 bytes; a longer one is searched in overlapping pieces */
	size_t step = sizeof(text) / 2;

	for (size_t from = 0; from < query.len || from == 0; from += step) {
		struct slice piece = slice_sub(query, from, from + sizeof(text));
		size_t len = piece.len;

		if (len)
			memcpy(text, piece.ptr, len);
		for (int round = 0; round < PATH_DECODE_MAX; round++)
			len = path_decode(text, len);
		for (size_t i = 0; i < len; i++)
			text[i] = ascii_lower(text[i]);
		if (slice_search(slice_of(text, len), word) != SLICE_NONE)
			return true;
	}
	return false;
}

bool gitrule_judge(const struct request_facts *f, struct slice path, bool may_fetch, const char *route,
		   struct refusal *no)
{
	size_t at;
	bool push = last_element_is(path, SLICE("git-receive-pack"), &at);
	bool fetch = last_element_is(path, SLICE("git-upload-pack"), &at);

	if (last_element_is(path, SLICE("refs"), &at) && last_element_is(slice_sub(path, 0, at), SLICE("info"), &at)) {
		push = query_mentions(f->query, SLICE("receive-pack"));
		fetch = true;
	}
	if (push)
		return refuse(no, 403, "git-push",
			      "pushing over http is refused on every route: push to the git gate, which the remote "
			      "'origin' names");
	if (is_lfs(path))
		return refuse(no, 403, "git-lfs",
			      "Git LFS over http is refused on every route, because it uploads as well: have the files "
			      "fetched on "
			      "the host");
	if (fetch && !may_fetch)
		return refuse_askable(no, "git-fetch",
				      "the route for '%s' does not permit git to fetch (git: {fetch: true})", route);
	return true;
}
