#include "screen.h"

#include <string.h>

#include "slice.h"

enum {
	GROUND,
	ESCAPE,       /* after ESC */
	ESCAPE_MORE,  /* after ESC and an intermediate byte */
	CSI,          /* after ESC [ */
	CSI_DROP,     /* in one that is left out */
	STRING,       /* in the first bytes of OSC, DCS, …, held until it is known which */
	STRING_PASS,  /* in one that passes */
	STRING_DROP,  /* in one that does not */
	PASS_ESCAPE,  /* ESC within a string: its end, or something new */
	DROP_ESCAPE,
};

enum { BEL = 0x07, ENQ = 0x05, CAN = 0x18, SUB = 0x1a, ESC = 0x1b };

/* What a string that passes may have at most; a picture is the largest. */
#define STRING_MAX (8u << 20)

void screen_init(struct screen *s)
{
	memset(s, 0, sizeof(*s));
}

size_t screen_room(size_t size)
{
	return size / 2 - SCREEN_HELD_MAX; /* a string cut short costs one byte more than it brings */
}

/* Where the result goes. */
struct out {
	char *bytes;
	size_t len;
};

static void emit(struct out *o, char c)
{
	o->bytes[o->len++] = c;
}

/* Let pass what was held back. */
static void emit_held(struct screen *s, struct out *o)
{
	memcpy(o->bytes + o->len, s->held, s->n_held);
	o->len += s->n_held;
	s->n_held = 0;
}

/* Hold a byte back; false when there is no room for more. */
static bool hold(struct screen *s, char c)
{
	if (s->n_held == SCREEN_HELD_MAX)
		return false;
	s->held[s->n_held++] = c;
	return true;
}

/* The number that a sequence begins with; -1 for none or too large a one. */
static int first_number(struct slice s)
{
	int n = -1;

	for (size_t i = 0; i < s.len && ascii_is_digit(s.ptr[i]); i++)
		n = (n < 0 ? 0 : n) * 10 + s.ptr[i] - '0';
	return s.len > 6 && n > 99999 ? -1 : n;
}

static bool is_one_of(int n, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == n)
			return true;
	return false;
}

#define ONE_OF(n, ...) is_one_of((n), (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* May this control sequence (all of it, ESC [ to the final byte, is held) pass? */
static bool csi_passes(const struct screen *s)
{
	char final = s->held[s->n_held - 1];
	struct slice body = slice_of(s->held + 2, s->n_held - 3);

	switch (final) {
	case 't': /* of window operations only: size reports, and saving and restoring the title */
		return ONE_OF(first_number(body), 14, 16, 18, 22, 23);
	case 'i': /* printing */
		return false;
	case 'y': /* checksums of what is on the screen, which is the operator's */
	case 'z':
	case '{':
	case 'v':
		return slice_find(body, '*') == SLICE_NONE && slice_find(body, '$') == SLICE_NONE;
	default:
		return true;
	}
}

/* May this kind of string pass? What is held reaches to the byte that decides. */
static bool string_passes(const struct screen *s)
{
	struct slice body = slice_of(s->held + 2, s->n_held - 2);

	if (s->kind == ']')
		return ONE_OF(first_number(body), 0, 1, 2, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 99,
			      104, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 133, 777);
	if (s->kind == 'P' && body.len && body.ptr[body.len - 1] == 'q') {
		for (size_t i = 0; i + 1 < body.len; i++)
			if (!ascii_is_digit(body.ptr[i]) && body.ptr[i] != ';')
				return body.len == 2 && (body.ptr[0] == '+' || body.ptr[0] == '$');
		return true;
	}
	return false;
}

/* Is this the byte by which the kind of a string can be told? */
static bool decides(const struct screen *s, unsigned char c)
{
	switch (s->kind) {
	case ']':
		return !ascii_is_digit((char)c);
	case 'P':
		return c >= 0x40 && c <= 0x7e;
	default:
		return true;
	}
}

static void step(struct screen *s, unsigned char c, struct out *o);

/* Outside of sequences. Bytes of multi-byte characters are counted, so that no lone one can be a C1 control. */
static void in_ground(struct screen *s, unsigned char c, struct out *o)
{
	if (s->lead) {
		bool control = c >= 0x80 && c <= 0x9f;

		s->lead = 0;
		if (control)
			return;
		emit(o, (char)0xc2);
		if (c >= 0xa0 && c <= 0xbf) {
			emit(o, (char)c);
			return;
		}
	}
	if (s->more && c >= 0x80 && c <= 0xbf) {
		s->more--;
		emit(o, (char)c);
		return;
	}
	s->more = 0;
	if (c == ESC) {
		hold(s, (char)c);
		s->state = ESCAPE;
	} else if (c == 0xc2) {
		s->lead = c;
	} else if (c != ENQ && !(c >= 0x80 && c <= 0x9f)) {
		s->more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		emit(o, (char)c);
	}
}

