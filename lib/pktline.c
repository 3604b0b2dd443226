#include "pktline.h"

const char *git_service_name(enum git_service service)
{
	return service == GIT_UPLOAD_PACK ? "git-upload-pack" : "git-receive-pack";
}

bool pkt_length(struct slice head, size_t *len)
{
	size_t n = 0;

	if (head.len < PKT_HEAD)
		return false;
	for (size_t i = 0; i < PKT_HEAD; i++) {
		int digit = ascii_hex(head.ptr[i]);

		if (digit < 0)
			return false;
		n = n * 16 + (size_t)digit;
	}
	*len = n;
	return n <= PKT_MAX && n != 3;
}

void pkt_add(struct buf *out, struct slice payload)
{
	buf_add_format(out, "%04zx", payload.len + PKT_HEAD);
	buf_add_slice(out, payload);
}

void pkt_add_flush(struct buf *out)
{
	buf_add_str(out, "0000");
}

/* Which service a word names. */
static bool take_service(struct slice word, struct git_request *r, const char **why)
{
	for (int s = GIT_UPLOAD_PACK; s <= GIT_RECEIVE_PACK; s++) {
		r->service = (enum git_service)s;
		if (slice_eq(word, slice_str(git_service_name(r->service))))
			return true;
	}
	return *why = "only git-upload-pack and git-receive-pack are served", false;
}

/* A repository's name, with or without ".git". */
static bool take_repo(struct slice name, struct git_request *r, const char **why)
{
	if (slice_ends(name, SLICE(".git")))
		name.len -= 4;
	if (!name.len || name.len > GIT_REPO_NAME_MAX || name.ptr[0] == '.' || name.ptr[0] == '-')
		return *why = "that cannot name a repository", false;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.ptr[i]) && !ascii_is_digit(name.ptr[i]) &&
		    slice_find(SLICE("._-"), name.ptr[i]) == SLICE_NONE)
			return *why = "a repository's name has letters, digits and . _ - only", false;
	r->repo = name;
	return true;
}

/* "version=2", as one of a list with colons between; what else is in the list is for later versions of git. */
static void take_version(struct slice list, struct git_request *r)
{
	while (list.len) {
		struct slice word = slice_cut(&list, ':');

		if (slice_starts(word, SLICE("version=")) && word.len == 9 && word.ptr[8] >= '0' &&
		    word.ptr[8] <= '2' && (unsigned)(word.ptr[8] - '0') > r->version)
			r->version = (unsigned)(word.ptr[8] - '0');
	}
}

bool git_request_parse(struct slice payload, struct git_request *r, const char **why)
{
	struct slice rest = payload, command, service;

	*r = (struct git_request){ .phase = GIT_WHOLE };
	if (slice_find(payload, '\0') == SLICE_NONE)
		return *why = "the request has no end", false;
	command = slice_cut(&rest, '\0');
	command = slice_trim(command, "\n");
	service = slice_cut(&command, ' ');
	if (!take_service(service, r, why))
		return false;
	if (!slice_starts(command, SLICE("/")))
		return *why = "the path does not begin with '/'", false;
	if (!take_repo(slice_sub(command, 1, command.len), r, why))
		return false;
	if (slice_starts(rest, SLICE("host=")))
		slice_cut(&rest, '\0');
	if (!rest.len)
		return true;
	if (rest.ptr[0] != '\0')
		return *why = "the request has an unknown parameter", false;
	slice_cut(&rest, '\0');
	while (rest.len)
		take_version(slice_cut(&rest, '\0'), r);
	return true;
}

/* "/NAME/info/refs?service=SERVICE" or "/NAME/SERVICE". */
static bool take_target(struct slice target, bool get, struct git_request *r, const char **why)
{
	struct slice path = target, query, name;

	if (!slice_starts(target, SLICE("/")))
		return *why = "the target is not a path", false;
	query = path;
	path = slice_cut(&query, '?');
	path = slice_sub(path, 1, path.len);
	name = slice_cut(&path, '/');
	if (!take_repo(name, r, why))
		return false;
	if (get) {
		r->phase = GIT_ADVERTISE;
		if (!slice_eq(path, SLICE("info/refs")))
			return *why = "only the smart protocol is served", false;
		if (!slice_starts(query, SLICE("service=")))
			return *why = "only the smart protocol is served: update git", false;
		return take_service(slice_sub(query, 8, query.len), r, why);
	}
	r->phase = GIT_RPC;
	if (query.len)
		return *why = "a request of that service has no query", false;
	return take_service(path, r, why);
}

bool git_request_parse_http(struct slice method, struct slice target, struct slice protocol, struct git_request *r,
			    const char **why)
{
	bool get = slice_eq(method, SLICE("GET"));

	*r = (struct git_request){ .phase = GIT_ADVERTISE };
	if (!get && !slice_eq(method, SLICE("POST")))
		return *why = "only GET and POST are served", false;
	take_version(protocol, r);
	return take_target(target, get, r, why);
}
