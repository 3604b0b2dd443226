#include "routes.h"

#include <stdlib.h>

#include "alloc.h"
#include "path.h"
#include "regex.h"
#include "suffix.h"
#include "target.h"

#define ROUTES_MAX 10000 /* routes of one list: what policy.h compiles */

const char *const routes_outbound_detectors[] = { "token_patterns", "known_secrets", "entropy", NULL };
const char *const routes_inbound_detectors[] = { "naive_injection_detection", NULL };

/* --- texts --- */

/* Append a host that a parser accepted, in its canonical form. */
static bool add_host(struct slice text, struct buf *out, const char **why)
{
	AUTO_BUF bracketed = BUF_INIT;
	struct authority a;

	if (text.len && text.ptr[0] != '[' && slice_find(text, ':') != SLICE_NONE) {
		struct slice after = slice_sub(text, slice_find(text, ':') + 1, text.len);

		if (slice_search(text, SLICE("://")) != SLICE_NONE)
			return *why = "no scheme, port or path belongs here", false;
		if (slice_find(after, ':') == SLICE_NONE)
			return *why = "ports go into 'ports'", false;
		buf_add_char(&bracketed, '[');
		buf_add_slice(&bracketed, text);
		buf_add_char(&bracketed, ']');
		text = buf_slice(&bracketed);
	}
	if (slice_find(text, '/') != SLICE_NONE)
		return *why = "paths go into 'matches'", false;
	if (!host_parse(text, &a, why))
		return false;
	buf_add_str(out, a.host);
	return true;
}

bool routes_host(struct slice text, struct buf *out, const char **why)
{
	bool wildcard = slice_starts(text, SLICE("*."));
	AUTO_BUF host = BUF_INIT;

	if (slice_ends(text, SLICE(".")))
		text = slice_sub(text, 0, text.len - 1);
	if (slice_eq(text, SLICE("*")))
		return *why = "a route to every host is not possible; name the hosts", false;
	if (wildcard)
		text = slice_sub(text, 2, text.len);
	if (slice_find(text, '*') != SLICE_NONE)
		return *why = "'*.' may only stand at the front, for one or more labels", false;
	if (slice_eq_fold(text, SLICE(HOST_INTROSPECTION)))
		return *why = "that name belongs to the proxy itself", false;
	if (!add_host(text, &host, why))
		return false;
	if (wildcard && (slice_find(buf_slice(&host), '.') == SLICE_NONE ||
			 slice_find(buf_slice(&host), ':') != SLICE_NONE || !host_is_name(buf_slice(&host))))
		return *why = "a wildcard needs a name of at least two labels behind '*.'", false;
	*why = wildcard ? suffix_shared(buf_slice(&host)) : NULL;
	if (*why)
		return false;
	buf_add_str(out, wildcard ? "*." : "");
	buf_add_slice(out, buf_slice(&host));
	return true;
}

/* A character of a token. Source: RFC 9110 §5.6.2. */
static bool is_token_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Whether a text is a token, and not empty. */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* Name of a header to look at. */
static bool header_name(struct slice text, struct buf *out, const char **why)
{
	if (!is_token(text))
		return *why = "not a header name", false;
	buf_add_slice(out, text);
	return true;
}

/* Name of a header to send a credential in: none that frames or routes the message. */
static bool auth_header(struct slice text, struct buf *out, const char **why)
{
	static const char *const framing[] = { "connection", "content-encoding", "content-length", "content-type",
					       "cookie",
					       "expect", "host", "keep-alive", "proxy-authenticate",
					       "proxy-authorization", "proxy-connection", "te", "trailer",
					       "transfer-encoding", "upgrade", "via",
					       NULL };

	for (const char *const *f = framing; *f; f++)
		if (slice_eq_fold(text, slice_str(*f)))
			return *why = "that header frames or routes the message", false;
	return header_name(text, out, why);
}

/* Whether a text holds a control character. */
static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F)
			return true;
	return false;
}

/* Value of a header, or a regular expression over it. */
static bool header_value(struct slice text, struct buf *out, const char **why)
{
	if (has_control(text))
		return *why = "it holds a control character", false;
	buf_add_slice(out, text);
	return true;
}

/* User of the basic scheme. Source: RFC 7617 §2. */
static bool auth_user(struct slice text, struct buf *out, const char **why)
{
	if (!text.len || has_control(text) || slice_find(text, ':') != SLICE_NONE)
		return *why = "empty, or it holds ':' or a control character", false;
	buf_add_slice(out, text);
	return true;
}

