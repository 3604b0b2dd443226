/*
 * Escapes: percent-encoding, backslashes, HTML entities, and quoted-printable.
 *
 * An escape turns on the child, which is then given the text around it as well.
 * What has been decoded may be the beginning of a further escape ("%2573"), so
 * each byte that is added to the child's output is looked at together with what
 * stands in front of it, until nothing more can be taken off.
 */
#include "decode-view.h"

/* --- the notations --- */

enum { NONE = 0, MORE = -1 }; /* instead of the length of an escape: it is none; it may become one */

/* What an escape stands for: a character, or one of these. */
enum {
	NOTHING = 0x110000, /* a soft line break */
	BYTE = 0x200000,    /* and a byte: one of some encoding, not a character */
};

/* Named characters of HTML that are ASCII and not letters. */
static const struct {
	char name[8];
	char value;
} entities[] = {
	{ "amp", '&' },	    { "lt", '<' },     { "gt", '>' },	  { "quot", '"' },   { "apos", '\'' }, { "nbsp", ' ' },
	{ "sol", '/' },	    { "plus", '+' },   { "equals", '=' }, { "lowbar", '_' }, { "period", '.' }, { "dash", '-' },
	{ "hyphen", '-' },  { "colon", ':' },  { "comma", ',' },  { "semi", ';' },   { "excl", '!' },  { "num", '#' },
	{ "dollar", '$' },   { "percnt", '%' },   { "ast", '*' },      { "lpar", '(' },     { "rpar", ')' },
	{ "commat", '@' },   { "lsqb", '[' },     { "bsol", '\\' },    { "rsqb", ']' },     { "Hat", '^' },
	{ "grave", '`' },    { "lcub", '{' },     { "lbrace", '{' },   { "vert", '|' },     { "verbar", '|' },
	{ "rcub", '}' },     { "rbrace", '}' },   { "quest", '?' },    { "Tab", '\t' },     { "NewLine", '\n' },
};

/*
 * Digits from s[i] on, base 16 or 10, at least min and at most max; returns how many, or MORE when s may end too early.
 */
static int take_digits(const unsigned char *s, size_t i, size_t n, int base, int min, int max, unsigned *value)
{
	int count = 0;

	for (*value = 0; count < max; count++) {
		int digit;

		if (i + (size_t)count == n)
			return MORE;
		digit = ascii_hex((char)s[i + (size_t)count]);
		if (digit < 0 || digit >= base)
			break;
		*value = *value * (unsigned)base + (unsigned)digit;
	}
	return count >= min ? count : NONE;
}

/* A fixed number of digits behind a mark of so many bytes; kind is BYTE or 0. */
static int take_fixed(const unsigned char *s, size_t n, int mark, int base, int digits, unsigned kind, unsigned *value)
{
	int r = take_digits(s, (size_t)mark, n, base, digits, digits, value);

	*value |= kind;
	return r > 0 ? mark + r : r;
}

/* Digits of any number behind a mark, then an end. */
static int take_ended(const unsigned char *s, size_t n, int mark, int base, char end, unsigned *value)
{
	int r = take_digits(s, (size_t)mark, n, base, 1, ESCAPE_MAX - mark - 1, value);

	if (r <= 0)
		return r;
	if ((size_t)(mark + r) == n)
		return MORE;
	return s[mark + r] == (unsigned char)end && *value < 0x110000 ? mark + r + 1 : NONE;
}

static int take_backslash(const unsigned char *s, size_t n, unsigned *value)
{
	static const char from[] = "\"'\\/bfnrtv", to[] = "\"'\\/\b\f\n\r\t\v";
	const char *simple;

	if (n < 2)
		return MORE;
	simple = s[1] ? strchr(from, s[1]) : NULL;
	if (simple) {
		*value = (unsigned char)to[simple - from];
		return 2;
	}
	if (s[1] == 'x')
		return take_fixed(s, n, 2, 16, 2, BYTE, value);
	if (s[1] >= '0' && s[1] <= '3')
		return take_fixed(s, n, 1, 8, 3, BYTE, value);
	if (s[1] == 'U')
		return take_fixed(s, n, 2, 16, 8, 0, value);
	if (s[1] != 'u')
		return NONE;
	if (n < 3)
		return MORE;
	return s[2] == '{' ? take_ended(s, n, 3, 16, '}', value) : take_fixed(s, n, 2, 16, 4, 0, value);
}

