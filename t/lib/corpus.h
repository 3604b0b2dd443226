/*
 * Reading the corpora: JSON lines below $BB_CORPORA, bytes in base64.
 *
 *	corpus_each("http/requests.jsonl", judge, &state);
 *
 * calls judge for each line's object. A corpus that is not there skips the test
 * when $BB_CORPORA does not name a directory, and fails it otherwise.
 */
#ifndef BB_CORPUS_H
#define BB_CORPUS_H

#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "document.h"
#include "file.h"
#include "t/lib/tap.h"

typedef void corpus_fn(void *ctx, const struct doc *line);

/* Whether there are corpora at all; says so when not. */
static inline bool corpus_there(void)
{
	const char *dir = getenv("BB_CORPORA");
	struct stat st;

	if (dir && stat(dir, &st) == 0)
		return true;
	tap_count++;
	printf("ok %d - the corpora # SKIP BB_CORPORA names no directory\n", tap_count);
	return false;
}

/* Call fn for every line of a file; each line must parse. */
static inline void corpus_each(const char *name, corpus_fn *fn, void *ctx)
{
	AUTO_FREE char *path = alloc_format("%s/%s", getenv("BB_CORPORA"), name);
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;
	struct slice rest;
	size_t number = 0;

	if (!file_read(path, 256u << 20, &text, &e)) {
		ok(false, "%s is read: %s", name, e.text);
		return;
	}
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');
		AUTO_DOC *d = doc_parse(line, &e);

		number++;
		if (d)
			fn(ctx, d);
		else
			ok(false, "%s:%zu is read: %s", name, number, e.text);
	}
	ok(number > 0, "%s has cases: %zu", name, number);
}

/* Append the bytes that base64 text stands for. */
static inline bool corpus_bytes(struct slice text, struct buf *out)
{
	int n, padding = 0;

	buf_reserve(out, text.len);
	n = EVP_DecodeBlock((unsigned char *)out->ptr + out->len, (const unsigned char *)text.ptr, (int)text.len);
	if (n < 0)
		return false;
	for (size_t i = text.len; i && text.ptr[i - 1] == '='; i--)
		padding++;
	out->len += (size_t)(n - padding);
	out->ptr[out->len] = '\0';
	return true;
}

#endif