/* A method, in upper case. */
static bool method(struct slice text, struct buf *out, const char **why)
{
	if (!is_token(text))
		return *why = "not a method name", false;
	if (slice_eq_fold(text, SLICE("CONNECT")))
		return *why = "CONNECT opens the tunnel and is judged by host and port alone", false;
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(out, text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? (char)(text.ptr[i] - 32) : text.ptr[i]);
	return true;
}

/* Name of an environment variable. */
static bool variable(struct slice text, struct buf *out, const char **why)
{
	bool good = text.len && !ascii_is_digit(text.ptr[0]);

	for (size_t i = 0; i < text.len; i++)
		good = good && (ascii_is_alpha(text.ptr[i]) || ascii_is_digit(text.ptr[i]) || text.ptr[i] == '_');
	if (!good)
		return *why = "letters, digits and '_', and no digit first", false;
	buf_add_slice(out, text);
	return true;
}

/* Name of a slot: "token:NAME". */
static bool slot(struct slice text, struct buf *out, const char **why)
{
	struct slice rest = text, kind = slice_cut(&rest, ':');
	bool good = kind.len && rest.len;

	for (size_t i = 0; i < kind.len; i++)
		good = good && kind.ptr[i] >= 'a' && kind.ptr[i] <= 'z';
	for (size_t i = 0; i < rest.len; i++)
		good = good &&
		       (ascii_is_alpha(rest.ptr[i]) || ascii_is_digit(rest.ptr[i]) || strchr("._-", rest.ptr[i]));
	if (!good)
		return *why = "of the form 'token:NAME'", false;
	buf_add_slice(out, text);
	return true;
}

/* An address to dial, "HOST:PORT". */
static bool connect_address(struct slice text, struct buf *out, const char **why)
{
	struct authority a;

	if (!authority_parse(text, &a, why))
		return false;
	if (!a.port)
		return *why = "the port is missing", false;
	buf_add_slice(out, text);
	return true;
}

/* A file of the host: absolute, or below the home directory. */
static bool file_path(struct slice text, struct buf *out, const char **why)
{
	if (!slice_starts(text, SLICE("/")) && !slice_starts(text, SLICE("~/")))
		return *why = "an absolute path", false;
	if (has_control(text))
		return *why = "it holds a control character", false;
	buf_add_slice(out, text);
	return true;
}

/* --- checks of whole objects --- */

/* Compile a regular expression, to know that it does. */
static bool check_regex(struct shape_reader *r, const struct yaml_node *n, const struct doc *d)
{
	struct error e = ERROR_INIT;
	struct regex *re = regex_new(doc_get_str(d, "value"), REGEX_WHOLE, &e);

	if (!re)
		return shape_problem(r, n, "value", "%s", e.text);
	regex_release(re);
	return true;
}

/* Whether an element of a path is "." or "..". */
static bool has_dot_element(struct slice path)
{
	while (path.len) {
		struct slice element = slice_cut(&path, '/');

		if (slice_eq(element, SLICE(".")) || slice_eq(element, SLICE("..")))
			return true;
	}
	return false;
}

/* One entry of paths: fill in the type; a path is one that a request can have. */
static bool check_path(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	struct slice value = doc_get_str(d, "value");
	AUTO_BUF canonical = BUF_INIT;
	const char *why = NULL;

	if (!doc_get(d, "type"))
		doc_put_str(d, "type", "prefix");
	if (slice_eq(doc_get_str(d, "type"), SLICE("regex")))
		return check_regex(r, n, d);
	if (!slice_starts(value, SLICE("/")))
		return shape_problem(r, n, "value", "found a path that does not begin with '/', wanted one that does");
	if (slice_find(value, '?') != SLICE_NONE || slice_find(value, '#') != SLICE_NONE)
		return shape_problem(r, n, "value", "found '?' or '#', wanted a path: the query is not compared");
	if (has_control(value) || slice_find(value, ' ') != SLICE_NONE || slice_find(value, '\\') != SLICE_NONE)
		return shape_problem(r, n, "value",
				     "found a space, a backslash or a control character, which no path has");
	if (has_dot_element(value))
		return shape_problem(r, n, "value", "found a '.' or '..' element, which is never let through");
	if (!path_of_rule(value, &canonical, &why))
		return shape_problem(r, n, "value", "found a path that no request can have: %s", why);
	return true;
}

