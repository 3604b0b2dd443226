#include "yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "alloc.h"

#define ARENA_BLOCK (64u << 10) /* bytes taken from the allocator at once; a longer text gets its own */
#define DESCRIBE_MAX 60         /* bytes of a found text in a message */

struct arena {
	struct arena *next;
	size_t used, size;
	char bytes[] __attribute__((aligned(16)));
};

struct yaml {
	struct arena *arena;
	struct yaml_node *root;
	char *file;
	size_t nodes;
};

/* A collection that is being read. */
struct level {
	struct yaml_node *node;
	struct yaml_node **tail;    /* where the next member is linked */
	struct slice key;           /* of the value to come */
	bool have_key;
	unsigned key_line, key_column;
	long indent; /* column of the innermost block collection that holds this one's members, from 0; -1 for none */
};

struct loader {
	struct yaml *y;
	yaml_parser_t parser;
	struct slice text;
	unsigned line;  /* of the text's first line */
	struct problems *problems;
	bool refused;
	struct level levels[YAML_DEPTH_MAX];
	size_t depth;      /* collections open */
	size_t flow_depth; /* of them in flow style */
	size_t byte, index, column; /* how far the source has been looked at: byte, character, column from 0 */
	unsigned row;               /* and line, from 0 */
	bool line_start;            /* only white space before it in its line */
};

/* --- memory --- */

/* Take size bytes that live as long as the tree. */
static void *arena_take(struct yaml *y, size_t size)
{
	struct arena *a = y->arena;

	size = (size + 15) & ~(size_t)15;
	if (!a || a->size - a->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		a = alloc_zero(1, sizeof(*a) + room);
		a->next = y->arena;
		a->size = room;
		y->arena = a;
	}
	a->used += size;
	return a->bytes + a->used - size;
}

/* Copy a text into the tree. */
static struct slice arena_text(struct yaml *y, const void *bytes, size_t len)
{
	char *copy = arena_take(y, len + 1);

	memcpy(copy, bytes, len);
	return slice_of(copy, len);
}

void yaml_release(struct yaml *y)
{
	if (!y)
		return;
	for (struct arena *a = y->arena, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	free(y->file);
	free(y);
}

void yaml_auto_release(struct yaml **y)
{
	yaml_release(*y);
}

/* --- problems --- */

/* Refuse the text because of something at line and column (from 0) of it. */
__attribute__((format(printf, 4, 5))) static void refuse(struct loader *l, size_t line, size_t column, const char *fmt,
							 ...)
{
	va_list ap;

	l->refused = true;
	va_start(ap, fmt);
	problems_vadd(l->problems, l->y->file, l->line + (unsigned)line, (unsigned)column + 1, fmt, ap);
	va_end(ap);
}

/* Refuse because of what is at a mark. */
static void refuse_at(struct loader *l, yaml_mark_t mark, const char *what)
{
	refuse(l, mark.line, mark.column, "%s", what);
}

/* --- the bytes, before libyaml sees them --- */

/* Length of the UTF-8 character at the start of well-formed text, and its code. */
static size_t character(const char *s, uint32_t *code)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

	*code = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++)
		*code = *code << 6 | (p[i] & 0x3F);
	return n;
}

/* Why a character may not stand in a file, or NULL. Source: YAML 1.2.2 §5.1, less what hides or breaks lines. */
static const char *forbidden(uint32_t c, const char *at, const char *end)
{
	if (c == '\r')
		return at + 1 < end && at[1] == '\n'
			       ? NULL
			       : "a carriage return without a line feed; use LF or CRLF line ends";
	if (c == '\t' || c == '\n')
		return NULL;
	if (c < 0x20 || (c >= 0x7F && c < 0xA0))
		return "a control character; write it as an escape in double quotes";
	if (c == 0x2028 || c == 0x2029)
		return "a Unicode line or paragraph separator; remove it";
	if (c == 0xFEFF)
		return "a byte order mark inside the text; remove it";
	if ((c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF))
		return "a code point that is no character; remove it";
	return NULL;
}

