#include "decode-view.h"

#include <stdlib.h>

#include "alloc.h"

enum {
	PIECE = 16 << 10, /* bytes looked at together: they stay in the cache */
	KEEP = VIEW_BACK + DECODE_AROUND,
	IDLE = DECODE_GAP + KEEP, /* behind a run, no run may begin any more that belongs to it */
};

/* --- life --- */

static struct view *view_new(struct decode *d, struct view *parent, enum decode_form form)
{
	struct view *v = alloc_zero(1, sizeof(*v));

	v->v = (struct decode_view){ .tree = d, .form = form };
	if (parent) {
		v->v.parent = &parent->v;
		v->v.depth = parent->v.depth + 1;
	}
	return v;
}

static void view_release(struct decode *d, struct view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < DECODE_FORMS; i++)
		view_release(d, v->children[i]);
	d->sink->release(d->ctx, &v->v);
	packed_release(v);
	buf_wipe(&v->window);
	buf_wipe(&v->out);
	free(v->anchors);
	free(v);
}

/* Forget where each decoder is: the next byte is the first of a stream. */
static void begin_again(struct view *v)
{
	packed_release(v);
	v->runs = (struct runs){ .done = v->end };
	v->hex = (struct hex){ .done = v->end };
	v->escapes = (struct escapes){ .done = v->end };
	v->quoted = (struct escapes){ .done = v->end };
	v->utf16 = (struct utf16){ .done = v->end };
	v->packed = (struct packed){ .done = v->end, .parts_done = v->end, .start = v->end, .may_start = true };
	buf_truncate(&v->window, 0);
	v->n_anchors = 0;
	v->open = v->running = false;
}

struct decode *decode_new(const struct decode_sink *sink, void *ctx)
{
	struct decode *d = alloc_zero(1, sizeof(*d));

	d->work_free = DECODE_WORK_FREE;
	d->sink = sink;
	d->ctx = ctx;
	d->root = view_new(d, NULL, DECODE_RAW);
	begin_again(d->root);
	return d;
}

void decode_release(struct decode *d)
{
	if (!d)
		return;
	view_release(d, d->root);
	free(d);
}

void decode_reset(struct decode *d)
{
	struct view *v = d->root;

	for (size_t i = 0; i < DECODE_FORMS; i++) {
		view_release(d, v->children[i]);
		v->children[i] = NULL;
	}
	v->end = v->v.length = 0;
	begin_again(v);
	d->work = 0;
	d->limit = NULL;
	d->stopped = false;
}

/* --- where it came from --- */

/* The last anchor at or before place out of a child, or NULL when it is no longer known. */
static const struct anchor *find_anchor(const struct view *child, uint64_t out)
{
	size_t low = 0, high = child->n_anchors;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (child->anchors[middle].out <= out)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &child->anchors[low - 1] : NULL;
}

/* Where in the parent a byte of a child began. */
static bool origin_of_start(const struct view *child, uint64_t *at)
{
	const struct anchor *a = find_anchor(child, *at);

	if (!a)
		return false;
	*at = a->in + (a->den ? (*at - a->out) * a->num / a->den : 0);
	return a->den != 0;
}

/* Where in the parent the byte in front of *at ended. */
static bool origin_of_end(const struct view *child, uint64_t *at)
{
	const struct anchor *a = *at ? find_anchor(child, *at - 1) : NULL;

	if (!a || !a->den)
		return false;
	*at = a->in + ((*at - a->out) * a->num + a->den - 1) / a->den;
	return true;
}

/* --- children --- */

void decode_count(struct decode *d, uint64_t work)
{
	d->work += work;
	if (d->work > d->work_free && d->work / DECODE_WORK_RATIO > d->root->end)
		d->limit = "work of decoding";
}

struct view *child_begin(struct view *v, enum decode_form form, uint64_t at, bool certain)
{
	struct decode *d = v->v.tree;
	struct view *child = v->children[form];

	if (v->v.depth == DECODE_DEPTH_MAX) {
		if (certain && !v->doubtful)
			d->limit = "encodings on top of each other";
		return NULL;
	}
	if (!child) {
		child = v->children[form] = view_new(d, v, form);
		begin_again(child);
	}
	if (view_is_begun(child) && at > child->last_in + DECODE_GAP)
		view_seal(child);
	/* short runs are passed on together, as each call costs; but escapes look back at what was decoded */
	if (form == DECODE_ESCAPES || form == DECODE_QUOTED || child->packed.n_starts == STARTS_MAX)
		child_flush(child, 0);
	packed_begin(child, child->end + child->out.len); /* a run may be a compressed stream */
	child->running = true;
	child->doubtful = v->doubtful;
	child->last_in = at;
	return child;
}

void child_anchor(struct view *child, uint64_t in, unsigned num, unsigned den)
{
	struct anchor a = { child->end + child->out.len, in, num, den };
	const struct anchor *last;

	if (child->n_anchors && child->anchors[child->n_anchors - 1].out == a.out)
		child->n_anchors--;
	last = child->n_anchors ? &child->anchors[child->n_anchors - 1] : NULL;
	if (last && den && last->num == num && last->den == den && last->in + (a.out - last->out) * num / den == in)
		return; /* it goes on as before */
	if (child->n_anchors == child->anchors_cap && child->anchors_cap < ANCHORS_MAX) {
		child->anchors_cap = child->anchors_cap ? 2 * child->anchors_cap : ANCHORS_FIRST;
		child->anchors = alloc_resize(child->anchors, child->anchors_cap, sizeof(a));
	} else if (child->n_anchors == ANCHORS_MAX) {
		child->n_anchors /= 2;
		memmove(child->anchors, child->anchors + ANCHORS_MAX / 2, child->n_anchors * sizeof(a));
	}
	child->anchors[child->n_anchors++] = a;
}

