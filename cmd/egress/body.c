/* A request's body on its way through the detectors. */
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "inspect.h"
#include "limits.h"

enum {
	STEP = 1024,                         /* bytes of a coded body that are decoded together */
	STEPS_MAX = CODED_HELD / STEP + 2,   /* steps whose decoded bytes may still be held, one before and one begun */
	/* decoded bytes that are kept: what may still be held, and what led up to it */
	TEXT_MAX = 2 * DETECT_HELD_MAX,
};

/*
 * A body with codings: what it decodes to is judged, and as much of it passed on as
 * decodes to what was judged. A decoder may have bytes that it has not made anything
 * of yet, such as a block of zstd that is not whole: with the next that it yields they
 * are decoded, or have got as far as the decoder behind it.
 */
struct coded {
	struct coding coding;
	struct detect *detect;
	struct buf text;                     /* the last bytes decoded, where the operator may be asked about them */
	uint64_t in, out;                    /* bytes so far, as they came and decoded */
	struct step {
		uint64_t in, out;
		uint64_t yields;             /* so many steps that yielded something are behind it */
	} steps[STEPS_MAX];
	size_t n;
};

struct inspection {
	struct inspector *inspector;
	const char *place;      /* "body" */
	struct coded *coded;
	bool redact;
	size_t whole;           /* bytes that may have to be kept until the end; 0: passed on as it is judged */
	struct detect *detect;
	struct buf held;        /* fed and not yet judged, or kept */
	uint64_t base;          /* place in the body of its first byte */
	struct cuts cuts;       /* of what is held */
	bool cut_at_base;       /* what stood in front of base was replaced */
	struct detect *again;   /* looks at what is passed on, from the first replacement on */
	struct detect_set set;
	bool finished;
	struct buf checked;     /* and is not done with the end of this yet */
	struct buf ready;
	size_t ready_at;
	size_t changed;
	const char *changed_kind;
	struct spread_text spread; /* judged with what left before; of a coded body what it decodes to */
	size_t spread_left;     /* bytes that are still to be looked at for that */
	struct entropy *entropy; /* of what it decodes to, where the route asks for it */
	bool warned;
	struct found found;     /* what cannot pass */
	char *host;             /* that it goes to, where the operator may be asked; else NULL */
	struct found asked[ASKED_MAX];
	size_t n_asked;         /* that wait for the operator: nothing is passed on meanwhile */
};

/* Note what cannot pass. */
static bool fail(struct inspection *n, const struct found *found)
{
	if (!n->found.kind) {
		n->found = *found;
		snprintf(n->found.place, sizeof(n->found.place), "%s", n->place);
	}
	return false;
}

/* Bytes of what is held, from place start of the body to place end. */
static struct slice held_part(const struct inspection *n, uint64_t start, uint64_t end)
{
	return slice_sub(buf_slice(&n->held), (size_t)(start - n->base), (size_t)(end - n->base));
}

/* A text that something was found in, whose last byte is the last one that the detector was fed. */
struct surroundings {
	const struct buf *text;
	uint64_t start; /* place of its first byte in the detector's stream */
};

/* Has the operator let it go? If not, have the operator asked: true, too, as that comes out later. */
static bool is_permitted(struct inspection *n, const struct detection *d, const struct surroundings *s,
			 struct found *found)
{
	struct slice text = buf_slice(s->text);
	bool here = d->placed && d->start >= s->start && d->start < s->start + text.len;

	/*
	 * Of a known secret the text has to be at hand, which it never is in a coded body: the bytes as they came have
	 * it, too.
	 */
	if (!n->host || d->why || found->canary || (!d->rule && (n->coded || !here)))
		return false;
	permits_digest(&n->inspector->permits, n->host,
		       d->rule ? d->secret
			       : slice_sub(text, (size_t)(d->start - s->start), (size_t)(d->end - s->start)),
		       found->digest);
	if (permits_has(&n->inspector->permits, found->digest))
		return true;
	for (size_t i = 0; i < n->n_asked; i++)
		if (memcmp(n->asked[i].digest, found->digest, DIGEST_SIZE) == 0)
			return true;
	if (n->n_asked == ASKED_MAX)
		return false;
	found->askable = true;
	found->text = here ? s->text : n->coded ? &n->coded->text : NULL;
	snprintf(found->place, sizeof(found->place), "%s", n->place);
	n->asked[n->n_asked++] = *found;
	return true;
}

