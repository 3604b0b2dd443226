/*
 * Taking a message body off the input: of a length, or in chunks. For peers that
 * are ours; the grammar that hostile ones meet is in lib/.
 *
 * Pure. Source: RFC 9112 §6, §7.1.
 */
#ifndef BB_BODY_H
#define BB_BODY_H

#include "slice.h"

enum body_phase { BODY_LENGTH, BODY_CHUNK_SIZE, BODY_CHUNK, BODY_CHUNK_END, BODY_TRAILER, BODY_DONE, BODY_BAD };

struct body {
	enum body_phase phase;
	uint64_t left; /* bytes of the length, or of the chunk */
};

/* The body of a message that is framed like this. */
static inline struct body body_start(bool chunked, uint64_t length)
{
	if (chunked)
		return (struct body){ BODY_CHUNK_SIZE, 0 };
	return (struct body){ length ? BODY_LENGTH : BODY_DONE, length };
}

/* Read a chunk's size line; extensions are ignored. */
static inline bool body_chunk_size(struct slice line, uint64_t *size)
{
	struct slice digits = slice_trim(slice_cut(&line, ';'), " \t");

	*size = 0;
	if (digits.len == 0 || digits.len > 15)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		int h = ascii_hex(digits.ptr[i]);

		if (h < 0)
			return false;
		*size = *size << 4 | (unsigned)h;
	}
	return true;
}

/* The lines between chunks. */
static inline bool body_take_line(struct body *b, struct slice *input)
{
	struct slice line;

	if (slice_find(*input, '\n') == SLICE_NONE)
		return false;
	line = slice_trim(slice_cut(input, '\n'), "\r");
	switch (b->phase) {
	case BODY_CHUNK_SIZE:
		b->phase = !body_chunk_size(line, &b->left) ? BODY_BAD : b->left ? BODY_CHUNK : BODY_TRAILER;
		break;
	case BODY_CHUNK_END:
		b->phase = line.len ? BODY_BAD : BODY_CHUNK_SIZE;
		break;
	default:
		if (line.len == 0)
			b->phase = BODY_DONE;
	}
	return true;
}

/*
 * Take the next piece of the body off *input: data to keep, or nothing but
 * progress in b->phase. False when more input is needed.
 */
static inline bool body_take(struct body *b, struct slice *input, struct slice *data)
{
	*data = (struct slice){ NULL, 0 };
	if (b->phase != BODY_LENGTH && b->phase != BODY_CHUNK)
		return body_take_line(b, input);
	if (input->len == 0)
		return false;
	*data = slice_sub(*input, 0, b->left < input->len ? (size_t)b->left : input->len);
	*input = slice_sub(*input, data->len, input->len);
	b->left -= data->len;
	if (b->left == 0)
		b->phase = b->phase == BODY_LENGTH ? BODY_DONE : BODY_CHUNK_END;
	return true;
}

#endif
