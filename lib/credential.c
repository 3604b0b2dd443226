#include "credential.h"

#include "path.h"

#define WORD_MAX 64 /* bytes of a name that are looked at: no service has longer ones */

/* Letters and digits of a name in lower case, separators dropped: "X-Api_Key" is "xapikey". */
static struct slice squeeze(struct slice name, char out[WORD_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name.len && n < WORD_MAX; i++)
		if (name.ptr[i] != '-' && name.ptr[i] != '_' && name.ptr[i] != '.')
			out[n++] = ascii_lower(name.ptr[i]);
	return slice_of(out, n);
}

/* Whether text holds one of the words (a list that ends in NULL). */
static bool holds_any(struct slice text, const char *const *words)
{
	for (; *words; words++)
		if (slice_search(text, slice_str(*words)) != SLICE_NONE)
			return true;
	return false;
}

/* Whether text is one of the words. */
static bool is_any(struct slice text, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq(text, slice_str(*words)))
			return true;
	return false;
}

/*
 * Whether a squeezed name holds one of the stems that every word below has. Most
 * names hold none, and this is what they cost.
 */
static bool may_be_credential(struct slice text)
{
	static const char *const stems[] = { "auth", "bearer", "cookie", "cred", "jwt", "key", "pass", "secret", "sig",
					     "token" };

	const uint32_t initials = 1u << ('a' - 'a') | 1u << ('b' - 'a') | 1u << ('c' - 'a') | 1u << ('j' - 'a') |
				  1u << ('k' - 'a') | 1u << ('p' - 'a') | 1u << ('s' - 'a') | 1u << ('t' - 'a');

	for (size_t at = 0; at + 3 <= text.len; at++) {
		unsigned letter = (unsigned char)text.ptr[at] - (unsigned)'a';

		if (letter > 25 || !(initials >> letter & 1))
			continue;
		for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++)
			if (text.ptr[at] == stems[i][0] && text.ptr[at + 1] == stems[i][1] &&
			    slice_starts(slice_sub(text, at, text.len), slice_str(stems[i])))
				return true;
	}
	return false;
}

bool credential_is_header(struct slice name)
{
	/* Parts of names of headers that services take credentials from. */
	static const char *const parts[] = { "apikey",       "authorization", "authtoken",    "accesstoken",
					     "authkey",
					     "secretkey",       "securitytoken",   "sessiontoken",    "privatetoken",
					     "jobtoken",        "deploytoken",     "vaulttoken",      "usertoken",
					     "subscriptionkey", "applicationkey",  "functionskey",    "githubtoken",
					     "gitlabtoken",     "bearertoken",     "refreshtoken",    "idtoken",
					     "clientsecret",    "password",        "appkey",          "accesskey",
					     "oauthtoken",   "apitoken",      "apisecret",    "authsecret",      NULL };
	/* Whole names. */
	static const char *const names[] = { "xtoken", "token", "xauth", "xkey", "cookie", "cookie2", "xsecret", NULL };
	char word[WORD_MAX];
	struct slice squeezed = squeeze(name, word);

	return may_be_credential(squeezed) && (holds_any(squeezed, parts) || is_any(squeezed, names));
}

bool credential_is_parameter(struct slice name)
{
	static const char *const parts[] = { "apikey",       "accesstoken",   "authtoken",    "oauthtoken",
					     "securitytoken",
					     "privatetoken", "sessiontoken", "clientsecret", "refreshtoken",
					     "secretkey", "bearertoken", "subscriptionkey", "apitoken", "apisecret",
					     "authorization",
					     "xamzsignature", "xamzcredential", "xgoogsignature", "xgoogcredential",
					     NULL };
	static const char *const names[] = { "key",    "token",    "auth",  "secret", "password", "passwd",
					     "bearer",
					     "idtoken", "usertoken", "authkey", "sig",    "jwt",      "accesskey",
					     "appkey",
					     "jobtoken", NULL };
	char word[WORD_MAX];
	struct slice squeezed = squeeze(name, word);

	return may_be_credential(squeezed) && (holds_any(squeezed, parts) || is_any(squeezed, names));
}

/* Whether a field's value is the placeholder, alone or behind a scheme ("Bearer …"). */
static bool is_placeholder(struct slice value, struct slice placeholder)
{
	if (!placeholder.len)
		return false;
	if (slice_eq(value, placeholder))
		return true;
	return slice_ends(value, placeholder) && value.ptr[value.len - placeholder.len - 1] == ' ' &&
	       http_is_token(slice_sub(value, 0, value.len - placeholder.len - 1));
}

