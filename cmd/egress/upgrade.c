/*
 * A connection that became a WebSocket, on the origin's side. Frames of the origin
 * are read, the credential masked in them, and handed to the front as pieces of
 * messages; what comes from there is written as a client's frames, masked.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "alloc.h"
#include "base64.h"
#include "judge.h"
#include "upstream.h"
#include "websocket.h"

struct upgrade {
	bool open;
	struct buf key;                 /* that the origin gets: ours */
	struct buf protocols;           /* that the request offers */
	struct websocket_reader reader; /* of what the origin sends */
	struct websocket_writer writer; /* of what it gets */
	struct buf message;             /* a piece, just read */
};

/* Make a key; the kernel has random bytes once it has started. */
static void make_key(struct buf *key)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
	base64_encode(key, slice_of(bytes, sizeof(bytes)));
}

bool upgrade_begin(struct job *j, const struct http_head *h, struct refusal *no)
{
	bool asked;

	if (!judge_websocket(h, &asked, no) || !asked)
		return !asked;
	j->upgrade = alloc_zero(1, sizeof(*j->upgrade));
	make_key(&j->upgrade->key);
	for (size_t i = 0; i < h->n_fields; i++) {
		if (!slice_eq_fold(h->fields[i].name, SLICE("sec-websocket-protocol")))
			continue;
		if (j->upgrade->protocols.len)
			buf_add_char(&j->upgrade->protocols, ',');
		buf_add_slice(&j->upgrade->protocols, h->fields[i].value);
	}
	return true;
}

struct http_extra upgrade_replace(const struct job *j, const struct http_head *h, bool strip[HTTP_FIELDS_MAX])
{
	for (size_t i = 0; i < h->n_fields; i++)
		strip[i] = strip[i] || slice_eq_fold(h->fields[i].name, SLICE("sec-websocket-key")) ||
			   slice_eq_fold(h->fields[i].name, SLICE("sec-websocket-extensions"));
	return (struct http_extra){ SLICE("Sec-WebSocket-Key"), buf_slice(&j->upgrade->key) };
}

void upgrade_release(struct upgrade *g)
{
	if (!g)
		return;
	buf_release(&g->key);
	buf_release(&g->protocols);
	buf_wipe(&g->message);
	free(g);
}

bool upgrade_answer(struct job *j, const struct http_head *h, const char **why)
{
	if (!websocket_answered(h, buf_slice(&j->upgrade->key), buf_slice(&j->upgrade->protocols), why))
		return false;
	j->upgrade->open = true;
	return true;
}

bool upgrade_is_open(const struct job *j)
{
	return j->upgrade && j->upgrade->open;
}

/* --- from the origin --- */

enum { FRAMES_AT_ONCE = 16 }; /* frames that one piece can become: more than the guard ever holds back */

bool upgrade_has_room(const struct job *j)
{
	return j->credit >= FRAMES_AT_ONCE * FRAME_COST + WEBSOCKET_PIECE_MAX;
}

/* Hand the front a piece of a message, or a control frame. Its payload has been taken off the credit already. */
static void pass(struct upstream *u, struct job *j, uint8_t opcode, bool last, struct slice payload)
{
	const struct frame_start start = { opcode, last };
	struct buf *message = channel_open(&u->front, MESSAGE_FRAME, j->stream);

	buf_add(message, &start, sizeof(start));
	buf_add_slice(message, payload);
	channel_close(&u->front);
	j->credit -= FRAME_COST;
}

/*
 * The guard holds back what may be the beginning of the credential. What it lets
 * go can be more than was read just now, but no more than was paid for before.
 */
static void pass_piece(struct upstream *u, struct job *j, const struct websocket_piece *p)
{
	struct guard *guard = &j->content.guard;
	struct slice data = buf_slice(&j->upgrade->message);

	j->credit -= (uint32_t)data.len;
	data = guard_feed(guard, data, p->last);
	while (data.len > WEBSOCKET_PIECE_MAX) {
		struct slice part = slice_sub(data, 0, WEBSOCKET_PIECE_MAX);

		pass(u, j, p->opcode, false, part);
		data = slice_sub(data, part.len, data.len);
	}
	if (data.len || p->last)
		pass(u, j, p->opcode, p->last, data);
	if (p->last && guard->set) {
		const struct guard_set *set = guard->set;

		guard_release(guard);
		*guard = (struct guard){ .set = set };
	}
}

/* A control frame, with the credential masked in it. */
static void pass_control(struct upstream *u, struct job *j, const struct websocket_piece *p)
{
	AUTO_BUF payload = BUF_INIT;

	buf_add_slice(&payload, p->data);
	if (j->content.guard.set && payload.len)
		guard_mask(j->content.guard.set, payload.ptr, payload.len);
	j->credit -= (uint32_t)payload.len;
	pass(u, j, p->opcode, true, buf_slice(&payload));
}

/* Tell both sides that the origin broke the protocol. */
static void break_off(struct upstream *u, struct job *j, const struct websocket_piece *p)
{
	AUTO_BUF payload = BUF_INIT;

	websocket_close(&payload, p->code, p->why);
	j->credit -= (uint32_t)payload.len;
	pass(u, j, WEBSOCKET_CLOSE, true, buf_slice(&payload));
}

bool upgrade_take(struct upstream *u, struct job *j, struct slice input, size_t *used, const char **why)
{
	struct slice rest = input;
	struct websocket_piece p;
	bool ok = true;

	while (ok && rest.len && upgrade_has_room(j)) {
		switch (websocket_read(&j->upgrade->reader, &rest, &j->upgrade->message, &p)) {
		case WEBSOCKET_MORE:
			break;
		case WEBSOCKET_DATA:
			pass_piece(u, j, &p);
			break;
		case WEBSOCKET_CONTROL:
			pass_control(u, j, &p);
			break;
		case WEBSOCKET_BAD:
			break_off(u, j, &p);
			*why = p.why;
			ok = false;
			break;
		}
		buf_truncate(&j->upgrade->message, 0);
	}
	*used = input.len - rest.len;
	return ok;
}

/* --- to the origin --- */

bool upgrade_write(struct job *j, struct slice body)
{
	unsigned char mask[4];
	struct frame_start start;

	if (!upgrade_is_open(j) || body.len < sizeof(start))
		return false;
	memcpy(&start, body.ptr, sizeof(start));
	body = slice_sub(body, sizeof(start), body.len);
	if (start.last > 1 || body.len + FRAME_COST > j->window ||
	    getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask))
		return false;
	j->window -= FRAME_COST + (uint32_t)body.len;
	j->owed += FRAME_COST + (uint32_t)body.len;
	return websocket_write(&j->upgrade->writer, &j->out, start.opcode, start.last, body, mask);
}

/* --- the end --- */

bool upgrade_is_closing(const struct job *j)
{
	return upgrade_is_open(j) && j->upgrade->reader.closed;
}

bool upgrade_is_over(const struct job *j)
{
	return upgrade_is_closing(j) && j->upgrade->writer.closed && j->out_at == j->out.len;
}
