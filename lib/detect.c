#include "detect.h"

#include <stdlib.h>

#include "alloc.h"

struct detect {
	struct detect_set set;
	detect_fn *fn;
	void *ctx;
	struct decode *decode;
	struct view *root; /* of view 0, once there is one */
	bool limited;      /* that it cannot be judged was reported */
};

/* What is kept of one view. */
struct view {
	struct detect *detect;
	const struct decode_view *decoded;
	struct known_text text;
	bool scanning;       /* scan is begun */
	bool made;           /* scan has its memory */
	struct scan scan;
	uint64_t scan_start; /* where in the view the scan began */
};

/* --- findings --- */

/* Report what stands at [start, end) of a view. */
static bool report(const struct view *v, struct detection *found)
{
	found->form = v->decoded->form;
	found->placed = decode_place(v->decoded, &found->start, &found->end);
	return v->detect->fn(v->detect->ctx, found);
}

static bool take_known(void *ctx, const struct known_hit *hit)
{
	struct detection found = { .number = hit->number, .start = hit->start, .end = hit->end };

	return report(ctx, &found);
}

static bool take_token(void *ctx, const struct finding *f)
{
	const struct view *v = ctx;
	struct detection found = {
		.rule = f->rule,
		.why = f->rule ? NULL : f->why,
		.start = v->scan_start + f->secret_start,
		.end = v->scan_start + f->secret_end,
		.secret = f->secret,
	};

	return report(v, &found);
}

/* --- views --- */

/* Make or find what is kept of a view. */
static struct view *view_of(struct detect *d, struct decode_view *decoded)
{
	struct view *v = decoded->user;

	if (v)
		return v;
	decoded->user = v = alloc_zero(1, sizeof(*v));
	v->detect = d;
	v->decoded = decoded;
	if (!decoded->parent)
		d->root = v;
	return v;
}

/* Begin the scan for tokens at the view's next byte. */
static void begin_scan(struct view *v, const struct rules *rules)
{
	if (v->made && v->scan.rules != rules) {
		scan_release(&v->scan);
		v->made = false;
	}
	if (v->made)
		scan_reset(&v->scan);
	else
		scan_init(&v->scan, rules, SLICE(""), take_token, v);
	v->made = v->scanning = true;
	v->scan_start = v->decoded->length;
}

static bool take_bytes(void *ctx, struct decode_view *decoded, struct slice bytes)
{
	struct detect *d = ctx;
	struct view *v = view_of(d, decoded);

	if (d->set.known && !known_look(d->set.known, &v->text, bytes, take_known, v))
		return false;
	if (!d->set.rules)
		return true;
	if (!v->scanning)
		begin_scan(v, d->set.rules);
	return scan_feed(&v->scan, bytes);
}

static bool take_end(void *ctx, struct decode_view *decoded)
{
	struct view *v = decoded->user;
	bool going = true;

	(void)ctx;
	if (!v)
		return true;
	known_cut(&v->text);
	if (v->scanning)
		going = scan_finish(&v->scan);
	v->scanning = false;
	return going;
}

static uint64_t count_held(void *ctx, const struct decode_view *decoded)
{
	const struct view *v = decoded->user;
	uint64_t known, tokens;

	(void)ctx;
	if (!v)
		return 0;
	known = known_held(&v->text);
	tokens = v->scanning ? scan_held(&v->scan) : 0;
	return known > tokens ? known : tokens;
}

static void release_view(void *ctx, struct decode_view *decoded)
{
	struct view *v = decoded->user;

	(void)ctx;
	if (!v)
		return;
	if (v->made)
		scan_release(&v->scan);
	alloc_wipe(&v->text, sizeof(v->text));
	free(v);
}

/* --- streams --- */

struct detect *detect_new(struct detect_set set, detect_fn *fn, void *ctx)
{
	static const struct decode_sink sink = { take_bytes, take_end, count_held, release_view };
	struct detect *d = alloc_zero(1, sizeof(*d));

	*d = (struct detect){ .set = set, .fn = fn, .ctx = ctx };
	d->decode = decode_new(&sink, d);
	return d;
}

void detect_release(struct detect *d)
{
	if (!d)
		return;
	decode_release(d->decode);
	free(d);
}

void detect_reset(struct detect *d, struct detect_set set, detect_fn *fn, void *ctx)
{
	decode_reset(d->decode);
	if (d->root) {
		d->root->text = (struct known_text){ .n = 0 };
		d->root->scanning = false;
	}
	d->set = set;
	d->fn = fn;
	d->ctx = ctx;
	d->limited = false;
}

/* Say once that the stream cannot be judged. */
static bool check_limit(struct detect *d)
{
	struct detection found = { .why = decode_limit(d->decode) };

	if (!found.why || d->limited)
		return true;
	d->limited = true;
	return d->fn(d->ctx, &found);
}

bool detect_feed(struct detect *d, struct slice bytes)
{
	return decode_feed(d->decode, bytes) && check_limit(d);
}

bool detect_finish(struct detect *d)
{
	return decode_finish(d->decode) && check_limit(d);
}

uint64_t detect_held(const struct detect *d)
{
	uint64_t held = decode_held(d->decode);

	return held < DETECT_HELD_MAX ? held : DETECT_HELD_MAX;
}
