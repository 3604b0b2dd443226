/* Compressed streams: found by their marks, or where one without a mark may begin. */
#include "decode-view.h"

enum {
	START_LOOK = 16,      /* bytes by which binary data is told from text */
	/* bytes that are decoded at once: at first, so that what is no stream is given up at once */
	BLOCK_MIN = 16,
	BLOCK_MAX = 128,      /* and later */
	START_COST = 64,      /* what making a decoder counts as work: 0.6 us, as long as looking at so many bytes */
	MEMBER_HEAD = 30,     /* bytes in front of the name of a member of a zip archive, APPNOTE.TXT 4.3.7 */
};

/* Is this not text? */
static bool is_binary(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] >= 0x7f || (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r'))
			return true;
	return false;
}

/* What begins at p[0..n): the coding whose mark stands there. zlib's is two characters that occur in text, too. */
static bool find_mark(const unsigned char *p, size_t n, enum coding_kind *kind)
{
	if (n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8) {
		*kind = CODING_GZIP;
		return true;
	}
	if (n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) {
		*kind = CODING_ZSTD;
		return true;
	}
	if (n >= 2 && p[0] == 0x78 && (p[0] << 8 | p[1]) % 31 == 0 && !(p[1] & 0x20) &&
	    is_binary(p, n < START_LOOK ? n : START_LOOK)) {
		*kind = CODING_DEFLATE;
		return true;
	}
	return false;
}

/* May p[i], with the byte in front of it, be of a mark: its second byte, or the fourth but one of a zip member's? */
static bool is_second(const unsigned char *p, size_t i)
{
	switch (p[i - 1]) {
	case 0x1f: return p[i] == 0x8b;
	case 0x28: return p[i] == 0xb5;
	case 0x78: return p[i] == 0x01 || p[i] == 0x5e || p[i] == 0x9c || p[i] == 0xda;
	case 'K': return p[i] == 0x03;
	default: return false;
	}
}

/* From i on, the next byte that is_second, or n. */
static size_t find_second(const unsigned char *p, size_t i, size_t n)
{
	i = i ? i : 1;
	for (; i + sizeof(vec16) <= n; i += sizeof(vec16)) {
		vec16 a, b;

		memcpy(&a, p + i - 1, sizeof(a));
		memcpy(&b, p + i, sizeof(b));
		if (vec_any((vec16)((vec16)(a == 0x1f) & (vec16)(b == 0x8b)) |
			    (vec16)((vec16)(a == 0x28) & (vec16)(b == 0xb5)) |
			    (vec16)((vec16)(a == 'K') & (vec16)(b == 0x03)) |
			    (vec16)((vec16)(a == 0x78) & ((vec16)(b == 0x01) | (vec16)(b == 0x5e) | (vec16)(b == 0x9c) |
							  (vec16)(b == 0xda)))))
			break;
	}
	while (i < n && !is_second(p, i))
		i++;
	return i < n ? i : n;
}

/* --- the streams under way --- */

static void stop(struct view *v, size_t slot, uint64_t at)
{
	coding_release(&v->packed.codings[slot]);
	v->packed.busy[slot] = false;
	if (v->children[DECODE_PACKED + slot]) {
		child_end(v->children[DECODE_PACKED + slot], at);
		if (view_is_begun(v->children[DECODE_PACKED + slot]))
			view_seal(v->children[DECODE_PACKED + slot]);
	}
}

/* Size of the next block of a stream of which so much was decoded. */
static size_t block_size(uint64_t decoded)
{
	return decoded < BLOCK_MIN ? BLOCK_MIN : decoded < BLOCK_MAX ? (size_t)decoded : BLOCK_MAX;
}

/*
 * Decode what there is of a stream in front of place end, in blocks of one size: what a decoder
 * yields of malformed data before it sees that depends on how much it is given at once.
 */
