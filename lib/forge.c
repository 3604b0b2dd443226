#include "forge.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "document.h"

#define TEXT_SHOWN 200 /* bytes of what a forge says that are repeated */
#define PAGE_SIZE 50   /* keys of one page: Gitea gives no more */

static const char *const kinds[] = { [FORGE_GITEA] = "gitea", [FORGE_GITHUB] = "github" };

bool forge_kind_parse(const char *name, enum forge_kind *kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(name, kinds[i]) == 0) {
			*kind = (enum forge_kind)i;
			return true;
		}
	return false;
}

const char *forge_kind_name(enum forge_kind kind)
{
	return kinds[kind];
}

/* A name of an owner or repository that stands in a path as it is. */
static bool is_plain_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) && !strchr("._-", s.ptr[i]))
			return false;
	return s.len && !slice_eq(s, SLICE(".")) && !slice_eq(s, SLICE(".."));
}

bool forge_keys_url(enum forge_kind kind, const char *api, const struct remote *r, struct buf *url, struct error *e)
{
	struct slice path = slice_trim(r->path, "/"), host = slice_str(r->host.host), owner;

	if (slice_ends(path, SLICE(".git")))
		path = slice_sub(path, 0, path.len - 4);
	owner = slice_cut(&path, '/');
	if (!is_plain_name(owner) || !is_plain_name(path))
		return error_set(e, STATUS_CALLER,
				 "the url names no OWNER/REPOSITORY of a forge, for which a key could be made");
	if (api && !remote_is_forge(slice_str(api)))
		return error_set(e, STATUS_CALLER, "'%s' is no address of a forge; wanted https://HOST[:PORT][/PATH]",
				 api);
	if (api)
		buf_add_slice(url, slice_trim(slice_str(api), "/"));
	else if (kind == FORGE_GITHUB && slice_eq(host, SLICE("github.com")))
		buf_add_str(url, "https://api.github.com");
	else
		buf_add_format(url, "https://%.*s%s", SLICE_ARG(host), kind == FORGE_GITHUB ? "/api/v3" : "");
	buf_add_format(url, "%s/repos/%.*s/%.*s/keys", kind == FORGE_GITEA ? "/api/v1" : "", SLICE_ARG(owner),
		       SLICE_ARG(path));
	return true;
}

/* --- calls --- */

struct reply {
	struct buf text;
	long status; /* 0: none */
	bool too_long;
};

static size_t take_reply(char *bytes, size_t size, size_t n, void *ctx)
{
	struct reply *r = ctx;

	r->too_long = size * n > FORGE_REPLY_MAX - r->text.len;
	if (r->too_long)
		return 0;
	buf_add(&r->text, bytes, size * n);
	return size * n;
}

/* The request's fields; the one with the token is wiped by release_fields. */
static struct curl_slist *make_fields(const struct forge *f)
{
	struct buf line = BUF_INIT;
	struct curl_slist *fields = NULL;

	buf_reserve(&line, f->token.len + 64);
	buf_add_str(&line, f->kind == FORGE_GITHUB ? "Authorization: Bearer " : "Authorization: token ");
	buf_add_slice(&line, f->token);
	fields = curl_slist_append(fields, buf_str(&line));
	buf_wipe(&line);
	fields = curl_slist_append(fields, "Content-Type: application/json");
	if (f->kind == FORGE_GITHUB) {
		fields = curl_slist_append(fields, "Accept: application/vnd.github+json");
		fields = curl_slist_append(fields, "X-GitHub-Api-Version: 2022-11-28");
	} else {
		fields = curl_slist_append(fields, "Accept: application/json");
	}
	return fields;
}

static void release_fields(struct curl_slist *fields)
{
	if (fields)
		alloc_wipe(fields->data, strlen(fields->data));
	curl_slist_free_all(fields);
}

/* One call. False, with an error, when there was no whole reply. */
static bool call(const struct forge *f, const char *method, const char *url, const struct doc *body, struct reply *r,
		 struct error *e)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *fields = make_fields(f);
	const char *roots = getenv("SSL_CERT_FILE");
	AUTO_BUF text = BUF_INIT;
	char why[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_FAILED_INIT;

	if (curl && fields) {
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the token is for this address alone */
		curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FORGE_SECONDS);
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "bot-bottle/" BB_VERSION);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
		if (roots && *roots)
			curl_easy_setopt(curl, CURLOPT_CAINFO, roots);
		if (body) {
			doc_format(body, false, &text);
			curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buf_str(&text));
			curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)text.len);
		}
		code = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
	}
	release_fields(fields);
	curl_easy_cleanup(curl);
	if (r->too_long)
		return error_set(e, STATUS_WORLD, "'%s' answers with more than %u bytes", url, FORGE_REPLY_MAX);
	if (code != CURLE_OK)
		return error_set(e, STATUS_WORLD, "unable to reach '%s': %s", url,
				 *why ? why : curl_easy_strerror(code));
	return true;
}