/* One entry of headers: fill in the type. */
static bool check_header(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	if (!doc_get(d, "type"))
		doc_put_str(d, "type", "exact");
	return !slice_eq(doc_get_str(d, "type"), SLICE("regex")) || check_regex(r, n, d);
}

/* One entry of matches asks for something. */
static bool check_match(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	if (doc_get(d, "paths") || doc_get(d, "methods") || doc_get(d, "headers"))
		return true;
	return shape_problem(r, n, NULL,
			     "found an entry that asks for nothing, wanted paths, methods or headers; leave "
			     "'matches' out to allow every request");
}

/* auth: what goes with what. */
static bool check_auth(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	bool basic = slice_eq(doc_get_str(d, "scheme"), SLICE("basic"));

	if (!doc_get(d, "scheme") && !doc_get(d, "header"))
		return shape_problem(r, n, "scheme", "found nothing, wanted Bearer, token or basic (or 'header')");
	if (basic && doc_get(d, "header"))
		return shape_problem(r, n, "header",
				     "found beside the scheme basic, which uses Authorization; keep one");
	if (basic && !doc_get(d, "user"))
		return shape_problem(r, n, "user", "found nothing, wanted a user for the scheme basic");
	if (!basic && doc_get(d, "user"))
		return shape_problem(r, n, "user", "found without the scheme basic; remove it");
	if (doc_get(d, "header") && doc_remove(d, "scheme"))
		shape_note(r, n, "scheme", "not used beside 'header': the value is sent bare");
	return true;
}

/* upstream: one of its keys at least. */
static bool check_upstream(struct shape_reader *r, const struct yaml_node *n, struct doc *d)
{
	if (doc_get(d, "connect") || doc_get(d, "ca_file"))
		return true;
	return shape_problem(r, n, NULL, "found an empty mapping, wanted connect or ca_file");
}

/* Detectors: false for none, or a list of their names; an empty list is none as well. */
static struct doc *read_detectors(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	const struct shape word = { .type = SHAPE_WORD, .words = s->words };
	const struct shape list = { .type = SHAPE_LIST, .item = &word };

	if (yaml_is_bool(n) && !yaml_bool(n))
		return doc_new_bool(false);
	if (n->type == YAML_LIST)
		return n->count ? shape_read(r, &list, n) : doc_new_bool(false);
	if (yaml_is_bool(n))
		shape_problem(r, n, NULL, "found true, wanted false or a list; leave the key out for the defaults");
	else
		shape_read(r, &list, n);
	return NULL;
}

/* --- the table --- */

static const struct shape a_bool = { .type = SHAPE_BOOL };
static const struct shape host_shape = { .type = SHAPE_STRING, .wanted = "a host name", .text = routes_host };
static const struct shape port_shape = { .type = SHAPE_INT, .wanted = "a port from 1 to 65535", .min = 1,
					 .max = 65535 };
static const struct shape ports_shape = { .type = SHAPE_LIST, .wanted = "a list of at least one port",
					  .item = &port_shape,
					  .min = 1 };

static const char *const schemes[] = { "Bearer", "token", "basic", NULL };
static const struct shape scheme_shape = { .type = SHAPE_WORD, .words = schemes };
static const struct shape auth_header_shape = { .type = SHAPE_STRING, .wanted = "the name of a header",
						.text = auth_header };
static const struct shape user_shape = { .type = SHAPE_STRING, .wanted = "a user name", .text = auth_user };
static const struct shape placeholder_shape = { .type = SHAPE_STRING, .wanted = "the bottle's stand-in for the value",
						.text = header_value };
static const struct shape variable_shape = { .type = SHAPE_STRING, .wanted = "the name of an environment variable",
					     .text = variable, .pattern = "^[A-Za-z_][A-Za-z0-9_]*$", .hide = true };
static const struct shape slot_shape = { .type = SHAPE_STRING, .wanted = "the name of a slot", .text = slot,
					 .pattern = "^[a-z]+:[A-Za-z0-9._-]+$", .hide = true };

#define VALUE_IN_FILE "a secret is never written into a file; name the variable that holds it in "
#define PLACEHOLDER												\
	{ .name = "placeholder", .shape = &placeholder_shape, .help = "what the bottle holds instead: no credential" },