static void feed(struct view *v, size_t slot, uint64_t end, bool final)
{
	struct packed *s = &v->packed;
	struct view *child = v->children[DECODE_PACKED + slot];
	enum coding_result r = CODING_MORE;

	while (r == CODING_MORE && !v->v.tree->limit) {
		uint64_t at = s->fed[slot];
		size_t left = end > at ? (size_t)(end - at) : 0, block = block_size(at - s->begun[slot]);
		struct slice piece, bytes = slice_of(view_at(v, at), left < block ? left : block);
		const char *why;

		if (left == 0 || (left < block && !final))
			break;
		s->fed[slot] = at + bytes.len;
		while ((r = coding_feed(&s->codings[slot], &bytes, &piece, &why)) == CODING_PIECE &&
		       !v->v.tree->limit) {
			child_anchor(child, at, 0, 0);
			buf_add_slice(&child->out, piece);
			child_flush(child, 0);
		}
	}
	if (r != CODING_MORE || final)
		stop(v, slot, s->fed[slot]);
}

uint64_t packed_pending(const struct view *v)
{
	uint64_t from = v->packed.done;

	for (size_t i = 0; i < DECODE_PACKED_MAX; i++)
		if (v->packed.busy[i] && v->packed.fed[i] < from)
			from = v->packed.fed[i];
	return from > 1 ? from - 2 : 0; /* the first bytes of a mark are in front of the one that is looked for */
}

/* A stream may begin at index i of the window: decode what is there of it. */
static void start(struct view *v, size_t i, enum coding_kind kind, bool unmarked)
{
	/* raw deflate is what is taken for deflate where its header may be missing */
	enum coding_use use = unmarked && kind == CODING_DEFLATE ? CODING_FORWARD : CODING_EMBEDDED;
	/* work is counted for all views */
	static const struct coding_limits unlimited = { UINT64_MAX, UINT64_MAX, UINT32_MAX };
	const struct coding_list list = { { kind }, 1 };
	uint64_t at = view_base(v) + i;
	size_t slot = 0;

	while (slot < DECODE_PACKED_MAX && v->packed.busy[slot])
		slot++;
	if (slot == DECODE_PACKED_MAX) {
		v->v.tree->limit = "compressed streams within each other";
		return;
	}
	decode_count(v->v.tree, START_COST);
	if (!child_begin(v, DECODE_PACKED + (enum decode_form)slot, at, kind == CODING_GZIP || kind == CODING_ZSTD))
		return;
	/* two characters that chance puts anywhere, or nothing at all, say little */
	v->children[DECODE_PACKED + slot]->doubtful = v->doubtful || unmarked || kind == CODING_DEFLATE;
	v->packed.busy[slot] = true;
	v->packed.fed[slot] = v->packed.begun[slot] = at;
	v->packed.unmarked[slot] = unmarked;
	coding_init(&v->packed.codings[slot], &list, use, &unlimited);
	if (!unmarked)
		feed(v, slot, v->end, false);
}

void packed_release(struct view *v)
{
	for (size_t i = 0; i < DECODE_PACKED_MAX; i++)
		if (v->packed.busy[i])
			coding_release(&v->packed.codings[i]);
	memset(v->packed.busy, 0, sizeof(v->packed.busy));
}

/* --- where they begin --- */

/* A stream without a mark may begin at place at; those that began before have ended. */
static void begin(struct view *v, uint64_t at)
{
	for (size_t slot = 0; slot < DECODE_PACKED_MAX; slot++)
		if (v->packed.busy[slot] && v->packed.unmarked[slot])
			feed(v, slot, at, true);
	v->packed.start = at;
	v->packed.may_start = true;
}

/*
 * Brotli and raw deflate have no mark: try them where a body, a part of one, or a decoded run begins. What
 * begins there does not go beyond place end.
 */
static void try_start(struct view *v, uint64_t end, bool final)
{
	struct packed *s = &v->packed;
	size_t i, n = (size_t)(end - s->start);
	const unsigned char *p;
	enum coding_kind kind;

	if (!s->may_start || (n < START_LOOK && !final))
		return;
	s->may_start = false;
	p = view_at(v, s->start); /* only now is it sure to be in the window */
	i = (size_t)(s->start - view_base(v));
	n = n < START_LOOK ? n : START_LOOK; /* so that nothing depends on how much has come */
	if (!is_binary(p, n) || find_mark(p, n, &kind))
		return;
	if (may_be_brotli(p, n))
		start(v, i, CODING_BROTLI, true);
	if (may_be_deflate(p, n))
		start(v, i, CODING_DEFLATE, true);
}

