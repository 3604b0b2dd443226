#include "guard.h"

#include <stdlib.h>

#include "alloc.h"

/* How far a spelling of a word was found. */
enum match { MATCH_NO, MATCH_YES, MATCH_MAYBE };

enum spelling { SPELLING_TEXT, SPELLING_HEX, SPELLING_UTF16_LE, SPELLING_UTF16_BE, SPELLINGS };

enum {
	NO_CHAR = 256,      /* an escape that stands for no character of a credential */
	NESTED_MAX = 8,     /* times that something is escaped again */
	DIGITS_MAX = 10,    /* digits of an entity */
	SEPARATORS_MAX = 4, /* bytes between two of hexadecimal */
	BREAKS_MAX = 4,     /* line ends between two characters, escaped or not */
};

#define ESCAPES "%=\\&" /* what an escape begins with */

/* Bytes that are not told apart: letters of either case, and the two digits that base64url has otherwise. */
static unsigned char fold(unsigned c)
{
	return (unsigned char)(c == '-' ? '+' : c == '_' ? '/' : (unsigned char)ascii_lower((char)c));
}

/* --- the words --- */

/* A match may begin with these two bytes. */
static void add_pair(struct guard_set *s, unsigned a, unsigned b)
{
	s->pairs[a][b / 64] |= 1ull << b % 64;
}

/* The two bytes that a word may begin with, when its first character is written as c. */
static void add_pairs(struct guard_set *s, unsigned c, unsigned char second)
{
	static const char digits[][17] = { "0123456789abcdef", "0123456789ABCDEF" };

	for (unsigned b = 0; b < 256; b++)
		if (fold(b) == second || b == 0 || memchr(ESCAPES "\r\n", (int)b, sizeof(ESCAPES) + 1))
			add_pair(s, c, b);
	add_pair(s, 0, c);
	for (unsigned i = 0; i < 4; i++)
		add_pair(s, (unsigned char)digits[i / 2][c >> 4], (unsigned char)digits[i % 2][c & 15]);
}

/* Keep a word, folded, and what it may begin with. */
static void add_word(struct guard_set *s, struct slice text)
{
	struct buf *word = &s->words[s->n];

	if (text.len < GUARD_MIN || s->n == GUARD_WORDS_MAX)
		return;
	buf_reserve(word, text.len);
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(word, (char)fold((unsigned char)text.ptr[i]));
	s->starts[(unsigned char)word->ptr[0]] |= 1ull << s->n++;
	for (unsigned c = 0; c < 256; c++)
		if (fold(c) == (unsigned char)word->ptr[0])
			add_pairs(s, c, (unsigned char)word->ptr[1]);
	for (const char *p = ESCAPES; *p; p++)
		memset(s->pairs[(unsigned char)*p], 0xff, sizeof(s->pairs[0]));
}

/* Keep a word and the same backwards. */
static void add_both(struct guard_set *s, struct slice text)
{
	struct buf reversed = BUF_INIT;

	add_word(s, text);
	buf_reserve(&reversed, text.len);
	for (size_t i = text.len; i-- > 0;)
		buf_add_char(&reversed, text.ptr[i]);
	add_word(s, buf_slice(&reversed));
	buf_wipe(&reversed);
}

/*
 * Keep the digits, of so many bits each, that text has behind so many other bytes:
 * those that all of their bits are text's of.
 */
static void add_encoded(struct guard_set *s, struct slice text, const char *digits, unsigned bits, size_t before)
{
	struct buf encoded = BUF_INIT;
	size_t first = (before * 8 + bits - 1) / bits, end = (before + text.len) * 8 / bits;

	buf_reserve(&encoded, end - first);
	for (size_t i = first; i < end; i++) {
		unsigned digit = 0;

		for (size_t bit = i * bits; bit < (i + 1) * bits; bit++)
			digit = digit << 1 | ((unsigned char)text.ptr[bit / 8 - before] >> (7 - bit % 8) & 1u);
		buf_add_char(&encoded, digits[digit]);
	}
	add_both(s, buf_slice(&encoded));
	buf_wipe(&encoded);
}

void guard_set_add(struct guard_set *s, struct slice credential)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

	if (credential.len < GUARD_MIN)
		return;
	add_both(s, credential);
	for (size_t before = 0; before < 3; before++)
		add_encoded(s, credential, base64, 6, before);
	for (size_t before = 0; before < 5; before++)
		add_encoded(s, credential, base32, 5, before);
}

void guard_set_release(struct guard_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf_wipe(&s->words[i]);
	*s = (struct guard_set){ .n = 0 };
}

/* --- one character, in all of the ways to write it --- */

