/*
 * What of the agent's output a terminal may see.
 *
 * A full-screen program needs escape sequences; a hostile one uses them to write
 * the clipboard, to have the terminal read or write files, to make it type text,
 * or to reach the terminal behind a multiplexer. This filter parses the stream
 * as a terminal does and leaves out:
 *	OSC   all but titles, colours, links, notifications and shell marks
 *	DCS   all but sixel pictures and questions about capabilities and settings
 *	APC, PM, SOS, and all C1 controls in their one-character form
 *	CSI   window operations but reports of sizes, printing, checksums of the screen
 *	ENQ   the answerback
 * Everything else passes unchanged. Sequences that never end are cut off.
 *
 * Pure; keeps its state between calls, so that any split of the stream gives the
 * same result. Sources: ECMA-48, xterm's ctlseqs.
 */
#ifndef BB_LAUNCH_SCREEN_H
#define BB_LAUNCH_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_HELD_MAX 64 /* bytes of a sequence that are held back until it is known what it is */

struct screen {
	int state;
	size_t n_held;
	unsigned char lead;   /* a byte 0xc2 that may begin a C1 control in UTF-8; 0: none */
	unsigned char more;   /* bytes that the current character still has */
	unsigned char kind;   /* of the string being read: ] P _ ^ X */
	size_t length;        /* of the string that passes */
	char held[SCREEN_HELD_MAX];
};

void screen_init(struct screen *s);

/* How many bytes may be read into a buffer of this size so that what was held back fits as well. */
size_t screen_room(size_t size);

/* Filter len bytes in place; returns how many are left, at most size. */
size_t screen_filter(struct screen *s, char *bytes, size_t len, size_t size);

#endif
