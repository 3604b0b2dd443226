/*
 * The inside of decode.h: a view as its decoders see it. For lib/decode*.c and t/decode-glance.c only.
 *
 * Each decoder looks at the view's window (its last bytes, the new ones behind
 * them) from where it came to last time, puts what it decodes into its child and
 * leaves the rest for the next call. Invariant: no decoder stays back more than
 * VIEW_BACK bytes, so the window is bounded.
 */
#ifndef BB_DECODE_VIEW_H
#define BB_DECODE_VIEW_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "coding.h"
#include "decode.h"

enum {
	VIEW_BACK = 256,     /* bytes that a decoder may leave for the next call */
	ANCHORS_MAX = 2048,  /* places of a child whose origin is remembered */
	ANCHORS_FIRST = 32,  /* for which there is room at first; a power of two from the one above */
	FLUSH_AT = 8192,     /* bytes of a child that are passed on at once */
	ESCAPE_MAX = 14,     /* bytes of the longest escape */
	STARTS_MAX = 64,     /* runs that are passed on to a child together */
};

/* From child position out on, num bytes of the parent stand for each den bytes of the child. */
struct anchor {
	uint64_t out, in;
	uint32_t num, den; /* den 0: all of it came from somewhere behind in */
};

/* A run of base64 under way. */
struct run64 {
	bool active;
	uint32_t bits;
	unsigned n;       /* characters in bits */
};

struct runs {
	uint64_t done;      /* all before was looked at */
	bool in_run, at_line_end;
	unsigned blanks;      /* since the line ended */
	uint64_t run_length;  /* characters since its start */
	struct run64 whole, inner;
	uint64_t inner_length; /* characters since the last separator */
	bool inner_aligned;    /* whole has the same groups */
	uint64_t from32;       /* where base32 may begin, before it is active */
	unsigned alphabet32;   /* in which all of its characters are */
	bool active32;
	uint64_t bits32;
	unsigned n32;
};

struct hex {
	uint64_t done;
	uint64_t step;   /* bytes from one pair to the next at the last anchor */
	uint64_t last;   /* place of the last pair */
	bool in_run;
};

struct escapes {
	uint64_t done;
	uint64_t until;  /* active: bytes before this place are passed on, at least */
	size_t since;    /* active: bytes decoded since one that an escape may begin with */
	/*
	 * active: bytes of the child that were escapes and may begin one, the last two, and how many are in each other
	 * there
	 */
	struct {
		uint64_t at;
		unsigned depth; /* 0: there is none */
	} leads[2];
	bool active;
};

struct utf16 {
	uint64_t done;
	bool in_run;
};

struct packed {
	uint64_t done;
	uint64_t members[DECODE_PACKED_MAX]; /* where data of archives will begin; 0: none */
	uint64_t parts_done; /* empty lines before this place were seen */
	uint64_t start;      /* a stream without a mark may begin here */
	bool may_start;
	uint64_t starts[STARTS_MAX]; /* where one may begin in what has not been looked at */
	size_t n_starts;
	bool busy[DECODE_PACKED_MAX];
	bool unmarked[DECODE_PACKED_MAX]; /* of those: only tried */
	uint64_t begun[DECODE_PACKED_MAX];
	uint64_t fed[DECODE_PACKED_MAX]; /* of the stream under way, all before was decoded */
	struct coding codings[DECODE_PACKED_MAX];
};

struct view {
	struct decode_view v;  /* first: the sink is given it */
	struct view *children[DECODE_FORMS]; /* by form */
	uint64_t end;          /* bytes received; the window holds the last of them */
	struct buf window;
	struct buf out;        /* decoded and not yet received by this view */
	struct anchor *anchors;
	size_t n_anchors, anchors_cap;
	bool open;             /* bytes came since it last ended */
	bool running;          /* a run of its encoding is under way in the parent */
	/* it, or one above, came out of what may have been no compressed stream: how deep it goes says nothing */
	bool doubtful;
	uint64_t last_in;      /* place in the parent behind the last byte that was decoded */

	struct runs runs;
	struct hex hex;
	struct escapes escapes, quoted;
	struct utf16 utf16;
	struct packed packed;
};

struct decode {
	const struct decode_sink *sink;
	void *ctx;
	struct view *root;
	uint64_t work, work_free;
	const char *limit;
	bool stopped;
};

static inline uint64_t view_base(const struct view *v)
{
	return v->end - v->window.len;
}

/* Has anything come since it last ended? */
static inline bool view_is_begun(const struct view *v)
{
	return v->open || v->out.len;
}

/* The bytes from place at on. */
static inline const unsigned char *view_at(const struct view *v, uint64_t at)
{
	return (const unsigned char *)v->window.ptr + (at - view_base(v));
}

/* --- decode.c --- */

/*
 * A run of an encoding begins at place at of v: the child that takes it, or NULL
 * when v is as deep as views go; then the stream cannot be judged if certain.
 */