/*
 * Each of these reads an escape at the front of s: how many bytes it has, with its
 * character in *c, or 0 when s ends inside. What is no escape is a byte of itself.
 */

static size_t itself(struct slice s, unsigned *c)
{
	*c = (unsigned char)s.ptr[0];
	return 1;
}

/* Digits at place at, at most so many. Returns where they end, or 0 when s ends there and more could follow. */
static size_t read_digits(struct slice s, size_t at, size_t most, unsigned base, unsigned *c)
{
	size_t end = at;
	int digit;

	for (*c = 0; end < s.len && end < at + most; end++) {
		digit = ascii_hex(s.ptr[end]);
		if (digit < 0 || digit >= (int)base)
			return end;
		*c = *c >= NO_CHAR ? NO_CHAR : *c * base + (unsigned)digit;
	}
	return end == at + most ? end : 0;
}

/* Hexadecimal digits, exactly so many, after a prefix of so many bytes. */
static size_t read_hex(struct slice s, size_t prefix, size_t digits, unsigned *c)
{
	size_t end = read_digits(s, prefix, digits, 16, c);

	return !end || end == prefix + digits ? end : itself(s, c);
}

/* %41, %2541, …; of what could be either, such as %2541 at the end of a%41, at most so many levels. */
static size_t read_percent(struct slice s, size_t levels, unsigned *c)
{
	size_t at = 1;

	while (levels-- > 0 && at + 1 < s.len && s.ptr[at] == '2' && s.ptr[at + 1] == '5' &&
	       (at + 2 >= s.len || ascii_hex(s.ptr[at + 2]) >= 0) && (at + 3 >= s.len || ascii_hex(s.ptr[at + 3]) >= 0))
		at += 2;
	return read_hex(s, at, 2, c);
}

/* =41, and = at the end of a line, which is a break that is not there. */
static size_t read_equals(struct slice s, unsigned *c)
{
	if (s.len > 1 && (s.ptr[1] == '\r' || s.ptr[1] == '\n')) {
		*c = '\n';
		return 2;
	}
	return read_hex(s, 1, 2, c);
}

/* \u0041, \x41, \n, \/, and with the backslashes themselves escaped. */
static size_t read_backslash(struct slice s, unsigned *c)
{
	size_t at = 1;

	while (at < NESTED_MAX && at < s.len && s.ptr[at] == '\\')
		at++;
	if (at == s.len)
		return 0;
	if (s.ptr[at] == 'u' || s.ptr[at] == 'x') {
		size_t end = read_digits(s, at + 1, s.ptr[at] == 'u' ? 4 : 2, 16, c);

		if (!end || end == at + (s.ptr[at] == 'u' ? 5 : 3))
			return end;
	}
	if (at > 1 && s.ptr[at] != '/' && s.ptr[at] != '"') {
		*c = '\\';
		return 2;
	}
	*c = s.ptr[at] == 'n' || s.ptr[at] == 'r' ? '\n' : (unsigned char)s.ptr[at];
	return at + 1;
}

/* &#65; &#x41; &amp;#65; and the five names of XML. */
static size_t read_ampersand(struct slice s, unsigned *c)
{
	static const struct {
		struct slice name;
		unsigned c;
	} names[] = { { { "amp", 3 }, '&' }, { { "lt", 2 }, '<' }, { { "gt", 2 }, '>' }, { { "quot", 4 }, '"' },
		      { { "apos", 4 }, '\'' } };
	size_t at = 1, end;
	bool hex;

	while (at < NESTED_MAX * 4 && slice_starts(slice_sub(s, at, s.len), SLICE("amp;")) && at + 4 < s.len &&
	       (s.ptr[at + 4] == '#' || s.ptr[at + 4] == 'a'))
		at += 4;
	if (at == s.len || slice_eq(slice_sub(s, at, s.len), SLICE("amp;")))
		return 0;
	if (s.ptr[at] == '#') {
		hex = at + 1 < s.len && ascii_lower(s.ptr[at + 1]) == 'x';
		end = read_digits(s, at + 1 + hex, DIGITS_MAX, hex ? 16 : 10, c);
		if (end == at + 1 + hex)
			return itself(s, c);
		return end && end < s.len && s.ptr[end] == ';' ? end + 1 : end;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct slice rest = slice_sub(s, at, s.len), name = names[i].name;

		if (slice_starts(name, rest) && rest.len < name.len + 1)
			return 0;
		if (slice_starts(rest, name)) {
			*c = names[i].c;
			return at + name.len + (rest.len > name.len && rest.ptr[name.len] == ';');
		}
	}
	return itself(s, c);
}

