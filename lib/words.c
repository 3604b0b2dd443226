#include "words.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void words_release(struct words *w)
{
	buf_release(&w->out);
	*w = (struct words){ .out = BUF_INIT };
}

/* Whether a byte belongs to a word. */
static bool in_word(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80;
}

/* Whether a mark between words says something. */
static bool is_kept(char c)
{
	return c && strchr(".:;!?/@<>|[]#={}", c);
}

/* Write digits among letters as the letters that they stand for. */
static void read_digits(char *word, size_t len)
{
	static const char letters[10] = { 'o', 'i', 0, 'e', 'a', 's', 0, 't', 0, 0 };
	size_t alphas = 0;

	for (size_t i = 0; i < len; i++)
		alphas += ascii_is_alpha(word[i]);
	for (size_t i = 0; alphas >= 2 && i < len; i++)
		if (ascii_is_digit(word[i]) && letters[word[i] - '0'])
			word[i] = letters[word[i] - '0'];
}

/* The word under way, if there is one, is complete. */
static inline void end_word(struct words *w)
{
	size_t len = w->out.len - w->word;
	bool single = len == 1 && !w->longer && ascii_is_alpha(w->out.ptr[w->word]);

	if (!len)
		return;
	if (w->digits)
		read_digits(w->out.ptr + w->word, len);
	if (single && w->single && w->separators == 1) {
		w->out.ptr[w->ready] = w->out.ptr[w->word];
		w->out.len = w->ready + 1;
	}
	w->single = single;
	w->digits = false;
	w->separators = 0;
	w->ready = w->word = w->out.len;
}

/* Add what a byte between words is kept as. */
static inline void add_gap(struct words *w, char kept)
{
	size_t len = w->word - w->ready;

	w->separators++;
	w->longer = false;
	if (len == WORDS_GAP || (kept == ' ' && len && w->out.ptr[w->word - 1] == ' '))
		return;
	w->out.ptr[w->word++] = kept;
	w->out.len = w->word;
}

/* Take the next byte. */
static void feed_byte(struct words *w, char c)
{
	bool line = w->escaped && (c == 'n' || c == 'r' || c == 't');

	w->escaped = c == '\\';
	if (c == '\'')
		return;
	if (!in_word(c) || line) {
		end_word(w);
		add_gap(w, !line && is_kept(c) ? c : ' ');
		return;
	}
	w->digits = w->digits || ascii_is_digit(c);
	w->out.ptr[w->out.len++] = ascii_lower(c);
	if (w->out.len - w->word == WORDS_LONGEST) {
		end_word(w);
		w->longer = true;
	}
}

#ifdef __SSE2__

enum { BLOCK = 64, COPY = 16 };

typedef unsigned char vec16 __attribute__((vector_size(16)));

/* A block of text: a bit for each byte, and what each byte is kept as. */
struct block {
	uint64_t word, digit, kept, other; /* other: apostrophes and backslashes */
	char text[BLOCK + COPY];
};

static inline uint64_t bits_of(vec16 v)
{
	return (unsigned)_mm_movemask_epi8((__m128i)v);
}

static inline struct block block_of(const char *p)
{
	struct block b = { .word = 0 };

	for (unsigned i = 0; i < BLOCK; i += 16) {
		vec16 v, low, alpha, digit, word, kept;

		memcpy(&v, p + i, sizeof(v));
		low = v | 0x20;
		alpha = (vec16)((vec16)(low - 'a') <= 25);
		digit = (vec16)((vec16)(v - '0') <= 9);
		word = alpha | digit | (vec16)(v >= 0x80);
		kept = (vec16)((vec16)(v - ':') <= '@' - ':') | (vec16)((vec16)(v - '.') <= '/' - '.') |
		       (vec16)((vec16)(v - '{') <= '}' - '{') | (vec16)(v == '[') | (vec16)(v == ']') |
		       (vec16)(v == '!') | (vec16)(v == '#');
		b.word |= bits_of(word) << i;
		b.digit |= bits_of(digit) << i;
		b.kept |= bits_of(kept) << i;
		b.other |= bits_of((vec16)(v == '\'') | (vec16)(v == '\\')) << i;
		v = (alpha & low) | (~alpha & (word | kept) & v) | (~(word | kept) & ' ');
		memcpy(b.text + i, &v, sizeof(v));
	}
	return b;
}

/* How many of the lowest bits are set, at most max. */
static inline size_t ones(uint64_t bits, size_t max)
{
	size_t n = ~bits ? (size_t)__builtin_ctzll(~bits) : BLOCK;

	return n < max ? n : max;
}

/* Take the bytes of a run that belong to a word; p is the text itself. */
static inline void feed_run(struct words *w, const struct block *b, size_t at, size_t len, const char *p)
{
	if (w->out.len - w->word + len >= WORDS_LONGEST) {
		for (size_t i = at; i < at + len; i++)
			feed_byte(w, p[i]);
		return;
	}
	memcpy(w->out.ptr + w->out.len, b->text + at, COPY); /* most are no longer, and there is room behind */
	if (len > COPY)
		memcpy(w->out.ptr + w->out.len + COPY, b->text + at + COPY, len - COPY);
	w->out.len += len;
	w->digits = w->digits || (b->digit >> at & ~(~(uint64_t)0 << len));
}

/* Take the bytes of a run that stand between words. */
static inline void feed_gap(struct words *w, const struct block *b, size_t at, size_t len)
{
	size_t none = ones(~(b->kept >> at), len);

	end_word(w);
	add_gap(w, b->text[at]);
	if (none == len) {
		w->separators += len - 1;
		return;
	}
	for (size_t i = at + 1; i < at + len; i++)
		add_gap(w, b->text[i]);
}

/* Take up to BLOCK bytes at once; returns how many, 0 when the next byte is to be taken alone. */
static size_t feed_block(struct words *w, const char *p)
{
	struct block b = block_of(p);
	size_t n = b.other ? (size_t)__builtin_ctzll(b.other) : BLOCK, i = 0;

	while (i < n) {
		size_t len = ones(b.word >> i, n - i);

		if (len)
			feed_run(w, &b, i, len, p);
		i += len;
		if (i == n)
			break;
		len = ones(~(b.word >> i), n - i);
		feed_gap(w, &b, i, len);
		i += len;
	}
	return n;
}

#else

enum { BLOCK = SIZE_MAX / 2, COPY = 0 };

static size_t feed_block(struct words *w, const char *p)
{
	(void)w, (void)p;
	return 0;
}

#endif

struct slice words_feed(struct words *w, struct slice text)
{
	size_t i = 0;

	buf_consume(&w->out, w->ready);
	w->word -= w->ready;
	w->ready = 0;
	buf_reserve(&w->out, text.len + COPY);
	while (i < text.len) {
		size_t n = text.len - i >= BLOCK && !w->escaped ? feed_block(w, text.ptr + i) : 0;

		if (!n)
			feed_byte(w, text.ptr[i++]);
		i += n;
	}
	buf_truncate(&w->out, w->out.len);
	return slice_of(w->out.ptr, w->ready);
}

struct slice words_end(struct words *w)
{
	struct buf out;

	words_feed(w, SLICE(""));
	end_word(w);
	out = w->out;
	*w = (struct words){ .out = out, .ready = out.len, .word = out.len };
	return buf_slice(&out);
}
