#include "frame.h"

#include <limits.h>
#include <stdarg.h>

void frame_put(struct buf *out, enum frame_kind kind, struct slice payload)
{
	unsigned char head[FRAME_HEAD] = { (unsigned char)kind, (unsigned char)(payload.len >> 24),
					   (unsigned char)(payload.len >> 16), (unsigned char)(payload.len >> 8),
					   (unsigned char)payload.len };

	buf_reserve(out, sizeof(head) + payload.len);
	buf_add(out, head, sizeof(head));
	buf_add_slice(out, payload);
}

void frame_say(struct buf *out, enum frame_kind kind, const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	frame_put(out, kind, buf_slice(&text));
}

int frame_peek(struct slice in, struct frame *f)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t len;

	if (in.len && (p[0] < 'A' || p[0] > 'Z'))
		return -1;
	if (in.len < FRAME_HEAD)
		return 0;
	len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (len > FRAME_MAX)
		return -1;
	if (in.len - FRAME_HEAD < len)
		return 0;
	*f = (struct frame){ (enum frame_kind)p[0], slice_sub(in, FRAME_HEAD, FRAME_HEAD + len) };
	return 1;
}

bool frame_number(struct slice *payload, int *value)
{
	struct slice rest = *payload;
	bool minus = rest.len && rest.ptr[0] == '-';
	size_t digits = 0;
	uint64_t n;

	if (minus)
		rest = slice_sub(rest, 1, rest.len);
	while (digits < rest.len && ascii_is_digit(rest.ptr[digits]))
		digits++;
	if (!slice_to_u64(slice_sub(rest, 0, digits), &n) || n > INT_MAX)
		return false;
	rest = slice_sub(rest, digits, rest.len);
	if (rest.len && rest.ptr[0] != ' ' && rest.ptr[0] != '\n')
		return false;
	*value = minus ? -(int)n : (int)n;
	*payload = slice_sub(rest, 1, rest.len);
	return true;
}