/* Bytes of the longest well-formed start of one line. */
static size_t good_start(struct slice line)
{
	size_t good = 0;

	for (size_t n = 1; n <= line.len && n - good <= 4; n++)
		if (slice_is_utf8(slice_sub(line, good, n)))
			good = n;
	return good;
}

bool yaml_check_utf8(struct slice text, const char *file, unsigned line, struct problems *problems)
{
	if (slice_is_utf8(text))
		return true;
	while (text.len) {
		struct slice one = slice_cut(&text, '\n');
		unsigned column = 1;

		if (slice_is_utf8(one)) {
			line++;
			continue;
		}
		for (size_t i = 0, good = good_start(one); i < good; i++)
			column += ((unsigned char)one.ptr[i] & 0xC0) != 0x80;
		return problems_add(problems, file, line, column, "not UTF-8; save the file in that encoding");
	}
	return true;
}

/* Refuse what is wrong with the characters themselves. */
static bool check_characters(struct loader *l)
{
	const char *p = l->text.ptr, *end = p + l->text.len;
	size_t line = 0, column = 0;
	bool indentation = true;

	if (l->text.len > YAML_BYTES_MAX) {
		refuse(l, 0, 0, "larger than %u bytes", YAML_BYTES_MAX);
		return false;
	}
	if (!yaml_check_utf8(l->text, l->y->file, l->line, l->problems))
		return false;
	while (p < end && !l->refused) {
		uint32_t c;
		size_t n = character(p, &c);
		const char *why = forbidden(c, p, end);

		if (why)
			refuse(l, line, column, "%s", why);
		else if (c == '\t' && indentation)
			refuse(l, line, column, "a tab as indentation; use spaces");
		column++;
		if (c == '\n') {
			line++;
			column = 0;
			indentation = true;
		} else if (c != ' ') {
			indentation = false;
		}
		p += n;
	}
	return !l->refused;
}

/* --- the source between libyaml's events --- */

/* Column that a continuation line has to be right of: the block collection around what is being read. */
static long floor_column(const struct loader *l)
{
	return l->depth ? l->levels[l->depth - 1].indent : -1;
}

/* Step over one character of the source. */
static void advance(struct loader *l)
{
	uint32_t c;

	l->byte += character(l->text.ptr + l->byte, &c);
	l->index++;
	l->column++;
	if (c == '\n') {
		l->row++;
		l->column = 0;
		l->line_start = true;
	} else if (c != ' ' && c != '\r') {
		l->line_start = false;
	}
}

/* Check that a line inside a flow collection or a quoted text is indented. libyaml does not. */
static void check_continuation(struct loader *l, char c)
{
	if (l->line_start && c != ' ' && c != '\n' && c != '\r' && l->row > 0 && (long)l->column <= floor_column(l))
		refuse(l, l->row, l->column, "a line that continues a value must be indented further than its key");
}

/*
 * Look at the source up to a character index that lies between two events: white
 * space, indicators and comments.
 */
static void check_gap(struct loader *l, size_t to)
{
	bool comment = false;

	while (l->index < to && l->byte < l->text.len) {
		char c = l->text.ptr[l->byte];
		char before = l->byte ? l->text.ptr[l->byte - 1] : '\n';

		if (c == '\n') {
			comment = false;
		} else if (!comment && c == '#') {
			if (before != ' ' && before != '\t' && before != '\n')
				refuse(l, l->row, l->column, "a comment needs a space before it");
			comment = true;
		} else if (!comment && c == '?') {
			refuse(l, l->row, l->column, "an explicit key ('? '); write 'key: value'");
		} else if (!comment && l->flow_depth) {
			check_continuation(l, c);
		}
		advance(l);
	}
}

/*
 * Look at the head of a block scalar and the blank lines under it. libyaml takes
 * its indentation from blank lines that are longer than the first line of text.
 */