/* After ESC. */
static void in_escape(struct screen *s, unsigned char c, struct out *o)
{
	if (c == ESC)
		return; /* it begins anew */
	hold(s, (char)c);
	if (c == '[') {
		s->state = CSI;
	} else if (c == '\\') {
		s->n_held = 0; /* an end of nothing */
		s->state = GROUND;
	} else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
		s->state = STRING;
		s->kind = c;
		s->length = 0;
	} else if (c >= 0x20 && c <= 0x2f) {
		s->state = ESCAPE_MORE;
	} else if (c >= 0x30 && c <= 0x7e) {
		emit_held(s, o);
		s->state = GROUND;
	} else {
		s->n_held = 0;
		s->state = GROUND;
		if (c < 0x20 && c != CAN && c != SUB)
			in_ground(s, c, o);
	}
}

/* In a control sequence: hold it until its last byte. */
static void in_csi(struct screen *s, unsigned char c, struct out *o)
{
	if (c >= 0x20 && c <= 0x3f) {
		if (s->state == CSI && !hold(s, (char)c))
			s->state = CSI_DROP;
	} else if (c >= 0x40 && c <= 0x7e) {
		if (s->state == CSI && hold(s, (char)c) && csi_passes(s))
			emit_held(s, o);
		s->n_held = 0;
		s->state = GROUND;
	} else if (c == ESC) {
		s->n_held = 0;
		hold(s, (char)c);
		s->state = ESCAPE;
	} else if (c == CAN || c == SUB || c >= 0x80) {
		s->n_held = 0;
		s->state = GROUND;
	} else if (c != ENQ && c != 0x7f) {
		emit(o, (char)c); /* terminals obey controls in the middle of a sequence */
	}
}

/* In the first bytes of a string. */
static void in_string(struct screen *s, unsigned char c, struct out *o)
{
	if (c == CAN || c == SUB) {
		s->n_held = 0;
		s->state = GROUND;
	} else if (c == ESC || c == BEL) {
		bool passes = s->kind == ']' && string_passes(s);

		if (passes)
			emit_held(s, o);
		s->n_held = 0;
		s->state = passes ? STRING_PASS : STRING_DROP;
		step(s, c, o);
	} else if (!hold(s, (char)c)) {
		s->n_held = 0;
		s->state = STRING_DROP;
	} else if (decides(s, c)) {
		s->state = string_passes(s) ? STRING_PASS : STRING_DROP;
		if (s->state == STRING_PASS)
			emit_held(s, o);
		s->n_held = 0;
	}
}

/* In the rest of a string, to its end. */
static void in_rest(struct screen *s, unsigned char c, struct out *o)
{
	bool passes = s->state == STRING_PASS;

	if (c == ESC) {
		s->state = passes ? PASS_ESCAPE : DROP_ESCAPE;
		return;
	}
	if (c == CAN || c == SUB || (c == BEL && s->kind == ']')) {
		s->state = GROUND;
	} else if (passes && ++s->length > STRING_MAX) {
		emit(o, CAN);
		s->state = STRING_DROP;
		return;
	}
	if (passes && (c >= 0x20 || c == BEL || c == CAN || c == SUB))
		emit(o, (char)c);
}

/* After an ESC in a string: a backslash ends it, anything else ends it too and is an escape sequence of its own. */
static void in_string_escape(struct screen *s, unsigned char c, struct out *o)
{
	bool passes = s->state == PASS_ESCAPE;

	if (c == '\\') {
		if (passes) {
			emit(o, ESC);
			emit(o, '\\');
		}
		s->state = GROUND;
		return;
	}
	if (passes)
		emit(o, CAN); /* what no terminal takes for anything but an end */
	s->n_held = 0;
	hold(s, ESC);
	s->state = ESCAPE;
	in_escape(s, c, o);
}

static void step(struct screen *s, unsigned char c, struct out *o)
{
	switch (s->state) {
	case GROUND:
		in_ground(s, c, o);
		break;
	case ESCAPE:
	case ESCAPE_MORE:
		in_escape(s, c, o);
		break;
	case CSI:
	case CSI_DROP:
		in_csi(s, c, o);
		break;
	case STRING:
		in_string(s, c, o);
		break;
	case STRING_PASS:
	case STRING_DROP:
		in_rest(s, c, o);
		break;
	default:
		in_string_escape(s, c, o);
	}
}

size_t screen_filter(struct screen *s, char *bytes, size_t len, size_t size)
{
	struct out o = { bytes, 0 };
	const char *in = bytes + size - len;

	memmove(bytes + size - len, bytes, len);
	for (size_t i = 0; i < len; i++)
		step(s, (unsigned char)in[i], &o);
	return o.len;
}