/* A part of a multipart body begins behind an empty line. Looks at what stands in front of place stop. */
static void find_parts(struct view *v, uint64_t stop, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr, *end = view_at(v, stop);
	const unsigned char *found = view_at(v, v->packed.parts_done);

	while ((found = memchr(found, '\r', (size_t)(end - found))) != NULL && (end - found >= 4 || final)) {
		if (end - found >= 4 && memcmp(found, "\r\n\r\n", 4) == 0) {
			uint64_t at = view_base(v) + (size_t)(found - p);

			if (at > v->packed.start)
				try_start(v, at, true);
			begin(v, at + 4);
		}
		found++;
	}
	v->packed.parts_done = view_base(v) + (size_t)((found ? found : end) - p);
	try_start(v, stop, final);
}

void packed_begin(struct view *v, uint64_t at)
{
	struct packed *s = &v->packed;

	/* full only when nothing is looked at any more, behind a limit */
	if (s->n_starts < STARTS_MAX && (s->n_starts == 0 || s->starts[s->n_starts - 1] != at))
		s->starts[s->n_starts++] = at;
}

/* Look for streams without a mark among what is new, one run after the other. */
static void find_starts(struct view *v, bool final)
{
	struct packed *s = &v->packed;

	for (size_t i = 0; i < s->n_starts; i++) {
		find_parts(v, s->starts[i], false);
		begin(v, s->starts[i]);
	}
	s->n_starts = 0;
	find_parts(v, v->end, final);
}

/*
 * A member of a zip archive may begin at p[0..n): its local header, which whoever
 * unpacks a stream goes by. Only deflated ones are of interest: what is stored is seen as it is.
 */
static bool find_member(const unsigned char *p, size_t n, size_t *data)
{
	if (n < MEMBER_HEAD || memcmp(p, "PK\3\4", 4) != 0 || (p[6] & 1) /* encrypted */ || p[8] != 8 || p[9] != 0)
		return false;
	*data = MEMBER_HEAD + (size_t)(p[26] | p[27] << 8) + (size_t)(p[28] | p[29] << 8);
	return true;
}

/* Remember where the data of a member will begin. */
static void note_member(struct view *v, uint64_t at)
{
	for (size_t i = 0; i < DECODE_PACKED_MAX; i++)
		if (!v->packed.members[i]) {
			v->packed.members[i] = at;
			return;
		}
	v->v.tree->limit = "members of archives within each other";
}

/* Decode the members whose data begins in front of a place. */
static void start_members(struct view *v, uint64_t end)
{
	for (size_t i = 0; i < DECODE_PACKED_MAX; i++) {
		uint64_t at = v->packed.members[i];

		if (!at || at >= end)
			continue;
		v->packed.members[i] = 0;
		start(v, (size_t)(at - view_base(v)), CODING_RAW, false);
	}
}

/* Look for marks among what is new. */
static void find_marks(struct view *v, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr;
	size_t n = v->window.len, i = (size_t)(v->packed.done - view_base(v));
	enum coding_kind kind;
	size_t data;

	while ((i = find_second(p, i, n)) < n) {
		/* one byte or two in front and some behind decide */
		if (n - i < MEMBER_HEAD && !final)
			break;
		start_members(v, view_base(v) + i);
		if (i > 0 && find_mark(p + i - 1, n - i + 1, &kind))
			start(v, i - 1, kind, false);
		if (i > 1 && find_member(p + i - 2, n - i + 2, &data))
			note_member(v, view_base(v) + i - 2 + data);
		i++;
	}
	v->packed.done = view_base(v) + i;
}

void packed_feed(struct view *v, bool final)
{
	find_starts(v, final);
	find_marks(v, final);
	start_members(v, v->end);
	for (size_t slot = 0; slot < DECODE_PACKED_MAX; slot++)
		if (v->packed.busy[slot])
			feed(v, slot, v->end, final);
}