static int take_entity(const unsigned char *s, size_t n, unsigned *value)
{
	size_t len = 1;

	if (n > 1 && s[1] == '#') {
		if (n < 3)
			return MORE;
		return s[2] == 'x' || s[2] == 'X' ? take_ended(s, n, 3, 16, ';', value)
						  : take_ended(s, n, 2, 10, ';', value);
	}
	while (len < n && len < sizeof(entities[0].name) && ascii_is_alpha((char)s[len]))
		len++;
	if (len == n)
		return MORE;
	for (size_t i = 0; s[len] == ';' && i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (slice_eq(slice_str(entities[i].name), slice_of(s + 1, len - 1))) {
			*value = (unsigned char)entities[i].value;
			return (int)len + 1;
		}
	}
	return NONE;
}

static int take_quoted(const unsigned char *s, size_t n, unsigned *value)
{
	*value = NOTHING;
	if (n < 2)
		return MORE;
	if (s[1] == '\n')
		return 2;
	if (s[1] == '\r')
		return n < 3 ? MORE : s[2] == '\n' ? 3 : NONE;
	return take_fixed(s, n, 1, 16, 2, BYTE, value);
}

/* Length of the escape at s, with what it stands for. */
static int take_escape(const unsigned char *s, size_t n, unsigned *value)
{
	switch (s[0]) {
	case '%': return take_fixed(s, n, 1, 16, 2, BYTE, value);
	case '\\': return take_backslash(s, n, value);
	case '&': return take_entity(s, n, value);
	case '=': return take_quoted(s, n, value);
	default: return NONE;
	}
}

/* --- finding --- */

static bool is_lead(unsigned char c, enum decode_form form)
{
	return form == DECODE_QUOTED ? c == '=' : c == '%' || c == '\\' || c == '&';
}

/* From i on, the first byte that an escape may begin with, or n. */
static size_t find_lead(const unsigned char *p, size_t i, size_t n, enum decode_form form)
{
	if (form == DECODE_QUOTED) {
		const unsigned char *found = memchr(p + i, '=', n - i);

		return found ? (size_t)(found - p) : n;
	}
	for (; i + sizeof(vec16) <= n; i += sizeof(vec16)) {
		vec16 v;

		memcpy(&v, p + i, sizeof(v));
		if (vec_any((vec16)(v == '%') | (vec16)(v == '\\') | (vec16)(v == '&')))
			break;
	}
	while (i < n && !is_lead(p[i], form))
		i++;
	return i;
}

/* --- the child --- */