struct view *child_begin(struct view *v, enum decode_form form, uint64_t at, bool certain);
/* What follows in the child was at place in of its parent, num bytes for each den. */
void child_anchor(struct view *child, uint64_t in, unsigned num, unsigned den);
/* Take back what is in child->out from index at on; returns where in the parent that began. */
uint64_t child_rewind(struct view *child, size_t at);
/* The run ended in front of place at of the parent. */
void child_end(struct view *child, uint64_t at);
/* Pass on what is in child->out but for the last keep bytes. */
void child_flush(struct view *child, size_t keep);
/* Close a view as if its stream had ended. */
void view_seal(struct view *v);
/* Count work that is not to be seen in the length of a view. */
void decode_count(struct decode *d, uint64_t work);

static inline void child_put(struct view *child, char c)
{
	if (child->out.len >= FLUSH_AT)
		child_flush(child, 0);
	buf_add_char(&child->out, c);
}

/* --- the decoders: look at what is in the window; at the end of the stream final is true --- */

void runs_feed(struct view *v, bool final);      /* base64, base32: decode-runs.c */
void hex_feed(struct view *v, bool final);       /* decode-hex.c */
void utf16_feed(struct view *v, bool final);
void escapes_feed(struct view *v, bool final);   /* decode-escapes.c */
void quoted_feed(struct view *v, bool final);
void packed_feed(struct view *v, bool final);    /* decode-packed.c */
void packed_release(struct view *v);
/*
 * A run begins at place at, and maybe a stream without a mark; there is room for STARTS_MAX between two calls of
 * packed_feed.
 */
void packed_begin(struct view *v, uint64_t at);

/*
 * May a compressed stream without a mark begin so? No where a decoder would refuse it within
 * these bytes, or finish with nothing: decode-glance.c. What follows them is not known.
 */
bool may_be_deflate(const unsigned char *p, size_t n); /* with zlib's header or without */
bool may_be_brotli(const unsigned char *p, size_t n);

/* From where on a decoder has not decided yet. */
uint64_t runs_pending(const struct view *v);

uint64_t packed_pending(const struct view *v);

static inline uint64_t utf16_pending(const struct view *v)
{
	return v->utf16.done ? v->utf16.done - 1 : 0;
}

/* --- finding the rare byte --- */

typedef unsigned char vec16 __attribute__((vector_size(16)));

static inline bool vec_any(vec16 v)
{
	typedef unsigned long long vec2 __attribute__((vector_size(16)));
	vec2 w = (vec2)v;

	return (w[0] | w[1]) != 0;
}

/* --- finding the long run --- */

/* Those of sixteen bytes that are in a class: 255, of others 0. */
typedef vec16 vec_class_fn(vec16 v);

/* Which bits have at least so many set ones from there on. */
static inline uint64_t bit_runs(uint64_t bits, unsigned length)
{
	for (unsigned have = 1, step; have < length; have += step) {
		step = have < length - have ? have : length - have;
		bits &= bits >> step;
	}
	return bits;
}

/*
 * From i on, the first place where length bytes of a class follow each other and the first two
 * are of another, or one before which there is none: fewer than 64 bytes from the end, where it
 * is left to the caller to look. The classes are constants, so that all of this becomes one loop.
 */
static inline __attribute__((always_inline)) size_t
skip_to_run(const unsigned char *p, size_t i, size_t n, unsigned length, vec_class_fn *class, vec_class_fn *first)
{
#ifdef __SSE2__
	while (i + 64 <= n) {
		uint64_t bits = 0, firsts = 0, runs, starts;

		for (size_t k = 0; k < 4; k++) {
			vec16 v;

			memcpy(&v, p + i + 16 * k, sizeof(v));
			bits |= (uint64_t)(unsigned)_mm_movemask_epi8((__m128i)class(v)) << 16 * k;
			firsts |= (uint64_t)(unsigned)_mm_movemask_epi8((__m128i)first(v)) << 16 * k;
		}
		runs = bit_runs(bits, length);
		starts = runs & firsts & firsts >> 1;
		if (starts)
			return i + (size_t)__builtin_ctzll(starts);
		/* what the last ones are the beginning of is seen whole next time */
		i += runs >> (64 - length) ? 64 - length + 1 : 64 - (size_t)__builtin_clzll(~bits);
	}
#else
	(void)p, (void)n, (void)length, (void)class, (void)first;
#endif
	return i;
}

/*
 * From i on, the first byte that is not of a class, or one in front of which all are: fewer than 16 bytes from the end.
 */
static inline __attribute__((always_inline)) size_t skip_class(const unsigned char *p, size_t i, size_t n,
							       vec_class_fn *class)
{
#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		vec16 v;
		unsigned outside;

		memcpy(&v, p + i, sizeof(v));
		outside = ~(unsigned)_mm_movemask_epi8((__m128i)class(v)) & 0xFFFF;
		if (outside)
			return i + (size_t)__builtin_ctz(outside);
	}
#else
	(void)p, (void)n, (void)class;
#endif
	return i;
}

#endif
