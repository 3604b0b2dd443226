/*
 * The user's terminal while a bottle has the use of it: saved, made raw, and put
 * back, whatever becomes of the launcher.
 *
 * A second process, the guard, holds the saved settings and waits for the
 * launcher's end of a pipe to close. If that happens without a word it puts the
 * terminal back itself: after SIGKILL too the user's shell is usable.
 *
 * Putting back means more than settings: modes that a full-screen program may
 * have left on (another screen, mouse reports, bracketed paste, key protocols)
 * are turned off, and answers of the terminal to questions that the agent asked
 * with its last breath are read away, so that they are not typed into the shell.
 *
 * Sources: termios(3), ECMA-48, xterm's ctlseqs.
 */
#ifndef BB_LAUNCH_TERMINAL_H
#define BB_LAUNCH_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "error.h"

struct terminal {
	int fd;              /* the user's; -1: none */
	struct termios saved;
	pid_t guard;
	int lifeline;        /* to the guard */
	bool raw;
};

#define TERMINAL_INIT { .fd = -1, .lifeline = -1 }

/* Is there a terminal on standard input and output? */
bool terminal_present(void);

/* Save the settings of the terminal on standard input and start the guard. */
bool terminal_open(struct terminal *t, struct error *e);

/* Make it raw, or put it back; both may be called many times. */
bool terminal_raw(struct terminal *t, struct error *e);
void terminal_restore(struct terminal *t);

/* Make the pseudo-terminal as large as the user's. */
void terminal_copy_size(const struct terminal *t, int master);

/* Put it back for good, and send the guard away. Waits at most a fifth of a second for late answers. */
void terminal_close(struct terminal *t);

#endif