/* Append a character as UTF-8 to the child; what it stood for lies between two places of the parent. */
static void put_value(struct view *child, unsigned value, uint64_t from, uint64_t to)
{
	char text[4];
	unsigned n = 0;

	if (value < 0x80 || value >= BYTE) {
		text[n++] = (char)value;
	} else if (value < 0x800) {
		text[n++] = (char)(0xc0 | value >> 6);
		text[n++] = (char)(0x80 | (value & 0x3f));
	} else if (value < 0x10000) {
		text[n++] = (char)(0xe0 | value >> 12);
		text[n++] = (char)(0x80 | (value >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (value & 0x3f));
	} else if (value < NOTHING) {
		text[n++] = (char)(0xf0 | value >> 18);
		text[n++] = (char)(0x80 | (value >> 12 & 0x3f));
		text[n++] = (char)(0x80 | (value >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (value & 0x3f));
	}
	if (n)
		child_anchor(child, from, (unsigned)(to - from), n);
	buf_add(&child->out, text, n);
	child_anchor(child, to, 1, 1);
}

/* Bytes since the last one that an escape may begin with; ESCAPE_MAX: too many for it to matter. */
static size_t count_since(const struct buf *out, enum decode_form form)
{
	size_t since = 0;

	while (since < out->len && since < ESCAPE_MAX && !is_lead((unsigned char)out->ptr[out->len - 1 - since], form))
		since++;
	return since < out->len ? since : ESCAPE_MAX;
}

/* How many escapes are in each other where the byte at a place of the child stands. */
static unsigned depth_at(const struct escapes *e, uint64_t at)
{
	for (size_t i = 0; i < 2; i++)
		if (e->leads[i].depth && e->leads[i].at == at)
			return e->leads[i].depth;
	return 0;
}

/* A byte that may begin an escape is one of that depth itself; those behind it are gone. */
static void note_lead(struct escapes *e, uint64_t at, unsigned depth)
{
	if (e->leads[1].depth && e->leads[1].at < at)
		e->leads[0] = e->leads[1];
	else if (e->leads[0].at >= at)
		e->leads[0].depth = 0;
	e->leads[1].at = at;
	e->leads[1].depth = depth;
}

/*
 * A byte was added to the child, the one in front of place to of the parent. Take off the escapes that
 * end with it. True if there was one.
 */
static bool reduce(struct escapes *e, struct view *child, uint64_t to)
{
	enum decode_form form = child->v.form;
	struct buf *out = &child->out;
	bool any = false;

	for (;;) {
		size_t lead;
		unsigned value = 0, depth;
		int len;

		e->since = count_since(out, form);
		if (e->since == ESCAPE_MAX)
			return any;
		lead = out->len - 1 - e->since;
		/*
		 * a pair of backslashes is one, unless the first was an escape in more others than the second, which
		 * begins one then
		 */
		if (e->since == 0 && lead > 0 && out->ptr[lead] == '\\' && out->ptr[lead - 1] == '\\' &&
		    depth_at(e, child->end + lead - 1) <= depth_at(e, child->end + lead))
			lead--;
		len = take_escape((const unsigned char *)out->ptr + lead, out->len - lead, &value);
		if (len <= 0 || (size_t)len != out->len - lead)
			return any;
		depth = depth_at(e, child->end + lead) + 1;
		put_value(child, value, child_rewind(child, lead), to);
		if (value < 0x80 && is_lead((unsigned char)value, form))
			note_lead(e, child->end + lead, depth);
		any = true;
		if (value == NOTHING)
			return any;
	}
}

/* Turn the child on for an escape at index i of the window. */
static bool activate(struct view *v, struct escapes *e, enum decode_form form, size_t i)
{
	uint64_t base = view_base(v), at = base + i, from = at > base + DECODE_AROUND ? at - DECODE_AROUND : base;
	struct view *child;

	from = from > e->until ? from : e->until;
	from = from < at ? from : at;
	child = child_begin(v, form, from, false);
	if (!child)
		return false;
	child_anchor(child, from, 1, 1);
	buf_add(&child->out, view_at(v, from), (size_t)(at - from));
	e->active = true;
	e->leads[0].depth = e->leads[1].depth = 0;
	e->until = at + DECODE_AROUND;
	e->since = ESCAPE_MAX;
	return true;
}

/* The child is on: give it bytes from index i on; returns where it went off, or n. */
static size_t go_on(struct view *v, struct escapes *e, enum decode_form form, size_t i, size_t n)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr;
	struct view *child = v->children[form];
	uint64_t base = view_base(v);

	while (i < n) {
		if (e->since == ESCAPE_MAX) {
			size_t limit = e->until - base < n ? (size_t)(e->until - base) : n,
			       lead = find_lead(p, i, limit, form);

			buf_add(&child->out, p + i, lead - i);
			i = lead;
			if (base + i >= e->until) {
				e->active = false;
				e->until = base + i;
				child_end(child, base + i);
				return i;
			}
			if (i == n)
				return n;
		}
		buf_add_char(&child->out, (char)p[i++]);
		if (reduce(e, child, base + i))
			e->until = base + i + DECODE_AROUND;
		else if (base + i > e->until)
			e->until = base + i; /* an escape has begun there; see whether it becomes one */
		if (child->out.len >= FLUSH_AT)
			child_flush(child, ESCAPE_MAX);
	}
	return n;
}

static void feed(struct view *v, struct escapes *e, enum decode_form form, bool final)
{
	const unsigned char *p = (const unsigned char *)v->window.ptr;
	size_t n = v->window.len, i = (size_t)(e->done - view_base(v));
	unsigned value;

	while (i < n) {
		int len;

		if (e->active) {
			i = go_on(v, e, form, i, n);
			continue;
		}
		i = find_lead(p, i, n, form);
		if (i == n)
			break;
		len = take_escape(p + i, n - i, &value);
		if (len == MORE && !final && n - i < ESCAPE_MAX)
			break;
		if (len <= 0 || !activate(v, e, form, i))
			i++;
	}
	e->done = view_base(v) + i;
	if (final && e->active)
		child_end(v->children[form], v->end);
}

void escapes_feed(struct view *v, bool final)
{
	feed(v, &v->escapes, DECODE_ESCAPES, final);
}

void quoted_feed(struct view *v, bool final)
{
	feed(v, &v->quoted, DECODE_QUOTED, final);
}

void decode_escapes_of(struct slice text, struct buf *out)
{
	struct escapes e = { .since = ESCAPE_MAX };
	struct view child = { .v.form = DECODE_ESCAPES };
	struct anchor anchors[ANCHORS_MAX];

	child.anchors = anchors;
	child.anchors_cap = ANCHORS_MAX;
	for (size_t i = 0; i < text.len; i++) {
		buf_add_char(&child.out, text.ptr[i]);
		reduce(&e, &child, i + 1);
	}
	buf_add_slice(out, buf_slice(&child.out));
	buf_wipe(&child.out);
}
