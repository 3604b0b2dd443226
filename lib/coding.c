#include "coding.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "alloc.h"

enum {
	GZIP_WINDOW = 15 + 16,  /* inflateInit2: gzip's header is there */
	ZLIB_WINDOW = 15,
	RAW_WINDOW = -15,
	GZIP_MAGIC = 0x1f,      /* first byte of a member, RFC 1952 §2.3.1 */
	ZSTD_MAGIC = 0x28,      /* first byte of a frame, RFC 8878 §3.1.1 */
	ZSTD_SKIPPABLE = 0x50,  /* the same of a skippable frame, but for the last four bits, §3.1.2 */
	ZSTD_HEADER_MAX = 18,   /* bytes of the longest frame header, with its magic number, §3.1.1.1 */
	RAW_HEAD = 2,           /* bytes that tell zlib's header from raw data */
	ZLIB_HEAD = 5,          /* bytes that tell a zlib stream from a stored block of raw data */
};

static const char behind_the_end[] = "there are bytes behind the end of the coded body";

const struct coding_limits coding_limits = { CODING_OUTPUT_MAX, CODING_FREE_MAX, CODING_RATIO_MAX };

/* --- names --- */

bool coding_parse(struct coding_list *list, struct slice value)
{
	static const struct {
		const char *name;
		enum coding_kind kind;
	} names[] = {
		{ "gzip", CODING_GZIP }, { "x-gzip", CODING_GZIP }, { "deflate", CODING_DEFLATE },
		{ "br", CODING_BROTLI }, { "zstd", CODING_ZSTD },
	};

	while (value.len) {
		struct slice name = slice_trim(slice_cut(&value, ','), " \t");
		size_t i = 0;

		if (!name.len || slice_eq_fold(name, SLICE("identity")))
			continue;
		while (i < COUNT_OF(names) && !slice_eq_fold(name, slice_str(names[i].name)))
			i++;
		if (i == COUNT_OF(names) || list->n == CODING_DEPTH_MAX)
			return false;
		list->kinds[list->n++] = names[i].kind;
	}
	return true;
}

/* --- life --- */

void coding_init(struct coding *c, const struct coding_list *list, enum coding_use use,
		 const struct coding_limits *limits)
{
	*c = (struct coding){ .use = use, .limits = *limits, .n = list->n };
	for (size_t i = 0; i < list->n; i++)
		c->stages[i].kind = list->kinds[list->n - 1 - i];
}

/* Free the decoder of a stage. */
static void stop(struct coding_stage *s)
{
	if (!s->decoder)
		return;
	switch (s->kind) {
	case CODING_GZIP:
	case CODING_DEFLATE:
	case CODING_RAW:
		inflateEnd(s->decoder);
		free(s->decoder);
		break;
	case CODING_BROTLI:
		BrotliDecoderDestroyInstance(s->decoder);
		break;
	case CODING_ZSTD:
		ZSTD_freeDStream(s->decoder);
		break;
	}
	s->decoder = NULL;
}

void coding_release(struct coding *c)
{
	for (size_t i = 0; i < c->n; i++) {
		stop(&c->stages[i]);
		free(c->stages[i].piece);
	}
	*c = (struct coding){ .n = 0 };
}

/* Make the decoder of a stage. NULL, or why not. */
static const char *start(struct coding_stage *s, int window)
{
	s->begun = true;
	s->n_first = 0;
	s->piece = alloc_resize(s->piece, CODING_PIECE_MAX, 1);
	switch (s->kind) {
	case CODING_GZIP:
	case CODING_DEFLATE:
	case CODING_RAW:
		s->decoder = alloc_zero(1, sizeof(z_stream));
		if (inflateInit2((z_stream *)s->decoder, window) == Z_OK)
			return NULL;
		break;
	case CODING_BROTLI:
		s->decoder = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		if (s->decoder)
			return NULL;
		break;
	case CODING_ZSTD:
		s->decoder = ZSTD_createDStream();
		if (s->decoder &&
		    !ZSTD_isError(ZSTD_DCtx_setParameter(s->decoder, ZSTD_d_windowLogMax, CODING_ZSTD_WINDOW_LOG)))
			return NULL;
		break;
	}
	return "there is no memory to decode it";
}

/* --- one call of each library: some input in, some of the buffer filled; NULL, or what is wrong --- */