static void check_block_head(struct loader *l)
{
	size_t at = l->byte + 1, blank = 0, row = l->row;
	bool explicit = false;

	for (; at < l->text.len && memchr("+-0123456789", l->text.ptr[at], 12); at++)
		explicit = explicit || ascii_is_digit(l->text.ptr[at]);
	if (at < l->text.len && l->text.ptr[at] == '#')
		refuse(l, l->row, l->column + (at - l->byte), "a comment needs a space before it");
	while (!explicit && at < l->text.len) {
		size_t start = at + slice_find(slice_sub(l->text, at, l->text.len), '\n') + 1, spaces = 0;

		if (start <= at)
			return;
		while (start + spaces < l->text.len && l->text.ptr[start + spaces] == ' ')
			spaces++;
		at = start + spaces;
		row++;
		if (at < l->text.len && l->text.ptr[at] != '\n' && l->text.ptr[at] != '\r') {
			if ((long)spaces > floor_column(l) && spaces < blank)
				refuse(l, row, spaces, "a blank line before this one is longer than its indentation");
			return;
		}
		blank = spaces > blank ? spaces : blank;
	}
}

/* Look at the source of a scalar, up to its end. */
static void check_scalar_source(struct loader *l, const yaml_event_t *ev)
{
	yaml_scalar_style_t style = ev->data.scalar.style;
	bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;

	if (block)
		check_block_head(l);
	while (l->index < ev->end_mark.index && l->byte < l->text.len) {
		if (!block && (l->flow_depth || l->row > ev->start_mark.line))
			check_continuation(l, l->text.ptr[l->byte]);
		advance(l);
	}
}

/* --- the tree --- */

/* A new node with its place; NULL past the limit. */
static struct yaml_node *new_node(struct loader *l, enum yaml_type type, yaml_mark_t mark)
{
	struct yaml_node *n;

	if (l->y->nodes++ == YAML_NODES_MAX) {
		refuse(l, mark.line, mark.column, "more than %u values", YAML_NODES_MAX);
		return NULL;
	}
	n = arena_take(l->y, sizeof(*n));
	n->type = type;
	n->line = l->line + (unsigned)mark.line;
	n->column = (unsigned)mark.column + 1;
	return n;
}

/* Link a value into the collection that is being read. */
static void attach(struct loader *l, struct yaml_node *n)
{
	struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;

	if (!top) {
		l->y->root = n;
		return;
	}
	n->key = top->key;
	n->key_line = top->key_line;
	n->key_column = top->key_column;
	top->have_key = false;
	*top->tail = n;
	top->tail = &n->next;
	top->node->count++;
}

/* True when the next event is a key of the mapping that is being read. */
static bool wants_key(const struct loader *l)
{
	return l->depth && l->levels[l->depth - 1].node->type == YAML_MAP && !l->levels[l->depth - 1].have_key;
}

/* Take a scalar as a key. */
static void take_key(struct loader *l, const yaml_event_t *ev)
{
	struct level *top = &l->levels[l->depth - 1];

	top->key = arena_text(l->y, ev->data.scalar.value, ev->data.scalar.length);
	top->key_line = l->line + (unsigned)ev->start_mark.line;
	top->key_column = (unsigned)ev->start_mark.column + 1;
	top->have_key = true;
	if (!top->key.len)
		refuse_at(l, ev->start_mark, "an empty key");
	else if (slice_eq(top->key, SLICE("<<")))
		refuse_at(l, ev->start_mark, "a merge key ('<<'); write the keys out");
}

/* Take a scalar, as key or value. */
static bool take_scalar(struct loader *l, const yaml_event_t *ev)
{
	struct yaml_node *n;

	if (memchr(ev->data.scalar.value, '\0', ev->data.scalar.length))
		refuse_at(l, ev->start_mark, "a NUL character");
	if (ev->data.scalar.anchor)
		refuse_at(l, ev->start_mark, "an anchor ('&'); write the value out where it is needed");
	if (ev->data.scalar.tag)
		refuse_at(l, ev->start_mark, "a tag ('!'); quote the value if it begins with '!'");
	check_scalar_source(l, ev);
	if (wants_key(l)) {
		take_key(l, ev);
		return true;
	}
	n = new_node(l, YAML_SCALAR, ev->start_mark);
	if (!n)
		return false;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_text(l->y, ev->data.scalar.value, ev->data.scalar.length);
	attach(l, n);
	return true;
}

