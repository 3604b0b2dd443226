/*
 * Everything that is wrong with what an operator wrote, with its place.
 *
 * A loader does not stop at the first mistake: it adds each one here and goes
 * on, so that one run shows them all. A struct error says that a load failed; a
 * list of problems says where. The same type serves for warnings.
 *
 * Lines and columns count from 1, columns in characters; line 0 means the file
 * as a whole. What is added twice, as when a file is loaded twice, is kept once.
 * At most PROBLEMS_MAX are kept, further ones are only counted. File names and
 * texts are copied. Text may hold what the file held: whoever prints
 * it escapes it (program_fail does).
 *
 * Life: struct problems p = PROBLEMS_INIT; … problems_release(&p). Nothing here
 * blocks; everything may be called after confinement.
 */
#ifndef BB_PROBLEMS_H
#define BB_PROBLEMS_H

#include "buf.h"

#define PROBLEMS_MAX 100 /* more than a person reads; keeps a hostile file from filling memory */

struct problem {
	char *file;
	unsigned line, column;
	char *text;
};

struct problems {
	struct problem *list;
	size_t count; /* in list */
	size_t total; /* found, kept or not */
};

#define PROBLEMS_INIT { NULL, 0, 0 }
#define AUTO_PROBLEMS __attribute__((cleanup(problems_release))) struct problems

void problems_release(struct problems *p);

/* Add one; returns false, so that "return problems_add(…)" reads well. */
bool problems_add(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
bool problems_vadd(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

/* Append "file:line:column: text"; without the place where line is 0. */
void problem_format(const struct problem *one, struct buf *out);

#endif
