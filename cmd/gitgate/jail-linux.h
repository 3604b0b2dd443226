/*
 * The jail: where git runs when what it reads comes from the bottle.
 *
 * "bb-gitgate jail" confines itself and becomes the program that it is given.
 * It and all that it starts can then read the system's programs and libraries
 * and the directories listed, write beneath the others listed, and nothing else:
 * no socket can be made, no other process looked at or signalled, no privilege
 * gained, no memory, processor time or file beyond the limits of limits.h.
 *
 * Landlock and a system call filter; a kernel without one of them is an error.
 */
#ifndef BB_GITGATE_JAIL_H
#define BB_GITGATE_JAIL_H

/* The verb: jail [--read DIR]... [--write DIR]... PROGRAM [ARG]... Returns only with an exit status. */
int jail_main(int argc, char **argv);

#endif