/* Open a list or mapping. */
static bool take_start(struct loader *l, const yaml_event_t *ev, enum yaml_type type)
{
	bool list = type == YAML_LIST;
	bool flow = list ? ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
			 : ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
	struct yaml_node *n;
	struct level *level;

	if (list ? ev->data.sequence_start.anchor != NULL : ev->data.mapping_start.anchor != NULL)
		refuse_at(l, ev->start_mark, "an anchor ('&'); write the value out where it is needed");
	if (list ? ev->data.sequence_start.tag != NULL : ev->data.mapping_start.tag != NULL)
		refuse_at(l, ev->start_mark, "a tag ('!')");
	if (wants_key(l)) {
		refuse_at(l, ev->start_mark, "a list or mapping as a key; keys are names");
		return false;
	}
	if (l->depth == YAML_DEPTH_MAX) {
		refuse(l, ev->start_mark.line, ev->start_mark.column, "nested deeper than %d levels", YAML_DEPTH_MAX);
		return false;
	}
	n = new_node(l, type, ev->start_mark);
	if (!n)
		return false;
	attach(l, n);
	level = &l->levels[l->depth];
	*level = (struct level){ .node = n, .tail = &n->first };
	level->indent = flow ? floor_column(l) : (long)ev->start_mark.column;
	l->depth++;
	l->flow_depth += flow;
	return true;
}

/* Order members by key, those of one key by place. */
static int by_key(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a, *y = *(struct yaml_node *const *)b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.ptr, y->key.ptr, shorter);

	if (!order && x->key.len != y->key.len)
		order = x->key.len < y->key.len ? -1 : 1;
	if (!order && x->key_line != y->key_line)
		order = x->key_line < y->key_line ? -1 : 1;
	return order ? order : x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

/* Refuse keys that come twice in a mapping. */
static void check_duplicates(struct loader *l, const struct yaml_node *map)
{
	AUTO_FREE struct yaml_node **sorted = alloc_zero(map->count + 1, sizeof(*sorted));
	AUTO_BUF shown = BUF_INIT;
	size_t n = 0;

	for (struct yaml_node *m = map->first; m; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < n; i++) {
		if (!slice_eq(sorted[i]->key, sorted[i - 1]->key))
			continue;
		buf_truncate(&shown, 0);
		yaml_add_cut(sorted[i]->key, &shown);
		refuse(l, sorted[i]->key_line - l->line, sorted[i]->key_column - 1,
		       "the key '%s' is given twice, first in line %u; keep one", buf_str(&shown),
		       sorted[i - 1]->key_line);
	}
}

/* Close the innermost collection. */
static void take_end(struct loader *l, bool flow)
{
	struct yaml_node *n = l->levels[--l->depth].node;

	l->flow_depth -= flow;
	if (n->type == YAML_MAP)
		check_duplicates(l, n);
}

/* Put libyaml's words into a problem. */
static void refuse_syntax(struct loader *l)
{
	yaml_parser_t *p = &l->parser;

	if (p->error == YAML_MEMORY_ERROR)
		alloc_zero(SIZE_MAX / 2, 1); /* ends the program as any lack of memory does */
	refuse(l, p->problem_mark.line, p->problem_mark.column, "not YAML: %s%s%s",
	       p->problem ? p->problem : "unreadable", p->context ? " " : "", p->context ? p->context : "");
}

/*
 * Step over the bracket that closes a flow collection. YAML wants it right of the
 * key's column like all the rest; under the key, where people put it, is fine too.
 */
static void take_bracket(struct loader *l)
{
	if (l->line_start && (long)l->column < floor_column(l))
		refuse(l, l->row, l->column, "a closing bracket must not be left of its key");
	advance(l);
}