/* A subprotocol that smuggles a key into a WebSocket's upgrade ("openai-insecure-api-key.sk-…"). */
static bool holds_subprotocol_key(const struct http_field *f)
{
	static const char *const words[] = { "api-key", "apikey", "token", "bearer", "authorization", NULL };
	struct slice list = f->value;

	if (!slice_eq_fold(f->name, SLICE("sec-websocket-protocol")))
		return false;
	while (list.len) {
		struct slice item = slice_trim(slice_cut(&list, ','), " \t");
		char lower[WORD_MAX];
		size_t n = 0;

		for (; n < item.len && n < WORD_MAX; n++)
			lower[n] = ascii_lower(item.ptr[n]);
		if (holds_any(slice_of(lower, n), words))
			return true;
	}
	return false;
}

/* Every header: strip, refuse or leave. */
static bool judge_headers(const struct request_facts *f, struct slice header, struct slice placeholder,
			  bool strip[HTTP_FIELDS_MAX], struct refusal *no)
{
	for (size_t i = 0; i < f->n_fields; i++) {
		const struct http_field *field = &f->fields[i];

		strip[i] = field->id == HTTP_AUTHORIZATION || slice_eq_fold(field->name, header);
		if (strip[i] || field->hop || field->id == HTTP_COOKIE)
			continue;
		if (holds_subprotocol_key(field) || (field->value.len && credential_is_header(field->name) &&
						      !is_placeholder(field->value, placeholder)))
			return refuse(no, 403, "credential",
				      "header '%.*s' carries a credential of its own, but the proxy supplies the one "
				      "for '%s': "
				      "leave the header out",
				      (int)(field->name.len > 64 ? 64 : field->name.len), field->name.ptr,
				      f->authority.host);
	}
	return true;
}

/* Decode a parameter's name or value into out (size bytes, cut to fit): %XX and '+'. */
static struct slice decode_part(struct slice part, char *out, size_t size)
{
	size_t n = part.len < size ? part.len : size;

	for (size_t i = 0; i < n; i++)
		out[i] = part.ptr[i] == '+' ? ' ' : part.ptr[i];
	return slice_of(out, path_decode(out, n));
}

/* The name without blanks in front of it, encoded or not: some servers drop them. */
static struct slice skip_blanks(struct slice name)
{
	for (;;) {
		char c = 'x';

		if (name.len && name.ptr[0] == '+')
			c = ' ';
		else if (name.len > 2 && name.ptr[0] == '%' && ascii_hex(name.ptr[1]) >= 0 &&
			 ascii_hex(name.ptr[2]) >= 0)
			c = (char)(ascii_hex(name.ptr[1]) << 4 | ascii_hex(name.ptr[2]));
		if (!strchr(" \t\r\n", c)) /* finds NUL as well */
			return name;
		name = slice_sub(name, name.ptr[0] == '+' ? 1 : 3, name.len);
	}
}

/* A parameter's name as servers read it: "key[]", "key[0]" and " key" are key. */
static struct slice bare_name(struct slice name, char *out, size_t size)
{
	struct slice decoded = decode_part(skip_blanks(name), out, size);

	return slice_trim(slice_sub(decoded, 0, slice_find(decoded, '[')), " \t");
}

/* Every query parameter: refuse or leave. */
static bool judge_query(const struct request_facts *f, struct slice placeholder, struct refusal *no)
{
	struct slice rest = f->query;

	while (rest.len) {
		size_t end = 0;
		struct slice value, name;
		char name_text[256], value_text[1024];

		while (end < rest.len && rest.ptr[end] != '&' && rest.ptr[end] != ';')
			end++;
		value = slice_sub(rest, 0, end);
		rest = slice_sub(rest, end + 1, rest.len);
		name = bare_name(slice_cut(&value, '='), name_text, sizeof(name_text));
		if (!value.len || !credential_is_parameter(name))
			continue;
		if (placeholder.len && slice_eq(decode_part(value, value_text, sizeof(value_text)), placeholder))
			continue;
		return refuse(no, 403, "credential",
			      "query parameter '%.*s' carries a credential of its own, but the proxy supplies the one "
			      "for '%s': "
			      "leave the parameter out",
			      (int)(name.len > 64 ? 64 : name.len), name.ptr, f->authority.host);
	}
	return true;
}

bool credential_judge(const struct request_facts *f, struct slice header, struct slice placeholder,
		      bool strip[HTTP_FIELDS_MAX], struct refusal *no)
{
	return judge_headers(f, header, placeholder, strip, no) && judge_query(f, placeholder, no);
}
