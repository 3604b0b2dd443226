/*
 * Obtaining the secrets that a plan names: where a value enters our memory.
 *
 * A plan's "secrets" list says for each name where its value is: a variable of
 * the host's environment, a file that nobody else may read, the head of the person at the terminal, or nowhere
 * yet: it is made up. Only a
 * launcher calls this, just before it starts a bottle; the set is then handed
 * on over descriptors (secret.h) and released.
 *
 * Questions go to /dev/tty, not to standard input or error, with echo off. The
 * terminal is put back before the function returns and before any signal that
 * would end or stop the program takes effect; after a stop (^Z) the question is
 * asked again. Nothing survives SIGKILL, after which the terminal may be left
 * without echo: stty echo.
 *
 * Blocks while it waits for an answer. Not for use after confinement, nor in a
 * program with several threads: signal actions are changed for the time of a
 * question. Source: POSIX.1-2017, termios(3).
 */
#ifndef BB_OBTAIN_H
#define BB_OBTAIN_H

#include "document.h"
#include "secret.h"

#define OBTAIN_RANDOM_MAX 64 /* bytes of a random secret, given as "random" in decimal; the value is their base64 */
#define OBTAIN_LINE_MAX 4094 /* bytes of an answer; a terminal cuts longer lines without a word (N_TTY's 4096) */

/*
 * Add the value of each entry of list ({"name", "source": "host"|"file"|"random"|"prompt", and a member of that name})
 * to set, host variables first, so that a missing one is told before anyone has typed. An unset variable, an
 * empty answer and a terminal that is not there are errors that name the secret. On failure set holds
 * what was obtained so far; the caller releases it.
 */
bool obtain_secrets(const struct doc *list, struct secret_set *set, struct error *e);

/* Ask one question on /dev/tty, echo off; the answer is appended to value without its newline. */
bool obtain_answer(const char *question, struct buf *value, struct error *e);

#endif
