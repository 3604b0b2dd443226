#include "program.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "escape.h"

#ifndef BB_VERSION
#error "the Makefile defines BB_VERSION"
#endif

const char program_version[] = BB_VERSION;

static const char *program_name = "bot-bottle";

/* Write one escaped line "name: kind text" to standard error in a single write. */
static void say(const char *kind, const char *text)
{
	AUTO_BUF line = BUF_INIT;

	buf_add_format(&line, "%s: %s", program_name, kind);
	escape_line(&line, slice_str(text));
	buf_add_char(&line, '\n');
	fflush(stdout);
	fwrite(line.ptr, 1, line.len, stderr);
	fflush(stderr);
}

int program_fail(const struct error *e)
{
	say("", e->text[0] ? e->text : "unknown error");
	return e->status == STATUS_YES ? STATUS_WORLD : (int)e->status;
}

void program_warn(const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	say("warning: ", buf_str(&text));
}

int program_usage(const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	buf_add_format(&text, "; try '%s --help'", program_name);
	say("", buf_str(&text));
	return STATUS_CALLER;
}

bool program_flush(struct error *e)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return error_sys(e, "unable to write standard output");
	return true;
}

/* Print what --help prints: usage, purpose, one line for each option. */
static void print_help(const struct program *p)
{
	printf("usage: %s%s%s\n%s\n\noptions:\n", p->name, *p->usage ? " " : "", p->usage, p->purpose);
	for (const struct option_def *o = p->options; o && o->name; o++) {
		AUTO_BUF left = BUF_INIT;

		if (o->letter)
			buf_add_format(&left, "-%c, ", o->letter);
		buf_add_format(&left, "--%s", o->name);
		if (o->arg)
			buf_add_format(&left, " %s", o->arg);
		printf("  %-28s %s\n", buf_str(&left), o->help);
	}
	printf("  %-28s %s\n  %-28s %s\n", "--help", "show this text", "--version", "show the version");
	printf("\nSee %s(1) for the whole manual.\n", p->name);
}

static size_t count_options(const struct option_def *options)
{
	size_t n = 0;

	while (options && options[n].name)
		n++;
	return n;
}

int program_start(const struct program *p, int argc, char **argv, program_option_fn *fn, void *options)
{
	enum { FIRST = 1000, HELP = 998, VERSION = 999 };
	size_t n = count_options(p->options);
	AUTO_FREE struct option *longs = alloc_zero(n + 3, sizeof(*longs));
	AUTO_BUF shorts = BUF_INIT;
	struct error e = ERROR_INIT;
	int c;

	program_name = p->name;
	signal(SIGPIPE, SIG_IGN);
	buf_add_str(&shorts, "+:");
	for (size_t i = 0; i < n; i++) {
		const struct option_def *o = &p->options[i];

		longs[i] = (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, FIRST + (int)i };
		if (o->letter)
			buf_add_format(&shorts, "%c%s", o->letter, o->arg ? ":" : "");
	}
	longs[n] = (struct option){ "help", no_argument, NULL, HELP };
	longs[n + 1] = (struct option){ "version", no_argument, NULL, VERSION };

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, buf_str(&shorts), longs, NULL)) != -1) {
		const struct option_def *o = NULL;

		if (c == HELP) {
			print_help(p);
			exit(fflush(stdout) == 0 ? STATUS_YES : STATUS_WORLD);
		}
		if (c == VERSION) {
			printf("%s (bot-bottle) %s\n", p->name, program_version);
			exit(fflush(stdout) == 0 ? STATUS_YES : STATUS_WORLD);
		}
		if (c == '?')
			exit(program_usage("unknown option '%s'", argv[optind - 1]));
		if (c == ':')
			exit(program_usage("option '%s' needs an argument", argv[optind - 1]));
		if (c >= FIRST)
			o = &p->options[c - FIRST];
		for (size_t i = 0; !o && i < n; i++)
			if (p->options[i].letter == c)
				o = &p->options[i];
		if (o && !fn(options, o->name, o->arg ? optarg : NULL, &e))
			exit(program_usage("%s", e.text));
	}
	return optind;
}
