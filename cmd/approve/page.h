/*
 * A page of text on the screen: lines that are wrapped at its width, visible ASCII
 * all of it. Pure.
 */
#ifndef BB_APPROVE_PAGE_H
#define BB_APPROVE_PAGE_H

#include "buf.h"

struct page {
	struct buf text; /* visible ASCII and newlines */
	size_t top;	 /* the line that is on top of the screen */
};

#define PAGE_INIT { BUF_INIT, 0 }

void page_release(struct page *p);

/* Show another text, from its beginning. */
void page_set(struct page *p, struct slice text);

/* Lines of the page at a width. */
size_t page_count(const struct page *p, size_t width);

/* One of them; empty beyond the last. A view. */
struct slice page_line(const struct page *p, size_t width, size_t n);

/*
 * Append text with all that is neither visible ASCII nor a space or newline as \u{HEX}, or \xHH where it is not UTF-8.
 */
void page_ascii(struct slice text, struct buf *out);

#endif
