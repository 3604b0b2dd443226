#include "handover.h"

#include "alloc.h"
#include "message.h"
#include "role.h"

enum { PIECE = 32 << 10 };

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
