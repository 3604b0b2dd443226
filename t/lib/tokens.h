/*
 * Samples of tokens, made at run time of the lines of t/tokens.samples, whole or
 * with one flaw.
 */
#ifndef BB_T_TOKENS_H
#define BB_T_TOKENS_H

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "buf.h"

enum { EXACT_MIN = 8 /* characters of a part that are not there by chance */ };

/* The alphabets of t/tokens.samples. */
static const char *alphabet_of(char name)
{
	static const struct {
		char name;
		const char *letters;
	} all[] = {
		{ 'd', "0123456789" },
		{ 'h', "0123456789abcdef" },
		{ 'H', "0123456789ABCDEF" },
		{ 'x', "0123456789abcdefABCDEF" },
		{ 'b', "abcdefghijklmnopqrstuvwxyz234567" },
		{ 'B', "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" },
		{ 'q', "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" },
		{ 'l', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" },
		{ 'a', "abcdefghijklmnopqrstuvwxyz0123456789" },
		{ 'U', "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" },
		{ 'A', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" },
		{ 'w', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_" },
	};

	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i].name == name)
			return all[i].letters;
	return NULL;
}

enum flaw { NO_FLAW, TOO_SHORT, WRONG_LETTER, WRONG_MARK };

/* A part of a line: "{h32}", or "{h32*}" when there may be fewer or others as well. */
struct part {
	const char *letters;
	size_t count;
	bool exact;
};

/* Read the part at *p, which is behind it then. */
static bool read_part(const char **p, struct part *part)
{
	char *end;

	part->letters = alphabet_of((*p)[1]);
	part->count = strtoul(*p + 2, &end, 10);
	part->exact = *end != '*' && part->count >= EXACT_MIN;
	end += *end == '*';
	*p = end + 1;
	return part->letters && part->count && *end == '}';
}

/* Append random letters, of which one may lack or be wrong. */
static void add_part(struct buf *out, const struct part *part, enum flaw flaw)
{
	size_t n = strlen(part->letters);

	for (size_t i = flaw == TOO_SHORT; i < part->count; i++)
		buf_add_char(out,
			     flaw == WRONG_LETTER && i == part->count / 2 ? '!' : part->letters[(size_t)rand() % n]);
}

/*
 * Write a sample of a line. flaw is in part number at of those that are exact; or,
 * WRONG_MARK, in the letter that is marked for it or else the first. False when there is no such part.
 */
static bool token_make(const char *line, enum flaw flaw, size_t at, struct buf *out)
{
	bool flawed = flaw == NO_FLAW, marked = strstr(line, "{!");
	size_t exact = 0;

	buf_truncate(out, 0);
	buf_add_char(out, ' ');
	for (const char *p = line; *p;) {
		struct part part;

		if (*p == '{' && p[1] && alphabet_of(p[1]) && p[2] >= '0' && p[2] <= '9') {
			enum flaw here = NO_FLAW;

			if (!read_part(&p, &part))
				return false;
			if (part.exact && exact++ == at && flaw != WRONG_MARK)
				here = flaw;
			flawed = flawed || here != NO_FLAW;
			add_part(out, &part, here);
		} else if (p[0] == '{' && p[1] == '!' && p[2] && p[3] == '}') {
			buf_add_char(out, flaw == WRONG_MARK ? ' ' : p[2]);
			flawed = flawed || flaw == WRONG_MARK;
			p += 4;
		} else if (*p == '\\' && p[1] == 'n') {
			buf_add_char(out, '\n');
			p += 2;
		} else {
			bool wrong =
				flaw == WRONG_MARK && !flawed && !marked && (ascii_is_alpha(*p) || ascii_is_digit(*p));

			buf_add_char(out, wrong ? (*p == '0' ? 'z' : '0') : *p);
			flawed = flawed || wrong;
			p++;
		}
	}
	buf_add_char(out, '\n');
	return flawed;
}

#endif
