/*
 * What every main shares: the program's name, its options, --help, --version
 * and the one place that prints an error and turns it into an exit status.
 *
 * This is the only module of lib/ that writes to standard output or error, and
 * it is called by code in cmd/ only.
 */
#ifndef BB_PROGRAM_H
#define BB_PROGRAM_H

#include <stdbool.h>
#include <stdio.h>

#include "error.h"
#include "slice.h"

/* One option of a program. An array of them ends with { .name = NULL }. */
struct option_def {
	const char *name; /* long name, without dashes */
	char letter;      /* short form, or 0 */
	const char *arg;  /* name of its argument for the help text, or NULL for a flag */
	const char *help; /* one line */
};

struct program {
	const char *name;              /* "bb-plan" */
	const char *purpose;           /* one line, lower case, for --help */
	const char *usage;             /* what follows the name: "[OPTION]... FILE" */
	const struct option_def *options;
};

/*
 * Called for each option in the order given; arg is NULL for a flag. Return
 * false with an error set to refuse the value.
 */
typedef bool program_option_fn(void *options, const char *name, const char *arg, struct error *e);

/*
 * Parse argv. --help and --version (both added here) print and exit 0; a wrong
 * option prints one line and exits 100. Options stop at the first operand, at
 * "--", so that commands of others can follow. Returns the index of the first
 * operand. Sets the program's name for program_fail and ignores SIGPIPE, so
 * that a closed pipe is an error of write and not a silent death.
 */
int program_start(const struct program *p, int argc, char **argv, program_option_fn *fn, void *options);

/* Print "name: text" on standard error, text escaped; return the error's status (111 when unset). */
int program_fail(const struct error *e);

/* Print "name: warning: …" on standard error, escaped. */
void program_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Print "name: …" and the hint to --help; return STATUS_CALLER. */
int program_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Flush standard output; false, with an error, when any write to it failed. */
bool program_flush(struct error *e);

/* Version of bot-bottle, from the Makefile. */
extern const char program_version[];

#endif