static const char *step_inflate(struct coding_stage *s, struct slice *in, size_t *out)
{
	z_stream *z = s->decoder;
	uInt len = in->len > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)in->len;
	int r;

	z->next_in = (Bytef *)(uintptr_t)in->ptr;
	z->avail_in = len;
	z->next_out = (Bytef *)s->piece;
	z->avail_out = CODING_PIECE_MAX;
	r = inflate(z, Z_SYNC_FLUSH);
	*in = slice_sub(*in, len - z->avail_in, in->len);
	*out = CODING_PIECE_MAX - z->avail_out;
	s->ended = r == Z_STREAM_END;
	if (r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR)
		return NULL;
	if (r == Z_MEM_ERROR)
		return "there is no memory to decode it";
	return s->kind == CODING_GZIP ? "malformed gzip data" : "malformed deflate data";
}

static const char *step_brotli(struct coding_stage *s, struct slice *in, size_t *out)
{
	size_t left = in->len, room = CODING_PIECE_MAX;
	const uint8_t *next_in = (const uint8_t *)in->ptr;
	uint8_t *next_out = (uint8_t *)s->piece;
	BrotliDecoderResult r = BrotliDecoderDecompressStream(s->decoder, &left, &next_in, &room, &next_out, NULL);

	*in = slice_sub(*in, in->len - left, in->len);
	*out = CODING_PIECE_MAX - room;
	s->ended = r == BROTLI_DECODER_RESULT_SUCCESS;
	return r == BROTLI_DECODER_RESULT_ERROR ? "malformed brotli data" : NULL;
}

/* Take the next of a frame's first bytes. False when no frame begins with them; of the first one that is known. */
static bool begins_frame(struct coding_stage *s, unsigned char c)
{
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd }, skippable[] = { 0x50, 0x2a, 0x4d, 0x18 };
	size_t at = s->n_first++;

	if (at == 0)
		s->first = c;
	return at == 0 || at >= sizeof(frame) || c == (s->first == ZSTD_MAGIC ? frame : skippable)[at];
}

/*
 * The first bytes of a frame go one by one: a frame that libzstd is given whole is
 * spared the window's limit, and it looks for formats from before the standard at the
 * front of what it is given, wherever in a header that is.
 */
static const char *step_zstd(struct coding_stage *s, struct slice *in, size_t *out)
{
	bool begins = in->len && s->n_first < ZSTD_HEADER_MAX;
	ZSTD_inBuffer source = { in->ptr, begins ? 1 : in->len, 0 };
	ZSTD_outBuffer sink = { s->piece, CODING_PIECE_MAX, 0 };
	size_t r;

	if (begins && !begins_frame(s, (unsigned char)in->ptr[0]))
		return "malformed zstd data";
	r = ZSTD_decompressStream(s->decoder, &sink, &source);
	*in = slice_sub(*in, source.pos, in->len);
	*out = sink.pos;
	s->ended = r == 0;
	if (!ZSTD_isError(r))
		return NULL;
	return ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge ?
		       "zstd data with a window of more than 8 MiB" :
		       "malformed zstd data";
}

/* --- beginnings and ends --- */

/*
 * deflate: gather the bytes that tell zlib's format, which the name stands for,
 * from the raw data that some servers send. Where someone else decodes again, only
 * zlib's will do, and none that is also a stored block of raw data. NULL with
 * s->begun still false: more has to come.
 */
static const char *start_deflate(struct coding_stage *s, enum coding_use use, struct slice *in)
{
	size_t need = use == CODING_FORWARD ? RAW_HEAD : ZLIB_HEAD;
	bool zlib;

	while (s->n_head < need && in->len) {
		s->head[s->n_head++] = (unsigned char)in->ptr[0];
		*in = slice_sub(*in, 1, in->len);
	}
	if (s->n_head < need)
		return NULL;
	zlib = (s->head[0] & 0x8f) == 8 && (s->head[0] << 8 | s->head[1]) % 31 == 0; /* RFC 1950 §2.2 */
	if (use != CODING_FORWARD &&
	    (!zlib || ((s->head[1] ^ s->head[3]) == 0xff && (s->head[2] ^ s->head[4]) == 0xff)))
		return "deflate data that is not clearly in zlib's format";
	return start(s, zlib ? ZLIB_WINDOW : RAW_WINDOW);
}

/* Begin with the first byte that comes. NULL, or what is wrong. */
static const char *begin(struct coding_stage *s, enum coding_use use, struct slice *in)
{
	if (s->kind == CODING_DEFLATE)
		return start_deflate(s, use, in);
	return start(s, s->kind == CODING_RAW ? RAW_WINDOW : GZIP_WINDOW);
}

/*
 * A stream is whole and more comes: the next one of the same body, or what does not belong there. NULL, or what is
 * wrong.
 */
