#include "path.h"

#include "alloc.h"

size_t path_decode(char *text, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		int high = len - i > 2 && text[i] == '%' ? ascii_hex(text[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(text[i + 2]) : -1;

		if (low >= 0) {
			text[out++] = (char)(high << 4 | low);
			i += 2;
		} else {
			text[out++] = text[i];
		}
	}
	return out;
}

/* RFC 3986 §2.3. */
static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool path_is_plain(char c)
{
	return is_unreserved(c) || (c && strchr("!$&'()*+,;=:@/", c));
}

/* Write the comparable form of a path whose every '%' is followed by two digits. */
static void canonicalize(struct slice path, struct path_forms *p)
{
	size_t out = 0;

	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i], decoded;

		if (c != '%') {
			p->canonical[out++] = c;
			continue;
		}
		decoded = (char)(ascii_hex(path.ptr[i + 1]) << 4 | ascii_hex(path.ptr[i + 2]));
		if (is_unreserved(decoded)) {
			p->canonical[out++] = decoded;
		} else {
			p->canonical[out++] = '%';
			p->canonical[out++] = "0123456789ABCDEF"[(unsigned char)decoded >> 4];
			p->canonical[out++] = "0123456789ABCDEF"[(unsigned char)decoded & 15];
		}
		i += 2;
	}
	p->canonical_len = out;
}

/* Whether every '%' is followed by two hexadecimal digits. */
static bool escapes_are_whole(struct slice path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '%' &&
		    (path.len - i < 3 || ascii_hex(path.ptr[i + 1]) < 0 || ascii_hex(path.ptr[i + 2]) < 0))
			return false;
	return true;
}

/* What makes one stage of decoding dangerous, or NULL. */
static const char *find_trouble(struct slice text)
{
	struct slice rest = text;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\\')
			return "the path holds a backslash, perhaps encoded";
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F)
			return "the path holds an encoded control character";
	}
	if (!slice_is_utf8(text))
		return "the path is not UTF-8 when decoded";
	while (rest.len) {
		struct slice element = slice_cut(&rest, '/');

		element = slice_sub(element, 0, slice_find(element, ';'));
		if (slice_eq(element, SLICE(".")) || slice_eq(element, SLICE("..")))
			return "the path holds a '.' or '..' element, perhaps encoded";
	}
	return NULL;
}

/* Whether text still holds "%2e" or "%2f". */
static bool holds_encoded_separator(struct slice text)
{
	for (size_t i = 0; i + 2 < text.len; i++)
		if (text.ptr[i] == '%' && text.ptr[i + 1] == '2' && strchr("eEfF", text.ptr[i + 2]))
			return true;
	return false;
}

bool path_parse(struct slice path, struct path_forms *p, const char **why)
{
	if (path.len > PATH_BYTES_MAX) {
		*why = "the path is longer than 32 KiB";
		return false;
	}
	if (!path.len || path.ptr[0] != '/') {
		*why = "the path does not begin with '/'";
		return false;
	}
	if (!escapes_are_whole(path)) {
		*why = "the path holds a '%' that two hexadecimal digits do not follow";
		return false;
	}
	canonicalize(path, p);
	memcpy(p->decoded, path.ptr, path.len);
	p->decoded_len = path.len;
	for (int round = 0; round <= PATH_DECODE_MAX; round++) {
		size_t before = p->decoded_len;
		struct slice text = slice_of(p->decoded, p->decoded_len);
		const char *trouble = find_trouble(text);

		if (!trouble && round && holds_encoded_separator(text))
			trouble = "the path holds a '.' or '/' that is encoded more than once";
		if (trouble) {
			*why = trouble;
			return false;
		}
		if (round < PATH_DECODE_MAX)
			p->decoded_len = path_decode(p->decoded, p->decoded_len);
		if (p->decoded_len == before)
			break;
	}
	return true;
}

bool path_of_rule(struct slice value, struct buf *out, const char **why)
{
	AUTO_FREE struct path_forms *forms = alloc_zero(1, sizeof(*forms));
	AUTO_BUF encoded = BUF_INIT;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '?' || c == '#') {
			*why = "the query is not part of a path";
			return false;
		}
		if (path_is_plain(c) || c == '%' || c == '\\')
			buf_add_char(&encoded, c);
		else
			buf_add_format(&encoded, "%%%02X", (unsigned)(unsigned char)c);
	}
	if (!path_parse(buf_slice(&encoded), forms, why))
		return false;
	buf_add(out, forms->canonical, forms->canonical_len);
	return true;
}
