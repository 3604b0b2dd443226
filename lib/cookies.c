#include "cookies.h"

#include <stdlib.h>

#include "alloc.h"
#include "digest.h"

void cookies_prepare(void)
{
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(NULL, 0, digest);
}

void cookies_release(struct cookies *c)
{
	free(c->marks);
	free(c->next);
	*c = (struct cookies){ NULL, NULL };
}

/* Digest of a cookie ("name=value") of a host. */
static void digest_cookie(const char *host, struct slice pair, uint8_t out[DIGEST_SIZE])
{
	const struct slice parts[] = { slice_of(host, strlen(host) + 1), pair }; /* a host's NUL stands between them */

	digest_sha256(parts, COUNT_OF(parts), out);
}

/* The set that a digest belongs to: other bytes of it than those that are kept. */
static size_t set_of(const uint8_t digest[DIGEST_SIZE])
{
	return ((size_t)digest[COOKIES_MARK] << 8 | digest[COOKIES_MARK + 1]) % COOKIES_SETS;
}

/* Whether the digest of a cookie is there. */
static bool is_known(const struct cookies *c, const uint8_t digest[DIGEST_SIZE])
{
	if (!c->marks)
		return false;
	for (size_t way = 0; way < COOKIES_WAYS; way++)
		if (memcmp(c->marks[set_of(digest)][way], digest, COOKIES_MARK) == 0)
			return true;
	return false;
}

/* A "name=value" with a name. RFC 6265 §5.2: blanks around it do not count. */
static bool take_pair(struct slice *rest, struct slice *pair)
{
	size_t equals;

	*pair = slice_trim(slice_cut(rest, ';'), " \t");
	equals = slice_find(*pair, '=');
	return equals != SLICE_NONE && equals > 0;
}

void cookies_remember(struct cookies *c, const char *host, const struct http_head *response)
{
	for (size_t i = 0; i < response->n_fields; i++) {
		struct slice rest = response->fields[i].value, pair;
		uint8_t digest[DIGEST_SIZE];
		size_t set;

		if (response->fields[i].id != HTTP_SET_COOKIE || !take_pair(&rest, &pair))
			continue;
		digest_cookie(host, pair, digest);
		if (is_known(c, digest))
			continue;
		if (!c->marks) {
			c->marks = alloc_zero(COOKIES_SETS, sizeof(*c->marks));
			c->next = alloc_zero(COOKIES_SETS, sizeof(*c->next));
		}
		set = set_of(digest);
		memcpy(c->marks[set][c->next[set]++ % COOKIES_WAYS], digest, COOKIES_MARK);
	}
}

void cookies_filter(const struct cookies *c, const char *host, const struct http_head *request, struct buf *out)
{
	for (size_t i = 0; i < request->n_fields; i++) {
		struct slice rest = request->fields[i].value;

		if (request->fields[i].id != HTTP_COOKIE)
			continue;
		while (rest.len) {
			struct slice pair;
			uint8_t digest[DIGEST_SIZE];

			if (!take_pair(&rest, &pair))
				continue;
			digest_cookie(host, pair, digest);
			if (!is_known(c, digest))
				continue;
			if (out->len)
				buf_add(out, "; ", 2);
			buf_add_slice(out, pair);
		}
	}
}
