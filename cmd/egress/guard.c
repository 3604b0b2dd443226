#include "guard.h"

void guard_release(struct guard *g)
{
	for (size_t i = 0; i < g->n; i++)
		buf_wipe(&g->words[i]);
	buf_wipe(&g->held);
	*g = (struct guard){ .n = 0 };
}

void guard_add(struct guard *g, struct slice word)
{
	if (word.len < GUARD_MIN || g->n == sizeof(g->words) / sizeof(g->words[0]))
		return;
	buf_reserve(&g->words[g->n], word.len);
	buf_add_slice(&g->words[g->n++], word);
}

void guard_mask(const struct guard *g, char *bytes, size_t len)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct buf *word = &g->words[i];
		char *found = bytes;

		while ((found = memmem(found, len - (size_t)(found - bytes), word->ptr, word->len))) {
			memset(found, '*', word->len);
			found += word->len;
		}
	}
}

/* How many bytes at the end of s are the beginning of a word. */
static size_t count_begun(const struct guard *g, struct slice s)
{
	size_t most = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct buf *word = &g->words[i];
		size_t n = s.len < word->len - 1 ? s.len : word->len - 1;

		while (n > most && memcmp(s.ptr + s.len - n, word->ptr, n) != 0)
			n--;
		most = n > most ? n : most;
	}
	return most;
}

struct slice guard_feed(struct guard *g, struct slice piece, bool end)
{
	size_t begun;

	if (!g->n)
		return piece;
	/* held is what was begun at the last call, with what was passed on then still in front of it */
	buf_consume(&g->held, g->held.len - g->begun);
	buf_add_slice(&g->held, piece);
	if (g->held.len)
		guard_mask(g, g->held.ptr, g->held.len);
	begun = end ? 0 : count_begun(g, buf_slice(&g->held));
	g->begun = begun;
	return slice_sub(buf_slice(&g->held), 0, g->held.len - begun);
}