#define AUTH_FIELDS(ref, ref_shape, other, other_instead, ...)							\
	{													\
		{ .name = "scheme", .shape = &scheme_shape, .help = "Authorization: SCHEME VALUE" },		\
		{ .name = "header", .shape = &auth_header_shape, .help = "another header; the value is sent bare" }, \
		{ .name = "user", .shape = &user_shape, .help = "user of the scheme basic" },			\
		{ .name = ref, .shape = &(ref_shape), .required = true, .help = "name of what holds the value" }, \
		{ .name = other, .instead = other_instead },							\
		__VA_ARGS__											\
		{ .name = "token", .instead = VALUE_IN_FILE "'" ref "'" },					\
		{ .name = "value", .instead = VALUE_IN_FILE "'" ref "'" },					\
		{ .name = NULL },										\
	}
static const struct shape_field auth_manifest_fields[] =
	AUTH_FIELDS("token_ref", variable_shape, "token_env", "in a manifest the key is 'token_ref'", );
static const struct shape_field auth_bottle_fields[] =
	AUTH_FIELDS("token_ref", slot_shape, "token_env", "beside a bottle the key is 'token_ref', and names a slot",
		    PLACEHOLDER);
static const struct shape_field auth_alone_fields[] =
	AUTH_FIELDS("token_env", variable_shape, "token_ref",
		    "bb-egress alone takes the value from its own environment: the key is 'token_env'", PLACEHOLDER);
#define AUTH_SHAPE(table)											\
	{													\
		.type = SHAPE_OBJECT, .wanted = "a mapping with scheme or header", .fields = table,		\
		.check = check_auth										\
	}
static const struct shape auth_manifest = AUTH_SHAPE(auth_manifest_fields);
static const struct shape auth_bottle = AUTH_SHAPE(auth_bottle_fields);
static const struct shape auth_alone = AUTH_SHAPE(auth_alone_fields);

static const char *const path_types[] = { "prefix", "exact", "regex", NULL };
static const struct shape path_type_shape = { .type = SHAPE_WORD, .words = path_types };
static const struct shape path_value_shape = { .type = SHAPE_STRING, .wanted = "a path" };
static const struct shape_field path_fields[] = {
	{ .name = "type", .shape = &path_type_shape, .help = "prefix (default) compares whole path elements" },
	{ .name = "value", .shape = &path_value_shape, .required = true,
	  .help = "the path, or a regular expression (PCRE2)" },
	{ .name = NULL },
};
static const struct shape path_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with type and value",
					 .fields = path_fields, .check = check_path };
static const struct shape paths_shape = { .type = SHAPE_LIST, .wanted = "a list of at least one path",
					  .item = &path_shape,
					  .min = 1 };

static const struct shape method_shape = { .type = SHAPE_STRING, .wanted = "a method", .text = method };
static const struct shape methods_shape = { .type = SHAPE_LIST, .wanted = "a list of at least one method",
					    .item = &method_shape, .min = 1 };

static const char *const header_types[] = { "exact", "regex", NULL };
static const struct shape header_type_shape = { .type = SHAPE_WORD, .words = header_types };
static const struct shape header_name_shape = { .type = SHAPE_STRING, .wanted = "the name of a header",
						.text = header_name };
static const struct shape header_value_shape = { .type = SHAPE_STRING, .wanted = "the value of a header",
						 .text = header_value };
static const struct shape_field header_fields[] = {
	{ .name = "name", .shape = &header_name_shape, .required = true },
	{ .name = "value", .shape = &header_value_shape, .required = true },
	{ .name = "type", .shape = &header_type_shape, .help = "exact (default) or regex (PCRE2)" },
	{ .name = NULL },
};
static const struct shape header_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with name and value",
					   .fields = header_fields, .check = check_header };
static const struct shape headers_shape = { .type = SHAPE_LIST, .wanted = "a list of at least one header",
					    .item = &header_shape, .min = 1 };

static const struct shape_field match_fields[] = {
	{ .name = "paths", .shape = &paths_shape, .help = "any of these" },
	{ .name = "methods", .shape = &methods_shape, .help = "any of these; GET does not imply HEAD" },
	{ .name = "headers", .shape = &headers_shape, .help = "all of these" },
	{ .name = NULL },
};
static const struct shape match_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with paths, methods or headers",
					  .fields = match_fields, .check = check_match };
