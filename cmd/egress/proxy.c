#include "proxy.h"

#include "base64.h"

bool proxy_parse(struct slice url, struct proxy *p, struct error *e)
{
	struct slice rest = url, user = { NULL, 0 };
	const char *why;

	if (!slice_starts(rest, SLICE("http://")))
		return error_set(e, STATUS_CALLER, "the upstream proxy is not of the form http://[USER@]HOST:PORT");
	rest = slice_sub(rest, sizeof("http://") - 1, rest.len);
	if (slice_ends(rest, SLICE("/")))
		rest.len--;
	if (slice_find(rest, '@') != SLICE_NONE) {
		user = slice_cut(&rest, '@');
		if (slice_find(user, ':') != SLICE_NONE)
			return error_set(e, STATUS_CALLER,
					 "the upstream proxy's password does not belong into its URL, where others can "
					 "see it; "
							   "use --upstream-proxy-password FD");
		if (!user.len || !http_is_value(user))
			return error_set(e, STATUS_CALLER,
					 "the upstream proxy's user is empty or holds a control character");
	}
	if (!authority_parse(rest, &p->at, &why))
		return error_set(e, STATUS_CALLER, "the upstream proxy '%.*s': %s", SLICE_ARG(rest), why);
	if (!p->at.port)
		return error_set(e, STATUS_CALLER, "the upstream proxy '%.*s' is without a port", SLICE_ARG(rest));
	buf_add_slice(&p->user, user);
	if (user.len)
		proxy_password(p, SLICE(""));
	return true;
}

void proxy_password(struct proxy *p, struct slice password)
{
	struct buf pair = BUF_INIT;

	buf_reserve(&pair, p->user.len + password.len + 2);
	buf_add_slice(&pair, buf_slice(&p->user));
	buf_add_char(&pair, ':');
	buf_add_slice(&pair, password);
	buf_wipe(&p->authorization);
	buf_reserve(&p->authorization, 2 * pair.len + 16);
	buf_add_str(&p->authorization, "Basic "); /* RFC 7617 */
	base64_encode(&p->authorization, buf_slice(&pair));
	buf_wipe(&pair);
}

void proxy_ask(const struct proxy *p, const struct authority *origin, struct buf *out)
{
	AUTO_BUF name = BUF_INIT;

	buf_reserve(out, 2 * HOST_MAX + p->authorization.len + 128);
	/* so that the port is always there */
	authority_format(&name, origin, origin->port == 80 ? SCHEME_HTTPS : SCHEME_HTTP);
	buf_add_format(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", buf_str(&name), buf_str(&name));
	if (p->authorization.len)
		buf_add_format(out, "Proxy-Authorization: %s\r\n", buf_str(&p->authorization));
	buf_add_str(out, "\r\n");
}