uint64_t child_rewind(struct view *child, size_t at)
{
	uint64_t in = child->end + at;

	origin_of_start(child, &in);
	while (child->n_anchors && child->anchors[child->n_anchors - 1].out > child->end + at)
		child->n_anchors--;
	buf_truncate(&child->out, at);
	return in;
}

void child_end(struct view *child, uint64_t at)
{
	child->running = false;
	child->last_in = at;
}

/* --- bytes --- */

static void feed_decoders(struct view *v, bool final)
{
	if (!v->window.len)
		return;
	runs_feed(v, final);
	hex_feed(v, final);
	utf16_feed(v, final);
	escapes_feed(v, final);
	quoted_feed(v, final);
	packed_feed(v, final);
}

/* Take bytes into a view. */
static void receive(struct view *v, struct slice bytes)
{
	struct decode *d = v->v.tree;

	if (d->stopped || d->limit)
		return;
	if (!d->sink->bytes(d->ctx, &v->v, bytes)) {
		d->stopped = true;
		return;
	}
	v->open = true;
	v->v.length += bytes.len;
	if (v->window.len > KEEP)
		buf_consume(&v->window, v->window.len - KEEP);
	buf_add_slice(&v->window, bytes);
	v->end += bytes.len;
	feed_decoders(v, false);
	for (size_t i = 0; i < DECODE_FORMS; i++) {
		struct view *child = v->children[i];

		if (!child || !view_is_begun(child))
			continue;
		child_flush(child, child->running && (i == DECODE_ESCAPES || i == DECODE_QUOTED) ? ESCAPE_MAX : 0);
		if (!child->running && v->end > child->last_in + IDLE)
			view_seal(child);
	}
}

void child_flush(struct view *child, size_t keep)
{
	struct buf bytes = child->out;
	size_t n = bytes.len;

	if (n <= keep)
		return;
	n -= keep;
	decode_count(child->v.tree, n);
	/* what it receives may put more into its own children, never into itself */
	child->out = (struct buf)BUF_INIT;
	receive(child, slice_sub(buf_slice(&bytes), 0, n));
	buf_consume(&bytes, n);
	child->out = bytes;
}

void view_seal(struct view *v)
{
	struct decode *d = v->v.tree;

	child_flush(v, 0);
	if (!d->stopped && !d->limit) {
		feed_decoders(v, true);
		for (size_t i = 0; i < DECODE_FORMS; i++)
			if (v->children[i] && view_is_begun(v->children[i]))
				view_seal(v->children[i]);
	}
	if (!d->stopped && !d->sink->end(d->ctx, &v->v))
		d->stopped = true;
	begin_again(v);
}

bool decode_feed(struct decode *d, struct slice bytes)
{
	while (bytes.len && !d->stopped) {
		struct slice piece = slice_sub(bytes, 0, PIECE);

		receive(d->root, piece);
		bytes = slice_sub(bytes, piece.len, bytes.len);
	}
	return !d->stopped;
}

bool decode_finish(struct decode *d)
{
	view_seal(d->root);
	return !d->stopped;
}

void decode_budget(struct decode *d, uint64_t work)
{
	d->work_free = work;
}

uint64_t decode_work(const struct decode *d)
{
	return d->work;
}

const char *decode_limit(const struct decode *d)
{
	return d->limit;
}

/* --- places --- */

bool decode_place(const struct decode_view *view, uint64_t *start, uint64_t *end)
{
	for (; view->parent; view = view->parent)
		if (!origin_of_start((const struct view *)view, start) ||
		    !origin_of_end((const struct view *)view, end))
			return false;
	return true;
}

/* From where on a view may still turn out to hold something. */
static uint64_t held_from(const struct view *v)
{
	const struct decode *d = v->v.tree;
	uint64_t held = d->sink->held(d->ctx, &v->v);
	uint64_t from = held < v->end ? v->end - held : 0;
	const uint64_t pending[] = { runs_pending(v), v->hex.done, utf16_pending(v), v->escapes.done,
				     v->quoted.done, packed_pending(v) };

	for (size_t i = 0; i < COUNT_OF(pending); i++)
		from = pending[i] < from ? pending[i] : from;
	for (size_t i = 0; i < DECODE_FORMS; i++) {
		const struct view *child = v->children[i];
		uint64_t at;

		if (!child || !view_is_begun(child))
			continue;
		at = held_from(child);
		origin_of_start(child, &at);
		from = at < from ? at : from;
	}
	return from;
}

uint64_t decode_held(const struct decode *d)
{
	return d->root->end - held_from(d->root);
}

const char *decode_form_name(enum decode_form form)
{
	static const char *const names[] = {
		[DECODE_RAW] = "plain",	      [DECODE_ESCAPES] = "escapes",   [DECODE_QUOTED] = "quoted-printable",
		[DECODE_BASE64] = "base64",   [DECODE_BASE64_IN] = "base64",  [DECODE_BASE32] = "base32",
		[DECODE_HEX] = "hexadecimal", [DECODE_UTF16] = "UTF-16",      [DECODE_PACKED] = "compressed",
	};

	return names[form < DECODE_PACKED ? form : DECODE_PACKED];
}
