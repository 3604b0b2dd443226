#include "remote.h"

/* Split "host[:port]" or "[v6]:port" and fill in the port. */
static bool take_host(struct slice text, bool ssh, struct remote *r, const char **why)
{
	if (!authority_parse(text, &r->host, why))
		return false;
	if (!r->host.port)
		r->host.port = ssh ? 22 : 443;
	return true;
}

/* Take "user@" off the front. */
static bool take_user(struct slice *text, struct remote *r, const char **why)
{
	size_t at = slice_find(*text, '@');

	if (at == SLICE_NONE)
		return true;
	r->user = slice_sub(*text, 0, at);
	*text = slice_sub(*text, at + 1, text->len);
	if (slice_find(r->user, ':') != SLICE_NONE)
		return *why = "a password in a URL ends up in logs; remove it", false;
	if (!r->user.len || r->user.ptr[0] == '-')
		return *why = "the user is empty or begins with '-'", false;
	for (size_t i = 0; i < r->user.len; i++)
		if (!ascii_is_alpha(r->user.ptr[i]) && !ascii_is_digit(r->user.ptr[i]) &&
		    !strchr("._+-", r->user.ptr[i]))
			return *why = "the user has other characters than letters, digits and . _ + -", false;
	return true;
}

/* Check a path. */
static bool check_path(struct slice path, const char **why)
{
	if (!path.len || slice_eq(path, SLICE("/")))
		return *why = "the path of the repository is missing", false;
	if (path.ptr[0] == '-')
		return *why = "the path begins with '-'", false;
	return true;
}

/* A URL behind its scheme. */
static bool parse_url(struct slice rest, bool ssh, struct remote *r, const char **why)
{
	size_t slash = slice_find(rest, '/');
	struct slice host = slice_sub(rest, 0, slash);

	r->scheme = ssh ? "ssh" : "https";
	r->path = slash == SLICE_NONE ? slice_sub(rest, rest.len, rest.len) : slice_sub(rest, slash, rest.len);
	return take_user(&host, r, why) && take_host(host, ssh, r, why) && check_path(r->path, why);
}

/* scp's form. */
static bool parse_scp(struct slice text, struct remote *r, const char **why)
{
	bool bracket;
	size_t colon;

	r->scheme = "ssh";
	if (slice_find(slice_sub(text, 0, slice_find(text, ':')), '/') != SLICE_NONE)
		return *why = "a path of this host is no remote", false;
	if (!take_user(&text, r, why))
		return false;
	bracket = text.len && text.ptr[0] == '[';
	colon = bracket ? slice_search(text, SLICE("]:")) : slice_find(text, ':');
	if (colon == SLICE_NONE)
		return *why = "neither a URL nor HOST:PATH", false;
	colon += bracket;
	r->path = slice_sub(text, colon + 1, text.len);
	return take_host(slice_sub(text, 0, colon), true, r, why) && check_path(r->path, why);
}

bool remote_parse(struct slice text, struct remote *r, const char **why)
{
	*r = (struct remote){ .scheme = NULL };
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7F)
			return *why = "it holds a space or a control character", false;
	if (slice_starts(text, SLICE("ssh://")))
		return parse_url(slice_sub(text, 6, text.len), true, r, why);
	if (slice_starts(text, SLICE("https://")))
		return parse_url(slice_sub(text, 8, text.len), false, r, why);
	if (slice_search(text, SLICE("://")) != SLICE_NONE)
		return *why = "the scheme must be ssh or https: others send the repository in the clear", false;
	return parse_scp(text, r, why);
}

bool remote_is_forge(struct slice text)
{
	if (!slice_starts(text, SLICE("https://")) || text.len == 8 || text.ptr[8] == '/')
		return false;
	for (size_t i = 8; i < text.len; i++)
		if (!ascii_is_alpha(text.ptr[i]) && !ascii_is_digit(text.ptr[i]) && !strchr("._~-/:[]", text.ptr[i]))
			return false;
	return slice_search(text, SLICE("/..")) == SLICE_NONE;
}
