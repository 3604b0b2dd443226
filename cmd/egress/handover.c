#include "handover.h"

#include <sys/random.h>

#include "alloc.h"
#include "message.h"
#include "role.h"

enum { PIECE = 32 << 10 };

bool known_make(const struct secret_set *secrets, struct buf *out, struct error *e)
{
	unsigned char key[FINGERPRINT_KEY];
	struct fingerprints *f;

	if (secrets->count > KNOWN_SECRETS_MAX)
		return error_set(e, STATUS_CALLER, "more than %d secrets", KNOWN_SECRETS_MAX);
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return error_sys(e, "no random key");
	f = fingerprints_new(key);
	alloc_wipe(key, sizeof(key));
	for (size_t i = 0; i < secrets->count; i++)
		known_add(f, buf_slice(&secrets->list[i].value), 0, (uint32_t)i); /* false: too short to be recognised; the manual says so */
	fingerprints_write(f, out);
	fingerprints_release(f);
	return true;
}

void known_send(struct channel *front, struct slice bytes)
{
	while (bytes.len) {
		channel_put(front, MESSAGE_KNOWN, 0, slice_sub(bytes, 0, PIECE));
		bytes = slice_sub(bytes, PIECE, bytes.len);
	}
	channel_put(front, MESSAGE_KNOWN, 0, SLICE(""));
}

struct fingerprints *known_receive(struct channel *upstream)
{
	AUTO_BUF bytes = BUF_INIT;
	struct error e = ERROR_INIT;
	struct fingerprints *f;
	struct message m;

	do {
		role_receive(upstream, &m, "upstream");
		if (m.type != MESSAGE_KNOWN || bytes.len > KNOWN_BYTES_MAX)
			role_peer_broke("upstream", "no fingerprints");
		buf_add_slice(&bytes, m.body);
	} while (m.body.len);
	f = fingerprints_read(buf_slice(&bytes), &e);
	if (!f)
		role_peer_broke("upstream", e.text);
	return f;
}
