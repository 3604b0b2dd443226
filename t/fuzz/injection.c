/* Any text: the same verdict for every split, which never falls while the stream goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "document.h"
#include "injection.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

static const char phrases[] =
	"rules:\n"
	"  - {id: jailbreak-a, description: d, regex: '(?<![a-z])ignore(?: [a-z]+){0,3}? rules', keywords: [ignore], "
	"at: keyword}\n"
	"  - {id: jailbreak-b, description: d, regex: '(?:you|we) are (?:now|free)', keywords: [are now, are free]}\n"
	"  - {id: disclosure-c, description: d, regex: 'send(?: [a-z]+){0,3}? to', keywords: [send], at: keyword}\n"
	"  - {id: credential-d, description: d, regex: 'пароль|key', keywords: [пароль, key], at: keyword}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct injection *i;
	enum injection_verdict whole, last = INJECTION_PASS;

	if (!i) {
		struct problems problems = PROBLEMS_INIT;
		struct rules *rules = rules_new();

		document_seed();
		MUST(injection_load(rules, slice_str(phrases), "phrases", &problems));
		rules_build(rules);
		i = injection_new(rules);
	}
	injection_reset(i);
	injection_feed(i, slice_of(data, size));
	whole = injection_finish(i);
	MUST((whole == INJECTION_PASS) == !*injection_names(i));
	injection_reset(i);
	for (size_t at = 0; at < size;) {
		size_t n = 1 + (at * 7 + size) % 61;
		enum injection_verdict now = injection_feed(i, slice_sub(slice_of(data, size), at, at + n));

		MUST(now >= last);
		last = now;
		at += n;
	}
	MUST(injection_finish(i) == whole);
	return 0;
}
