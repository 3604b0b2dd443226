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

/* gmtime(3) would read time zone files, which a confined process cannot. */
void log_time(struct buf *out)
{
	struct timespec now;
	int64_t days, seconds, era, of_era, year, of_year, month;

	clock_gettime(CLOCK_REALTIME, &now);
	days = now.tv_sec / 86400 + 719468; /* since 1 March of the year 0: leap days come last in such years */
	seconds = now.tv_sec % 86400;
	era = days / 146097; /* of 400 years */
	of_era = days % 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153; /* 0 is March */
	year += 400 * era + (month >= 10);
	buf_add_format(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, (int)(month < 10 ? month + 3 : month - 9),
		       (int)(of_year - (153 * month + 2) / 5 + 1), (int)(seconds / 3600), (int)(seconds / 60 % 60),
		       (int)(seconds % 60), (int)(now.tv_nsec / 1000000));
}

void log_begin(struct buf *line, const char *event)
{
	buf_add_str(line, "{\"time\":\"");
	log_time(line);
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
