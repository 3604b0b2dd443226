/*
 * The screen: what is pending, all of one, and its decision, on a terminal.
 *
 * The one file with ncurses. Every cell is visible ASCII: what else a text holds is
 * shown as \u{HEX}, so that nothing an agent wrote can lead the terminal, and every
 * character has one column. A decision is about what the page of its proposal has
 * shown; it is refused when that has changed since.
 *
 * Blocks until the operator leaves.
 */
#ifndef BB_APPROVE_SCREEN_H
#define BB_APPROVE_SCREEN_H

#include "error.h"

/* Run it; notify, if not NULL, is the command for what comes meanwhile. */
bool screen_run(const char *home, const char *notify, struct error *e);

#endif
