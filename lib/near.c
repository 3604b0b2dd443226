#include "near.h"

/* A set of bytes as a table, so that the walk costs one load for each. */
enum { NAME = 1, CLOSER = 2, OPERATOR = 4, OPENER = 8 };

static const unsigned char kinds[256] = {
	['0'] = NAME, ['1'] = NAME, ['2'] = NAME, ['3'] = NAME, ['4'] = NAME, ['5'] = NAME, ['6'] = NAME, ['7'] = NAME,
	['8'] = NAME, ['9'] = NAME, ['a'] = NAME, ['b'] = NAME, ['c'] = NAME, ['d'] = NAME, ['e'] = NAME, ['f'] = NAME,
	['g'] = NAME, ['h'] = NAME, ['i'] = NAME, ['j'] = NAME, ['k'] = NAME, ['l'] = NAME, ['m'] = NAME, ['n'] = NAME,
	['o'] = NAME, ['p'] = NAME, ['q'] = NAME, ['r'] = NAME, ['s'] = NAME, ['t'] = NAME, ['u'] = NAME, ['v'] = NAME,
	['w'] = NAME, ['x'] = NAME, ['y'] = NAME, ['z'] = NAME, ['A'] = NAME, ['B'] = NAME, ['C'] = NAME, ['D'] = NAME,
	['E'] = NAME, ['F'] = NAME, ['G'] = NAME, ['H'] = NAME, ['I'] = NAME, ['J'] = NAME, ['K'] = NAME, ['L'] = NAME,
	['M'] = NAME, ['N'] = NAME, ['O'] = NAME, ['P'] = NAME, ['Q'] = NAME, ['R'] = NAME, ['S'] = NAME, ['T'] = NAME,
	['U'] = NAME, ['V'] = NAME, ['W'] = NAME, ['X'] = NAME, ['Y'] = NAME, ['Z'] = NAME,
	['_'] = NAME, ['-'] = NAME, ['.'] = NAME,
	[' '] = NAME | CLOSER | OPENER, ['\t'] = NAME | CLOSER | OPENER,
	['\n'] = CLOSER | OPENER, ['\r'] = CLOSER | OPENER,
	['"'] = CLOSER | OPENER, ['\''] = CLOSER | OPENER, ['`'] = CLOSER | OPENER, ['\\'] = CLOSER | OPENER,
	[']'] = CLOSER, [')'] = CLOSER, ['}'] = CLOSER,
	['['] = OPENER, ['('] = OPENER, ['{'] = OPENER, ['@'] = OPENER,
	['='] = OPERATOR | OPENER, [':'] = OPERATOR, ['>'] = OPERATOR, ['|'] = OPERATOR, ['?'] = OPERATOR,
	[','] = OPERATOR,
};

/* Skip at most max bytes of a kind; returns the place behind them. */
static size_t skip(struct slice text, size_t at, unsigned kind, size_t max)
{
	size_t end = max < text.len - at ? at + max : text.len;

	while (at < end && kinds[(unsigned char)text.ptr[at]] & kind)
		at++;
	return at;
}

/* Whether the bytes are an operator that gives a value: a single | or ? is none. */
static bool is_operator(struct slice op)
{
	if (op.len == 0)
		return false;
	return op.len > 1 || (op.ptr[0] != '|' && op.ptr[0] != '?');
}

/* Skip the word before an HTTP credential: "Bearer ". */
static size_t skip_scheme(struct slice text, size_t at)
{
	static const struct slice schemes[] = { { "bearer ", 7 }, { "basic ", 6 }, { "token ", 6 } };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (slice_eq_fold(slice_sub(text, at, at + schemes[i].len), schemes[i]))
			return at + schemes[i].len;
	return at;
}

/* Whether a quote is among the bytes. */
static bool has_quote(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '"' || s.ptr[i] == '\'' || s.ptr[i] == '`')
			return true;
	return false;
}

size_t near_value(struct slice text, size_t from, bool *comma)
{
	size_t at, close, op, open;

	if (from >= text.len)
		return SLICE_NONE;
	at = skip(text, from, NAME, NEAR_NAME);
	close = at;
	at = skip(text, at, CLOSER, NEAR_CLOSERS);
	op = at;
	at = skip(text, at, OPERATOR, 4);
	if (!is_operator(slice_sub(text, op, at)))
		return SLICE_NONE;
	open = at;
	at = skip(text, at, OPENER, NEAR_OPENERS);
	if (text.ptr[op] == ',' &&
	    !(*comma && has_quote(slice_sub(text, close, op)) && has_quote(slice_sub(text, open, at))))
		return SLICE_NONE;
	*comma = text.ptr[op] == ',';
	/* The prefix of a string: r"", b'', L"". */
	if (at + 1 < text.len && strchr("rbfuLRBFU", text.ptr[at]) &&
	    (text.ptr[at + 1] == '"' || text.ptr[at + 1] == '\''))
		at += 2;
	at = skip_scheme(text, at);
	return at < text.len ? at : SLICE_NONE;
}

bool near_begins(struct slice text, size_t at)
{
	bool lower = at < text.len && text.ptr[at] >= 'a' && text.ptr[at] <= 'z';

	return at == 0 || !lower || ascii_lower(text.ptr[at - 1]) < 'a' || ascii_lower(text.ptr[at - 1]) > 'z';
}

size_t near_name(struct slice text, size_t at)
{
	size_t stop = at > NEAR_NAME ? at - NEAR_NAME : 0;

	while (at > stop && kinds[(unsigned char)text.ptr[at - 1]] == NAME)
		at--;
	return at;
}
