/*
 * What a stream of bytes says when its encodings are taken off.
 *
 * Text that leaves a bottle can be written in many ways. A decode turns one
 * stream into views: view 0 is the stream as it is, and each encoding that is
 * seen in a view opens a further one in which what was encoded stands in the
 * clear. Views open below views, to DECODE_DEPTH_MAX, so that base64 of gzip of
 * a text in a form's field is seen as well. Whoever looks for something is given
 * each view as a stream of its own and need not know what an encoding is.
 *
 * All runs of one encoding in a view go into one child, so what was cut into
 * several runs near each other is whole there; a gap of more than DECODE_GAP
 * bytes ends the child, and it begins again at the next run.
 *
 * Where in view 0 a place of a view came from is known (decode_place), unless the
 * view came out of a compressed stream. How much of view 0 may still turn out to
 * be part of something is known, too (decode_held).
 *
 * What is in the views does not depend on how the stream is cut, but for how much
 * comes out of damaged compressed data before the damage is seen. Work is bounded:
 * beyond DECODE_DEPTH_MAX, DECODE_WORK_FREE and DECODE_WORK_RATIO the stream
 * counts as one that cannot be judged (decode_limit), which is no silence.
 *
 * Life: decode_new, decode_feed…, decode_finish, decode_reset for the next stream,
 * decode_release. Nothing blocks; all may be called after confinement. Plain text
 * without encodings costs one copy and a few comparisons for each 16 bytes.
 */
#ifndef BB_DECODE_H
#define BB_DECODE_H

#include "buf.h"

/* encodings on top of each other: JSON in base64 of gzip in a form's field, and one to spare */
#define DECODE_DEPTH_MAX 5
#define DECODE_GAP 512            /* bytes between two runs of an encoding that still belong together */
/* bytes kept around an escape, so that a text of which one letter is escaped is whole */
#define DECODE_AROUND 256
#define DECODE_WORK_FREE (64 << 20) /* bytes of views beside view 0 of one stream: looked through they take 0.6 s */
#define DECODE_WORK_RATIO 64      /* and for each byte of view 0; images and archives reach 20 */
#define DECODE_BASE64_MIN 20      /* characters of a run: shorter ones are words */
#define DECODE_BASE32_MIN 26
#define DECODE_HEX_MIN 16         /* bytes of a run, each of two digits */
#define DECODE_UTF16_MIN 8        /* characters of a run */
#define DECODE_PACKED_MAX 6       /* compressed streams under way at one place of a view */

/* How a view was written in its parent. */
enum decode_form {
	DECODE_RAW,
	DECODE_ESCAPES,   /* percent, backslash and HTML escapes, nested in each other at will */
	DECODE_QUOTED,    /* quoted-printable, RFC 2045 §6.7 */
	DECODE_BASE64,    /* either alphabet, lines may be wrapped; RFC 4648 §4, §5 */
	DECODE_BASE64_IN, /* the same, begun anew behind a separator within a run */
	DECODE_BASE32,    /* RFC 4648 §6, either case */
	DECODE_HEX,       /* either case, with or without separators */
	DECODE_UTF16,     /* either order of bytes */
	DECODE_PACKED,    /* gzip, deflate, brotli, zstd, members of zip archives; DECODE_PACKED_MAX of them */
	DECODE_FORMS = DECODE_PACKED + DECODE_PACKED_MAX
};

struct decode;

struct decode_view {
	struct decode *tree;
	struct decode_view *parent; /* NULL: view 0 */
	enum decode_form form;
	unsigned depth;             /* 0: view 0 */
	uint64_t length;            /* bytes that were given to the sink */
	void *user;                 /* the sink's own */
};

/* Who looks at the views. */
struct decode_sink {
	/* The next bytes of a view; view->length does not count them yet. False stops everything. */
	bool (*bytes)(void *ctx, struct decode_view *view, struct slice bytes);
	/* The view ends; it may begin again. */
	bool (*end)(void *ctx, struct decode_view *view);
	/* How many of the view's last bytes may be part of something that is not complete yet. */
	uint64_t (*held)(void *ctx, const struct decode_view *view);
	/* The view is no more: free what user points to. */
	void (*release)(void *ctx, struct decode_view *view);
};

struct decode *decode_new(const struct decode_sink *sink, void *ctx);
void decode_release(struct decode *d);
/* Begin a new stream. */
void decode_reset(struct decode *d);

/*
 * From now on let work bytes of views be free instead of DECODE_WORK_FREE: for who bounds the work of many streams
 * together.
 */
void decode_budget(struct decode *d, uint64_t work);

/* Bytes of views beside view 0 so far, and what else was counted as such. */
uint64_t decode_work(const struct decode *d);

/* Add bytes; end the stream. False when the sink stopped it. */
bool decode_feed(struct decode *d, struct slice bytes);
bool decode_finish(struct decode *d);

/* Why the stream cannot be judged: a limit's name; NULL while it can. */
const char *decode_limit(const struct decode *d);

/* Which bytes of view 0 the bytes [*start, *end) of a view came from. False when that cannot be told. */
bool decode_place(const struct decode_view *view, uint64_t *start, uint64_t *end);

/* How many of the last bytes of view 0 may be part of something that is not complete yet. */
uint64_t decode_held(const struct decode *d);

/* Append text with its escapes taken off, as DECODE_ESCAPES would show it. */
void decode_escapes_of(struct slice text, struct buf *out);

/* Name of a form, for people. */
const char *decode_form_name(enum decode_form form);

#endif