static const struct shape matches_shape = { .type = SHAPE_LIST,
					    .wanted =
					    "a list of at least one entry (leave the key out to allow every request)",
					    .item = &match_shape, .min = 1 };

#define DETECTORS_SCHEMA(names) "{\"anyOf\":[{\"const\":false},{\"type\":\"array\",\"items\":{\"enum\":[" names "]}}]}"
static const struct shape outbound_shape = {
	.type = SHAPE_CUSTOM, .read = read_detectors, .words = routes_outbound_detectors,
	.schema = DETECTORS_SCHEMA("\"token_patterns\",\"known_secrets\",\"entropy\""),
};
static const struct shape inbound_shape = {
	.type = SHAPE_CUSTOM, .read = read_detectors, .words = routes_inbound_detectors,
	.schema = DETECTORS_SCHEMA("\"naive_injection_detection\""),
};
static const char *const on_match_words[] = { "supervise", "redact", "block", NULL };
static const struct shape on_match_shape = { .type = SHAPE_WORD, .words = on_match_words };
static const char *const inbound_on_match_words[] = { "block", "warn", NULL };
static const struct shape inbound_on_match_shape = { .type = SHAPE_WORD, .words = inbound_on_match_words };
static const struct shape_field dlp_fields[] = {
	{ .name = "outbound_detectors", .shape = &outbound_shape,
	  .help = "false: none; a list: those; absent: the defaults" },
	{ .name = "inbound_detectors", .shape = &inbound_shape,
	  .help = "false: none; a list: those; absent: the defaults" },
	{ .name = "outbound_on_match", .shape = &on_match_shape,
	  .help = "what happens to a request in which one finds something" },
	{ .name = "inbound_on_match", .shape = &inbound_on_match_shape, .help = "and to a response" },
	{ .name = NULL },
};
static const struct shape dlp_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping of detectors",
					.fields = dlp_fields };

static const struct shape_field git_fields[] = {
	{ .name = "fetch", .shape = &a_bool, .required = true,
	  .help = "permit clone and fetch over HTTP; push never is" },
	{ .name = "push", .instead = "a push over HTTP is always refused; declare the remote in git-gate.repos" },
	{ .name = NULL },
};
static const struct shape git_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with fetch", .fields = git_fields };

static const struct shape connect_shape = { .type = SHAPE_STRING, .wanted = "HOST:PORT", .text = connect_address };
static const struct shape ca_file_shape = { .type = SHAPE_STRING, .wanted = "a file", .text = file_path };
static const struct shape_field upstream_fields[] = {
	{ .name = "connect", .shape = &connect_shape, .help = "dial this instead of resolving the host" },
	{ .name = "ca_file", .shape = &ca_file_shape, .help = "further trust anchors, PEM" },
	{ .name = NULL },
};
static const struct shape upstream_shape = { .type = SHAPE_OBJECT, .wanted = "a mapping with connect or ca_file",
					     .fields = upstream_fields, .check = check_upstream };

static const struct shape max_body_shape = { .type = SHAPE_INT, .wanted = "a number of bytes", .max = INT64_MAX };

#define ROUTE_FIELDS(auth)											\
	{													\
		{ .name = "host", .shape = &host_shape, .required = true, .help = "host name, or *.NAME" },	\
		{ .name = "ports", .shape = &ports_shape, .help = "default: 443 for https, 80 for http" },	\
		{ .name = "auth", .shape = &(auth), .help = "a credential that the agent never holds" },	\
		{ .name = "matches", .shape = &matches_shape, .help = "a request must satisfy one of these" },	\
		{ .name = "dlp", .shape = &dlp_shape, .help = "what is looked for in requests and responses" },	\
		{ .name = "git", .shape = &git_shape, .help = "git over HTTP" },				\
		{ .name = "upstream", .shape = &upstream_shape, .help = "where to dial, whom to trust" },	\
		{ .name = "allow_private", .shape = &a_bool, .help = "permit an address in a private range" },	\
		{ .name = "max_body", .shape = &max_body_shape,							\
		  .help = "bytes of one request body; default: no limit" },					\
		{ .name = "role", .instead = "the word is reserved; remove it" },				\
		{ .name = "path_allowlist",									\
		  .instead = "write 'matches: [{paths: [{type: prefix, value: /PATH}]}]'" },			\
		{ .name = NULL },										\
	}