/* A character of text. */
static size_t read_text(struct slice s, unsigned *c)
{
	switch (s.ptr[0]) {
	case '%':
		return read_percent(s, NESTED_MAX, c);
	case '=':
		return read_equals(s, c);
	case '\\':
		return read_backslash(s, c);
	case '&':
		return read_ampersand(s, c);
	default:
		return itself(s, c);
	}
}

/* --- a word, in one spelling --- */

/*
 * Each of these says whether s begins with the word; then *len is the length of
 * its spelling, or *found how many characters there were when s ended.
 */

/* Is the escape that s begins with the character, if it is taken to be escaped less often? Its length, or 0. */
static size_t read_percent_as(struct slice s, unsigned char wanted)
{
	for (size_t levels = NESTED_MAX; levels-- > 0 && s.ptr[0] == '%';) {
		unsigned c = NO_CHAR;
		size_t n = read_percent(s, levels, &c);

		if (n && c < NO_CHAR && fold(c) == wanted)
			return n;
	}
	return 0;
}

static enum match match_text(struct slice word, struct slice s, bool end, size_t *len, size_t *found)
{
	size_t at = 0, breaks = 0;

	for (size_t i = 0; i < word.len;) {
		struct slice rest = slice_sub(s, at, s.len);
		unsigned char wanted = (unsigned char)word.ptr[i];
		unsigned c = NO_CHAR;
		size_t n, as;

		*found = i;
		if (!rest.len)
			return end ? MATCH_NO : MATCH_MAYBE;
		n = read_text(rest, &c);
		if (!n && !end)
			return MATCH_MAYBE;
		as = n && c < NO_CHAR && fold(c) == wanted ? n : read_percent_as(rest, wanted);
		if (!as)
			as = fold((unsigned char)rest.ptr[0]) == wanted;
		if (as) {
			i++;
			at += as;
			breaks = 0;
		} else if (n && i && (c == '\n' || c == '\r') && ++breaks <= BREAKS_MAX) {
			at += n;
		} else {
			return MATCH_NO;
		}
	}
	*len = at;
	return MATCH_YES;
}

/* How many bytes stand between two of hexadecimal: separators, 0x, \x. */
static size_t skip_separators(struct slice s)
{
	size_t n = 0;

	while (n < s.len && n < SEPARATORS_MAX && memchr(" :-,\r\n\t", s.ptr[n], 7))
		n++;
	if (n + 1 < s.len && (s.ptr[n] == '0' || s.ptr[n] == '\\') && ascii_lower(s.ptr[n + 1]) == 'x')
		n += 2;
	return n;
}

static enum match match_hex(struct slice word, struct slice s, bool end, size_t *len, size_t *found)
{
	size_t at = 0;

	for (size_t i = 0; i < word.len; i++) {
		int high, low;

		*found = i;
		at += i ? skip_separators(slice_sub(s, at, s.len)) : 0;
		if (at >= s.len)
			return end ? MATCH_NO : MATCH_MAYBE;
		high = ascii_hex(s.ptr[at]);
		if (at + 1 == s.len) /* half a byte, or the beginning of 0x and \x */
			return (high >= 0 || s.ptr[at] == '\\') && !end ? MATCH_MAYBE : MATCH_NO;
		low = ascii_hex(s.ptr[at + 1]);
		if (high < 0 || low < 0 || fold((unsigned)(high << 4 | low)) != (unsigned char)word.ptr[i])
			return MATCH_NO;
		at += 2;
	}
	*len = at;
	return MATCH_YES;
}

/* UTF-16, the byte of the character at place which of two. */
static enum match match_utf16(struct slice word, struct slice s, size_t which, bool end, size_t *len, size_t *found)
{
	for (size_t i = 0; i < word.len * 2; i++) {
		*found = i / 2;
		if (i == s.len)
			return end ? MATCH_NO : MATCH_MAYBE;
		if (i % 2 == which ? fold((unsigned char)s.ptr[i]) != (unsigned char)word.ptr[i / 2] : s.ptr[i] != 0)
			return MATCH_NO;
	}
	*len = word.len * 2;
	return MATCH_YES;
}

static enum match match_as(enum spelling how, struct slice word, struct slice s, bool end, size_t *len, size_t *found)
{
	switch (how) {
	case SPELLING_TEXT:
		return match_text(word, s, end, len, found);
	case SPELLING_HEX:
		return match_hex(word, s, end, len, found);
	case SPELLING_UTF16_LE:
		return match_utf16(word, s, 0, end, len, found);
	default:
		return match_utf16(word, s, 1, end, len, found);
	}
}

/* --- finding --- */

/*
 * The words whose first character can be at the front of s, by spelling. Those that cannot be told yet are among them.
 */
