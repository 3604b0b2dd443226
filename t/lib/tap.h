/*
 * TAP for tests in C. A test file is one program: plan nothing, check, and end
 * main with "return tap_done();".
 *
 *	ok(slice_eq(a, b), "views of equal bytes are equal");
 *	is_int(buf.len, 3, "three bytes were added");
 *	is_str(e.text, "unable to …", "the error names the file");
 *
 * Each check prints its line, with the place and both values when it fails.
 */
#ifndef BB_TAP_H
#define BB_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5))) static inline bool tap_check(bool good, const char *file, int line,
								   const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

#define ok(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)											\
	__extension__({												\
		long long got_ = (long long)(got), want_ = (long long)(want);					\
		bool good_ = tap_check(got_ == want_, __FILE__, __LINE__, __VA_ARGS__);				\
		if (!good_)											\
			printf("#  got: %lld\n# want: %lld\n", got_, want_);					\
		good_;												\
	})

#define is_str(got, want, ...)											\
	__extension__({												\
		const char *got_ = (got), *want_ = (want);							\
		bool good_ = tap_check(got_ && want_ && strcmp(got_, want_) == 0, __FILE__, __LINE__, __VA_ARGS__); \
		if (!good_)											\
			printf("#  got: '%s'\n# want: '%s'\n", got_ ? got_ : "(null)", want_ ? want_ : "(null)"); \
		good_;												\
	})

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
