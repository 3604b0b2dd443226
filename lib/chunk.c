#include "chunk.h"

/* Where in the grammar the next byte stands. CHUNK_SIZE_FIRST must be 0. */
enum chunk_state {
	CHUNK_SIZE_FIRST, /* first digit of a size */
	CHUNK_SIZE,       /* further digits, ';' or CR */
	CHUNK_NAME_FIRST, /* first character of an extension's name */
	CHUNK_NAME,       /* further ones, '=', ';' or CR */
	CHUNK_TEXT_FIRST, /* first character of an extension's value */
	CHUNK_TEXT,       /* further ones of a token */
	CHUNK_QUOTED,     /* inside a quoted string */
	CHUNK_ESCAPED,    /* behind a backslash in it */
	CHUNK_UNQUOTED,   /* behind the closing quote */
	CHUNK_LINE_LF,    /* LF of the size line */
	CHUNK_DATA,
	CHUNK_DATA_CR, /* CR behind the data */
	CHUNK_DATA_LF,
	CHUNK_FIELD_FIRST, /* start of a trailer line, or CR of the blank one */
	CHUNK_FIELD_NAME,
	CHUNK_FIELD_VALUE,
	CHUNK_FIELD_LF,
	CHUNK_END_LF, /* LF of the blank line */
	CHUNK_END,
};

static const char bad_size[] = "a chunk size that is not a hexadecimal number below 2^63 alone on its line";
static const char bad_extension[] = "a chunk extension outside the grammar";
static const char bad_line[] = "a chunk line that does not end in CRLF";
static const char bad_data[] = "chunk data that CRLF does not follow";
static const char bad_trailer[] = "a trailer line that is no header field";

/* Whether c is a tchar. */
static bool is_tchar(char c)
{
	return http_is_token(slice_of(&c, 1));
}

/* Whether c may stand in a field value or a quoted string. */
static bool is_text(char c)
{
	return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7F);
}

/* Go to another state; for tidy returns. */
static const char *go(struct chunk_decoder *d, enum chunk_state state)
{
	d->state = state;
	return NULL;
}

/* A digit of the size. The line's bound also bounds leading zeros. */
static const char *size_digit(struct chunk_decoder *d, char c)
{
	int digit = ascii_hex(c);

	if (digit < 0 || d->left > (uint64_t)INT64_MAX >> 4)
		return bad_size;
	d->left = d->left << 4 | (uint64_t)digit;
	return go(d, CHUNK_SIZE);
}

/* A byte of the size line, its LF included. Returns what is wrong, or NULL. */
static const char *size_line(struct chunk_decoder *d, char c)
{
	if (++d->line > CHUNK_LINE_MAX)
		return "a chunk size line of more than 256 bytes";
	if (d->state > CHUNK_SIZE && ++d->extensions > CHUNK_EXTENSION_MAX)
		return "more than 4 KiB of chunk extensions";
	switch ((enum chunk_state)d->state) {
	case CHUNK_SIZE:
		if (c == '\r')
			return go(d, CHUNK_LINE_LF);
		if (c == ';')
			return go(d, CHUNK_NAME_FIRST);
		return size_digit(d, c);
	case CHUNK_NAME_FIRST:
		return is_tchar(c) ? go(d, CHUNK_NAME) : bad_extension;
	case CHUNK_NAME:
		if (c == '=')
			return go(d, CHUNK_TEXT_FIRST);
		if (is_tchar(c))
			return NULL;
		break;
	case CHUNK_TEXT_FIRST:
		if (c == '"')
			return go(d, CHUNK_QUOTED);
		return is_tchar(c) ? go(d, CHUNK_TEXT) : bad_extension;
	case CHUNK_TEXT:
		if (is_tchar(c))
			return NULL;
		break;
	case CHUNK_QUOTED:
		if (c == '"' || c == '\\')
			return go(d, c == '"' ? CHUNK_UNQUOTED : CHUNK_ESCAPED);
		return is_text(c) ? NULL : bad_extension;
	case CHUNK_ESCAPED:
		return is_text(c) ? go(d, CHUNK_QUOTED) : bad_extension;
	case CHUNK_UNQUOTED:
		break;
	case CHUNK_LINE_LF:
		if (c != '\n')
			return bad_line;
		d->line = 0;
		return go(d, d->left ? CHUNK_DATA : CHUNK_FIELD_FIRST);
	default:
		return size_digit(d, c);
	}
	if (c == ';')
		return go(d, CHUNK_NAME_FIRST);
	return c == '\r' ? go(d, CHUNK_LINE_LF) : bad_extension;
}

