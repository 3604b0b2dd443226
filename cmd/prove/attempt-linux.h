/*
 * Trying system calls that may be fatal.
 *
 * Each attempt runs in a child, so that a filter that kills is seen as a
 * refusal, and so that what an attempt changes when nothing refuses it (a new
 * namespace, a keyring) dies with the child. Children are used again until an
 * attempt succeeds or kills, which in a bottle that holds means one child for
 * the whole table.
 *
 * An attempt must be harmless where nothing refuses it: it uses arguments that
 * the kernel turns down *after* it has checked the caller's rights, or makes
 * something that ends with the process.
 *
 * Blocks for at most ATTEMPT_MS per attempt.
 */
#ifndef BB_PROVE_ATTEMPT_H
#define BB_PROVE_ATTEMPT_H

#include "probe.h"
#include "verdict.h"

/* on a busy machine; in a bottle that holds none waits: one attempt; the slowest, making namespaces, takes one */
#define ATTEMPT_MS 1000

/* What a try gives when the machine has no such thing to try. */
#define ATTEMPT_ABSENT (-1)

struct attempt {
	enum check check;
	const char *call; /* what is called, for the detail */
	/* 0: it worked. An errno: it did not. ATTEMPT_ABSENT: there is nothing to try. */
	int (*try)(const struct probe *p);
	/*
	 * EPERM, EACCES and ENOSYS are refusals. Any other errno means that the
	 * caller got past the guard and only the arguments were wrong, except
	 * this one, which for this call also says no (0: none).
	 */
	int refusal;
	bool crash_refuses; /* a SIGSEGV or SIGILL says that the kernel has no such entry */
};

/* Run a table of attempts and report each. */
void attempt_run(const struct attempt *table, size_t count, const struct probe *p, struct verdict *v);

#endif
