/*
 * What went wrong, in words for a person, and whose fault it was.
 *
 * A function that can fail takes a struct error * as its last argument, returns
 * false (or -1, or NULL) on failure and sets the error exactly once; on success
 * it leaves the error alone. Callers add context on the way up with error_wrap
 * and only main prints (program.h). Texts are lower case, quote their subject,
 * end without a full stop: unable to read 'x': No such file or directory.
 *
 * The text lives inside the struct, so setting an error needs no memory. Text of
 * foreign origin is escaped when the error is printed, not here.
 */
#ifndef BB_ERROR_H
#define BB_ERROR_H

#include <stdbool.h>

#define ERROR_TEXT_MAX 1024 /* longer texts are cut, ending in "..." */

/* Exit statuses of every program; see bot-bottle(7). */
enum status {
	STATUS_YES = 0,       /* done, or the answer is yes */
	STATUS_NO = 1,        /* a well-formed no */
	STATUS_CALLER = 100,  /* usage, manifest, document: the caller's fault */
	STATUS_WORLD = 111,   /* file system, network, kernel, peer: the world's fault */
	STATUS_NOEXEC = 126,  /* a program was found but could not be run */
	STATUS_NOTFOUND = 127 /* a program was not found */
};

struct error {
	enum status status; /* STATUS_YES while nothing is wrong */
	char text[ERROR_TEXT_MAX];
};

#define ERROR_INIT { STATUS_YES, "" }

/* Set the error; return false, so that "return error_set(…)" reads well. */
bool error_set(struct error *e, enum status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set with STATUS_WORLD, and ": " and the text of errno appended. */
bool error_sys(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put context and ": " in front of the text; returns false. */
bool error_wrap(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
