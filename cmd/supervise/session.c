#include "session.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "alloc.h"

#define NONCE_SIZE 16 /* bytes */
#define HEX(bytes) (2 * (bytes))

const char *const mcp_version_names[MCP_VERSIONS] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };

bool sessions_open(struct sessions *s, int key, struct error *e)
{
	*s = (struct sessions){ .next = 0 };
	if (key >= 0 && pread(key, s->key, sizeof(s->key), 0) == (ssize_t)sizeof(s->key))
		return true;
	if (getentropy(s->key, sizeof(s->key)) < 0)
		return error_sys(e, "unable to draw a random number");
	if (key >= 0 && pwrite(key, s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key))
		return error_sys(e, "unable to keep the key of the sessions");
	return true;
}

static void to_hex(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Append the signature of the text so far: a digest with the key on both sides, cut to half. */
static void sign(const struct sessions *s, char id[SESSION_ID_SIZE], size_t len)
{
	struct slice parts[] = { slice_of(s->key, sizeof(s->key)), slice_of(id, len),
				 slice_of(s->key, sizeof(s->key)) };
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(parts, COUNT_OF(parts), digest);
	to_hex(digest, NONCE_SIZE, id + len);
}

bool session_new(const struct sessions *s, enum mcp_version version, char id[SESSION_ID_SIZE], struct error *e)
{
	uint8_t nonce[NONCE_SIZE];

	if (getentropy(nonce, sizeof(nonce)) < 0)
		return error_sys(e, "unable to draw a random number");
	id[0] = (char)('0' + version);
	id[1] = '-';
	to_hex(nonce, sizeof(nonce), id + 2);
	sign(s, id, 2 + HEX(NONCE_SIZE));
	return true;
}

bool session_find(const struct sessions *s, struct slice id, enum mcp_version *version)
{
	const size_t len = 2 + HEX(NONCE_SIZE);
	char own[SESSION_ID_SIZE] = { 0 };

	if (id.len != len + HEX(NONCE_SIZE) || id.ptr[0] < '0' || id.ptr[0] >= '0' + MCP_VERSIONS)
		return false;
	memcpy(own, id.ptr, len);
	sign(s, own, len);
	if (!slice_eq(id, slice_of(own, id.len)))
		return false;
	for (size_t i = 0; i < SESSIONS_ENDED_MAX; i++)
		if (slice_eq(id, slice_str(s->ended[i])))
			return false;
	*version = (enum mcp_version)(id.ptr[0] - '0');
	return true;
}

void session_end(struct sessions *s, struct slice id)
{
	char *place = s->ended[s->next];

	s->next = (s->next + 1) % SESSIONS_ENDED_MAX;
	memcpy(place, id.ptr, id.len); /* session_find has checked the length */
	place[id.len] = '\0';
}

bool mcp_version_find(struct slice text, enum mcp_version *version)
{
	for (size_t i = 0; i < MCP_VERSIONS; i++) {
		if (slice_eq(text, slice_str(mcp_version_names[i]))) {
			*version = (enum mcp_version)i;
			return true;
		}
	}
	return false;
}