/* Something was found in the body. */
static bool take_found(void *ctx, const struct detection *d)
{
	struct inspection *n = ctx;
	const struct surroundings held = { .text = &n->held, .start = n->base };
	uint64_t start = d->start, end = n->base + n->held.len;
	struct found found;

	if (!inspector_name(n->inspector, d, &found) || is_permitted(n, d, &held, &found))
		return true;
	if (!n->redact || d->why || found.canary || !d->placed)
		return fail(n, &found);
	if (start < n->base && n->cut_at_base)
		start = n->base; /* it goes on behind what was replaced */
	end = d->end < end ? d->end : end;
	if (start < n->base || (end > start && !cuts_add(&n->cuts, start, end, found.kind)))
		return fail(n, &found);
	return true;
}

/* Something was found in what a coded body decodes to, where nothing can be replaced. */
static bool take_decoded(void *ctx, const struct detection *d)
{
	struct inspection *n = ctx;
	const struct coded *c = n->coded;
	const struct surroundings text = { .text = &c->text, .start = c->out - c->text.len };
	struct found found;

	return !inspector_name(n->inspector, d, &found) || is_permitted(n, d, &text, &found) || fail(n, &found);
}

/* Something is there even after what was found was replaced. */
static bool take_again(void *ctx, const struct detection *d)
{
	struct inspection *n = ctx;
	struct found found;

	return !inspector_name(n->inspector, d, &found) || fail(n, &found);
}

struct inspection *inspection_new(struct inspector *i, const struct detectors *d, const struct inspected *what)
{
	const struct coding_list *codings = what->codings;
	const char *host = what->host;
	struct inspection *n;

	if (i->bodies == BODIES_MAX || (codings && codings->n && i->coded == CODED_MAX))
		return NULL;
	n = alloc_zero(1, sizeof(*n));
	*n = (struct inspection){ .inspector = i, .place = what->place, .redact = d->on_match == ON_MATCH_REDACT,
				  .whole = what->whole, .set = inspector_set(i, d) };
	if (host && i->permits.asks && d->on_match == ON_MATCH_SUPERVISE)
		n->host = alloc_copy(host, strlen(host));
	n->detect = detect_new(n->set, take_found, n);
	if (d->outbound & DETECT_ENTROPY)
		n->entropy = alloc_zero(1, sizeof(*n->entropy));
	spread_begin(&n->spread, i->spread, n->set.known, slice_str(host ? host : ""));
	spread_part(&n->spread, slice_str(what->place), false);
	n->spread_left = SPREAD_TEXT;
	if (codings && codings->n) {
		n->coded = alloc_zero(1, sizeof(*n->coded));
		coding_init(&n->coded->coding, codings, CODING_LOOK, &coding_limits);
		n->coded->detect = detect_new(n->set, take_decoded, n);
		i->coded++;
	}
	i->bodies++;
	i->buffered += what->whole;
	return n;
}

void inspection_release(struct inspection *n)
{
	if (!n)
		return;
	n->inspector->bodies--;
	n->inspector->buffered -= n->whole;
	if (n->coded) {
		n->inspector->coded--;
		coding_release(&n->coded->coding);
		detect_release(n->coded->detect);
		buf_wipe(&n->coded->text);
		free(n->coded);
	}
	detect_release(n->detect);
	detect_release(n->again);
	buf_wipe(&n->held);
	buf_wipe(&n->checked);
	buf_release(&n->ready);
	free(n->entropy);
	free(n->host);
	free(n);
}

bool inspection_may_change(const struct inspection *n)
{
	return n->redact;
}

bool inspection_is_whole(const struct inspection *n)
{
	return n->whole;
}

/* Bytes that are judged: to be passed on, or looked at once more where something was replaced before. */
static bool pass(struct inspection *n, struct slice bytes)
{
	if (!n->again) {
		buf_add_slice(&n->ready, bytes);
		return true;
	}
	buf_add_slice(&n->checked, bytes);
	return detect_feed(n->again, bytes);
}

/* Replace one part. */
static bool replace(struct inspection *n, const struct cut *cut)
{
	AUTO_BUF text = BUF_INIT;

	if (!n->changed++) {
		n->changed_kind = cut->kind;
		n->again = detect_new(n->set, take_again, n);
	}
	cut_write(&text, cut);
	return pass(n, buf_slice(&text));
}