/* True when the event ends a collection written in flow style: it has a bracket of its own. */
static bool ends_flow(const struct loader *l, const yaml_event_t *ev)
{
	const struct yaml_node *n = l->depth ? l->levels[l->depth - 1].node : NULL;

	return n && l->flow_depth && (ev->type == YAML_MAPPING_END_EVENT || ev->type == YAML_SEQUENCE_END_EVENT) &&
	       l->levels[l->depth - 1].indent == (l->depth > 1 ? l->levels[l->depth - 2].indent : -1);
}

/* Take one event; false to stop. */
static bool take(struct loader *l, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (ev->data.document_start.version_directive ||
		    ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end)
			refuse_at(l, ev->start_mark, "a directive ('%'); remove it");
		if (l->y->root) {
			refuse_at(l, ev->start_mark, "a second document; a file holds one");
			return false;
		}
		return true;
	case YAML_SCALAR_EVENT:
		return take_scalar(l, ev);
	case YAML_SEQUENCE_START_EVENT:
		return take_start(l, ev, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		return take_start(l, ev, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		if (ends_flow(l, ev) && ev->end_mark.index > ev->start_mark.index)
			take_bracket(l);
		take_end(l, ends_flow(l, ev));
		return true;
	case YAML_ALIAS_EVENT:
		refuse_at(l, ev->start_mark, "an alias ('*'); write the value out");
		return false;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return ev->type != YAML_STREAM_END_EVENT;
}

/* Read all events into the tree. */
static void read_events(struct loader *l)
{
	bool more = true;

	while (more) {
		yaml_event_t ev;

		if (!yaml_parser_parse(&l->parser, &ev)) {
			refuse_syntax(l);
			return;
		}
		check_gap(l, ev.start_mark.index);
		more = take(l, &ev) && l->problems->count < PROBLEMS_MAX;
		check_gap(l, ev.end_mark.index);
		yaml_event_delete(&ev);
	}
}

struct yaml *yaml_load(struct slice text, const char *file, unsigned line, struct problems *problems)
{
	AUTO_YAML *y = alloc_zero(1, sizeof(*y));
	struct loader l = { .y = y, .line = line, .problems = problems, .line_start = true };

	y->file = alloc_copy(file, strlen(file));
	l.text = slice_starts(text, SLICE("\xEF\xBB\xBF")) ? slice_sub(text, 3, text.len) : text;
	if (!l.text.len)
		l.text = SLICE("\n");
	if (!check_characters(&l))
		return NULL;
	if (!yaml_parser_initialize(&l.parser))
		alloc_zero(SIZE_MAX / 2, 1);
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)l.text.ptr, l.text.len);
	read_events(&l);
	yaml_parser_delete(&l.parser);
	if (!l.refused && !y->root)
		refuse(&l, 0, 0, "empty; write {} for a mapping without keys");
	else if (!l.refused && y->root->type != YAML_MAP)
		refuse(&l, y->root->line - line, y->root->column - 1, "not a mapping; write 'key: value' lines");
	return l.refused ? NULL : STEAL(y);
}

const struct yaml_node *yaml_root(const struct yaml *y)
{
	return y->root;
}

const char *yaml_file(const struct yaml *y)
{
	return y->file;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map && map->type == YAML_MAP)
		for (const struct yaml_node *n = map->first; n; n = n->next)
			if (slice_eq(n->key, slice_str(key)))
				return n;
	return NULL;
}

/* --- what scalars mean --- */

/* True when the text is one of the words (ends with NULL). */
static bool one_of(struct slice s, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq(s, slice_str(*words)))
			return true;
	return false;
}

/* Take digits of a base off the front. */
static size_t skip_digits(struct slice *s, int base)
{
	size_t n = 0;

	while (n < s->len && ascii_hex(s->ptr[n]) >= 0 && ascii_hex(s->ptr[n]) < base)
		n++;
	*s = slice_sub(*s, n, s->len);
	return n;
}

/* Take a sign off the front; true for a minus. */
static bool skip_sign(struct slice *s)
{
	bool minus = s->len && s->ptr[0] == '-';

	if (s->len && (minus || s->ptr[0] == '+'))
		*s = slice_sub(*s, 1, s->len);
	return minus;
}