/* What the forge says about a request that it did not grant. */
static enum forge_result refuse(const char *url, const struct reply *r, struct error *e)
{
	struct error ignored = ERROR_INIT;
	AUTO_DOC *d = doc_parse(buf_slice(&r->text), &ignored);
	const struct doc *message = doc_type_of(d) == DOC_OBJECT ? doc_get(d, "message") : NULL;
	struct slice text = doc_type_of(message) == DOC_STR ? doc_str(message) : SLICE("no reason");

	error_set(e, STATUS_WORLD, "'%s' answers %ld: %.*s%s", url, r->status,
		  SLICE_ARG(slice_sub(text, 0, TEXT_SHOWN)),
		  r->status == 401 || r->status == 403	? "; check the token and what it may do"
		  : r->status >= 300 && r->status < 400 ? "; it redirects elsewhere, where the token must not follow"
							: "");
	/* A server that fails may have done it before. */
	return r->status < 500 ? FORGE_REFUSED : FORGE_FAILED;
}

/* Append the number of a key. */
static bool take_id(const struct doc *key, struct buf *id)
{
	const struct doc *number = doc_type_of(key) == DOC_OBJECT ? doc_get(key, "id") : NULL;

	if (doc_type_of(number) != DOC_INT || doc_int(number) < 0)
		return false;
	buf_add_format(id, "%lld", (long long)doc_int(number));
	return true;
}

enum forge_result forge_register(const struct forge *f, const char *title, const char *public, struct buf *id,
				 struct error *e)
{
	struct reply r = { .text = BUF_INIT };
	AUTO_DOC *body = doc_new_object();
	AUTO_DOC *answer = NULL;
	enum forge_result result = FORGE_FAILED;

	doc_put_str(body, "title", title);
	doc_put_str(body, "key", public);
	doc_put_bool(body, "read_only", false);
	if (call(f, "POST", f->keys, body, &r, e)) {
		if (r.status == 201 && (answer = doc_parse(buf_slice(&r.text), e)) && take_id(answer, id))
			result = FORGE_DONE;
		else if (r.status == 201)
			error_set(e, STATUS_WORLD, "'%s' does not say which key it has made", f->keys);
		else
			result = refuse(f->keys, &r, e);
		if (r.status == 422)
			error_wrap(e, "a deploy key called '%s' is refused; revoke one of that name there", title);
	}
	buf_release(&r.text);
	return result;
}

enum forge_result forge_revoke(const struct forge *f, const char *id, struct error *e)
{
	struct reply r = { .text = BUF_INIT };
	AUTO_FREE char *url = alloc_format("%s/%s", f->keys, id);
	enum forge_result result = FORGE_FAILED;

	if (call(f, "DELETE", url, NULL, &r, e))
		result = r.status == 204 || r.status == 200 || r.status == 404 ? FORGE_DONE : refuse(url, &r, e);
	buf_release(&r.text);
	return result;
}

/* Type and key without the comment: what a forge may have changed. */
static struct slice without_comment(struct slice public)
{
	struct slice rest = public, type = slice_cut(&rest, ' '), key = slice_cut(&rest, ' ');

	return slice_sub(public, 0, type.len + 1 + key.len);
}

/* Look through one page. */
static bool find_in(const struct doc *list, struct slice wanted, struct buf *id)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		const struct doc *entry = doc_at(list, i),
				 *key = doc_type_of(entry) == DOC_OBJECT ? doc_get(entry, "key") : NULL;

		if (doc_type_of(key) == DOC_STR && slice_eq(without_comment(doc_str(key)), wanted))
			return take_id(entry, id);
	}
	return false;
}

enum forge_result forge_find(const struct forge *f, const char *public, struct buf *id, struct error *e)
{
	struct slice wanted = without_comment(slice_str(public));
	enum forge_result result = FORGE_DONE;
	bool more = true;

	for (int page = 1; more && result == FORGE_DONE; page++) {
		struct reply r = { .text = BUF_INIT };
		AUTO_FREE char *url = alloc_format("%s?%s=%d&page=%d", f->keys,
						   f->kind == FORGE_GITEA ? "limit" : "per_page", PAGE_SIZE, page);
		AUTO_DOC *list = NULL;

		more = false;
		if (page > FORGE_PAGES_MAX) {
			error_set(e, STATUS_WORLD, "'%s' has more than %d pages of keys", f->keys, FORGE_PAGES_MAX);
			result = FORGE_FAILED;
		} else if (!call(f, "GET", url, NULL, &r, e)) {
			result = FORGE_FAILED;
		} else if (r.status == 200) {
			list = doc_parse(buf_slice(&r.text), e);
			result = doc_type_of(list) == DOC_ARRAY ? FORGE_DONE : FORGE_FAILED;
			if (result == FORGE_FAILED)
				error_set(e, STATUS_WORLD, "'%s' answers with no list of keys", url);
			more = doc_count(list) && !find_in(list, wanted, id);
		} else if (r.status != 404) {
			result = refuse(url, &r, e);
		}
		buf_release(&r.text);
	}
	return result;
}