/* Fields that must not come after the body: they frame, route, authenticate or describe it. RFC 9110 §6.5.1. */
static bool trailer_forbidden(struct slice name)
{
	static const char *const names[] = {
		"age",               "authorization",     "cache-control",     "connection",        "content-encoding",
		"content-length",    "content-range",     "content-type",      "cookie",            "expect",
		"expires",           "host",              "keep-alive",        "location",          "max-forwards",
		"pragma",            "proxy-connection",  "range",             "set-cookie",        "te",
		"trailer",           "transfer-encoding", "upgrade",           "vary",              "www-authenticate",
		"x-api-key",
	};

	if (slice_starts(name, SLICE("proxy-")) || slice_starts(name, SLICE("if-")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_eq(slice_str(names[i]), name))
			return true;
	return false;
}

/* A character of a trailer field's name; ':' ends it. A '_' is remembered as '-', for servers that map it. */
static const char *trailer_name(struct chunk_decoder *d, char c)
{
	if (c == ':' && d->state == CHUNK_FIELD_NAME) {
		if (d->name_len <= sizeof(d->name) && trailer_forbidden(slice_of(d->name, d->name_len)))
			return "a trailer field that may only stand in the head";
		return go(d, CHUNK_FIELD_VALUE);
	}
	if (!is_tchar(c))
		return bad_trailer;
	if (d->name_len < sizeof(d->name))
		d->name[d->name_len] = c == '_' ? '-' : ascii_lower(c);
	d->name_len++;
	return go(d, CHUNK_FIELD_NAME);
}

/* A byte of the trailer section. Returns what is wrong, or NULL. */
static const char *trailer(struct chunk_decoder *d, char c)
{
	if (++d->trailer > CHUNK_TRAILER_MAX)
		return "a trailer section of more than 8 KiB";
	switch ((enum chunk_state)d->state) {
	case CHUNK_FIELD_VALUE:
		if (c == '\r')
			return go(d, CHUNK_FIELD_LF);
		return is_text(c) ? NULL : bad_trailer;
	case CHUNK_FIELD_LF:
		return c == '\n' ? go(d, CHUNK_FIELD_FIRST) : bad_line;
	case CHUNK_END_LF:
		return c == '\n' ? go(d, CHUNK_END) : bad_line;
	case CHUNK_FIELD_FIRST:
		if (c == '\r')
			return go(d, CHUNK_END_LF);
		d->name_len = 0;
		return trailer_name(d, c);
	default:
		return trailer_name(d, c);
	}
}

/* A byte that is not body data. Returns what is wrong, or NULL. */
static const char *framing(struct chunk_decoder *d, char c)
{
	switch ((enum chunk_state)d->state) {
	case CHUNK_DATA_CR:
		return c == '\r' ? go(d, CHUNK_DATA_LF) : bad_data;
	case CHUNK_DATA_LF:
		return c == '\n' ? go(d, CHUNK_SIZE_FIRST) : bad_data;
	default:
		return d->state < CHUNK_DATA ? size_line(d, c) : trailer(d, c);
	}
}

enum http_result chunk_decode(struct chunk_decoder *d, struct slice input, size_t *consumed, struct slice *data,
			      const char **why)
{
	size_t i = 0;

	*data = slice_sub(input, 0, 0);
	*consumed = 0;
	for (; i < input.len && d->state != CHUNK_DATA && d->state != CHUNK_END; i++) {
		const char *wrong = framing(d, input.ptr[i]);

		if (wrong) {
			*why = wrong;
			return HTTP_BAD;
		}
	}
	if (d->state == CHUNK_DATA && i < input.len) {
		size_t n = input.len - i < d->left ? input.len - i : (size_t)d->left;

		*data = slice_sub(input, i, i + n);
		i += n;
		d->left -= n;
		if (!d->left)
			d->state = CHUNK_DATA_CR;
	}
	*consumed = i;
	return d->state == CHUNK_END ? HTTP_DONE : HTTP_MORE;
}

void chunk_write_open(struct buf *out, size_t len)
{
	char line[CHUNK_OPEN_MAX];
	size_t at = sizeof(line);

	line[--at] = '\n';
	line[--at] = '\r';
	do
		line[--at] = "0123456789abcdef"[len & 15];
	while (len >>= 4);
	buf_add(out, line + at, sizeof(line) - at);
}

void chunk_write_close(struct buf *out)
{
	buf_add(out, "\r\n", 2);
}

void chunk_write_end(struct buf *out)
{
	buf_add(out, "0\r\n\r\n", 5);
}