/* Pass on what stands before place limit of the body. */
static bool release_to(struct inspection *n, uint64_t limit)
{
	bool going = true, cut_last = n->cut_at_base;
	uint64_t at = n->base;
	size_t done = 0;

	for (; going && done < n->cuts.n && n->cuts.list[done].start < limit; done++) {
		const struct cut *cut = &n->cuts.list[done];

		if (cut->end > limit && limit - cut->start < DETECT_HELD_MAX) {
			limit = cut->start; /* it may grow */
			break;
		}
		going = pass(n, held_part(n, at, cut->start)) && replace(n, cut);
		at = cut->end;
		cut_last = true;
	}
	if (going && limit > at) {
		going = pass(n, held_part(n, at, limit));
		at = limit;
		cut_last = false;
	}
	n->cuts.n -= done;
	memmove(n->cuts.list, n->cuts.list + done, n->cuts.n * sizeof(n->cuts.list[0]));
	buf_consume(&n->held, (size_t)(at - n->base));
	n->base = at;
	n->cut_at_base = cut_last;
	return going;
}

/* Move what was looked at once more to what is passed on, but for the last bytes. */
static void settle(struct inspection *n, uint64_t held)
{
	size_t len = held < n->checked.len ? n->checked.len - (size_t)held : 0;

	buf_add_slice(&n->ready, slice_sub(buf_slice(&n->checked), 0, len));
	buf_consume(&n->checked, len);
}

/* Look at bytes of what is meant: with the values that left before, and whether they are random. */
static bool feed_text(struct inspection *n, struct slice bytes)
{
	struct slice part = slice_sub(bytes, 0, n->spread_left);
	struct found found;

	if (n->entropy && !n->entropy->found)
		entropy_feed(n->entropy, bytes);
	n->spread_left -= part.len;
	if (!part.len || spread_feed(&n->spread, part))
		return true;
	found = inspector_spread(n->inspector, &n->spread);
	return fail(n, &found);
}

/* It has ended; what follows the part that was looked at is no value's end. */
static bool finish_spread(struct inspection *n)
{
	struct found found;

	if (!n->spread_left || spread_end(&n->spread))
		return true;
	found = inspector_spread(n->inspector, &n->spread);
	return fail(n, &found);
}

/* Count a piece that was decoded, and keep it with what came before, as far as that is needed. */
static void keep_decoded(const struct inspection *n, struct slice piece)
{
	struct coded *c = n->coded;

	c->out += piece.len;
	if (!n->host)
		return;
	if (c->text.len + piece.len > TEXT_MAX)
		buf_consume(&c->text, c->text.len + piece.len - TEXT_MAX);
	buf_add_slice(&c->text, piece);
}

/* Note how far the body is decoded; steps are made of what comes in smaller pieces. */
static void note_step(struct coded *c)
{
	const struct step *last = c->n ? &c->steps[c->n - 1] : NULL;
	struct step now = { c->in, c->out, last ? last->yields + (c->out > last->out) : c->out > 0 };

	if (c->n > 1 && c->in - c->steps[c->n - 2].in <= STEP && last->yields == now.yields)
		c->n--;
	if (c->n == STEPS_MAX)
		memmove(c->steps, c->steps + 1, --c->n * sizeof(c->steps[0]));
	c->steps[c->n++] = now;
}

/* Look at what a step of a coded body decodes to. */
static bool decode(struct inspection *n, struct slice bytes)
{
	struct coded *c = n->coded;
	enum coding_result r = CODING_PIECE;
	struct slice piece;
	const char *why;

	c->in += bytes.len;
	while (r == CODING_PIECE) {
		r = coding_feed(&c->coding, &bytes, &piece, &why);
		if (r != CODING_PIECE)
			break;
		keep_decoded(n, piece);
		if (!detect_feed(c->detect, piece) || !feed_text(n, piece))
			return false;
	}
	if (r == CODING_BAD)
		return fail(n, &(struct found){ .kind = "unjudged", .why = why });
	note_step(c);
	return true;
}