static const struct shape_field manifest_fields[] = ROUTE_FIELDS(auth_manifest);
static const struct shape_field bottle_fields[] = ROUTE_FIELDS(auth_bottle);
static const struct shape_field alone_fields[] = ROUTE_FIELDS(auth_alone);
#define ROUTE_SHAPE(table) { .type = SHAPE_OBJECT, .wanted = "a mapping with host", .fields = table }
static const struct shape route_manifest = ROUTE_SHAPE(manifest_fields);
static const struct shape route_bottle = ROUTE_SHAPE(bottle_fields);
static const struct shape route_alone = ROUTE_SHAPE(alone_fields);
#define LIST_SHAPE(one)												\
	{													\
		.type = SHAPE_LIST, .wanted = "a list of at most 10000 routes", .item = &(one), .max = ROUTES_MAX \
	}
const struct shape routes_manifest_shape = LIST_SHAPE(route_manifest);
static const struct shape list_bottle = LIST_SHAPE(route_bottle);
static const struct shape list_alone = LIST_SHAPE(route_alone);
#define FILE_FIELDS(list) { { .name = "routes", .shape = &(list), .required = true }, { .name = NULL } }
static const struct shape_field file_manifest_fields[] = FILE_FIELDS(routes_manifest_shape);
static const struct shape_field file_bottle_fields[] = FILE_FIELDS(list_bottle);
static const struct shape_field file_alone_fields[] = FILE_FIELDS(list_alone);
#define FILE_SHAPE(table) { .type = SHAPE_OBJECT, .wanted = "a mapping with routes", .fields = table }
static const struct shape file_manifest = FILE_SHAPE(file_manifest_fields);
static const struct shape file_bottle = FILE_SHAPE(file_bottle_fields);
static const struct shape file_alone = FILE_SHAPE(file_alone_fields);

const struct shape *routes_file_shape(enum routes_mode mode)
{
	return mode == ROUTES_MANIFEST ? &file_manifest : mode == ROUTES_BOTTLE ? &file_bottle : &file_alone;
}

/* --- loading --- */

struct doc *routes_unique(const struct doc *routes, routes_moved_fn *moved, void *ctx)
{
	size_t count = doc_count(routes), to = 0;
	AUTO_DOC *last = doc_new_object();
	struct doc *kept = doc_new_array();

	for (size_t i = 0; i < count; i++)
		doc_put_int(last, doc_get_cstr(doc_at(routes, i), "host"), (int64_t)i);
	for (size_t i = 0; i < count; i++) {
		const struct doc *one = doc_at(routes, i);
		bool stays = doc_get_int(last, doc_get_cstr(one, "host")) == (int64_t)i;

		if (stays)
			doc_append(kept, doc_retain(one));
		if (moved)
			moved(ctx, i, stays ? to : SLICE_NONE);
		to += stays;
	}
	return kept;
}

/* What note_replaced needs. */
struct replaced {
	struct shape_reader *reader;
	const struct yaml_node *next; /* the entry that the next call is about */
};

/* Note an entry that a later one of the same host replaces. */
static void note_replaced(void *ctx, size_t from, size_t to)
{
	struct replaced *c = ctx;
	const struct yaml_node *host = yaml_get(c->next, "host");

	if (to == SLICE_NONE)
		problems_add(c->reader->notes, c->reader->file, host->line, host->column,
			     "routes[%zu]: the host '%.*s' has a later entry, which replaces this one", from,
			     (int)host->text.len, host->text.ptr);
	c->next = c->next->next;
}

bool routes_load(struct slice text, const char *file, enum routes_mode mode, struct doc **routes,
		 struct problems *problems, struct problems *notes)
{
	AUTO_SHAPE_READER r = { .file = file, .problems = problems, .notes = notes };
	AUTO_YAML *y = yaml_load(text, file, 1, problems);
	AUTO_DOC *whole = NULL;
	struct replaced replaced = { &r, NULL };

	*routes = NULL;
	if (!y)
		return false;
	whole = shape_read(&r, routes_file_shape(mode), yaml_root(y));
	if (!whole)
		return false;
	replaced.next = yaml_get(yaml_root(y), "routes")->first;
	*routes = routes_unique(doc_get(whole, "routes"), notes ? note_replaced : NULL, &replaced);
	return true;
}
