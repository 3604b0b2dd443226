#include "handover.h"

#include "alloc.h"
#include "message.h"
#include "role.h"

enum { PIECE = 32 << 10 };

void known_send(struct channel *front, const struct secret_set *secrets, struct slice bytes)
{
	struct buf *canaries = channel_open(front, MESSAGE_CANARIES, 0);

	for (size_t i = 0; i < secrets->count; i++)
		buf_add_char(canaries, slice_starts(slice_str(secrets->list[i].name), SLICE("canary:")));
	channel_close(front);
	while (bytes.len) {
		channel_put(front, MESSAGE_KNOWN, 0, slice_sub(bytes, 0, PIECE));
		bytes = slice_sub(bytes, PIECE, bytes.len);
	}
	channel_put(front, MESSAGE_KNOWN, 0, SLICE(""));
}

struct fingerprints *known_receive(struct channel *upstream, struct buf *canaries)
{
	AUTO_BUF bytes = BUF_INIT;
	struct error e = ERROR_INIT;
	struct fingerprints *f;
	struct message m;

	role_receive(upstream, &m, "upstream");
	if (m.type != MESSAGE_CANARIES || m.body.len > SECRET_COUNT_MAX)
		role_peer_broke("upstream", "no list of canaries");
	buf_add_slice(canaries, m.body);
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
