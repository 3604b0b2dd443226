#include "log.h"

#include <inttypes.h>
#include <time.h>

#include "escape.h"

/* Bytes of the UTF-8 sequence at the start of s, or 0 when it is none. */
static size_t sequence_length(struct slice s)
{
	for (size_t n = 1; n <= 4 && n <= s.len; n++)
		if (slice_is_utf8(slice_sub(s, 0, n)))
			return n;
	return 0;
}

void log_json_string(struct buf *out, struct slice text)
{
	buf_add_char(out, '"');
	while (text.len) {
		size_t n = sequence_length(text);
		unsigned char c = (unsigned char)text.ptr[0];

		if (n == 0)
			buf_add_str(out, "\\ufffd");
		else if (c == '"' || c == '\\')
			buf_add_format(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7F)
			buf_add_format(out, "\\u%04x", c);
		else
			buf_add(out, text.ptr, n);
		text = slice_sub(text, n ? n : 1, text.len);
	}
	buf_add_char(out, '"');
}

/* Append the time as 2026-01-31T12:00:00.123Z. */
static void add_time(struct buf *out)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_add_format(out, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
}

void log_begin(struct buf *line, const char *event)
{
	buf_add_str(line, "{\"time\":\"");
	add_time(line);
	buf_add_format(line, "\",\"event\":\"%s\"", event);
}

void log_element(struct buf *line, struct slice text, size_t max)
{
	AUTO_BUF safe = BUF_INIT;

	escape_cut(&safe, text, max);
	log_json_string(line, buf_slice(&safe));
}

void log_text(struct buf *line, const char *key, struct slice text, size_t max)
{
	buf_add_format(line, ",\"%s\":", key);
	log_element(line, text, max);
}

void log_str(struct buf *line, const char *key, const char *text)
{
	buf_add_format(line, ",\"%s\":", key);
	log_json_string(line, slice_str(text));
}

void log_int(struct buf *line, const char *key, int64_t value)
{
	buf_add_format(line, ",\"%s\":%" PRId64, key, value);
}

void log_bool(struct buf *line, const char *key, bool value)
{
	buf_add_format(line, ",\"%s\":%s", key, value ? "true" : "false");
}

void log_end(struct buf *line)
{
	buf_add_str(line, "}\n");
}
