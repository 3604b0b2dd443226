#include "target.h"

#include <arpa/inet.h>

#include "address.h"
#include "path.h"

/* Whether a resolver would read the last label, and so the name, as a number: all digits, or 0x and hexadecimal. */
static bool is_number_like(struct slice label)
{
	size_t i;
	bool hex = label.len >= 2 && label.ptr[0] == '0' && ascii_lower(label.ptr[1]) == 'x';

	for (i = hex ? 2 : 0; i < label.len; i++)
		if (hex ? ascii_hex(label.ptr[i]) < 0 : !ascii_is_digit(label.ptr[i]))
			return false;
	return true;
}

/* One label: 1 to 63 letters, digits and inner hyphens. */
static bool is_label(struct slice label)
{
	if (!label.len || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alpha(label.ptr[i]) && !ascii_is_digit(label.ptr[i]) && label.ptr[i] != '-')
			return false;
	return true;
}

bool host_is_name(struct slice s)
{
	struct slice label = s, rest = s;

	if (!s.len || s.len > HOST_MAX || s.ptr[s.len - 1] == '.')
		return false;
	while (rest.len) {
		label = slice_cut(&rest, '.');
		if (!is_label(label))
			return false;
	}
	return !is_number_like(label);
}

/* "[…]" with an IPv6 address in it. */
static bool parse_bracketed(struct slice text, struct authority *a, const char **why)
{
	struct in6_addr v6;

	if (text.len < 2 || text.ptr[text.len - 1] != ']' || !address_parse_v6(slice_sub(text, 1, text.len - 1), &v6)) {
		*why = "a host in brackets that is no IPv6 address";
		return false;
	}
	a->kind = HOST_IPV6;
	inet_ntop(AF_INET6, &v6, a->host, sizeof(a->host));
	return true;
}

bool host_parse(struct slice text, struct authority *a, const char **why)
{
	struct in_addr v4;

	a->port = 0;
	if (text.len && text.ptr[0] == '[')
		return parse_bracketed(text, a, why);
	if (address_parse_v4(text, &v4)) {
		a->kind = HOST_IPV4;
	} else if (host_is_name(text) || slice_eq_fold(text, SLICE(HOST_INTROSPECTION))) {
		a->kind = HOST_NAME;
	} else {
		*why = "a host that is neither a name of letters, digits and hyphens nor a canonical address";
		return false;
	}
	for (size_t i = 0; i < text.len; i++)
		a->host[i] = ascii_lower(text.ptr[i]);
	a->host[text.len] = '\0';
	return true;
}

bool authority_parse(struct slice text, struct authority *a, const char **why)
{
	struct slice host = text, port;
	size_t colon = SLICE_NONE;
	uint64_t n = 0;

	for (size_t i = text.len; i > 0 && text.ptr[i - 1] != ']'; i--)
		if (text.ptr[i - 1] == ':')
			colon = i - 1; /* the first one behind the brackets */
	if (colon == SLICE_NONE)
		return host_parse(text, a, why);
	host = slice_sub(text, 0, colon);
	port = slice_sub(text, colon + 1, text.len);
	if (port.len > 5 || !slice_to_u64(port, &n) || n < 1 || n > 65535 || port.ptr[0] == '0') {
		*why = "a port that is not a decimal number from 1 to 65535";
		return false;
	}
	if (!host_parse(host, a, why))
		return false;
	a->port = (uint16_t)n;
	return true;
}

uint16_t authority_port(const struct authority *a, enum scheme scheme)
{
	if (a->port)
		return a->port;
	return scheme == SCHEME_HTTPS ? 443 : 80;
}

bool authority_equal(const struct authority *a, const struct authority *b, enum scheme scheme)
{
	return a->kind == b->kind && strcmp(a->host, b->host) == 0 &&
	       authority_port(a, scheme) == authority_port(b, scheme);
}

void authority_format(struct buf *out, const struct authority *a, enum scheme scheme)
{
	static const struct authority none = { .port = 0 };

	if (a->kind == HOST_IPV6)
		buf_add_format(out, "[%s]", a->host);
	else
		buf_add_str(out, a->host);
	if (authority_port(a, scheme) != authority_port(&none, scheme))
		buf_add_format(out, ":%u", a->port);
}

/* Characters of a path: pchar and '/', RFC 3986 §3.3. */
static bool check_path(struct slice path, const char **why)
{
	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];

		if (c == '%' &&
		    (path.len - i < 3 || ascii_hex(path.ptr[i + 1]) < 0 || ascii_hex(path.ptr[i + 2]) < 0)) {
			*why = "a '%' in the path that two hexadecimal digits do not follow";
			return false;
		}
		if (c != '%' && !path_is_plain(c)) {
			*why = "a character in the path that must be percent-encoded";
			return false;
		}
	}
	return true;
}

/* path [ "?" query ], the path beginning with '/'. */
static bool parse_path(struct slice text, struct target *t, const char **why)
{
	size_t mark = slice_find(text, '?');

	t->has_query = mark != SLICE_NONE;
	t->path = slice_sub(text, 0, mark);
	t->query = t->has_query ? slice_sub(text, mark + 1, text.len) : slice_sub(text, text.len, text.len);
	if (!t->path.len)
		t->path = SLICE("/");
	return check_path(t->path, why);
}

/* scheme "://" authority path-abempty [ "?" query ] */
static bool parse_absolute(struct slice text, struct target *t, const char **why)
{
	static const struct {
		struct slice prefix;
		enum scheme scheme;
	} schemes[] = { { { "http://", 7 }, SCHEME_HTTP }, { { "https://", 8 }, SCHEME_HTTPS } };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct slice prefix = schemes[i].prefix, rest;
		size_t end = 0;

		if (!slice_eq_fold(slice_sub(text, 0, prefix.len), prefix))
			continue;
		rest = slice_sub(text, prefix.len, text.len);
		while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
			end++;
		t->form = TARGET_ABSOLUTE;
		t->scheme = schemes[i].scheme;
		return authority_parse(slice_sub(rest, 0, end), &t->authority, why) &&
		       parse_path(slice_sub(rest, end, rest.len), t, why);
	}
	*why = "a request-target that is neither a path nor an http or https URL";
	return false;
}

bool target_parse(struct slice method, struct slice text, struct target *t, const char **why)
{
	*t = (struct target){ .form = TARGET_ORIGIN };
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '#') {
			*why = text.ptr[i] == '#' ? "a fragment in the request-target"
						  : "a byte in the request-target that is not visible ASCII";
			return false;
		}
	if (slice_eq(method, SLICE("CONNECT"))) {
		t->form = TARGET_AUTHORITY;
		if (!authority_parse(text, &t->authority, why))
			return false;
		if (!t->authority.port) {
			*why = "a CONNECT without a port";
			return false;
		}
		return true;
	}
	if (text.len && text.ptr[0] == '/')
		return parse_path(text, t, why);
	return parse_absolute(text, t, why);
}