static void find_candidates(const struct guard_set *set, struct slice s, uint64_t words[SPELLINGS])
{
	const uint64_t all = ~0ull;
	unsigned char first = (unsigned char)s.ptr[0];
	int high = ascii_hex(s.ptr[0]), low = s.len > 1 ? ascii_hex(s.ptr[1]) : -1;
	unsigned c = NO_CHAR;
	size_t n = read_text(s, &c);

	words[SPELLING_TEXT] = !n ? all : set->starts[fold(first)] | (c < NO_CHAR ? set->starts[fold(c)] : 0);
	words[SPELLING_HEX] = high < 0 ? 0 : s.len == 1 ? all : low < 0 ? 0 :
		set->starts[fold((unsigned)(high << 4 | low))];
	words[SPELLING_UTF16_LE] = s.len == 1 || s.ptr[1] == 0 ? set->starts[fold(first)] : 0;
	words[SPELLING_UTF16_BE] = first ? 0 : s.len == 1 ? all : set->starts[fold((unsigned char)s.ptr[1])];
}

/* Does a word stand at the front of s? *found is how much of one there is when it may. */
static enum match find_here(const struct guard_set *set, struct slice s, bool end, size_t *len, size_t *found)
{
	uint64_t words[SPELLINGS];
	enum match best = MATCH_NO;

	*found = 0;
	find_candidates(set, s, words);
	for (enum spelling how = 0; how < SPELLINGS; how++) {
		for (size_t i = 0; i < set->n && words[how] >> i; i++) {
			enum match m;
			size_t some;

			if (!(words[how] >> i & 1))
				continue;
			m = match_as(how, buf_slice(&set->words[i]), s, end, len, &some);
			if (m == MATCH_YES)
				return m;
			if (m == MATCH_MAYBE) {
				best = m;
				*found = some > *found ? some : *found;
			}
		}
	}
	return best;
}

/* May a match begin with these two bytes? Settles nearly all places of a body. */
static bool is_beginning(const struct guard_set *set, unsigned char a, unsigned char b)
{
	return set->pairs[a][b / 64] >> b % 64 & 1;
}

/* What of some bytes is settled. */
struct settled {
	size_t until; /* no match begins before, and none that goes on behind the bytes' end */
	size_t pass;  /* nor may one of GUARD_HOLD characters or more begin before this, and go on */
};

/* Mask what is found. */
static struct settled mask(const struct guard_set *set, char *bytes, size_t len, bool end)
{
	struct settled done = { len, len };
	size_t at = 0, n = 0, found = 0;

	while (at < len) {
		if (at + 1 < len && !is_beginning(set, (unsigned char)bytes[at], (unsigned char)bytes[at + 1])) {
			at++;
			continue;
		}
		switch (find_here(set, slice_of(bytes + at, len - at), end, &n, &found)) {
		case MATCH_YES:
			for (; n; n--, at++)
				bytes[at] = bytes[at] == '\r' || bytes[at] == '\n' ? bytes[at] : '*';
			break;
		case MATCH_MAYBE:
			done.until = at < done.until ? at : done.until;
			if (found >= GUARD_HOLD) {
				done.pass = at;
				return done;
			}
			at++;
			break;
		case MATCH_NO:
			at++;
			break;
		}
	}
	return done;
}

void guard_mask(const struct guard_set *s, char *bytes, size_t len)
{
	if (s->n)
		mask(s, bytes, len, true);
}

void guard_mask_head(const struct guard_set *s, char *bytes, size_t len)
{
	struct slice rest = slice_of(bytes, len);
	bool first = true;

	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n'), name = line, value;

		if (first) /* HTTP/1.1 200 reason */
			slice_cut(&name, ' '), value = name, slice_cut(&value, ' '), name = SLICE("");
		else
			value = name, name = slice_cut(&value, ':');
		first = false;
		guard_mask(s, (char *)(uintptr_t)name.ptr, name.len);
		guard_mask(s, (char *)(uintptr_t)value.ptr, value.len);
	}
}

/* --- a body --- */

void guard_release(struct guard *g)
{
	buf_wipe(&g->held);
	*g = (struct guard){ .set = NULL };
}

struct slice guard_feed(struct guard *g, struct slice piece, bool end)
{
	struct settled settled = { 0, 0 };
	size_t from;

	if (!g->set || !g->set->n)
		return piece;
	from = g->passed - g->done;
	buf_consume(&g->held, g->done);
	buf_add_slice(&g->held, piece);
	if (g->held.len)
		settled = mask(g->set, g->held.ptr, g->held.len, end);
	g->done = settled.until;
	/* what has passed has passed, but may be part of what comes */
	g->passed = settled.pass > from ? settled.pass : from;
	return slice_sub(buf_slice(&g->held), from, g->passed);
}