bool yaml_is_null(const struct yaml_node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return n->type == YAML_SCALAR && n->plain && one_of(n->text, words);
}

bool yaml_is_bool(const struct yaml_node *n)
{
	static const char *const words[] = { "true", "True", "TRUE", "false", "False", "FALSE", NULL };

	return n->type == YAML_SCALAR && n->plain && one_of(n->text, words);
}

bool yaml_bool(const struct yaml_node *n)
{
	return ascii_lower(n->text.ptr[0]) == 't';
}

bool yaml_is_int(const struct yaml_node *n)
{
	struct slice s = n->text;

	if (n->type != YAML_SCALAR || !n->plain)
		return false;
	if (slice_starts(s, SLICE("0o")) || slice_starts(s, SLICE("0x"))) {
		int base = s.ptr[1] == 'o' ? 8 : 16;

		s = slice_sub(s, 2, s.len);
		return skip_digits(&s, base) && !s.len;
	}
	skip_sign(&s);
	return skip_digits(&s, 10) && !s.len;
}

bool yaml_int(const struct yaml_node *n, int64_t *value)
{
	struct slice s = n->text;
	bool minus = skip_sign(&s);
	int base = 10;
	uint64_t v = 0;

	if (slice_starts(s, SLICE("0o")))
		base = 8;
	else if (slice_starts(s, SLICE("0x")))
		base = 16;
	for (size_t i = base == 10 ? 0 : 2; i < s.len; i++) {
		if (v > ((uint64_t)INT64_MAX - 15) / (uint64_t)base)
			return false;
		v = v * (uint64_t)base + (uint64_t)ascii_hex(s.ptr[i]);
	}
	*value = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

bool yaml_is_float(const struct yaml_node *n)
{
	static const char *const infinite[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const no_number[] = { ".nan", ".NaN", ".NAN", NULL };
	struct slice s = n->text;
	size_t digits;

	if (n->type != YAML_SCALAR || !n->plain || yaml_is_int(n))
		return false;
	if (one_of(s, no_number))
		return true;
	skip_sign(&s);
	if (one_of(s, infinite))
		return true;
	digits = skip_digits(&s, 10);
	if (s.len && s.ptr[0] == '.') {
		s = slice_sub(s, 1, s.len);
		digits += skip_digits(&s, 10);
	}
	if (digits && s.len && ascii_lower(s.ptr[0]) == 'e') {
		s = slice_sub(s, 1, s.len);
		skip_sign(&s);
		digits = skip_digits(&s, 10);
	}
	return digits && !s.len;
}

bool yaml_is_string(const struct yaml_node *n)
{
	return n->type == YAML_SCALAR && !yaml_is_null(n) && !yaml_is_bool(n) && !yaml_is_int(n) && !yaml_is_float(n);
}

void yaml_add_cut(struct slice text, struct buf *out)
{
	size_t n = text.len;

	if (n > DESCRIBE_MAX)
		for (n = DESCRIBE_MAX - 3; n && ((unsigned char)text.ptr[n] & 0xC0) == 0x80; n--)
			;
	buf_add_slice(out, slice_sub(text, 0, n));
	if (n < text.len)
		buf_add_str(out, "...");
}

void yaml_describe(const struct yaml_node *n, bool hide, struct buf *out)
{
	if (n->type == YAML_LIST) {
		buf_add_str(out, n->count ? "a list" : "an empty list");
	} else if (n->type == YAML_MAP) {
		buf_add_str(out, n->count ? "a mapping" : "an empty mapping");
	} else if (yaml_is_null(n)) {
		buf_add_str(out, n->text.len ? "null" : "nothing");
	} else if (yaml_is_bool(n)) {
		buf_add_slice(out, n->text);
	} else if (hide) {
		buf_add_str(out, "another text (not shown)");
	} else {
		bool string = yaml_is_string(n);

		buf_add_str(out, string ? "the string '" : "the number ");
		yaml_add_cut(n->text, out);
		buf_add_str(out, string ? "'" : "");
	}
}