static const char *begin_again(struct coding_stage *s, unsigned char first)
{
	if (s->kind == CODING_GZIP && first == GZIP_MAGIC)
		inflateReset((z_stream *)s->decoder);
	else if (s->kind != CODING_ZSTD)
		return behind_the_end;
	s->ended = false;
	s->n_first = 0;
	return NULL;
}

/* May a frame of zstd begin with this byte? Formats from before the standard may not. */
static bool is_zstd(unsigned char first)
{
	return first == ZSTD_MAGIC || (first & 0xf0) == ZSTD_SKIPPABLE;
}

/* --- decoding --- */

/* Is a frame of zstd about to begin, and not with what begins one? */
static bool is_false_start(const struct coding_stage *s, unsigned char first)
{
	return s->kind == CODING_ZSTD && (!s->begun || s->ended) && !is_zstd(first);
}

/* Decode some input, or what was held back. NULL with *out 0 when more has to come, or what is wrong. */
static const char *step(struct coding_stage *s, enum coding_use use, struct slice *in, size_t *out)
{
	const char *why = NULL;
	struct slice head;

	*out = 0;
	if (in->len && is_false_start(s, (unsigned char)in->ptr[0]))
		return s->ended ? behind_the_end : "malformed zstd data";
	if (in->len && !s->begun)
		why = begin(s, use, in);
	else if (in->len && s->ended)
		why = begin_again(s, (unsigned char)in->ptr[0]);
	if (why || !s->begun)
		return why;
	if (s->head_at < s->n_head) {
		head = slice_of(s->head + s->head_at, s->n_head - s->head_at);
		why = step_inflate(s, &head, out);
		s->head_at = s->n_head - head.len;
	} else if (s->kind == CODING_BROTLI) {
		why = step_brotli(s, in, out);
	} else if (s->kind == CODING_ZSTD) {
		why = step_zstd(s, in, out);
	} else {
		why = step_inflate(s, in, out);
	}
	s->full = *out == CODING_PIECE_MAX;
	return why;
}

/* Can the stage do something without further input? */
static bool has_more(const struct coding_stage *s)
{
	return s->begun && !s->ended && (s->full || s->head_at < s->n_head);
}

/* Count what a stage has yielded. NULL, or which limit is met. */
static const char *count(const struct coding *c, struct coding_stage *s, size_t out)
{
	s->output += out;
	if (s->output > c->limits.output)
		return "it is larger than what is decoded of one body";
	if (s->output > c->limits.free && s->output > c->limits.ratio * c->input)
		return "it grows more in decoding than honest data does";
	return NULL;
}

/* Have stage i yield a piece: CODING_PIECE, CODING_MORE, CODING_BAD. */
static enum coding_result pull(struct coding *c, size_t i, struct slice *input, struct slice *piece)
{
	struct coding_stage *s = &c->stages[i];
	struct slice *in = i ? &s->input : input;
	enum coding_result r;
	size_t before, out;

	for (;;) {
		if (!in->len && !has_more(s)) {
			r = i ? pull(c, i - 1, input, in) : CODING_MORE;
			if (r != CODING_PIECE)
				return r;
		}
		if (c->use == CODING_EMBEDDED && s->ended)
			return CODING_MORE;
		before = input->len;
		c->bad = step(s, c->use, in, &out);
		c->input += before - input->len;
		if (!c->bad && out)
			c->bad = count(c, s, out);
		if (c->bad)
			return CODING_BAD;
		if (out) {
			*piece = slice_of(s->piece, out);
			return CODING_PIECE;
		}
	}
}

enum coding_result coding_feed(struct coding *c, struct slice *input, struct slice *piece, const char **why)
{
	enum coding_result r;

	*piece = SLICE("");
	if (c->n == 0) {
		*piece = slice_sub(*input, 0, CODING_PIECE_MAX);
		*input = slice_sub(*input, piece->len, input->len);
		return piece->len ? CODING_PIECE : CODING_MORE;
	}
	r = c->bad ? CODING_BAD : pull(c, c->n - 1, input, piece);
	if (r == CODING_BAD)
		*why = c->bad;
	return r == CODING_MORE && c->use == CODING_EMBEDDED && c->stages[c->n - 1].ended ? CODING_END : r;
}

bool coding_finish(struct coding *c, const char **why)
{
	if (!c->bad && c->input)
		for (size_t i = 0; i < c->n; i++)
			if (!c->stages[i].ended && (i == 0 || c->stages[i].begun || c->stages[i].n_head))
				c->bad = "it ends in the middle";
	*why = c->bad;
	return !c->bad;
}