/* How many of the last bytes of a coded body decode to what may be the beginning of something. */
static uint64_t coded_held(struct coded *c)
{
	uint64_t judged = c->out - detect_held(c->detect), safe = 0, yields = 0;
	size_t done = 0;

	for (size_t i = 0; i < c->n && c->steps[i].out <= judged; i++)
		yields = c->steps[i].yields;
	while (done < c->n && c->steps[done].yields + c->coding.n <= yields)
		safe = c->steps[done++].in;
	if (done) { /* the last of them stays, for the next time */
		memmove(c->steps, c->steps + done - 1, (c->n - done + 1) * sizeof(c->steps[0]));
		c->n -= done - 1;
	}
	return c->in - safe < CODED_HELD ? c->in - safe : CODED_HELD;
}

/* Look at bytes of a coded body. */
static bool feed_coded(struct inspection *n, struct slice bytes)
{
	while (bytes.len) {
		if (!decode(n, slice_sub(bytes, 0, STEP)))
			return false;
		bytes = slice_sub(bytes, STEP, bytes.len);
	}
	return true;
}

/* The coded body is complete: it has to be whole. */
static bool finish_coded(struct inspection *n)
{
	const char *why;

	if (!coding_finish(&n->coded->coding, &why))
		return fail(n, &(struct found){ .kind = "unjudged", .why = why });
	return detect_finish(n->coded->detect);
}

/* Pass on what is judged of what is held. */
static void go_on(struct inspection *n)
{
	uint64_t held = detect_held(n->detect), coded;

	if (n->n_asked)
		return;
	coded = n->coded ? coded_held(n->coded) : 0;
	held = coded > held ? coded : held;
	held = held ? held : 1;
	if (held >= n->held.len || release_to(n, n->base + n->held.len - held))
		settle(n, n->again ? detect_held(n->again) : 0);
}

/* Pass on all that is left. */
static void go_to_end(struct inspection *n)
{
	if (!n->n_asked && release_to(n, n->base + n->held.len) && (!n->again || detect_finish(n->again)))
		settle(n, 0);
}

bool inspection_feed(struct inspection *n, struct slice bytes, struct found *found)
{
	buf_add_slice(&n->held, bytes);
	if (detect_feed(n->detect, bytes) && (n->coded ? feed_coded(n, bytes) : feed_text(n, bytes)))
		go_on(n);
	*found = n->found;
	return !n->found.kind;
}

bool inspection_finish(struct inspection *n, struct found *found)
{
	n->finished = true;
	if (detect_finish(n->detect) && (!n->coded || finish_coded(n)) && finish_spread(n))
		go_to_end(n);
	*found = n->found;
	return !n->found.kind;
}

const struct found *inspection_asks(struct inspection *n)
{
	n->asked[0].context = n->asked[0].text ? buf_slice(n->asked[0].text) : SLICE("");
	return n->n_asked ? &n->asked[0] : NULL;
}

bool inspection_permitted(struct inspection *n, struct found *found)
{
	memmove(n->asked, n->asked + 1, --n->n_asked * sizeof(n->asked[0]));
	if (n->finished)
		go_to_end(n);
	else
		go_on(n);
	*found = n->found;
	return !n->found.kind;
}

struct slice inspection_ready(const struct inspection *n)
{
	return n->whole && !n->finished ? SLICE("") : slice_sub(buf_slice(&n->ready), n->ready_at, n->ready.len);
}

void inspection_passed(struct inspection *n, size_t len)
{
	n->ready_at += len;
	if (n->ready_at == n->ready.len) {
		buf_truncate(&n->ready, 0);
		n->ready_at = 0;
	}
}

bool inspection_warns(struct inspection *n, struct found *found)
{
	if (!n->entropy || !n->entropy->found || n->warned)
		return false;
	n->warned = true;
	*found = (struct found){ .kind = "entropy" };
	snprintf(found->place, sizeof(found->place), "%s", n->place);
	return true;
}

size_t inspection_room(const struct inspection *n, size_t credit)
{
	size_t most = n->coded && credit < CODED_HELD + STEP ? CODED_HELD + STEP : credit,
	       waiting = inspection_waiting(n);

	return most > waiting ? most - waiting : 0;
}

size_t inspection_waiting(const struct inspection *n)
{
	return n->held.len + n->checked.len + n->ready.len - n->ready_at;
}

size_t inspection_changed(const struct inspection *n, const char **kind)
{
	*kind = n->changed_kind;
	return n->changed;
}
